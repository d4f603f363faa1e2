"""`difflang fmt`: files in the usual layout."""

from __future__ import annotations

from pathlib import Path

import click

from difflang.cli.commands.check import source_files
from difflang.cli.console import exit_status
from difflang.cli.options import Settings, output_options
from difflang.diagnostics import Diagnostic, DiffLangError, error


@click.command("fmt")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; fail if a file is not in the usual layout.")
@output_options
def command(paths: tuple[str, ...], only_check: bool, settings: Settings) -> int:
    """Rewrite each file (or each .dl file of a directory) in the usual layout: spaces, indentation, blank lines."""
    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    changed: list[str] = []
    for path in source_files(paths):
        try:
            if _rewrite(path, only_check, sources):
                changed.append(path)
        except DiffLangError as problem:
            found += problem.diagnostics
    console = settings.console
    if found or console.form == "json":
        console.show(found, sources)
    if console.form != "json":
        for path in changed:
            console.note(f"{path} {'is not in the usual layout' if only_check else 'is rewritten'}.")
    return exit_status(found) or int(only_check and bool(changed))


def _rewrite(path: str, only_check: bool, sources: dict[str, str]) -> bool:
    """Whether the file was not in the usual layout; it is rewritten unless `only_check`."""
    from difflang.runtime.sources import require_source
    from difflang.syntax import decode
    from difflang.syntax.format import format_source

    file: Path = require_source(path)
    content = file.read_bytes()
    sources[path] = text = decode(content, path)
    formatted = format_source(text, path)
    if formatted.encode() == content:
        return False
    if not only_check:
        _write(file, formatted)
    return True


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as failure:
        reason = (failure.strerror or "it cannot be written").lower()
        raise error("E0710", f"`{file}` cannot be written: {reason}.", hint="Check its permissions.") from None
