"""The parameters that a derivative on the command line is taken by."""

from __future__ import annotations

from difflang.cli.options import Settings
from difflang.diagnostics import error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.runtime.engine import Engine


def wrt_names(engine: Engine, function: str, wrt: str | None, settings: Settings) -> list[str]:
    """The names in `--wrt`, or the first parameter. Raises E0602 for a name that is no parameter."""
    parameters = [p.name for p in engine.lowered(function, settings.precision).signature.parameters]
    if not parameters:
        message = f"`{function}` has no parameters, so it has no gradient."
        raise error("E0602", message, hint="Name another function with `-f`.")
    names = [name.strip() for name in wrt.split(",")] if wrt is not None else parameters[:1]
    for name in names:
        if name not in parameters:
            hint = did_you_mean(name, parameters, f"It has {listing(parameters)}.")
            raise error("E0602", f"`{function}` has no parameter `{name}` to differentiate by.", hint=hint)
    return names
