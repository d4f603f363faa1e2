"""Compiled functions on disk: object code and interface, found by the content they were made from.

A file is the length of a JSON head, the head, and the object code. One that cannot be read in full is ignored and
made anew.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from difflang.diagnostics.model import Span
from difflang.loops.sites import HostSite, Site
from difflang.runtime import cachedir
from difflang_llvm.executable import Compiled, Recipe
from difflang_llvm.layout import interface_from_json

FORMAT = 5
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
    sizes = [size for _, _, size in cachedir.by_use(SUFFIX)]
    return CacheInfo(str(cachedir.directory()), len(sizes), sum(sizes), LIMIT)


def clear() -> int:
    """Deletes every file of the cache (and nothing else); gives their number."""
    cachedir.remove_abandoned(age=0.0)
    return sum(cachedir.remove(path) for _, path, _ in cachedir.by_use(SUFFIX))


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
    data = cachedir.read(name + SUFFIX)
    if data is None:
        return None
    size = int.from_bytes(data[:8], "little")
    return _from_head(json.loads(data[8 : 8 + size]), data[8 + size :])


def store(name: str, compiled: Compiled) -> None:
    """Writes an entry, if that is possible."""
    head = json.dumps(_head(compiled)).encode()
    data = len(head).to_bytes(8, "little") + head + compiled.code
    cachedir.write(name + SUFFIX, data)
    if cachedir.is_due(name, len(data) / LIMIT):
        _evict(LIMIT)


def _head(compiled: Compiled) -> dict[str, Any]:
    return {
        "symbols": compiled.symbols,
        "units": compiled.units,
        "interface": compiled.interface.to_json(),
        "sites": [asdict(site) for site in compiled.sites],
        "host_sites": [asdict(site) for site in compiled.host_sites],
        "recipe": asdict(compiled.recipe) if compiled.recipe else None,
    }


def _from_head(head: dict[str, Any], code: bytes) -> Compiled:
    sites = tuple(_record(Site, row) for row in head["sites"])
    host_sites = tuple(_record(HostSite, row) for row in head["host_sites"])
    units = tuple((str(name), dtype, int(lanes)) for name, dtype, lanes in head["units"])
    interface = interface_from_json(head["interface"])
    recipe = Recipe(**head["recipe"]) if head["recipe"] else None
    return Compiled(code, tuple(head["symbols"]), units, interface, sites, host_sites, recipe)


def _record(kind: Callable[..., Record], row: dict[str, Any]) -> Record:
    """A record of plain data, apart from a span and tuples."""
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
    if fields["span"] is not None:
        fields["span"] = Span(**fields["span"])
    return kind(**fields)


def _evict(limit: int) -> None:
    """Deletes the oldest files until a tenth of the limit is free."""
    cachedir.remove_abandoned()
    entries = cachedir.by_use(SUFFIX)
    total = sum(size for _, _, size in entries)
    if total <= limit:
        return
    for _, path, size in entries:
        if total <= limit * 9 // 10:
            return
        if cachedir.remove(path):
            total -= size


@functools.cache
def source_digest() -> str:
    """Changes with the code generator and the passes before it: made from names, sizes and times of files."""
    digest = hashlib.sha256()
    for package in ("difflang_llvm", "difflang.loops", "difflang.passes", "difflang.prims"):
        spec = find_spec(package)
        for root in (spec and spec.submodule_search_locations) or ():
            for stamp in cachedir.stamps(root):
                digest.update(f"{stamp};".encode())
    return digest.hexdigest()
