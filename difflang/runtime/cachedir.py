"""What is worth keeping between runs, as files: compiled functions and plans of runs.

A file begins with a checksum of the rest, and is written beside its place and renamed into it: a reader gets what was
written, or nothing. Files may go at any time, and a directory that cannot be written is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

CHECKSUM = 32
"""Bytes of a SHA-256."""
PARTIAL = ".part"
LOOKS = 64
"""How often the directory is looked at while as much is written as may be kept."""
ABANDONED = 3600.0
"""Seconds after which a file that is still being written belongs to a process that has died."""


def directory() -> Path:
    """`$DIFFLANG_CACHE_DIR`, or `difflang` in the user's cache directory of the platform. It need not exist.

    Where there is no home directory it is a path that can neither be read nor written.
    """
    chosen = os.environ.get("DIFFLANG_CACHE_DIR")
    if chosen:
        return Path(chosen)
    try:
        return _of_platform()
    except RuntimeError:  # a user without a home directory
        return Path(os.devnull) / "difflang"


def _of_platform() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "difflang" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "difflang"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "difflang"


def stamps(root: str | Path) -> Iterator[str]:
    """The names, sizes and times of the files in a folder that make what is kept: all but documents and byte code."""
    for folder, inner, files in os.walk(root):
        inner.sort()
        for name in sorted(files):
            if not name.endswith((".pyc", ".md")):
                status = os.stat(os.path.join(folder, name))
                yield f"{name} {status.st_size} {status.st_mtime_ns}"


def read(name: str) -> bytes | None:
    """What was written under that name, or None where it is no more there in full."""
    path = directory() / name
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[CHECKSUM:]).digest() != data[:CHECKSUM]:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return data[CHECKSUM:]


def write(name: str, data: bytes) -> None:
    """Keeps data under a name, if that is possible."""
    path = directory() / name
    partial = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(hashlib.sha256(data).digest() + data)
        os.replace(partial, path)
    except OSError:
        remove(partial)


def remove(path: Path) -> bool:
    """Deletes a file; whether it was there and could be deleted."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def is_due(name: str, part: float) -> bool:
    """Whether to look for what must go, now that a file was written that takes this part of all that may be kept.

    To look at every file at every time would cost more than all else, so chance decides (the first digits of the
    name, which is a digest): on average once while a 64th of the limit is written, by however many processes.
    """
    return int(name[:8], 16) < part * LOOKS * 2**32


def by_use(suffix: str) -> list[tuple[float, Path, int]]:
    """(time of last use, path, size) of every file with this ending, the one used longest ago first."""
    found: list[tuple[float, str, int]] = []
    with contextlib.suppress(OSError), os.scandir(directory()) as entries:
        for entry in entries:
            if entry.name.endswith(suffix):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    found.append((status.st_mtime, entry.path, status.st_size))
    return [(used, Path(path), size) for used, path, size in sorted(found)]


def remove_abandoned(age: float = ABANDONED) -> None:
    """Deletes what processes that died while they wrote have left."""
    for written, path, _ in by_use(PARTIAL):
        if written <= time.time() - age:
            remove(path)
