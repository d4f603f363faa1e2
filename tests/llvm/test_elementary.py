"""Errors of the elementary functions in units in the last place, against mpmath, and their special values.

`ACCURACY` is the table of errors that we promise: the largest one found on random arguments (spread evenly and by
magnitude) lies below it. An f32 function is rounded once from f64, but for those of `SINGLE`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import pytest
from difflang_llvm.generate import generate
from mpmath import mp
from scipy import special

import difflang as dl
from difflang.loops import ir
from tests.llvm.elementary import compiled

Floats = npt.NDArray[Any]
RANDOM = np.random.default_rng(7)
COUNT = 150


def even(low: float, high: float) -> Floats:
    return RANDOM.uniform(low, high, COUNT)


def powers(low: float, high: float) -> Floats:
    """Magnitudes 10^low to 10^high."""
    return 10.0 ** RANDOM.uniform(low, high, COUNT)


def both(x: Floats) -> Floats:
    return np.concatenate([x, -x])


def near_multiples() -> Floats:
    """Close to multiples of pi/2, also large ones, where the reduction cancels."""
    return np.concatenate(
        [np.arange(1, 60) * (np.pi / 2), np.arange(1, 40) * 1e6 * np.pi, RANDOM.integers(1, 9, 40) * 1e14 * np.pi]
    )


ANGLES = np.concatenate([both(even(0, 10)), even(-1e4, 1e4), both(powers(-12, 0)), powers(0, 300), near_multiples()])
SMALL = both(powers(-300, 0))
POSITIVE = np.concatenate([even(0.4, 2.5), powers(-307, 307), 1 + powers(-15, -1), 1 - powers(-15, -1)])
UNIT = np.concatenate([both(even(0, 1)), both(powers(-12, 0)), both(1 - powers(-12, -1))])

Accuracy = tuple[str, Callable[..., Any], Floats, float]
ACCURACY: list[Accuracy] = [
    ("exp", mp.exp, np.concatenate([even(-740, 709), even(-2, 2), both(powers(-12, 0))]), 0.8),
    ("exp2", lambda x: mp.mpf(2) ** x, np.concatenate([even(-1070, 1023), even(-2, 2), both(powers(-12, 0))]), 0.8),
    ("expm1", mp.expm1, np.concatenate([even(-40, 709), even(-2, 2), SMALL]), 0.8),
    ("log", mp.log, POSITIVE, 0.7),
    ("log2", lambda x: mp.log(x, 2), POSITIVE, 0.7),
    ("log10", mp.log10, POSITIVE, 0.7),
    ("log1p", mp.log1p, np.concatenate([even(-0.999, 3), powers(-300, 300), -powers(-300, -0.01)]), 0.8),
    ("sin", mp.sin, ANGLES, 0.7),
    ("cos", mp.cos, ANGLES, 0.7),
    ("tan", mp.tan, ANGLES, 0.9),
    ("asin", mp.asin, UNIT, 0.7),
    ("acos", mp.acos, UNIT, 0.7),
    ("atan", mp.atan, np.concatenate([both(even(0, 5)), both(powers(-300, 300))]), 0.7),
    ("sinh", mp.sinh, np.concatenate([both(even(0, 710)), both(even(0, 3)), SMALL]), 0.9),
    ("cosh", mp.cosh, np.concatenate([both(even(0, 710)), both(even(0, 3)), SMALL]), 0.9),
    ("tanh", mp.tanh, np.concatenate([both(even(0, 25)), both(even(0, 2)), SMALL]), 0.7),
    ("asinh", mp.asinh, np.concatenate([both(even(0, 5)), both(powers(-300, 300))]), 0.7),
    ("acosh", mp.acosh, np.concatenate([1 + powers(-15, 0), powers(0, 300)]), 0.7),
    ("atanh", mp.atanh, UNIT, 0.7),
    ("sigmoid", lambda x: 1 / (1 + mp.exp(-x)), np.concatenate([even(-700, 40), even(-3, 3), SMALL]), 0.9),
    ("softplus", lambda x: mp.log1p(mp.exp(x)), np.concatenate([even(-700, 40), even(-3, 3), SMALL]), 0.9),
    ("erf", mp.erf, np.concatenate([both(even(0, 6)), SMALL]), 1.0),
    ("erfc", mp.erfc, np.concatenate([even(-6, 6), even(0, 26.5), SMALL]), 1.0),
    ("gaussian", lambda x: mp.exp(-x * x), np.concatenate([even(-6, 6), even(0, 26.5), SMALL]), 0.8),
    ("cbrt", lambda x: mp.sign(x) * mp.cbrt(abs(x)), both(powers(-307, 307)), 0.6),
    ("lgamma", lambda x: mp.loggamma(x).real, np.concatenate([even(0.01, 30), even(0.4, 2.6), powers(-300, 300)]), 1.0),
    ("digamma", mp.digamma, np.concatenate([even(0.01, 30), even(0.4, 2.6), powers(-300, 300)]), 1.0),
]


SINGLE: dict[str, float] = dict.fromkeys(("exp", "log", "log2", "sin", "cos", "tanh"), 1.0)
"""The promises for the functions that have code of their own in f32."""


def errors(values: Floats, exact: list[Any]) -> Floats:
    """Distances in units in the last place of the correctly rounded value."""
    with np.errstate(over="ignore"):
        rounded = np.array([float(e) for e in exact]).astype(values.dtype)
    unit = np.spacing(np.abs(rounded))
    return np.array(
        [
            0.0 if v == r else abs(float((mp.mpf(float(v)) - e) / mp.mpf(float(u))))
            for v, e, r, u in zip(values, exact, rounded, unit, strict=True)
        ]
    )


@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize(("name", "exact", "points", "bound"), ACCURACY, ids=[row[0] for row in ACCURACY])
def test_errors_stay_below_the_promised_ones(
    name: str, exact: Callable[..., Any], points: Floats, bound: float, dtype: str
) -> None:
    kind = np.float64 if dtype == "f64" else np.float32
    with np.errstate(over="ignore", under="ignore"):
        x = points.astype(kind)
    limit = 36 if dtype == "f32" else 308
    x = x[np.isfinite(x) & (np.abs(x) > 10.0**-limit)]
    with mpmath.workdps(40):
        truth = [exact(mp.mpf(float(v))) for v in x]
        inside = np.array([abs(t) < mp.mpf(10) ** limit and abs(t) > mp.mpf(10) ** -limit for t in truth])
        found = errors(compiled(name, dtype, 1)(x), truth)[inside]
    assert found.max() <= (bound if dtype == "f64" else SINGLE.get(name, 0.51))


BINARY: list[tuple[str, Callable[..., Any], Floats, Floats, float]] = [
    ("pow", lambda x, y: x**y, even(0, 3), even(-200, 200), 1.0),
    ("pow", lambda x, y: x**y, powers(-30, 30), even(-10, 10), 1.0),
    ("pow", lambda x, y: x**y, 1 + powers(-6, -3), powers(0, 5), 1.0),
    ("atan2", mp.atan2, even(-1, 1), even(-1, 1), 0.7),
    ("atan2", mp.atan2, powers(-200, 200), -powers(-200, 200), 0.7),
    ("hypot", mp.hypot, powers(-200, 200), powers(-200, 200), 0.6),
    ("hypot", mp.hypot, even(-1, 1), even(-1, 1), 0.6),
]


@pytest.mark.parametrize(("dtype", "bound"), [("f64", 0.7), ("f32", 1.0)])
def test_sine_and_cosine_of_one_angle_are_one_call_and_as_exact(dtype: str, bound: float) -> None:
    with np.errstate(over="ignore"):
        x = ANGLES.astype(np.float64 if dtype == "f64" else np.float32)
    x = x[np.isfinite(x)]
    function = dl.loads("fn f(x: real[n]) -> (real[n], real[n]) = ([sin(x[i]) for i], [cos(x[i]) for i])").f
    text = function.on(precision=dtype).emit("llvm")
    assert re.findall(rf"call \{{[^}}]*\}} @dl\.(\w+)\.{dtype}\(", text) == ["sincos"]
    sine, cosine = function.on(precision=dtype)(x)
    with mpmath.workdps(40):
        points = [mp.mpf(float(v)) for v in x]
        assert errors(sine, [mp.sin(v) for v in points]).max() <= bound
        assert errors(cosine, [mp.cos(v) for v in points]).max() <= bound


def test_sine_and_cosine_of_a_choice_are_one_call() -> None:
    program = (
        "fn f(x: real[n], i: int) -> real:\n    let angle = x[i] if i >= 0 else 0.5\n    return sin(angle) - cos(angle)"
    )
    function = dl.loads(program).f
    assert re.findall(r"call [^\n@]*@dl\.(\w+)\.f64", function.emit("llvm")) == ["sincos"]
    for i, angle in ((1, 2.0), (-1, 0.5)):
        assert function([1.0, 2.0], i) == pytest.approx(math.sin(angle) - math.cos(angle), rel=1e-15)


def test_sine_and_cosine_of_what_changes_in_between_are_two_calls() -> None:
    x, y, s, c = (ir.Register("f64", name) for name in "xysc")
    angle = ir.Register("f64", "angle", mutable=True)
    sine, cosine = ir.Apply(s, "sin", (angle,)), ir.Apply(c, "cos", (angle,))
    body = (ir.Assign((angle,), (x,)), sine, ir.Assign((angle,), (y,)), cosine)
    program = ir.Program("f", (x, y), (ir.Result(s), ir.Result(c)), body, (), ())
    assert generate(program).functions == (("sin", "f64"), ("cos", "f64"))


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_an_error_function_and_its_slope_are_one_call(name: str) -> None:
    """The slope is as exact far out, where rounding x^2 would cost it hundreds of units."""
    x = np.concatenate([even(-6, 6), even(-26, 26), SMALL])
    slope = dl.jvp(dl.loads(f"fn f(x: real[n]) -> real[n] = [{name}(x[i]) for i]").f)
    text = slope.emit("llvm")
    assert set(re.findall(r"call \{[^}]*\} @dl\.(\w+)\.f64\(", text)) == {f"{name}_gaussian"}
    value, found = slope(x, np.ones_like(x))
    sign = 1 if name == "erf" else -1
    with mpmath.workdps(40):
        points = [mp.mpf(float(v)) for v in x]
        assert errors(value, [getattr(mp, name)(v) for v in points]).max() <= 1.0
        assert errors(found, [sign * 2 / mp.sqrt(mp.pi) * mp.exp(-v * v) for v in points]).max() <= 2.0


@pytest.mark.parametrize(("name", "exact", "x", "y", "bound"), BINARY)
def test_functions_of_two_arguments(name: str, exact: Callable[..., Any], x: Floats, y: Floats, bound: float) -> None:
    with mpmath.workdps(40):
        truth = [exact(mp.mpf(float(a)), mp.mpf(float(b))) for a, b in zip(x, y, strict=True)]
        assert errors(compiled(name, "f64", 2)(x, y), truth).max() <= bound


@pytest.mark.parametrize("exponent", [0.5, -0.5, 1.5, -1.5])
def test_powers_of_halves(exponent: float) -> None:
    power = dl.loads(f"fn power(x: real[n]) -> real[n] = [x[i] ** {exponent} for i]").power
    x = np.concatenate([even(0, 3), powers(-150, 150)])
    with mpmath.workdps(40):
        assert errors(power(x), [mp.mpf(float(v)) ** exponent for v in x]).max() <= 0.6
    with np.errstate(all="ignore"):
        assert_same(power(SPECIAL), np.power(SPECIAL, np.full_like(SPECIAL, exponent)), 1e-15)


LISTED = (
    0.0,
    1.0,
    2.0,
    0.5,
    3.0,
    np.inf,
    5e-324,
    1e-310,
    1e308,
    2.0**53,
    1e300,
    1e-300,
    1e17,
    700.0,
    710.0,
    746.0,
    1e-8,
)
SPECIAL = np.array([*LISTED, *(-v for v in LISTED), np.nan])
SAME_NAMES = "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh floor ceil abs sign"
INVERSE_NAMES = "asin acos atan asinh acosh atanh"
NUMPY: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in SAME_NAMES.split()},
    **{name: getattr(np, "arc" + name[1:]) for name in INVERSE_NAMES.split()},
    "round": np.round,
    "erf": special.erf,
    "erfc": special.erfc,
    "relu": lambda a: np.maximum(a, 0),
    "softplus": lambda a: np.logaddexp(a, 0 * np.where(np.isinf(a), 0, a)),
}


def assert_same(values: Floats, expected: Floats, tolerance: float) -> None:
    np.testing.assert_allclose(values, expected, rtol=tolerance, atol=0)
    numbers = ~np.isnan(expected)
    assert (np.signbit(values) == np.signbit(expected))[numbers].all()


@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize("name", NUMPY)
def test_special_values_are_those_of_numpy(name: str, dtype: str) -> None:
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(np.float64 if dtype == "f64" else np.float32)
        assert_same(compiled(name, dtype, 1)(x), NUMPY[name](x), 1e-14 if dtype == "f64" else 1e-6)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pow", np.power),
        ("atan2", np.arctan2),
        ("hypot", np.hypot),
        ("floordiv", np.floor_divide),
        ("mod", np.mod),
        ("max", np.maximum),
        ("min", np.minimum),
        ("div", np.divide),
    ],
)
def test_special_pairs_are_those_of_numpy(name: str, expected: Callable[..., Any], dtype: str) -> None:
    with np.errstate(all="ignore"):
        x, y = (v.ravel() for v in np.meshgrid(SPECIAL, SPECIAL))
        kind = np.float64 if dtype == "f64" else np.float32
        x, y = x.astype(kind), y.astype(kind)
        assert_same(compiled(name, dtype, 2)(x, y), expected(x, y), 1e-14 if dtype == "f64" else 1e-6)


def test_gamma_at_its_poles_and_limits() -> None:
    x = np.array([0.0, -1.0, -7.0, np.inf, 1.0, 2.0])
    np.testing.assert_array_equal(compiled("lgamma", "f64", 1)(x), [np.inf, np.inf, np.inf, np.inf, 0, 0])
    poles = compiled("digamma", "f64", 1)(np.array([0.0, -0.0, -1.0, np.inf]))
    np.testing.assert_array_equal(poles, [-np.inf, np.inf, np.nan, np.inf])


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_reflection_of_the_gamma_family(name: str) -> None:
    """Close to zeros of the functions the error is small in absolute terms."""
    x = -even(0.01, 12)
    exact = {"lgamma": lambda v: mp.log(abs(mp.gamma(v))), "digamma": mp.digamma}[name]
    with mpmath.workdps(40):
        truth = np.array([float(exact(mp.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(compiled(name, "f64", 1)(x), truth, rtol=5e-14, atol=5e-14)


@pytest.mark.parametrize("columns", [0, 1, 3, 4, 7, 14, 33])
def test_rows_of_every_length(columns: int) -> None:
    """Loops inside loops, with a rest that fills no vector."""
    source = "fn f(x: real[m, n]) -> (real[m, n], real[m]) = (tanh(x), [sum(exp(x[i])) for i in 0..m])"
    x = RANDOM.normal(size=(3, columns))
    rows, sums = dl.loads(source)["f"](x)
    np.testing.assert_allclose(rows, np.tanh(x), rtol=1e-15)
    np.testing.assert_allclose(sums, np.exp(x).sum(axis=1), rtol=1e-14)
