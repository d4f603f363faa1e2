"""`difflang run`: a function of a file with arguments from the command line."""

from __future__ import annotations

from pathlib import Path

import click

from difflang.cli.options import Settings, common_options

PATH = click.Path(path_type=Path)


@click.command("run")
@click.argument("file")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE | NAME=@FILE]...")
@click.option("-f", "--function", default="main", metavar="FUNCTION", help="The function; main if left out.")
@click.option("--out", type=PATH, metavar="FILE", help="Write the result to a .npz or .json file.")
@click.option("--log", type=PATH, metavar="FILE.csv", help="Keep the figures of report(...) in a file.")
@click.option("--plot", type=PATH, metavar="FILE.png", help="Draw the figures of report(...).")
@common_options
def command(
    file: str,
    arguments: tuple[str, ...],
    function: str,
    out: Path | None,
    log: Path | None,
    plot: Path | None,
    settings: Settings,
) -> None:
    """Run a function of FILE and print its result."""
    from difflang.cli.calling import Outputs, call
    from difflang.cli.output import json_text, value_lines
    from difflang.cli.values import assignments
    from difflang.runtime import files
    from difflang.runtime.plans import Request
    from difflang.runtime.types import type_text

    tree = assignments(arguments)
    request = Request(file, function, frozenset(tree), settings.options())
    called = call(request, tree, settings, Outputs(out, log, plot))
    if out:
        files.save(out, called.value)
    if settings.console.form == "json":
        print(json_text({"value": called.value, "type": type_text(called.type)}))
    elif called.type is not None and not (settings.console.quiet and out):
        print("\n".join(value_lines(called.value)))
