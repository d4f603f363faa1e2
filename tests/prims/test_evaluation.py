"""Evaluation against mpmath, exact rules of NaN, infinities, signed zeros and integers, and published random bits."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest

from difflang.prims import PRIMITIVES
from difflang.prims.arithmetic import NUMPY_DTYPES
from tests.prims.reference import NUMERIC
from tests.prims.test_partials import INTEGER_ARGUMENTS, points

ULPS = {"lgamma": 16, "digamma": 16, "polygamma": 64, "pow": 4, "powi": 4, "atan2": 4}
"""Errors that the reference functions of SciPy are known to make; 3 for all others."""


def evaluate(name: str, *args: object, **attrs: str):
    with np.errstate(all="ignore"):
        return PRIMITIVES[name].evaluate(*args, **attrs)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize("name", sorted(NUMERIC.keys() - {"convert"}))
def test_against_mpmath(name: str, dtype: str) -> None:
    scalar = np.dtype(NUMPY_DTYPES[dtype]).type
    epsilon = float(np.finfo(scalar).eps)
    with mp.workdps(40):
        for values in points(name, 40):
            arguments = [
                (np.bool_ if name == "select" else np.int64)(v) if (name, k) in INTEGER_ARGUMENTS else scalar(v)
                for k, v in enumerate(values)
            ]
            exact = [mp.mpf(float(v)) if isinstance(v, np.floating) else int(v) for v in arguments]
            found, wanted = evaluate(name, *arguments), NUMERIC[name](*exact)
            assert found.dtype == scalar
            error = abs(mp.mpf(float(found)) - wanted)
            assert error <= ULPS.get(name, 3) * epsilon * max(abs(wanted), mp.mpf(1) / 1000), (arguments, found, wanted)


def test_every_float_primitive_has_a_model() -> None:
    floats = {
        name
        for name, record in PRIMITIVES.items()
        if name not in ("bits_to_unit", "convert", "select", "polygamma", "powi")
        and _accepts(record, "f64")
        and record.result_dtype(["f64"] * record.arity, {}) == "f64"
    }
    assert floats <= NUMERIC.keys()


def _accepts(record, dtype: str) -> bool:
    try:
        record.result_dtype([dtype] * record.arity, {})
    except (ValueError, KeyError):
        return False
    return True


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("pair", [(math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan)])
def test_extrema_pass_nan_on(name: str, pair: tuple[float, float]) -> None:
    assert math.isnan(evaluate(name, *map(np.float64, pair)))


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("relu", (math.nan,), math.nan),
        ("clip", (math.nan, 0.0, 1.0), math.nan),
        ("sign", (math.nan,), math.nan),
        ("sigmoid", (-math.inf,), 0.0),
        ("sigmoid", (math.inf,), 1.0),
        ("softplus", (math.inf,), math.inf),
        ("softplus", (-math.inf,), 0.0),
        ("softplus", (1e4,), 1e4),
        ("pow", (math.nan, 0.0), 1.0),
        ("pow", (0.0, 0.0), 1.0),
        ("pow", (-math.inf, 0.5), math.inf),
        ("pow", (-math.inf, -0.5), 0.0),
        ("pow", (-8.0, 1 / 3), math.nan),
        ("hypot", (3e200, 4e200), 5e200),
        ("log1p", (-1.0,), -math.inf),
        ("lgamma", (0.0,), math.inf),
        ("round", (2.5,), 2.0),
        ("round", (-3.5,), -4.0),
        ("mod", (-1.0, 3.0), 2.0),
        ("floordiv", (-1.0, 3.0), -1.0),
        ("exp2", (10.0,), 1024.0),
    ],
)
def test_special_values(name: str, args: tuple[float, ...], wanted: float) -> None:
    np.testing.assert_allclose(evaluate(name, *map(np.float64, args)), wanted, rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    "name", ["sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "expm1", "log1p", "erf", "cbrt", "sqrt"]
)
def test_odd_functions_keep_the_sign_of_zero(name: str) -> None:
    assert math.copysign(1.0, float(evaluate(name, np.float64(-0.0)))) == -1.0


LARGEST, SMALLEST = np.int64(2**63 - 1), np.int64(-(2**63))


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("add", (LARGEST, np.int64(1)), SMALLEST),
        ("sub", (SMALLEST, np.int64(1)), LARGEST),
        ("mul", (LARGEST, np.int64(2)), -2),
        ("neg", (SMALLEST,), SMALLEST),
        ("abs", (SMALLEST,), SMALLEST),
        ("floordiv", (np.int64(-7), np.int64(2)), -4),
        ("mod", (np.int64(-7), np.int64(2)), 1),
        ("mod", (np.int64(7), np.int64(-2)), -1),
        ("floordiv", (SMALLEST, np.int64(-1)), SMALLEST),
        ("mod", (SMALLEST, np.int64(-1)), 0),
        ("powi", (np.int64(2), np.int64(10)), 1024),
        ("powi", (np.int64(2), np.int64(-1)), 0),
        ("powi", (np.int64(3), np.int64(-2)), 0),
        ("powi", (np.int64(-1), np.int64(-3)), -1),
        ("powi", (np.int64(-1), np.int64(-4)), 1),
        ("powi", (np.int64(1), np.int64(-4)), 1),
        ("powi", (np.int64(0), np.int64(0)), 1),
        (
            "powi",
            (np.int64(3), np.int64(41)),
            3**41 - 2**64 * (3**41 // 2**64) - (2**64 if 3**41 % 2**64 >= 2**63 else 0),
        ),
    ],
)
def test_integers(name: str, args: tuple[np.int64, ...], wanted: int) -> None:
    found = evaluate(name, *args)
    assert found == wanted
    assert np.asarray(found).dtype == np.int64


@pytest.mark.parametrize(
    ("value", "dtype", "wanted"),
    [
        (-2.9, "i64", -2),
        (2.9, "i32", 2),
        (1e30, "i64", 2**63 - 1),
        (-1e30, "i64", -(2**63)),
        (2.0**63, "i64", 2**63 - 1),
        (2.0**53 + 2, "i64", 2**53 + 2),
        (math.nan, "i64", 0),
        (math.inf, "i32", 2**31 - 1),
        (-math.inf, "i32", -(2**31)),
    ],
)
def test_conversion_to_integers_truncates_and_saturates(value: float, dtype: str, wanted: int) -> None:
    found = evaluate("convert", np.float64(value), dtype=dtype)
    assert found == wanted
    assert found.dtype == NUMPY_DTYPES[dtype]


@pytest.mark.parametrize(
    ("key", "counter", "wanted"),
    [
        (0, 0, 0x6B20015999BA4EFE),
        (0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x1CB996FCBB002BE7),
        (0x13198A2E03707344, 0x243F6A8885A308D3, 0xC4923A9C483DF7A0),
    ],
)
def test_threefry_known_answers(key: int, counter: int, wanted: int) -> None:
    """The vectors for threefry2x32, 20 rounds, of Random123 (D. E. Shaw Research), file kat_vectors."""
    signed = [np.uint64(word).astype(np.int64) for word in (key, counter)]
    assert int(evaluate("random_bits", *signed)) % 2**64 == wanted
    many = evaluate("random_bits", np.full(3, signed[0]), np.full(3, signed[1]))
    assert [int(word) % 2**64 for word in many] == [wanted] * 3


@pytest.mark.parametrize(("dtype", "kept"), [("f64", 53), ("f32", 24)])
def test_unit_numbers_use_the_top_bits(dtype: str, kept: int) -> None:
    largest = evaluate("bits_to_unit", np.int64(-1), dtype=dtype)
    assert largest == 1 - 2.0**-kept
    assert evaluate("bits_to_unit", np.int64(0), dtype=dtype) == 0
    assert evaluate("bits_to_unit", np.int64(1) << np.int64(62), dtype=dtype) == 0.25
    assert largest.dtype == NUMPY_DTYPES[dtype]
