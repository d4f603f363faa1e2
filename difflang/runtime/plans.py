"""Plans of earlier runs, on disk: with one, a run starts without reading, checking or lowering the program.

A plan belongs to a file, an expression, the names of the given arguments and the options. It holds the
signature and the token under which the backend kept the compiled function, and it serves only as long as all
source files, the files beside them and DiffLang itself are unchanged. Plans are JSON: nothing in them is run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import difflang
from difflang.backend.protocol import StoringBackend
from difflang.diagnostics import Diagnostic
from difflang.runtime import codec
from difflang.runtime.cachedir import directory
from difflang.runtime.engine import Options, Prepared, find_backend
from difflang.signature import Signature

SUFFIX = ".plan"
LIMIT = 500
"""Plans kept; those used longest ago go first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run, as the command line says it: a function of a file, or a derivative of it by `wrt`."""

    file: str
    function: str
    given: frozenset[str]
    options: Options
    operator: str | None = None
    wrt: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """The function expression, such as `value_and_grad(loss, wrt = (a, b))`."""
        if self.operator is None:
            return self.function
        names = f", wrt = {self.wrt[0] if len(self.wrt) == 1 else '(' + ', '.join(self.wrt) + ')'}" if self.wrt else ""
        return f"{self.operator}({self.function}{names})"


@dataclass(frozen=True, slots=True)
class Plan:
    """A function that is ready to run, with the warnings that its program gave."""

    prepared: Prepared
    warnings: tuple[Diagnostic, ...]


def find(request: Request) -> Plan | None:
    """The plan of an earlier run of the same, or None where there is none that still holds."""
    backend = find_backend(request.options.backend)
    if not isinstance(backend, StoringBackend):
        return None
    try:
        path = _path(request)
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if any(_digest(Path(source)) != digest for source, digest in record["sources"]):
            return None
        signature, warnings = codec.decode(record["signature"]), codec.decode(record["warnings"])
        executable = backend.restore(record["token"])
        os.utime(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if executable is None or not isinstance(signature, Signature):
        return None
    return Plan(Prepared(signature, executable), warnings)


def keep(request: Request, sources: Mapping[str, str], plan: Plan) -> None:
    """Writes the plan of a run; a cache that cannot be written is as good as none."""
    token = getattr(plan.prepared.executable, "token", None)
    if token is None:
        return
    record = {
        "sources": [[str(Path(path).absolute()), _text_digest(text)] for path, text in sources.items()],
        "signature": codec.encode(plan.prepared.signature),
        "warnings": codec.encode(plan.warnings),
        "token": token,
    }
    with contextlib.suppress(OSError):
        _write(_path(request), json.dumps(record))
        _evict()


def _path(request: Request) -> Path:
    file = Path(request.file).absolute()
    parts = [
        str(file),
        request.expression,
        " ".join(sorted(request.given)),
        repr(request.options),
        _installation(find_backend(request.options.backend)),
        *sorted(entry.name for entry in os.scandir(file.parent) if entry.is_dir() or entry.name.endswith(".dl")),
    ]
    return directory() / (hashlib.sha256("\0".join(parts).encode()).hexdigest() + SUFFIX)


def _installation(backend: object) -> str:
    """Changes with every change of DiffLang or of the backend: the names, sizes and times of their files."""
    package = Path(difflang.__file__).parent
    backend_package = Path(str(sys.modules[type(backend).__module__.partition(".")[0]].__file__)).parent
    roots = [package, package.parent / "stdlib", package.parent / "grammar", backend_package]
    return ";".join(_stamps(root for root in roots if root.is_dir()))


def _stamps(roots: Iterable[Path]) -> Iterable[str]:
    for root in roots:
        for folder, _, files in os.walk(root):
            for name in sorted(files):
                if name.endswith((".py", ".dl", ".lark")):
                    status = os.stat(os.path.join(folder, name))
                    yield f"{name} {status.st_size} {status.st_mtime_ns}"


def _digest(path: Path) -> str:
    return _text_digest(path.read_text(encoding="utf-8"))


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Beside its place first, so that a reader sees a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def entries() -> list[Path]:
    """Every plan, the one used longest ago first."""
    try:
        return sorted(directory().glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
    except OSError:
        return []


def clear() -> int:
    """Deletes every plan; gives their number."""
    found = entries()
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _evict() -> None:
    found = entries()
    for path in found[: max(len(found) - LIMIT, 0)]:
        path.unlink(missing_ok=True)
