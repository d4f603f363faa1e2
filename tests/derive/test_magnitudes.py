"""Slopes of the elementwise functions that could cancel or overflow, over all magnitudes, against mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import difflang as dl

SLOPES: dict[str, Callable[[Any], Any]] = {
    "cbrt": lambda x: mp.cbrt(x) / (3 * x),
    "log1p": lambda x: 1 / (1 + x),
    "asin": lambda x: 1 / mp.sqrt(1 - x * x),
    "acos": lambda x: -1 / mp.sqrt(1 - x * x),
    "asinh": lambda x: 1 / mp.sqrt(x * x + 1),
    "acosh": lambda x: 1 / mp.sqrt(x * x - 1),
    "atanh": lambda x: 1 / (1 - x * x),
    "erf": lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
    "sigmoid": lambda x: 1 / (2 + mp.exp(x) + mp.exp(-x)),
    "softplus": lambda x: 1 / (1 + mp.exp(-x)),
    "digamma": lambda x: mp.psi(1, x),
}
MAGNITUDES = [1e-200, 1e-30, 1e-8, 1e-3, 0.3, 0.9, 0.999, 1.0001, 1.7, 4.0, 9.0, 30.0, 80.0, 600.0, 1e5, 1e20, 1e30,
              1e160, 1e290]  # fmt: skip
POSITIVE = {"cbrt", "digamma"}
INSIDE_OF_ONE = {"asin", "acos", "atanh"}


def points(name: str, dtype: type) -> np.ndarray:
    info = np.finfo(dtype)
    sides = (1,) if name in POSITIVE or name == "acosh" else (1, -1)
    found = np.array([s * m for m in MAGNITUDES for s in sides if float(info.tiny) < m < float(info.max)]).astype(dtype)
    if name in INSIDE_OF_ONE:
        return found[abs(found) < 1]
    return found[found > (1 if name == "acosh" else -1)] if name in ("acosh", "log1p") else found


def allowed(name: str, slope: Any, x: Any, dtype: type) -> float:
    """A few units in the last place; where exp(-x^2) enters, so many more as rounding x^2 costs."""
    unit = float(np.finfo(dtype).eps)
    return abs(slope) * unit * (8 + (float(x) ** 2 if name == "erf" else 0))


@pytest.mark.parametrize(
    ("backend", "precision", "names"),
    [
        ("llvm", "f64", ("asin", "asinh", "acosh", "digamma", "erf")),
        ("llvm", "f32", ("acos", "asinh", "sigmoid")),
        ("c", "f64", tuple(SLOPES)),
    ],
)
def test_slopes_hold_at_all_magnitudes(backend, precision, names):
    """By grad; forward and Taylor mode expand the same text."""
    lines = [
        f"fn {name}_at(x: real) -> real = {name}(x)\nfn {name}_all(x: real[n]) = [grad({name}_at)(x[i]) for i]\n"
        for name in names
    ]
    module = dl.loads("".join(lines))
    dtype = {"f64": np.float64, "f32": np.float32}[precision]
    info = np.finfo(dtype)
    for name in names:
        x, slope = points(name, dtype), SLOPES[name]
        found = getattr(module, f"{name}_all").on(backend=backend, precision=precision)(x)
        for k, at in enumerate(x):
            with mp.workdps(50):
                exact = slope(mp.mpf(float(at)))
            if info.tiny < abs(exact) < info.max:
                error = abs(mp.mpf(float(found[k])) - exact)
                assert error <= allowed(name, exact, at, dtype), (name, at, found[k], exact)


def test_what_the_result_rounds_to_one_loses():
    """The slope of tanh is made from its value: right to a few units of 1, as is the curvature of sigmoid."""
    module = dl.loads("fn f(x: real) -> real = tanh(x)\nfn g(x: real) -> real = sigmoid(x)")
    for x in (0.1, 1.0, 3.0, 6.0, 12.0, 25.0):
        assert abs(dl.grad(module.f)(x) - float(mp.sech(x) ** 2)) < 3e-16
        curvature = float(-mp.sinh(mp.mpf(x) / 2) / (4 * mp.cosh(mp.mpf(x) / 2) ** 3))
        assert abs(2 * dl.jet(module.g, order=2)(x, 1.0)[2] - curvature) < 1e-16
