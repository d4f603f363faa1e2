"""From Core to object code, and the texts on the way. Imported when there is something to compile."""

from __future__ import annotations

from collections.abc import Callable

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Func
from difflang.loops.ir import Program
from difflang.loops.schedule import schedule
from difflang_llvm import engine
from difflang_llvm.executable import Compiled
from difflang_llvm.generate import generate
from difflang_llvm.module import imported_symbols


def compiled_function(func: Func, options: CompileOptions) -> Compiled:
    return compiled_program(schedule(func, options), options.optimize)


def compiled_program(program: Program, level: int = 3) -> Compiled:
    """Object code of a scheduled program."""
    module = generate(program)
    code = engine.object_code(engine.optimized(module.text, level), level)
    symbols = imported_symbols(module.text)
    return Compiled(code, symbols, module.units, module.interface, program.sites, program.host_sites)


def _loops(func: Func, options: CompileOptions) -> str:
    from difflang.loops.printer import format_program

    return format_program(schedule(func, options))


def _llvm(func: Func, options: CompileOptions) -> str:
    text = generate(schedule(func, options)).text
    return str(engine.optimized(text, options.optimize))


def _assembly(func: Func, options: CompileOptions) -> str:
    text = generate(schedule(func, options)).text
    return engine.assembly(engine.optimized(text, options.optimize))


STAGES: dict[str, Callable[[Func, CompileOptions], str]] = {"loops": _loops, "llvm": _llvm, "asm": _assembly}
