"""Checks of derivatives against differences, and assertion helpers for tests of programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from difflang import api
from difflang.agreement import disagreeing_rules
from difflang.diagnostics import DiffLangError, error
from difflang.diagnostics.suggest import kind_of
from difflang.differences import USUAL
from difflang.points import Point, relative
from difflang.runtime.given import diagnosed

CANCELLED = 1e-3
"""Up to here a distance between tangent and differences looks like digits that the differences have lost."""

DIRECTIONS = 3
"""Random directions along which a derivative is compared."""


@dataclass(frozen=True, slots=True)
class GradientReport:
    """The largest relative differences: tangent against differences, cotangent against tangent, and the second Taylor
    coefficient against forward mode over itself.

    `precision` is that in which the differences were taken: "extended" or "double".
    """

    forward: float
    reverse: float
    taylor: float
    tolerance: float
    precision: str

    def __bool__(self) -> bool:
        return max(self.forward, self.reverse) <= self.tolerance and self.taylor <= max(self.tolerance, USUAL)


@diagnosed
def check_grad(
    function: api.Function, *positional: Any, wrt: api.Wrt = None, tolerance: float | None = None, **named: Any
) -> GradientReport:
    """Compares the derivatives of a function at a point with Richardson-extrapolated central differences.

    Along random directions v it forms J v by forward mode, by differences, and <u, J v> = <J^T u, v> by reverse
    mode; along one of them the second derivative by Taylor mode and by forward mode twice. Differences are taken in
    extended precision (NumPy's longdouble, along one direction) where the program and the machine have it, else in
    that of the program; the report says which.

    Raises E0613 when a difference exceeds the tolerance, naming both values; E0514 instead, where two rules of the
    program disagree. The tolerance is 1e-9 in extended precision; 1e-6 in double precision, for second derivatives,
    and for programs that compute to a tolerance of their own (`while`, implicit functions); 1e-2 in single precision.
    It is relative to the derivative, or to the value where that is larger (counted as at least 1e-6 and at most 1).
    """
    if not isinstance(cast("object", function), api.Function):
        message = f"`check_grad` takes a function of a DiffLang module, but it was given {kind_of(function)}."
        raise error("E0612", message, hint='Write it in DiffLang: `dl.check_grad(dl.load("file.dl").f, x)`.')
    if tolerance is not None and not isinstance(cast("object", tolerance), float | int):
        raise error("E0902", f"`tolerance` is a number, not {tolerance!r}.", hint="Write `tolerance=1e-6`.")
    single = function.options.precision == "f32"
    point = Point(function, positional, named, wrt)
    report = _compared(point, single, tolerance)
    if report.reverse > report.tolerance:
        found = disagreeing_rules(function.engine)
        if found:
            raise DiffLangError(*found)
    if not report:
        raise _disagreement(function, report)
    return report


def _compared(point: Point, single: bool, tolerance: float | None) -> GradientReport:
    random = np.random.default_rng(20)
    directions = random.standard_normal((DIRECTIONS, point.vector.size))
    found = [point.differences(directions[0], single)]
    if found[0].precision == "double":
        found += [point.differences(v, single) for v in directions[1:]]
    tangents = [point.forward(v) for v in directions]
    reverse = [0.0]
    for direction, tangent in zip(directions, tangents, strict=True):
        weights = random.standard_normal(tangent.size)
        pulled = float(point.reverse(weights) @ direction)
        floor = max(point.size, float(np.abs(weights * tangent).sum()))
        reverse.append(relative(np.array(pulled), np.array(weights @ tangent), floor))
    forward = [by_steps.distance(tangent, point.size) for tangent, by_steps in zip(tangents, found, strict=False)]
    taylor = relative(*point.second(random.standard_normal(point.vector.size)))
    limit = found[0].tolerance if tolerance is None else tolerance
    return GradientReport(max(forward), max(reverse), taylor, limit, found[0].precision)


def _disagreement(function: api.Function, report: GradientReport) -> Exception:
    amounts = {
        "tangent and finite differences": report.forward,
        "cotangent and tangent": report.reverse,
        "Taylor coefficient and nested tangent": report.taylor,
    }
    wrong, amount = max(amounts.items(), key=lambda found: found[1])
    message = f"The derivatives of `{function.__name__}` disagree: {wrong} differ by {amount:.2g} (relative)."
    hint = "Is the function smooth at this point, and are its rules right?"
    if wrong.endswith("differences") and amount < CANCELLED:
        hint += " Where large numbers cancel, as in `(1.0e10 + x) - 1.0e10`, it is the differences that lack digits: "
        hint += f"`tolerance={2 * amount:.0e}` would pass."
    if amount == np.inf:
        message = f"The derivatives of `{function.__name__}` cannot be compared: {wrong} are not all numbers here."
        hint = "Is the point inside the function's domain, away from its edge?"
    return error("E0613", message, hint=hint)


def assert_allclose(actual: Any, expected: Any, rtol: float = 1e-12, atol: float = 0.0) -> None:
    """Like numpy.testing.assert_allclose, also for structs and tuples, part by part."""
    if isinstance(expected, Mapping):
        assert set(actual) == set(cast("Mapping[str, Any]", expected)), f"fields {set(actual)} and {set(expected)}"
        for name, part in expected.items():
            assert_allclose(actual[name], part, rtol, atol)
    elif isinstance(expected, tuple):
        assert len(actual) == len(expected), f"{len(actual)} and {len(expected)} parts"
        for left, right in zip(actual, expected, strict=True):
            assert_allclose(left, right, rtol, atol)
    else:
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)
