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
    from difflang.cli.calling import Outputs, call, open_engine, require_function
    from difflang.cli.output import json_text, value_lines
    from difflang.runtime.types import type_text

    engine = open_engine(file, settings)
    require_function(engine, function)
    outcome = call(engine, function, arguments, settings, Outputs(out, log, plot))
    if settings.console.form == "json":
        print(json_text({"value": outcome.value, "type": type_text(outcome.type)}))
    elif outcome.type is not None and not (settings.console.quiet and out):
        print("\n".join(value_lines(outcome.value)))
