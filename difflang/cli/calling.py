"""One call of a function from the command line: arguments, progress, interruption, output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from difflang.cli.derivatives import require_wrt
from difflang.cli.options import Settings
from difflang.cli.values import resolve, unknown_argument
from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.runtime import files, plans
from difflang.runtime.engine import Engine, Prepared, Statics, find_backend, run
from difflang.runtime.host import RunHost
from difflang.runtime.marshal import match
from difflang.runtime.plans import Plan, Request
from difflang.runtime.progress import CsvLog, PlainLines, Plot, Sink, TerminalLine
from difflang.runtime.sources import load_program
from difflang.signature import Lowered, Signature, ValueType

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Called:
    """The result of a call, its type, and the names of the parameters that were there."""

    value: Any
    type: ValueType | None
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files that a run writes; `out` is checked here and written by the command."""

    out: Path | None = None
    log: Path | None = None
    plot: Path | None = None


def open_engine(file: str, settings: Settings) -> Engine:
    """The engine of a source file, its warnings on the console."""
    program = load_program(file)
    return Engine(program, lambda diagnostic: settings.console.warn(diagnostic, program.sources))


def require_function(engine: Engine, name: str) -> None:
    """Raises E0903 where the file has no function of that name. Any other expression is left to the program."""
    names = list(engine.program.functions())
    if name.isidentifier() and name not in names:
        raise error("E0903", f"The file has no function `{name}`.", hint=_function_hint(name, names))


def _function_hint(name: str, names: list[str]) -> str | None:
    match names:
        case []:
            return f"It has no functions: write one, such as `fn {name}() -> real = 1.0`."
        case [only]:
            return f"Its one function is `{only}`: write `-f {only}`, or call it `{name}` in the file."
        case _:
            return did_you_mean(name, names, f"It has {listing(names)}; name one with `-f`, such as `-f {names[0]}`.")


def call(request: Request, tree: Mapping[str, Any], settings: Settings, outputs: Outputs) -> Called:
    """Runs a function with the arguments of the command line."""
    if outputs.out:
        files.require_writable(outputs.out)
    if outputs.plot:
        files.require_directory(outputs.plot)
    prepared = _prepared(request, settings, tree)
    parameters = prepared.signature.parameters
    types = {parameter.name: parameter.type for parameter in parameters}
    given = match(parameters, request.expression, (), resolve(tree, types))
    host = _host(settings, outputs)
    try:
        outcome = interruptible(lambda: run(prepared, given, host, {}))
    finally:
        host.close()
    return Called(outcome.value, outcome.type, tuple(types))


def _prepared(request: Request, settings: Settings, tree: Mapping[str, Any]) -> Prepared:
    """The compiled function, by the plan of an earlier run if there is one that holds."""
    plan = plans.find(request) if request.options.compile.cache else None
    if plan is None:
        return _compiled(request, settings, tree)
    for warning in plan.warnings:
        settings.console.warn(warning, plan.sources)
    return plan.prepared


def _compiled(request: Request, settings: Settings, tree: Mapping[str, Any]) -> Prepared:
    find_backend(request.options.backend)
    engine = open_engine(request.file, settings)
    require_function(engine, request.function)
    try:
        if request.operator is not None:
            request = replace(request, operator=engine.program.operator(request.operator))
        request = _with_form(engine, request, tree)
        if request.operator is not None:
            require_wrt(engine, request)
        lowered = engine.lowered(request.expression, request.options.precision, request.given)
        _require_known(engine, request, lowered)
        statics = _statics(engine, request, lowered, tree)
        prepared = engine.prepared(request.expression, request.options, request.given, statics)
    except DiffLangError as problem:
        engine.place(problem, request.expression)
        raise
    program = engine.program
    if not statics and not request.form:
        plans.keep(request, Plan(prepared, lowered.warnings, program.sources), program.lookups)
    return prepared


def _with_form(engine: Engine, request: Request, tree: Mapping[str, Any]) -> Request:
    """The request for that one of several functions of a name which the arguments fit. Raises E0308."""

    def arguments(signature: Signature) -> Mapping[str, object]:
        types = {parameter.name: parameter.type for parameter in signature.parameters}
        return match(signature.parameters, request.expression, (), resolve(tree, types))

    fitting = engine.fitting(request.expression, request.options.precision, arguments)
    return replace(request, form=fitting.removeprefix(request.expression))


def _statics(engine: Engine, request: Request, lowered: Lowered, tree: Mapping[str, Any]) -> Statics:
    """What the program asks to be compiled for; its plan would hold for these values only."""
    if not engine.static_names(request.expression):
        return ()
    parameters = lowered.signature.parameters
    types = {parameter.name: parameter.type for parameter in parameters}
    given = match(parameters, request.expression, (), resolve(tree, types))
    return engine.statics(request.expression, request.options.precision, request.given, given)


def _require_known(engine: Engine, request: Request, lowered: Lowered) -> None:
    types = {parameter.name for parameter in lowered.signature.parameters}
    for name in sorted(request.given - types):
        everything = engine.lowered(request.chosen, request.options.precision).signature.parameters
        raise unknown_argument(request.function, name, [parameter.name for parameter in everything])


def _host(settings: Settings, outputs: Outputs) -> RunHost:
    """The host of a run. In JSON the standard output is kept for the result; `print` goes to the standard error."""
    sinks: list[Sink] = []
    if not settings.console.quiet:
        sinks.append(TerminalLine(sys.stderr) if sys.stderr.isatty() else PlainLines(sys.stderr))
    if outputs.log:
        sinks.append(CsvLog(outputs.log))
    if outputs.plot:
        sinks.append(Plot(outputs.plot, settings.console.note))
    stream = sys.stderr if settings.console.form == "json" else None
    return RunHost(sinks, {}, stream, settings.console.warn, "residual" in settings.checks)


def interruptible(work: Callable[[], Result]) -> Result:
    """Runs native code on a thread, so that Ctrl-C is heard at once: the main thread only waits."""
    results: list[Result] = []
    failures: list[BaseException] = []

    def body() -> None:
        try:
            results.append(work())
        except BaseException as problem:  # handed to the main thread, which raises it
            failures.append(problem)

    worker = threading.Thread(target=body, daemon=True)
    worker.start()
    worker.join()
    if failures:
        raise failures[0]
    return results[0]
