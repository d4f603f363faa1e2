"""The stated partial derivatives are those of SymPy, at random points and 30 digits; kinks follow the language."""

from __future__ import annotations

import math
import random
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from difflang.prims import PRIMITIVES
from tests.prims.reference import NUMERIC, PIECEWISE, POINTS, SYMBOLIC, A, B, C

INTEGER_ARGUMENTS = {("polygamma", 0), ("powi", 1), ("select", 0)}
DIGITS = mp.mpf(10) ** -15
"""Constants in the texts have the digits of an f64."""

STATED = [(name, k) for name, p in PRIMITIVES.items() for k, text in enumerate(p.partials) if text is not None]

NAMESPACE: dict[str, Any] = {
    **NUMERIC,
    "where": lambda condition, x, y: x if condition else y,
    "convert_like": lambda x, like: x,
}


def points(name: str, count: int = 12) -> list[list[Any]]:
    """Random points inside the domain of a primitive."""
    draw = random.Random(name)
    arity = PRIMITIVES[name].arity
    intervals = [*POINTS.get(name, ()), *[(-3.0, 3.0)] * arity][:arity]
    found: list[list[Any]] = []
    for _ in range(count):
        values: list[Any] = [mp.mpf(draw.uniform(*interval)) for interval in intervals]
        for k in range(arity):
            if (name, k) in INTEGER_ARGUMENTS:
                values[k] = int(mp.nint(values[k]))
        found.append(values)
    return found


def stated(name: str, k: int, values: list[Any], result: Any, namespace: dict[str, Any] = NAMESPACE) -> Any:
    """The value of the text, which is an expression of Python too."""
    text = PRIMITIVES[name].partials[k]
    assert text is not None
    return eval(text, {**namespace, **dict(zip("abc", values, strict=False)), "y": result})


@pytest.mark.parametrize(("name", "k"), [(n, k) for n, k in STATED if n in SYMBOLIC])
def test_against_sympy(name: str, k: int) -> None:
    with mp.workdps(30):
        derivative = sp.lambdify((A, B, C), sp.diff(SYMBOLIC[name], (A, B, C)[k]), "mpmath")
        for values in points(name):
            if name == "powi" and values[1] == 0:
                continue
            wanted = derivative(*values, *[mp.mpf(1)] * (3 - len(values)))
            found = stated(name, k, values, NUMERIC[name](*values))
            assert abs(found - wanted) <= DIGITS * max(1, abs(wanted)), (values, found, wanted)


@pytest.mark.parametrize(("name", "k"), [(n, k) for n, k in STATED if n in PIECEWISE])
def test_piecewise_against_differences(name: str, k: int) -> None:
    """Between kinks these are linear, so a symmetric difference is exact."""
    step = mp.mpf(10) ** -8
    with mp.workdps(40):
        for values in points(name):
            ends = [[v + sign * step if j == k else v for j, v in enumerate(values)] for sign in (1, -1)]
            wanted = (PIECEWISE[name](*ends[0]) - PIECEWISE[name](*ends[1])) / (2 * step)
            assert abs(stated(name, k, values, NUMERIC[name](*values)) - wanted) < mp.mpf(10) ** -20


def test_every_partial_is_tested() -> None:
    assert {name for name, _ in STATED} == SYMBOLIC.keys() | PIECEWISE.keys()


FLOATS: dict[str, Any] = {
    **{name: record.evaluate for name, record in PRIMITIVES.items()},
    "where": lambda condition, x, y: x if condition else y,
    "convert_like": lambda x, like: np.float64(x),
}


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("abs", (0.0,), (0.0,)),
        ("relu", (0.0,), (0.0,)),
        ("sqrt", (0.0,), (math.inf,)),
        ("max", (2.0, 2.0), (0.5, 0.5)),
        ("min", (2.0, 2.0), (0.5, 0.5)),
        ("max", (3.0, 2.0), (1.0, 0.0)),
        ("min", (3.0, 2.0), (0.0, 1.0)),
        ("clip", (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ("clip", (1.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ("clip", (1.5, 0.0, 1.0), (0.0, 0.0, 1.0)),
        ("hypot", (0.0, 0.0), (0.0, 0.0)),
        ("pow", (0.0, 1.0), (1.0, 0.0)),
        ("pow", (0.0, 0.0), (0.0, 0.0)),
        ("pow", (0.0, 2.0), (0.0, 0.0)),
        ("pow", (-2.0, 0.0), (0.0, math.nan)),
        ("sigmoid", (800.0,), (0.0,)),
        ("softplus", (800.0,), (1.0,)),
        ("softplus", (-800.0,), (0.0,)),
        ("expm1", (-40.0,), (math.exp(-40.0),)),
    ],
)
def test_kinks_and_extremes(name: str, values: tuple[float, ...], wanted: tuple[float, ...]) -> None:
    with np.errstate(all="ignore"):
        arguments = [np.float64(v) for v in values]
        result = PRIMITIVES[name].evaluate(*arguments)
        found = [stated(name, k, arguments, result, FLOATS) for k in range(len(values))]
    np.testing.assert_array_equal(np.array(found, float), wanted)
