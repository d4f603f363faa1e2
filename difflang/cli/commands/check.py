"""`difflang check`: every error and warning of files; nothing is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from difflang.cli.console import exit_status
from difflang.cli.options import Settings, output_options
from difflang.diagnostics import Diagnostic, DiffLangError


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@output_options
def command(files: tuple[str, ...], settings: Settings) -> int:
    """Check types, sizes and derivatives of every function in each FILE (or each .dl file of a directory)."""
    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    checked = 0
    for path in source_files(files):
        diagnostics, texts = _check(path)
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


def _check(path: str) -> tuple[Sequence[Diagnostic], Mapping[str, str]]:
    from difflang.runtime.sources import load_program

    try:
        program = load_program(path)
        return program.check(), program.sources
    except DiffLangError as problem:
        return problem.diagnostics, problem.sources
