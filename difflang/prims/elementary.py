"""Elementary and special functions of floats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from difflang.core.ir import Attribute, DType
from difflang.prims.model import FLOATS, Primitive, of_floats


def _f(name: str, evaluate: Any, *partials: str, doc: str = "") -> Primitive:
    return Primitive(name, len(partials), evaluate, of_floats, partials, doc)


def _s(name: str, function: str, partial: str, doc: str = "") -> Primitive:
    """A function of scipy.special, which is slow to import and therefore imported at the first call."""

    def evaluate(x: Any) -> Any:
        from scipy import special

        return getattr(special, function)(x)

    return Primitive(name, 1, evaluate, of_floats, (partial,), doc, folds=False)


def _polygamma_rule(dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
    if dtypes[0] != "i64" or dtypes[1] not in FLOATS:
        raise ValueError("polygamma needs an i64 and a float")
    return dtypes[1]


def _polygamma(n: Any, x: Any) -> Any:
    from scipy import special

    x = np.asarray(x)
    return np.where(np.asarray(n) == 0, special.digamma(x), special.polygamma(n, x)).astype(x.dtype)[()]


def _gaussian(x: Any) -> Any:
    """exp(-x^2) by a part of x whose square is exact: rounding x^2 itself would cost x^2 units in the last place."""
    x = np.clip(x, -200, 200)
    near = np.rint(x * 16) / 16
    return np.exp(-near * near) * np.exp((near - x) * (near + x))


def _power(a: Any, b: Any) -> Any:
    """`a ** b` as IEEE 754 has it: NumPy takes the square root for 0.5, of which -inf has none."""
    edge = (np.asarray(b) == 0.5) & ((np.asarray(a) == 0) | np.isneginf(a))
    return np.where(edge, np.abs(a), np.power(a, b))[()]


RECORDS: tuple[Primitive, ...] = (
    _f("sqrt", np.sqrt, "0.5 / y"),
    _f("cbrt", np.cbrt, "1 / (3 * y * y)"),
    _f("exp", np.exp, "y"),
    _f("exp2", np.exp2, "y * 0.6931471805599453"),
    _f("expm1", np.expm1, "exp(a)"),
    _f("log", np.log, "1 / a"),
    _f("log2", np.log2, "1.4426950408889634 / a"),
    _f("log10", np.log10, "0.4342944819032518 / a"),
    _f("log1p", np.log1p, "1 / (1 + a)"),
    _f("sin", np.sin, "cos(a)"),
    _f("cos", np.cos, "-sin(a)"),
    _f("tan", np.tan, "1 + y * y"),
    _f("asin", np.arcsin, "1 / sqrt((1 - a) * (1 + a))"),
    _f("acos", np.arccos, "-1 / sqrt((1 - a) * (1 + a))"),
    _f("atan", np.arctan, "1 / (1 + a * a)"),
    _f(
        "atan2",
        np.arctan2,
        "where(hypot(a, b) == 0, 0, b / hypot(a, b) / hypot(a, b))",
        "where(hypot(a, b) == 0, 0, -a / hypot(a, b) / hypot(a, b))",
        doc="At the origin the derivative is 0; hypot neither overflows nor underflows.",
    ),
    _f("sinh", np.sinh, "cosh(a)"),
    _f("cosh", np.cosh, "sinh(a)"),
    # The slope of tanh is made from the value alone, which loops keep anyway: right to an ulp of 1, not of itself.
    _f("tanh", np.tanh, "1 - y * y"),
    _f("asinh", np.arcsinh, "1 / hypot(a, 1)"),
    _f("acosh", np.arccosh, "1 / (sqrt(a - 1) * sqrt(a + 1))"),
    _f("atanh", np.arctanh, "1 / ((1 - a) * (1 + a))"),
    _f("gaussian", _gaussian, "-2 * a * y", doc="exp(-a^2), the slope of the error functions."),
    _s("erf", "erf", "1.1283791670955126 * gaussian(a)"),
    _s("erfc", "erfc", "-1.1283791670955126 * gaussian(a)"),
    _s("lgamma", "gammaln", "digamma(a)", doc="log |gamma(a)|"),
    _s("digamma", "digamma", "polygamma(1, a)"),
    Primitive(
        "polygamma",
        2,
        _polygamma,
        _polygamma_rule,
        (None, "polygamma(a + 1, b)"),
        "The a-th derivative of digamma.",
        folds=False,
    ),
    _f(
        "pow",
        _power,
        "where(b == 0, 0, b * pow(a, b - 1))",
        "where((a == 0) & (b >= 0), 0, y * log(a))",
        doc="a ** b; at a = 0 the derivative in b is 0 for b >= 0.",
    ),
    _f("hypot", np.hypot, "where(y == 0, 0, a / y)", "where(y == 0, 0, b / y)"),
    _s("sigmoid", "expit", "y * sigmoid(-a)"),
    _f("softplus", lambda a: np.logaddexp(a, np.zeros_like(a)), "sigmoid(a)"),
)
