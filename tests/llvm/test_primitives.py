"""Integer arithmetic, conversions and random bits against NumPy, element by element in a compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import difflang as dl
from difflang.core.ir import DType, Type, Var
from difflang.core.ops import I64
from difflang.prims.random import threefry
from tests.llvm.running import function, run

NUMPY = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}
FLOATS = np.array([0.0, -0.0, 1.5, -1.5, 2.5, 1e10, -1e10, 1e19, -1e19, np.inf, -np.inf, np.nan, 2.0**63, 2.0**31])


def elementwise(name: str, *arrays: Any, **attrs: Any) -> Any:
    """`name` of the elements of equally long vectors."""
    names = {np.dtype(v): k for k, v in NUMPY.items()}
    n = Var(I64, "n")
    types = [Type(names[a.dtype], (n,)) for a in arrays]
    func = function(
        [n, *types],
        lambda b, n, *x: list(b.build([n], lambda i: [b.prim(name, *(b.get(a, i) for a in x), **attrs)])),
    )
    return run(func, len(arrays[0]), *arrays)[0]


def corners(dtype: DType) -> Any:
    info = np.iinfo(NUMPY[dtype])
    return np.array([info.min, info.max, -1, 1, 2, -2, 7, -7, 3, -3, 0, 10], NUMPY[dtype])


@pytest.mark.parametrize("dtype", ["i64", "i32"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("add", np.add),
        ("sub", np.subtract),
        ("mul", np.multiply),
        ("floordiv", np.floor_divide),
        ("mod", np.mod),
        ("max", np.maximum),
        ("min", np.minimum),
        ("lt", np.less),
        ("ne", np.not_equal),
    ],
)
def test_integers_wrap_and_divide_as_in_numpy(name: str, expected: Callable[..., Any], dtype: DType) -> None:
    a, b = (v.ravel() for v in np.meshgrid(corners(dtype), corners(dtype)))
    if name in ("floordiv", "mod"):
        a, b = a[b != 0], b[b != 0]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(elementwise(name, a, b), expected(a, b))


@pytest.mark.parametrize("dtype", ["i64", "i32"])
def test_unary_integers(dtype: DType) -> None:
    a = corners(dtype)
    for name, expected in (("neg", np.negative), ("abs", np.abs), ("sign", np.sign)):
        np.testing.assert_array_equal(elementwise(name, a), expected(a))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, 16, 40])
def test_integer_powers(exponent: int) -> None:
    bases = np.array([0, 1, -1, 2, -2, 3, 7])
    exponents = np.full(7, exponent)
    wrapped = [(int(b) ** exponent + 2**63) % 2**64 - 2**63 for b in bases]
    assert elementwise("powi", bases, exponents).tolist() == wrapped
    assert elementwise("powi", bases, -exponents).tolist() == [
        int(exponent == 0),
        1,
        (-1) ** exponent,
        *[int(exponent == 0)] * 4,
    ]
    x = np.array([0.3, -1.7, 12.5])
    np.testing.assert_allclose(elementwise("powi", x, np.full(3, exponent)), x**exponent, rtol=1e-15)


def test_float_to_integer_truncates_and_saturates() -> None:
    expected = [0, 0, 1, -1, 2, 10**10, -(10**10), 2**63 - 1, -(2**63), 2**63 - 1, -(2**63), 0, 2**63 - 1, 2**31]
    assert elementwise("convert", FLOATS, dtype="i64").tolist() == expected
    narrow = [max(-(2**31), min(2**31 - 1, v)) for v in expected]
    assert elementwise("convert", FLOATS, dtype="i32").tolist() == narrow


@pytest.mark.parametrize("source", ["f64", "f32", "i64", "i32", "bool"])
@pytest.mark.parametrize("target", ["f64", "f32", "bool"])
def test_other_conversions_are_casts(source: DType, target: DType) -> None:
    values = FLOATS if source in ("f64", "f32") else np.array([1, 0]) if source == "bool" else corners(source)
    values = values.astype(NUMPY[source])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(elementwise("convert", values, dtype=target), values.astype(NUMPY[target]))


def test_random_bits_are_threefry() -> None:
    """The known answers of the reference implementation (Random123, kat_vectors: threefry2x32 with 20 rounds)."""
    keys = np.array([0, -1, 0x13198A2E03707344])
    counters = np.array([0, -1, 0x243F6A8885A308D3])
    expected = [0x6B20015999BA4EFE, 0x1CB996FC_BB002BE7, 0xC4923A9C_483DF7A0]
    assert [int(v) % 2**64 for v in elementwise("random_bits", keys, counters)] == expected
    many = np.arange(1000)
    np.testing.assert_array_equal(elementwise("random_bits", many, many * 7), threefry(many, many * 7))


def test_draws_are_calls_of_the_library() -> None:
    """A program with many of them would be made of their seventy instructions each."""
    draws = " + ".join(f"rng.uniform(k, {i})" for i in range(40))
    module = dl.loads(f"import rng\nfn f(seed: int) -> real:\n    let k = rng.key(seed)\n    return {draws}")
    text = module.f.emit("llvm")
    assert "@dl.random_bits.i64" in text and "fshl" not in text


@pytest.mark.parametrize(("dtype", "kept"), [("f64", 53), ("f32", 24)])
def test_bits_become_numbers_below_one(dtype: DType, kept: int) -> None:
    words = np.array([0, -1, 1 << 62, -(1 << 63)])
    expected = [(int(w) % 2**64 >> (64 - kept)) / 2**kept for w in words]
    assert elementwise("bits_to_unit", words, dtype=dtype).tolist() == expected


@pytest.mark.parametrize("order", [0, 1, 2, 5, 40])
def test_polygamma(order: int) -> None:
    x = np.array([0.1, 0.9, 2.5, 7.0, 30.0, 1e3, -0.3, -4.6])
    expected = [float(mpmath.polygamma(order, v)) for v in x]
    np.testing.assert_allclose(elementwise("polygamma", np.full(len(x), order), x), expected, rtol=2e-14)


def test_extremes_and_comparisons_of_nan() -> None:
    a, b = np.array([np.nan, 1.0, np.nan]), np.array([1.0, np.nan, np.nan])
    for name in ("max", "min"):
        assert np.isnan(elementwise(name, a, b)).all()
    assert not elementwise("lt", a, b).any()
    assert elementwise("ne", a, b).all()
    assert elementwise("isnan", a).tolist() == [True, False, True]
    assert elementwise("isfinite", FLOATS).tolist() == np.isfinite(FLOATS).tolist()
