"""Taylor coefficients along curves, asked for from Python: `dl.jet(f)((x0, x1, x2), ...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from difflang.diagnostics import error
from difflang.runtime.types import type_text

if TYPE_CHECKING:
    from difflang.api import Function


class Curve:
    """`jet(f)`: takes the tuple of the coefficients of a curve in place of f's first argument.

    A call gives the coefficients of f along x0 + t x1 + t^2 x2 + ..., as many as the curve has. Raises E0507 where the
    first argument is no tuple (or list), and what calls of f raise.
    """

    def __init__(self, function: Function, compiled: Callable[[str], Function]) -> None:
        self._function = function
        self._compiled = compiled
        self._forms: dict[tuple[int, int, tuple[str, ...]], Function] = {}

    def __repr__(self) -> str:
        return f"<difflang function jet({self._function.__name__}) along curves>"

    def __call__(self, coefficients: Sequence[Any], *rest: Any, **named: Any) -> Any:
        if not isinstance(cast("object", coefficients), tuple | list) or not coefficients:
            name = self._function.__name__
            message = f"`jet({name})` without an order takes the tuple of the coefficients of a curve first."
            raise error("E0507", message, hint="Write dl.jet(f)((x0, x1, x2)), or dl.jet(f, order=2)(x, v).")
        key = (len(coefficients), len(rest), tuple(named))
        if key not in self._forms:
            self._forms[key] = self._compiled(self._expression(len(coefficients), len(rest), named))
        return self._forms[key](*coefficients, *rest, **named)

    def _expression(self, count: int, given: int, named: Mapping[str, Any]) -> str:
        """`fn(x_0: T, x_1: T, y: U) = jet(f)((x_0, x_1), y)`, of the parameters that a call gives.

        What does not belong there is left to the function's own signature to refuse.
        """
        first, *others = self._function.signature.parameters
        taken = {p.name for p in others}
        stem = f"{first.name}_"
        while any(f"{stem}{k}" in taken for k in range(count)):
            stem += "_"
        curve = [f"{stem}{k}" for k in range(count)]
        chosen = [p for k, p in enumerate(others) if k < given or p.name in named]
        parameters = [f"{name}: {type_text(first.type)}" for name in curve]
        parameters += [f"{p.name}: {type_text(p.type)}" for p in chosen]
        passed = "".join(f", {p.name} = {p.name}" for p in chosen)
        jet = self._function.engine.program.operator("jet")
        return f"fn({', '.join(parameters)}) = {jet}({self._function.__name__})(({', '.join(curve)},){passed})"
