"""Options of compilation from what users write, and the text of each stage of compilation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from difflang.backend.protocol import CompileOptions
from difflang.backend.registry import TARGETS
from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.runtime.given import switch, whole
from difflang.stack import deeply

if TYPE_CHECKING:
    from difflang.core.ir import Func
    from difflang.runtime.engine import Engine, Options
    from difflang.signature import Lowered
    from difflang.syntax.ast import Module

CHECKS = ("nan", "residual")


def compile_options(
    options: CompileOptions,
    threads: int | None = None,
    check: str | Sequence[str] | None = None,
    deterministic: bool | None = None,
) -> CompileOptions:
    """The options with what is not None replaced. Raises E0902 for an unknown check or a bad number of threads."""
    if threads is not None:
        number = whole(threads)
        if number is None or number < 0:
            raise error("E0902", f"{threads!r} is no number of threads.", hint="Give 0 (all cores), 1, 2, ...")
        options = replace(options, threads=number)
    if check is not None:
        checks = _checks(check)
        options = replace(options, check_nan="nan" in checks, check_residual="residual" in checks)
    if deterministic is not None:
        options = replace(options, deterministic=switch("deterministic", deterministic))
    return options


def _checks(check: str | Sequence[str]) -> Sequence[str]:
    """The names of the checks. Raises E0902 for what is none."""
    checks = check if isinstance(cast("object", check), list | tuple) else [cast("str", check)]
    for name in checks:
        if name not in CHECKS:
            hint = did_you_mean(str(name), CHECKS, f"Choose from {listing(CHECKS)}.")
            raise error("E0902", f'"{name}" is no check.', hint=hint)
    return checks


def emit(
    engine: Engine, expression: str, stage: str, options: Options, given: Mapping[str, object] | None = None
) -> str:
    """The text of a stage: `ast`, `core` as elaborated, `opt` after the Core passes, `tape`, the rest by a backend.

    `given` are arguments by name, for the sizes in the stage `tape`.
    """
    from difflang.runtime.engine import find_backend

    try:
        if stage == "ast":
            from difflang.syntax.dump import dump

            return dump(_main_module(engine))
        if stage == "core":
            return _core_text(engine.elaborated(expression, options.precision))
        if stage == "tape":
            return _tape(engine, expression, options, given)
        func = engine.lowered(expression, options.precision).func
        if stage == "opt":
            return _core_text(func)
        backend = find_backend(stage if stage in TARGETS else options.backend)
        return deeply(lambda: backend.emit(func, stage, options.compile))
    except DiffLangError as problem:
        engine.place(problem, expression)
        raise


def differentiated(expression: str) -> str:
    """The derivative of which the stage `tape` tells: the gradient of a plain function."""
    return f"grad({expression})" if expression.isidentifier() else expression


def _tape(engine: Engine, expression: str, options: Options, given: Mapping[str, object] | None) -> str:
    """What a derivative stores; of a plain function, what its gradient does."""
    from difflang.runtime import tape

    expression = differentiated(expression)
    lowered = engine.lowered(expression, options.precision, None if given is None else frozenset(given))
    evaluate = None if given is None else _evaluator(engine, lowered, expression, options, given)
    return tape.report(lowered.func, expression, engine.program.sources, evaluate)


def _evaluator(
    engine: Engine, lowered: Lowered, expression: str, options: Options, given: Mapping[str, object]
) -> Callable[[Func], Sequence[int]]:
    """Runs functions of integers, which take the parameters of a function that has been lowered, on arguments."""
    from difflang.runtime.engine import find_backend
    from difflang.runtime.host import RunHost
    from difflang.runtime.marshal import marshal, match

    signature = lowered.signature
    arguments = marshal(signature, match(signature.parameters, expression, (), given), engine.data(signature))

    def evaluate(func: Func) -> Sequence[int]:
        compiled = deeply(lambda: find_backend(options.backend).compile(func, options.compile))
        return [int(value) for value in compiled(arguments.flat, RunHost([], engine.externs))]

    return evaluate


def _core_text(func: Func) -> str:
    from difflang.core.printer import format_func

    return format_func(func)


def documentation(engine: Engine, name: str) -> str | None:
    """The `##` text of a function of the main source; None for an expression such as `grad(f)`."""
    for item in _main_module(engine).items:
        if getattr(item, "name", None) == name:
            return getattr(item, "doc", None)
    return None


def _main_module(engine: Engine) -> Module:
    """The syntax tree of the file that was loaded (its imports come after it in the sources)."""
    from difflang.syntax import parse

    path, text = next(iter(engine.program.sources.items()))
    return parse(text, path)
