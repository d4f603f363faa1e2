"""The door: Core to native code, with the cache in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Func
from difflang.core.printer import format_func
from difflang.diagnostics.model import error
from difflang.loops.schedule import schedule
from difflang_llvm import cache, engine
from difflang_llvm.executable import Compiled, NativeFunction
from difflang_llvm.generate import generate
from difflang_llvm.libraries import resolve
from difflang_llvm.module import imported_symbols


@dataclass(frozen=True, slots=True)
class LLVMBackend:
    """See `difflang.backend.protocol.Backend`."""

    name: str = "llvm"

    def compile(self, func: Func, options: CompileOptions) -> NativeFunction:
        return NativeFunction(compiled(func, options), resolve)

    def emit(self, func: Func, stage: str, options: CompileOptions) -> str:
        """Raises E0905 for a stage other than `loops`, `llvm`, `asm`."""
        if stage not in STAGES:
            known = ", ".join(f"`{name}`" for name in STAGES)
            raise error("E0905", f"the llvm backend has no stage `{stage}`", hint=f"Its stages are {known}.")
        return STAGES[stage](func, options)


def compiled(func: Func, options: CompileOptions) -> Compiled:
    """From the cache if it has the function, else made and put there."""
    name = _key(func, options) if options.cache else ""
    found = cache.load(name) if options.cache else None
    if found is None:
        found = _compile(func, options)
        if options.cache:
            cache.store(name, found)
    return found


def _key(func: Func, options: CompileOptions) -> str:
    chosen = f"{options.check_nan} {options.optimize} {options.deterministic}"
    return cache.key([format_func(func, spans=True), chosen, cache.source_digest(), engine.host_description()])


def _compile(func: Func, options: CompileOptions) -> Compiled:
    program = schedule(func, options)
    text, interface = generate(program)
    code = engine.object_code(engine.optimized(text, options.optimize), options.optimize)
    return Compiled(code, imported_symbols(text), interface, program.sites, program.host_sites)


def _loops(func: Func, options: CompileOptions) -> str:
    from difflang.loops.printer import format_program

    return format_program(schedule(func, options))


def _llvm(func: Func, options: CompileOptions) -> str:
    text, _ = generate(schedule(func, options))
    return str(engine.optimized(text, options.optimize))


def _assembly(func: Func, options: CompileOptions) -> str:
    text, _ = generate(schedule(func, options))
    return engine.assembly(engine.optimized(text, options.optimize))


STAGES: dict[str, Callable[[Func, CompileOptions], str]] = {"loops": _loops, "llvm": _llvm, "asm": _assembly}

BACKEND = LLVMBackend()
