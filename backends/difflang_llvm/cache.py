"""Compiled functions on disk: object code and interface, found by the content they were made from.

A file is the length of a JSON head, the head, and the object code; a checksum in the head covers the code. Files
are written beside their place and renamed into it, so that a reader sees a whole file or none. A file that
cannot be read in full is ignored and made anew. The directory is `$DIFFLANG_CACHE_DIR`, or `difflang` in the
user's cache directory of the platform.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from difflang.diagnostics.model import Span
from difflang.loops.sites import HostSite, Site
from difflang.runtime.cachedir import directory
from difflang_llvm.executable import Compiled
from difflang_llvm.layout import interface_from_json

FORMAT = 1
SUFFIX = ".dlc"
Record = TypeVar("Record")
LIMIT = 256 * 1024 * 1024
"""Bytes; the files used longest ago go first."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    directory: str
    files: int
    bytes: int
    limit: int


def info() -> CacheInfo:
    sizes = [size for _, _, size in _entries()]
    return CacheInfo(str(directory()), len(sizes), sum(sizes), LIMIT)


def clear() -> int:
    """Deletes every file of the cache (and nothing else); gives their number."""
    entries = _entries()
    for _, path, _ in entries:
        with contextlib.suppress(OSError):
            path.unlink()
    return len(entries)


def key(parts: Sequence[str]) -> str:
    """A name for what these texts determine."""
    digest = hashlib.sha256()
    for part in (str(FORMAT), *parts):
        data = part.encode()
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def load(name: str) -> Compiled | None:
    """The entry, or None if there is none that is whole."""
    path = directory() / (name + SUFFIX)
    try:
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        head, code = json.loads(data[8 : 8 + size]), data[8 + size :]
        if head["format"] != FORMAT or head["digest"] != hashlib.sha256(code).hexdigest():
            return None
        compiled = _from_head(head, code)
        os.utime(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return compiled


def store(name: str, compiled: Compiled) -> None:
    """Writes an entry; a cache that cannot be written is as good as none."""
    head = json.dumps(_head(compiled)).encode()
    folder = directory()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(len(head).to_bytes(8, "little") + head + compiled.code)
        os.replace(temporary, folder / (name + SUFFIX))
        _evict(LIMIT)
    except OSError:
        return


def _head(compiled: Compiled) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "digest": hashlib.sha256(compiled.code).hexdigest(),
        "symbols": compiled.symbols,
        "units": compiled.units,
        "interface": compiled.interface.to_json(),
        "sites": [asdict(site) for site in compiled.sites],
        "host_sites": [asdict(site) for site in compiled.host_sites],
    }


def _from_head(head: dict[str, Any], code: bytes) -> Compiled:
    sites = tuple(_record(Site, row) for row in head["sites"])
    host_sites = tuple(_record(HostSite, row) for row in head["host_sites"])
    units = tuple((str(name), dtype) for name, dtype in head["units"])
    interface = interface_from_json(head["interface"])
    return Compiled(code, tuple(head["symbols"]), units, interface, sites, host_sites)


def _record(kind: Callable[..., Record], row: dict[str, Any]) -> Record:
    """A record of plain data, apart from a span and tuples."""
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
    if fields["span"] is not None:
        fields["span"] = Span(**fields["span"])
    return kind(**fields)


def _entries() -> list[tuple[float, Path, int]]:
    """(time of last use, path, size) of every file, oldest first."""
    found: list[tuple[float, Path, int]] = []
    with contextlib.suppress(OSError):
        for path in directory().glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, path, status.st_size))
    return sorted(found)


def _evict(limit: int) -> None:
    """Deletes the oldest files until a tenth of the limit is free."""
    entries = _entries()
    total = sum(size for _, _, size in entries)
    if total <= limit:
        return
    for _, path, size in entries:
        if total <= limit * 9 // 10:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


@functools.cache
def source_digest() -> str:
    """Changes with the code generator and the passes before it: made from names, sizes and times of files."""
    digest = hashlib.sha256()
    for package in ("difflang_llvm", "difflang.loops", "difflang.prims"):
        for root in import_module(package).__path__:
            for path in sorted(Path(root).rglob("*")):
                if path.suffix in (".py", ".ll"):
                    status = path.stat()
                    digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns};".encode())
    return digest.hexdigest()
