"""Checks of derivatives against differences, and assertion helpers for tests of programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from difflang import api
from difflang.agreement import disagreeing_rules
from difflang.diagnostics import DiffLangError, error
from difflang.points import Point, relative
from difflang.runtime.given import diagnosed

DIRECTIONS = 3
"""Random directions along which a derivative is compared."""


@dataclass(frozen=True, slots=True)
class GradientReport:
    """The largest relative differences: tangent against differences, cotangent against tangent, and the second Taylor
    coefficient against forward mode over itself."""

    forward: float
    reverse: float
    taylor: float
    tolerance: float

    def __bool__(self) -> bool:
        return max(self.forward, self.reverse, self.taylor) <= self.tolerance


@diagnosed
def check_grad(
    function: api.Function, *positional: Any, wrt: api.Wrt = None, tolerance: float | None = None, **named: Any
) -> GradientReport:
    """Compares the derivatives of a function at a point with Richardson-extrapolated central differences.

    Along random directions v it forms J v by forward mode, by differences, and <u, J v> = <J^T u, v> by reverse
    mode; along one of them the second derivative by Taylor mode and by forward mode twice. Raises E0613 when a
    difference exceeds the tolerance (1e-6, or 1e-2 in single precision), naming both values; E0514 instead, where
    two rules of the program disagree.
    """
    if not isinstance(cast("object", function), api.Function):
        message = f"`check_grad` takes a function of a DiffLang module, but it was given a {type(function).__name__}."
        raise error("E0612", message, hint='Write it in DiffLang: `dl.check_grad(dl.load("file.dl").f, x)`.')
    if tolerance is not None and not isinstance(cast("object", tolerance), float | int):
        raise error("E0902", f"`tolerance` is a number, not {tolerance!r}.", hint="Write `tolerance=1e-6`.")
    single = function.options.precision == "f32"
    limit = tolerance if tolerance is not None else (1e-2 if single else 1e-6)
    point = Point(function, positional, named, wrt)
    random = np.random.default_rng(20)
    worst_forward = worst_reverse = 0.0
    for _ in range(DIRECTIONS):
        direction = random.standard_normal(point.vector.size)
        tangent = point.forward(direction)
        differences = point.differences(direction, single)
        worst_forward = max(worst_forward, relative(tangent, differences))
        weights = random.standard_normal(tangent.size)
        pulled = float(point.reverse(weights) @ direction)
        worst_reverse = max(worst_reverse, relative(np.array(pulled), np.array(weights @ tangent)))
    taylor = relative(*point.second(random.standard_normal(point.vector.size)))
    report = GradientReport(worst_forward, worst_reverse, taylor, limit)
    if report.reverse > limit:
        found = disagreeing_rules(function.engine)
        if found:
            raise DiffLangError(*found)
    if not report:
        raise _disagreement(function, report)
    return report


def _disagreement(function: api.Function, report: GradientReport) -> Exception:
    amounts = {
        "tangent and finite differences": report.forward,
        "cotangent and tangent": report.reverse,
        "Taylor coefficient and nested tangent": report.taylor,
    }
    wrong, amount = max(amounts.items(), key=lambda found: found[1])
    message = f"The derivatives of `{function.__name__}` disagree: {wrong} differ by {amount:.2g} (relative)."
    return error("E0613", message, hint="Is the function smooth at this point, and are its rules right?")


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
