"""The door: Core to native code, with the cache in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from difflang.backend.protocol import CompileOptions
from difflang_llvm import cache, engine, units
from difflang_llvm.executable import Compiled, NativeFunction
from difflang_llvm.libraries import resolve

if TYPE_CHECKING:
    from difflang.core.ir import Func


@dataclass(frozen=True, slots=True)
class LLVMBackend:
    """See `difflang.backend.protocol.Backend`."""

    name: str = "llvm"

    def compile(self, func: Func, options: CompileOptions) -> NativeFunction:
        name = _key(func, options) if options.cache else None
        return loaded(compiled(func, options, name), options.cache, name and _token(name))

    def restore(self, token: str) -> NativeFunction | None:
        """The function that was compiled earlier, if the cache has it still and the processor is the same."""
        name = token.partition("@")[0]
        found = cache.load(name) if token == _token(name) else None
        return loaded(found, True, token) if found is not None else None

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


def _token(name: str) -> str:
    return f"{name}@{engine.host_description()}"


def loaded(compiled: Compiled, use_cache: bool, token: str | None = None) -> NativeFunction:
    """Links object code with what it imports."""
    symbols = {name: resolve(name) for name in compiled.symbols}
    libraries = units.libraries(compiled.units, use_cache)
    return NativeFunction(compiled, engine.link_library(compiled.code, symbols, libraries, [engine.ENTRY]), token)


def _key(func: Func, options: CompileOptions) -> str:
    from difflang.core.printer import format_func

    chosen = f"{options.check_nan} {options.optimize} {options.deterministic}"
    return cache.key([format_func(func, spans=True), chosen, cache.source_digest(), engine.host_description()])


BACKEND = LLVMBackend()
