"""Small matrices of every size, whose rows end anywhere in a vector or a block, against NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from difflang_llvm.backend import LLVMBackend

import difflang as dl
from difflang.backend.protocol import Executable
from difflang.core.ir import Type, Var
from difflang.core.ops import I64
from tests.llvm.running import UNCACHED, Recorder, function
from tests.llvm.test_matrices import DTYPES, Matrix, random, tolerance

SIZES = [*range(20), 31, 64, 100, 128]
FACTORED = [*SIZES, 127, 129, 140]
"""The factors of more than 128 rows come from LAPACK."""

TEXT = """
import linalg
fn rows(a: real[n, m], x: real[m], y: real[n]) -> real[n] = a @ x + y
fn columns(a: real[n, m], x: real[m], y: real[n]) -> real[m] = a.T @ y - x
fn both(a: real[n, m], x: real[m], y: real[n]) -> real[m] = a.T @ (a @ x - y)
fn solved(a: real[n, n], b: real[n]) -> real[n] = linalg.solve(a, b)
"""
ORACLES: dict[str, Callable[..., Matrix]] = {
    "rows": lambda a, x, y: a @ x + y,
    "columns": lambda a, x, y: a.T @ y - x,
    "both": lambda a, x, y: a.T @ (a @ x - y),
}


@cache
def program(name: str, dtype: Any) -> Callable[..., Any]:
    return dl.loads(TEXT)[name].on(precision="f64" if dtype == np.float64 else "f32", threads=1)


@cache
def lu(dtype: Any) -> Executable:
    n, name = Var(I64), "f64" if dtype == np.float64 else "f32"
    params = [n, Type(name, (n, n))]
    return LLVMBackend().compile(function(params, lambda b, _, a: b.emit("lu", [a])), UNCACHED)


def factors(a: Matrix) -> list[Any]:
    return list(lu(a.dtype.type)([len(a), a], Recorder()))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORACLES)
def test_products_with_vectors(name: str, dtype: Any) -> None:
    for n in SIZES:
        for m in (0, 1, 3, 7, 17, 100):
            a, x, y = random(n, m, dtype=dtype), random(m, dtype=dtype), random(n, dtype=dtype)
            expected = ORACLES[name](*(array.astype(np.float64) for array in (a, x, y)))
            np.testing.assert_allclose(program(name, dtype)(a, x, y), expected, atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_solutions(dtype: Any) -> None:
    for n in FACTORED:
        a, x = (random(n, n, dtype=dtype) + np.sqrt(n) * np.eye(n)).astype(dtype), random(n, dtype=dtype)
        found = program("solved", dtype)(a, a @ x)
        np.testing.assert_allclose(found, x, atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_factors(dtype: Any) -> None:
    """SciPy's are those of the same row exchanges: none of the numbers are equal in size."""
    for n in FACTORED[1:]:
        a = random(n, n, dtype=dtype)
        packed, rows = factors(a)
        decomposed: Any = scipy.linalg.lu(a, p_indices=True)
        places, lower, upper = decomposed
        np.testing.assert_array_equal(rows, np.argsort(places))
        np.testing.assert_allclose(packed, lower + upper - np.eye(n), atol=tolerance(dtype))


@pytest.mark.parametrize("n", [1, 4, 6, 13])
def test_factors_of_a_singular_matrix(n: int) -> None:
    """Columns without a pivot have nothing to divide; a first row that is as large as a later one stays."""
    a = np.zeros((n, n))
    a[:, n // 2] = 1.0
    packed, rows = factors(a)
    lower, upper = np.tril(packed, -1) + np.eye(n), np.triu(packed)
    np.testing.assert_array_equal(lower @ upper, a)
    np.testing.assert_array_equal(rows, np.arange(n))


def test_nan_is_not_lost() -> None:
    a = random(9, 9, dtype=np.float64)
    a[5, 2] = np.nan
    assert np.isnan(factors(a)[0]).any()
    assert np.isnan(program("solved", np.float64)(a, np.ones(9))).any()
