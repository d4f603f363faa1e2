"""Units of the function library as native code: made once, kept on disk, linked once in a process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from difflang_llvm import cache, engine
from difflang_llvm.executable import Compiled
from difflang_llvm.layout import Interface
from difflang_llvm.libraries import resolve

if TYPE_CHECKING:
    from difflang_llvm.math.library import Key

_linked: dict[Key | str, engine.Library] = {}
_linking = threading.Lock()
"""A unit that two threads link at once would be unloaded with the one that lost, under the feet of its callers."""


def libraries(units: Iterable[Key], use_cache: bool = True) -> list[engine.Library]:
    """The linked libraries that define these functions."""
    with _linking:
        return [_library(unit, use_cache) for unit in units]


def _library(unit: Key, use_cache: bool) -> engine.Library:
    return _once(unit, lambda: _compiled(unit, use_cache), engine.process_symbol)


def runtime_library(use_cache: bool = True) -> engine.Library:
    """The linked functions that give programs memory."""
    with _linking:
        return _once("runtime", lambda: _runtime(use_cache), resolve)


def _runtime(use_cache: bool) -> Compiled:
    text = resources.files("difflang_llvm").joinpath("runtime.ll").read_text()
    return stored(("runtime", text), lambda: engine.tidied(text), use_cache)


def _once(unit: Key | str, compiled: Callable[[], Compiled], address: Callable[[str], int]) -> engine.Library:
    """A library that is linked at its first use. Under the lock."""
    if unit not in _linked:
        made = compiled()
        _linked[unit] = engine.link_library(made.code, {name: address(name) for name in made.symbols})
    return _linked[unit]


def _compiled(unit: Key, use_cache: bool) -> Compiled:
    def module() -> Any:
        from difflang_llvm.math.library import PAIRS
        from difflang_llvm.module import unit_module

        return engine.tidied(unit_module(unit), common=unit[0] in PAIRS)

    parts = (*map(str, unit), cache.source_digest()) if use_cache else ()
    return stored(parts, module, use_cache)


def stored(parts: Sequence[str], make: Callable[[], Any], use_cache: bool = True, level: int = 3) -> Compiled:
    """The code of the module that `make` makes, which the parts determine; from the cache if it has it.

    `level` is that of the code generator, which 0 makes five times quicker.
    """
    name = cache.key([*parts, engine.host_description()]) if use_cache else ""
    found = cache.load(name) if use_cache else None
    if found is None:
        from difflang_llvm.module import imported_symbols

        module = make()
        code = engine.object_code(module, level)
        found = Compiled(code, imported_symbols(str(module)), (), Interface(0, (), ()), (), ())
        if use_cache:
            cache.store(name, found)
    return found
