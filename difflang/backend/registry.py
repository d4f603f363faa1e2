"""Backends by name, found through the entry-point group `difflang.backends`: built-in ones take the same door."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from difflang.backend.protocol import Backend
from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "difflang.backends"

CORE_STAGES = ("ast", "core", "opt", "tape")
"""The stages that every backend has, since they come before it."""

TARGETS = ("c", "cuda")
"""Stages that bear the name of the backend that has them, whichever is chosen to run."""


@cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # takes a while to import, and a run that is planned asks for no names

    return {entry.name: entry for entry in entry_points(group=GROUP)}


def names() -> list[str]:
    """The names of the installed backends."""
    return sorted(_entry_points())


def reference(name: str) -> str:
    """Where the object of an installed backend is, as `module:attribute`."""
    return _entry_points()[name].value


@cache
def get(name: str) -> Backend:
    """The backend of that name, imported at its first use.

    Raises E0906 for an unknown name, and for a backend that cannot be imported or is none.
    """
    entry = _entry_points().get(name)
    if entry is None:
        hint = did_you_mean(name, names(), f"Installed are {listing(names())}.")
        raise error("E0906", f"There is no backend `{name}`.", hint=hint)
    try:
        backend = entry.load()
    except Exception as problem:  # the module is a stranger's, and may fail in any way when it is imported
        message = f"The backend `{name}` cannot be used here: {problem}."
        raise error("E0906", message, hint="Install what it needs, or choose another backend.") from problem
    if not isinstance(backend, Backend):
        message = f"The package of the backend `{name}` does not give a backend."
        raise error("E0906", message, hint="See `difflang.backend.protocol.Backend`.")
    return backend


def unknown_stage(backend: str, stage: str, stages: Iterable[str]) -> DiffLangError:
    """E0905: the backend has its own `stages`, behind those of every backend, and not this one."""
    known = list(dict.fromkeys([*CORE_STAGES, *stages, *(name for name in TARGETS if name in names())]))
    hint = did_you_mean(stage, known)
    listed = f"Its stages are {listing(known)}."
    return error(
        "E0905", f"The backend `{backend}` has no stage `{stage}`.", hint=f"{hint} {listed}" if hint else listed
    )


def forget() -> None:
    """Looks for the installed packages again at the next use, as after an installation in a running session."""
    get.cache_clear()
    _entry_points.cache_clear()
