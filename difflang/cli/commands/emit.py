"""`difflang emit`: the text of a stage of compilation."""

from __future__ import annotations

from pathlib import Path

import click

from difflang.cli.options import Settings, common_options

OPERATORS = ("grad", "value_and_grad", "jvp", "vjp", "hvp", "hessian", "jacobian", "jet")


@click.command("emit")
@click.argument("file")
@click.option("-f", "--function", default="main", metavar="FUNCTION", help="The function; main if left out.")
@click.option("--stage", default="core", metavar="STAGE", help="ast, core, opt, loops, llvm, asm, c, ...")
@click.option("--of", type=click.Choice(OPERATORS), help="Show this derivative of the function.")
@click.option("--wrt", metavar="NAME[,NAME]", help="Parameters of the derivative; the first if left out.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the text to a file.")
@common_options
def command(
    file: str, function: str, stage: str, of: str | None, wrt: str | None, out: Path | None, settings: Settings
) -> None:
    """Show how FUNCTION of FILE looks at a stage of compilation."""
    from difflang.cli.calling import open_engine, require_function
    from difflang.cli.derivatives import require_wrt, wrt_names
    from difflang.cli.output import json_text
    from difflang.diagnostics import error
    from difflang.runtime import stages
    from difflang.runtime.plans import Request

    engine = open_engine(file, settings)
    require_function(engine, function)
    request = Request(file, function, frozenset(), settings.options(), of, wrt_names(wrt))
    if of is not None:
        require_wrt(engine, request)
    text = stages.emit(engine, request.expression, stage, request.options)
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as problem:
            hint = "Check that the directory exists and may be written."
            raise error("E0710", f"`{out}` cannot be written: {problem.strerror}.", hint=hint) from None
    elif settings.console.form == "json":
        print(json_text({"stage": stage, "function": request.expression, "text": text}))
    else:
        print(text)
