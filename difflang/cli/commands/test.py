"""`difflang test`: runs the test blocks of files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import click

from difflang.cli.commands.check import source_files
from difflang.cli.options import Settings, common_options
from difflang.diagnostics import Diagnostic, DiffLangError


@dataclass(frozen=True, slots=True)
class Outcome:
    """A test that has run; `problems` is empty where it passed."""

    file: str
    name: str
    problems: tuple[Diagnostic, ...]
    sources: dict[str, str]
    seconds: float


@click.command("test")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@common_options
def command(paths: tuple[str, ...], settings: Settings) -> int:
    """Run the test blocks of the files (or of every .dl file in the directories; here, if none is named)."""
    outcomes: list[Outcome] = []
    for path in source_files(paths or (".",)):
        for outcome in _outcomes(path, settings):
            outcomes.append(outcome)
            _show(outcome, settings)
    failed = [outcome for outcome in outcomes if outcome.problems]
    if settings.console.form == "json":
        _print_json(outcomes)
    elif not outcomes:
        settings.console.note("There are no test blocks here.")
    else:
        print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    usage = any(problem.code == "E0907" for outcome in failed for problem in outcome.problems)
    return 2 if usage else 1 if failed else 0


def _outcomes(path: str, settings: Settings) -> Iterator[Outcome]:
    from difflang.cli.calling import interruptible
    from difflang.runtime.engine import Engine, prepare
    from difflang.runtime.host import RunHost
    from difflang.runtime.sources import load_program

    options = settings.options()
    sources: dict[str, str] = {}
    try:
        program = load_program(path)
        sources.update(program.sources)
        tests = program.tests(options.precision)
    except DiffLangError as problem:
        yield Outcome(path, "(the file)", problem.diagnostics, {**sources, **problem.sources}, 0.0)
        return
    engine = Engine(program, lambda diagnostic: settings.console.warn(diagnostic, sources))
    host = RunHost()
    for name, lower in tests:
        start = time.perf_counter()
        problems: tuple[Diagnostic, ...] = ()
        try:
            prepared = prepare(lower(), options)
            interruptible(lambda ready=prepared: engine.run(ready, {}, host))
        except DiffLangError as problem:
            problems = problem.diagnostics
        yield Outcome(path, name, problems, sources, time.perf_counter() - start)


def _show(outcome: Outcome, settings: Settings) -> None:
    if settings.console.form == "json":
        return
    if outcome.problems:
        print(f"FAIL  {outcome.file}: {outcome.name}", flush=True)
        settings.console.show(outcome.problems, outcome.sources)
    elif not settings.console.quiet:
        print(f"ok    {outcome.file}: {outcome.name} ({outcome.seconds:.2f} s)", flush=True)


def _print_json(outcomes: list[Outcome]) -> None:
    from difflang.cli.output import json_text
    from difflang.diagnostics.render import as_record

    records = [
        {
            "file": outcome.file,
            "test": outcome.name,
            "passed": not outcome.problems,
            "diagnostics": [as_record(problem) for problem in outcome.problems],
        }
        for outcome in outcomes
    ]
    print(json_text(records))
