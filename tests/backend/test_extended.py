"""Evaluation in extended precision, against mpmath; and what is refused."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from difflang_reference.extended import NotExtended, evaluator
from difflang_reference.special import FUNCTIONS

import difflang as dl

POINTS = (-3.3, -0.7, 0.01, 0.5, 0.99, 1.3, 1.7, 3.0, 6.5, 30.0)
IS_LONGER = np.finfo(np.longdouble).eps < 2e-19


@pytest.fixture(autouse=True)
def only_where_numpy_has_it() -> None:
    if not IS_LONGER:
        pytest.skip("longdouble is not longer than double here")


def exactly(value: Any) -> Any:
    return mpmath.mpf(np.format_float_scientific(value, precision=25))


def logarithm_of_gamma(x: Any) -> Any:
    return mpmath.log(abs(mpmath.gamma(x)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_functions(name: str) -> None:
    expected = {"erf": mpmath.erf, "erfc": mpmath.erfc, "lgamma": logarithm_of_gamma, "digamma": mpmath.digamma}[name]
    with mpmath.workdps(30):
        for x in POINTS:
            found, exact = exactly(FUNCTIONS[name](np.longdouble(x))), expected(mpmath.mpf(x))
            # The logarithms by which lgamma goes back from where its series holds add up to fifty.
            assert abs(found - exact) <= (1e-17 if name == "lgamma" else 3e-18 * max(abs(exact), 0.1))


def values(text: str, *args: Any) -> list[Any]:
    f = dl.loads(text).f
    return evaluator(f.engine.lowered("f", "f64").func)(args)


def test_programs() -> None:
    """Sums, loops and linear systems, of which the figures are held to mpmath's."""
    text = """
import linalg
fn f(x: real[n]) -> (real, real):
    var s = 0.0
    for i in 0..n:
        s = sin(s + x[i] / 3)
    let a = [[exp(-abs(i - j) * x[i]) for j in 0..n] for i in 0..n]
    return (s, sum(linalg.solve(a, x)))
"""
    x = np.array([0.3, 0.7, 1.1])
    folded, solved = values(text, 3, x)
    with mpmath.workdps(30):
        s = mpmath.mpf(0)
        for xi in x:
            s = mpmath.sin(s + mpmath.mpf(xi) / 3)
        a = mpmath.matrix(3, 3)
        for i in range(3):
            for j in range(3):
                a[i, j] = mpmath.exp(-abs(i - j) * mpmath.mpf(x[i]))
        exact = sum(mpmath.lu_solve(a, mpmath.matrix([mpmath.mpf(xi) for xi in x])))
        assert abs(exactly(folded) - s) < 1e-18
        assert abs(exactly(solved) - exact) < 1e-17


@pytest.mark.parametrize("lower", ["true", "false"])
def test_triangular_systems_and_cholesky(lower: str) -> None:
    text = f"""
import linalg
fn f(a: real[n, n], b: real[n]) -> (real[n], real[n, n]):
    return (linalg.triangular_solve(a, b, lower = {lower}), linalg.cholesky(a @ a.T))
"""
    a, b = np.array([[3.0, 1, 2], [1, 4, 1], [0.5, 1, 5]]), np.array([1.0, 2, 3])
    x, left = values(text, 3, a, b)
    triangle = np.tril(a) if lower == "true" else np.triu(a)
    np.testing.assert_allclose((triangle @ x).astype(float), b, rtol=1e-15)
    assert np.abs(left @ left.T - a.astype(np.longdouble) @ a.T).max() < 1e-17


REFUSED = {
    "eigenvalues": "import linalg\nfn f(a: real[n, n]) -> real = sum(linalg.eigh(a)[0])",
    "long loops": "fn f(x: real[n, n]) -> real = sum(sin(i * x[0, 0]) for i in 0..100000)",
    "single precision": "fn f(x: f32[n, n]) -> f32 = sum(x * x)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    with pytest.raises(NotExtended):
        values(REFUSED[name], 2, np.eye(2))
