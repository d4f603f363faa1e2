"""The door: Core to native code, with the cache in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from difflang.backend.protocol import CompileOptions
from difflang.stack import deeply
from difflang_llvm import cache, engine, threads, units
from difflang_llvm.executable import Compiled, NativeFunction, Recipe
from difflang_llvm.libraries import resolve

if TYPE_CHECKING:
    from difflang.core.ir import Func

RUNTIME = "memory."
"""How the names of the functions begin that give programs memory (see `runtime`)."""


@dataclass(frozen=True, slots=True)
class LLVMBackend:
    """See `difflang.backend.protocol.Backend`."""

    name: str = "llvm"

    def compile(self, func: Func, options: CompileOptions) -> NativeFunction:
        name = _key(func, options) if options.cache else None
        return loaded(compiled(func, options, name), name, options)

    def restore(self, token: str) -> NativeFunction | None:
        """The function that was compiled earlier, if the cache has it still and the processor is the same."""
        name, threads, deterministic = token.split("@")[:3]
        options = CompileOptions(threads=int(threads), deterministic=deterministic == "True")
        found = cache.load(name) if token == _token(name, options) else None
        return loaded(found, name, options) if found is not None else None

    def emit(self, func: Func, stage: str, options: CompileOptions) -> str:
        """Raises E0905 for a stage other than `loops`, `llvm`, `asm`."""
        from difflang.backend.registry import unknown_stage
        from difflang_llvm.compiler import STAGES

        if stage not in STAGES:
            raise unknown_stage(self.name, stage, STAGES)
        return STAGES[stage](func, options)


def compiled(func: Func, options: CompileOptions, name: str | None) -> Compiled:
    """From the cache if it has the function under that name, else made and put there (if it has a name)."""
    found = cache.load(name) if name else None
    if found is None:
        from difflang_llvm import compiler

        found = compiler.compiled_function(func, options)
        if name:
            cache.store(name, found)
    return found


def _token(name: str, options: CompileOptions) -> str:
    return f"{name}@{options.threads}@{options.deterministic}@{engine.host_description()}"


def loaded(compiled: Compiled, name: str | None, options: CompileOptions) -> NativeFunction:
    """Links object code with what it imports. `name` is that in the cache, None where it is not kept there."""

    def make_threaded() -> NativeFunction:
        recipe = compiled.recipe
        assert recipe is not None
        threaded = deeply(lambda: _for_threads(recipe, name))
        return NativeFunction(threaded, _linked(threaded, name is not None))

    token = name and _token(name, options)
    count = threads.wanted(options) if compiled.recipe else 0
    return NativeFunction(compiled, _linked(compiled, name is not None), token, count, make_threaded)


def _linked(compiled: Compiled, use_cache: bool) -> engine.Library:
    symbols = {name: resolve(name) for name in compiled.symbols if not name.startswith(RUNTIME)}
    libraries = units.libraries(compiled.units, use_cache)
    if len(symbols) < len(compiled.symbols):
        libraries.append(units.runtime_library(use_cache))
    return engine.link_library(compiled.code, symbols, libraries, [engine.ENTRY])


def _for_threads(recipe: Recipe, name: str | None) -> Compiled:
    """The code for several threads, from the cache if that is used and has it."""
    own = name and cache.key([name, "threads"])
    found = cache.load(own) if own else None
    if found is None:
        from difflang_llvm import compiler

        found = compiler.compiled_for_threads(recipe)
        if own:
            cache.store(own, found)
    return found


def _key(func: Func, options: CompileOptions) -> str:
    from difflang.core.printer import format_func

    chosen = f"{options.check_nan} {options.optimize}"
    return cache.key([format_func(func, spans=True), chosen, cache.source_digest(), engine.host_description()])


BACKEND = LLVMBackend()
