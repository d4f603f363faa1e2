"""`difflang check`: every error and warning of files; nothing is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from difflang.cli.console import exit_status
from difflang.cli.options import Settings, output_options, watch_options
from difflang.diagnostics import Diagnostic, DiffLangError

if TYPE_CHECKING:
    from difflang.check import Program


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--derivatives",
    metavar="FUNCTION",
    help="Say where its derivative is zero or has a kink, and where modes or rules disagree.",
)
@output_options
@watch_options
def command(files: tuple[str, ...], derivatives: str | None, settings: Settings) -> int:
    """Check types, sizes and derivatives of every function in each FILE (or each .dl file of a directory)."""
    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    checked = 0
    for path in source_files(files):
        diagnostics, texts = _check(path, derivatives)
        checked += 1
        found += [d for d in diagnostics if d not in found]
        sources.update(texts)
    console = settings.console
    if console.quiet:
        found = [d for d in found if d.severity == "error"]
    if found or console.form == "json":
        console.show(found, sources)
    errors = sum(d.severity == "error" for d in found)
    if console.form != "json":
        summary = f"{errors} error{'s' * (errors != 1)}" if errors else "no errors"
        console.note(f"{checked} file{'s' * (checked != 1)} checked, {summary}.")
    return exit_status(found)


def source_files(paths: Sequence[str]) -> list[str]:
    """The files themselves, and the .dl files inside directories, in order."""
    files: list[str] = []
    for path in paths:
        files += sorted(map(str, Path(path).rglob("*.dl"))) if Path(path).is_dir() else [path]
    return files


def _check(path: str, derivatives: str | None) -> tuple[Sequence[Diagnostic], Mapping[str, str]]:
    from difflang.runtime.sources import load_program

    try:
        program = load_program(path)
        found = program.check()
        if derivatives is not None and not any(d.severity == "error" for d in found):
            found = [*found, *_derivatives(program, derivatives)]
        return found, program.sources
    except DiffLangError as problem:
        return problem.diagnostics, problem.sources


def _derivatives(program: Program, function: str) -> Sequence[Diagnostic]:
    """The places where the derivative of a function is zero or has a kink, and what disagrees at random points."""
    from difflang.agreement import disagreeing_modes, disagreeing_rules
    from difflang.cli.calling import require_function
    from difflang.runtime.engine import Engine
    from difflang.runtime.smoothness import report

    engine = Engine(program, lambda warning: None)
    require_function(engine, function)
    notes = report(engine.lowered(function, "f64").func)
    wrong = disagreeing_rules(engine) or disagreeing_modes(engine, function, smooth=not notes)
    return [*notes, *wrong]
