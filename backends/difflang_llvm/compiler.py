"""From Core to object code, and the texts on the way. Imported when there is something to compile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Func
from difflang.core.parser import parse_func
from difflang.core.printer import format_func
from difflang.loops.ir import PreferThreads, Program
from difflang.loops.schedule import schedule
from difflang.loops.threads import AskForThreads, ForThreads
from difflang.watch import run_passes
from difflang_llvm import engine
from difflang_llvm.executable import Compiled, Recipe
from difflang_llvm.generate import generate
from difflang_llvm.math.library import called
from difflang_llvm.module import imported_symbols


def compiled_function(func: Func, options: CompileOptions) -> Compiled:
    """For one thread, with a recipe for several where it may ask for them."""
    program = run_passes((AskForThreads(),), schedule(func, options))
    compiled = compiled_program(program, options.optimize)
    if not any(isinstance(statement, PreferThreads) for statement in program.body):
        return compiled
    return replace(compiled, recipe=Recipe(format_func(func, spans=True), options.check_nan, options.optimize))


def compiled_for_threads(recipe: Recipe) -> Compiled:
    """The same function for several threads."""
    options = CompileOptions(check_nan=recipe.check_nan, optimize=recipe.optimize)
    program = schedule(parse_func(recipe.core), options, (ForThreads(),))
    return compiled_program(program, recipe.optimize)


def compiled_program(program: Program, level: int = 3) -> Compiled:
    """Object code of a scheduled program."""
    module = generate(program)
    code = engine.object_code(engine.optimized(module.text, level), level)
    symbols = imported_symbols(module.text)
    units = called(code, module.functions)
    return Compiled(code, symbols, units, module.interface, program.sites, program.host_sites)


def _shown(func: Func, options: CompileOptions) -> Program:
    """The program for one thread, unless several are asked for."""
    return schedule(func, options, (ForThreads(),) if options.threads > 1 else ())


def _loops(func: Func, options: CompileOptions) -> str:
    from difflang.loops.printer import format_program

    return format_program(_shown(func, options))


def _llvm(func: Func, options: CompileOptions) -> str:
    text = generate(_shown(func, options)).text
    return str(engine.optimized(text, options.optimize))


def _assembly(func: Func, options: CompileOptions) -> str:
    text = generate(_shown(func, options)).text
    return engine.assembly(engine.optimized(text, options.optimize))


STAGES: dict[str, Callable[[Func, CompileOptions], str]] = {"loops": _loops, "llvm": _llvm, "asm": _assembly}
