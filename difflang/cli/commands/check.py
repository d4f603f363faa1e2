"""`difflang check`: every error and warning of files; nothing is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from difflang.cli.console import exit_status
from difflang.cli.options import Settings, output_options, watch_options
from difflang.diagnostics import Diagnostic, DiffLangError, error

if TYPE_CHECKING:
    from difflang.check import Program


@click.command("check")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "--derivatives",
    metavar="FUNCTION",
    help="Say where its derivative is zero or has a kink, and where modes or rules disagree.",
)
@click.option("-f", "--function", metavar="FUNCTION", help="The function of `--derivatives FILE`; main if left out.")
@output_options
@watch_options
def command(files: tuple[str, ...], derivatives: str | None, function: str | None, settings: Settings) -> int:
    """Check types, sizes and derivatives of every function in each FILE (or each .dl file of a directory)."""
    files, derivatives = _asked(files, derivatives, function)
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


def _asked(files: tuple[str, ...], derivatives: str | None, function: str | None) -> tuple[tuple[str, ...], str | None]:
    """The files, and the function whose derivatives are looked at: `FILE --derivatives f` or `--derivatives FILE -f f`.

    Raises E0902 without a file, and for a function that nothing is asked of.
    """
    if derivatives is not None and (derivatives.endswith(".dl") or function is not None):
        files, derivatives = (derivatives, *files), function or "main"
    elif function is not None:
        raise error("E0902", "`-f` belongs to `--derivatives`.", hint=f"Write `--derivatives {function}`.")
    if not files:
        raise error("E0902", "`FILE` is missing.", hint="Name a .dl file, or a directory such as `.`.")
    return files, derivatives


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
        found = [*program.check(), *_files(program)]
        if derivatives is not None and not any(d.severity == "error" for d in found):
            found = [*found, *_derivatives(program, derivatives)]
        return found, program.sources
    except DiffLangError as problem:
        return problem.diagnostics, problem.sources


def _files(program: Program) -> Sequence[Diagnostic]:
    """What is wrong with the files of the data items; they are not read."""
    from difflang.runtime.files import unreadable

    found = [unreadable(program.directory / path, name, span) for name, path, span in program.data_files()]
    return [diagnostic for diagnostic in found if diagnostic is not None]


def _derivatives(program: Program, function: str) -> Sequence[Diagnostic]:
    """The places where the derivative of a function is zero or has a kink, and what disagrees at random points."""
    from difflang.agreement import disagreeing_modes, disagreeing_rules
    from difflang.cli.calling import require_function
    from difflang.runtime.engine import Engine
    from difflang.runtime.smoothness import report

    engine = Engine(program, lambda warning: None)
    require_function(engine, function)
    notes = report(engine.elaborated(function, "f64"))
    wrong = disagreeing_rules(engine) or disagreeing_modes(engine, function, smooth=not notes)
    return [*notes, *wrong]
