"""One call of a function from the command line: arguments, progress, interruption, output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from difflang.cli.options import Settings
from difflang.cli.values import assignments, resolve, unknown_argument
from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.runtime import files
from difflang.runtime.engine import Engine, Outcome
from difflang.runtime.host import RunHost
from difflang.runtime.marshal import match
from difflang.runtime.progress import CsvLog, PlainLines, Plot, Sink, TerminalLine
from difflang.runtime.sources import load_program

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files that a run writes."""

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
        otherwise = f"It has {listing(names)}; name one with `-f`." if names else "It has no functions."
        message = f"The file has no function `{name}`."
        raise error("E0903", message, hint=did_you_mean(name, names, otherwise))


def call(engine: Engine, expression: str, words: Sequence[str], settings: Settings, outputs: Outputs) -> Outcome:
    """Runs a function expression with the arguments of the command line; errors carry the program's sources."""
    try:
        if outputs.out:
            files.require_writable_suffix(outputs.out)
        tree = assignments(words)
        options = settings.options()
        lowered = engine.lowered(expression, options.precision, frozenset(tree))
        types = {parameter.name: parameter.type for parameter in lowered.signature.parameters}
        _require_known(engine, expression, options.precision, tree, types)
        given = match(lowered.signature.parameters, expression, (), resolve(tree, types))
        prepared = engine.prepared(expression, options, frozenset(tree))
        with_host = _host(settings, outputs)
        try:
            outcome = interruptible(lambda: engine.run(prepared, given, with_host))
        finally:
            with_host.close()
        if outputs.out:
            files.save(outputs.out, outcome.value)
        return outcome
    except DiffLangError as problem:
        problem.sources = engine.sources_with(expression)
        raise


def _require_known(
    engine: Engine, expression: str, precision: str, tree: Mapping[str, Any], types: Mapping[str, Any]
) -> None:
    for name in tree:
        if name not in types:
            everything = engine.lowered(expression, precision).signature.parameters
            raise unknown_argument(expression, name, [parameter.name for parameter in everything])


def _host(settings: Settings, outputs: Outputs) -> RunHost:
    """The host of a run. In JSON the standard output is kept for the result; `print` goes to the standard error."""
    sinks: list[Sink] = []
    if not settings.console.quiet:
        sinks.append(TerminalLine(sys.stderr) if sys.stderr.isatty() else PlainLines(sys.stderr))
    if outputs.log:
        sinks.append(CsvLog(outputs.log))
    if outputs.plot:
        sinks.append(Plot(outputs.plot))
    return RunHost(sinks, {}, sys.stderr if settings.console.form == "json" else None)


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
