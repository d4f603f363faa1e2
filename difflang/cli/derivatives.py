"""The parameters that a derivative on the command line is taken by."""

from __future__ import annotations

import re
from pathlib import Path

from difflang.diagnostics import error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.memory import bytes_of
from difflang.runtime.engine import Engine
from difflang.runtime.plans import Request


def wrt_names(wrt: str | None) -> tuple[str, ...]:
    """The names, and parts such as `w[:, 0]`, in `--wrt a,b`; none stands for the first parameter."""
    return tuple(name.strip() for name in re.split(r",(?![^\[]*\])", wrt)) if wrt is not None else ()


def budget(memory: str | None) -> str | None:
    """What `--memory` is in a program. Raises E0902 for what is no amount."""
    if memory is not None and bytes_of(memory) is None:
        message = f'"{memory}" is no amount of memory.'
        raise error("E0902", message, hint="Write `--memory 64MB` (units: B, kB, MB, GB, KiB, MiB, GiB).")
    return None if memory is None else f'"{memory}"'


def first_parameter(file: str, function: str) -> str | None:
    """The parameter by which a function of a file is differentiated where none is named; None for an expression."""
    from difflang.syntax import ast, decode, parse

    items = parse(decode(Path(file).read_bytes(), file), file).items
    named = [i for i in items if isinstance(i, ast.FunctionDef | ast.ImplicitDef) and i.name == function]
    return named[0].parameters[0].name if named else None


def require_wrt(engine: Engine, request: Request) -> None:
    """Raises E0602 where a name in `--wrt` is no parameter, or where there is none at all."""
    parameters = [p.name for p in engine.lowered(request.chosen, request.options.precision).signature.parameters]
    if not parameters:
        message = f"`{request.function}` has no parameters, so it has no gradient."
        raise error("E0602", message, hint="Name another function with `-f`.")
    for k, name in enumerate(request.wrt):
        if name in request.wrt[:k]:
            raise error("E0602", f"`--wrt` names `{name}` twice.", hint="Name each parameter once.")
        if name.partition("[")[0].strip() not in parameters:
            hint = did_you_mean(name, parameters, f"It has {listing(parameters)}.")
            raise error("E0602", f"`{request.function}` has no parameter `{name}` to differentiate by.", hint=hint)
