"""`difflang emit`: the text of a stage of compilation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from difflang.cli.options import Settings, common_options

if TYPE_CHECKING:
    from difflang.runtime.engine import Engine
    from difflang.runtime.plans import Request

OPERATORS = ("grad", "value_and_grad", "jvp", "vjp", "hvp", "hessian", "jacobian", "jet")


@click.command("emit")
@click.argument("file")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE | NAME=@FILE]...")
@click.option("-f", "--function", default="main", metavar="FUNCTION", help="The function; main if left out.")
@click.option("--stage", default="core", metavar="STAGE", help="ast, core, opt, loops, llvm, asm, c, ...")
@click.option("--of", type=click.Choice(OPERATORS), help="Show this derivative of the function.")
@click.option("--wrt", metavar="NAME[,NAME]", help="Parameters of the derivative; the first if left out.")
@click.option("--order", type=click.IntRange(0), default=2, metavar="K", help="The order of `--of jet` (2).")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the text to a file.")
@common_options
def command(
    file: str,
    arguments: tuple[str, ...],
    function: str,
    stage: str,
    of: str | None,
    wrt: str | None,
    order: int,
    out: Path | None,
    settings: Settings,
) -> None:
    """Show how FUNCTION of FILE looks at a stage of compilation; the sizes in the stage `tape` for given arguments."""
    from difflang.cli.calling import open_engine, require_function
    from difflang.cli.derivatives import require_wrt, wrt_names
    from difflang.cli.output import json_text
    from difflang.diagnostics import error
    from difflang.runtime import stages
    from difflang.runtime.plans import Request

    engine = open_engine(file, settings)
    require_function(engine, function)
    request = Request(
        file, function, frozenset(), settings.options(), of, wrt_names(wrt), order if of == "jet" else None
    )
    if of is not None:
        require_wrt(engine, request)
    given = _given(engine, request, stage, arguments)
    text = stages.emit(engine, request.expression, stage, request.options, given)
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


def _given(engine: Engine, request: Request, stage: str, words: tuple[str, ...]) -> dict[str, Any] | None:
    """The arguments by name, for the one stage that takes them."""
    from difflang.cli.values import assignments, resolve, unknown_argument
    from difflang.diagnostics import error
    from difflang.runtime.stages import differentiated

    if not words:
        return None
    if stage != "tape":
        message = f"The stage `{stage}` is the same for all arguments."
        raise error("E0902", message, hint="Leave the arguments out; `--stage tape` takes them, for its sizes.")
    tree = assignments(words)
    expression = differentiated(request.expression)
    parameters = engine.lowered(expression, request.options.precision).signature.parameters
    types = {parameter.name: parameter.type for parameter in parameters}
    for name in tree:
        if name not in types:
            raise unknown_argument(request.function, name, list(types))
    return resolve(tree, types)
