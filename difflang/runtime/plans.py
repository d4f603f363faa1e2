"""Plans of earlier runs, on disk: with one, a run starts without reading, checking or lowering the program.

A plan belongs to a file, an expression, the names of the given arguments and the options. It holds the signature and
the token under which the backend kept the compiled function, and it serves only as long as everything that led to it
is the same: the sources, what was found where modules were looked for, DiffLang and the backend. Plans are JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from difflang.backend.protocol import StoringBackend
from difflang.diagnostics import Diagnostic
from difflang.runtime import cachedir, codec
from difflang.runtime.engine import Options, Prepared
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
    order: int | None = None
    """Of a Taylor series."""
    memory: str | None = None
    """The most that a call may allocate, as the program would write it."""
    form: str = ""
    """Which of several functions of one name is meant, as a comment behind the expression."""

    @property
    def expression(self) -> str:
        """The function expression, such as `value_and_grad(loss, wrt = (a, b))`."""
        return self._plain + self.form

    @property
    def chosen(self) -> str:
        """The function without its operator."""
        return self.function + self.form

    @property
    def _plain(self) -> str:
        if self.operator is None:
            return self.function
        names = f", wrt = {self.wrt[0] if len(self.wrt) == 1 else '(' + ', '.join(self.wrt) + ')'}" if self.wrt else ""
        order = "" if self.order is None else f", order = {self.order}"
        memory = "" if self.memory is None else f", memory = {self.memory}"
        return f"{self.operator}({self.function}{names}{order}{memory})"


@dataclass(frozen=True, slots=True)
class Plan:
    """A function that is ready to run, with the warnings that its program gave and the texts that they point into."""

    prepared: Prepared
    warnings: tuple[Diagnostic, ...]
    sources: Mapping[str, str]


def find(request: Request) -> Plan | None:
    """The plan of an earlier run of the same, or None where there is none that still holds."""
    try:
        data = cachedir.read(_name(request))
        return None if data is None else _restored(json.loads(data))
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError):
        return None


def _restored(record: dict[str, Any]) -> Plan | None:
    sources = _unchanged(record)
    if sources is None:
        return None
    module, _, attribute = record["backend"].partition(":")
    backend = getattr(import_module(module), attribute)
    executable = backend.restore(record["token"]) if isinstance(backend, StoringBackend) else None
    signature = codec.decode(record["signature"])
    if executable is None or not isinstance(signature, Signature):
        return None
    return Plan(Prepared(signature, executable), codec.decode(record["warnings"]), sources)


def _unchanged(record: dict[str, Any]) -> dict[str, str] | None:
    """The texts of the sources, if nothing that led to the plan has changed."""
    if any(_found(place) != file for place, file in record["lookups"]):
        return None
    sources = {path: Path(path).read_bytes().decode("utf-8-sig") for path in record["sources"]}
    if record["digest"] != _digest(sources) or record["installation"] != _installation(record["backend"]):
        return None
    return sources


def keep(request: Request, plan: Plan, lookups: Mapping[Path, Path | None]) -> None:
    """Writes the plan of a run, if that is possible. `lookups` are the files that were found for modules, or not."""
    token = getattr(plan.prepared.executable, "token", None)
    if token is None:
        return
    from difflang.backend.registry import reference

    backend = reference(request.options.backend)
    record = {
        "backend": backend,
        "installation": _installation(backend),
        "lookups": [[str(place), None if file is None else str(file)] for place, file in lookups.items()],
        "sources": list(plan.sources),
        "digest": _digest(plan.sources),
        "signature": codec.encode(plan.prepared.signature),
        "warnings": codec.encode(plan.warnings),
        "token": token,
    }
    with contextlib.suppress(OSError):  # a working directory that is gone
        name = _name(request)
        cachedir.write(name, json.dumps(record).encode())
        if cachedir.is_due(name, 1 / LIMIT):
            _evict()


def _name(request: Request) -> str:
    """A file name for the request; the working directory counts, as relative paths begin there."""
    given = sorted(request.given)
    parts = [os.getcwd(), request.file, request.expression, *given, repr(request.options), *_distributions()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest() + SUFFIX


def _distributions() -> list[str]:
    """The names of what is installed, which decide what the name of a backend means."""
    found: list[str] = []
    for folder in sys.path:
        if os.path.isdir(folder or "."):
            found += sorted(name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info")))
    return found


def _found(place: str) -> str | None:
    """The file at a place where a module is looked for."""
    return str(Path(place).resolve()) if os.path.isfile(place) else None


def _installation(backend: str) -> str:
    """Changes with every change of DiffLang or of the backend: the names, sizes and times of their files."""
    package = _package("difflang")
    roots = [package, package.parent / "stdlib", package.parent / "grammar", _package(backend.partition(":")[0])]
    return hashlib.sha256(";".join(stamp for root in roots for stamp in cachedir.stamps(root)).encode()).hexdigest()


def _package(module: str) -> Path:
    """Where the outermost package of a module is. Raises ImportError where there is none."""
    spec = find_spec(module.partition(".")[0])
    if spec is None or spec.origin is None:
        raise ImportError(module)
    return Path(spec.origin).parent


def _digest(sources: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(list(sources.values())).encode()).hexdigest()


def count() -> int:
    """How many plans there are."""
    return len(cachedir.by_use(SUFFIX))


def clear() -> int:
    """Deletes every plan; gives their number."""
    return sum(cachedir.remove(path) for _, path, _ in cachedir.by_use(SUFFIX))


def _evict() -> None:
    entries = cachedir.by_use(SUFFIX)
    for _, path, _ in entries[: max(len(entries) - LIMIT, 0)]:
        cachedir.remove(path)
