"""`difflang grad`: the value and the gradient of a function at a point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from difflang.cli.options import Settings, common_options


@click.command("grad")
@click.argument("file")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE | NAME=@FILE]...")
@click.option("-f", "--function", default="main", metavar="FUNCTION", help="The function; main if left out.")
@click.option("--wrt", metavar="NAME[,NAME]", help="Parameters to differentiate by; the first if left out.")
@click.option("--memory", metavar="AMOUNT", help="The most that the call may allocate, such as 64MB.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write both to a .npz or .json file.")
@common_options
def command(
    file: str,
    arguments: tuple[str, ...],
    function: str,
    wrt: str | None,
    memory: str | None,
    out: Path | None,
    settings: Settings,
) -> None:
    """Print the value and the gradient of a real-valued function of FILE."""
    from difflang.cli.calling import Outputs, call
    from difflang.cli.derivatives import budget, first_parameter, wrt_names
    from difflang.cli.output import json_text, value_lines
    from difflang.cli.values import assignments
    from difflang.runtime import files
    from difflang.runtime.plans import Request

    tree = assignments(arguments)
    chosen = wrt_names(wrt)
    options = settings.options()
    request = Request(file, function, frozenset(tree), options, "value_and_grad", chosen, memory=budget(memory))
    called = call(request, tree, settings, Outputs(out))
    value, gradient = called.value
    names = chosen or (first_parameter(file, function) or called.parameters[0],)
    parts = (gradient,) if len(names) == 1 else gradient
    document: dict[str, Any] = {"value": value, "gradient": dict(zip(names, parts, strict=True))}
    if out:
        files.save(out, document)
    if settings.console.form == "json":
        print(json_text(document))
    elif not (settings.console.quiet and out):
        print("\n".join([*value_lines(value, "value"), *value_lines(document["gradient"], "gradient")]))
