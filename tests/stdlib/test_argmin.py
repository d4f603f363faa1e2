"""`equations.argmin` and `argmin_projected` on statistical problems, against NumPy, SciPy and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.special import expit

import difflang as dl

Load = Callable[[str], Any]

PROGRAM = """
import equations
fn logistic_loss(w: real[d], x: real[n, d], y: real[n], lam: real) -> real:
    return sum(softplus(-y[i] * dot(x[i], w)) for i in 0..n) + 0.5 * lam * dot(w, w)
fn logistic(x: real[n, 3], y: real[n], lam: real) -> real[3]:
    return equations.argmin(fn(w) = logistic_loss(w, x, y, lam), zeros(3))
fn nonnegative(a: real[m, n], b: real[m]) -> real[n]:
    return equations.argmin_projected(fn(w) = dot(a @ w - b, a @ w - b), relu, zeros(n))
fn boxed(a: real[m, n], b: real[m], top: real) -> real[n]:
    return equations.argmin_projected(fn(w) = dot(a @ w - b, a @ w - b), fn(w) = clip(w, 0.0, top), zeros(n))
"""
RNG = np.random.default_rng(4)
X, Y = RNG.standard_normal((20, 3)), np.where(RNG.uniform(size=20) < 0.6, 1.0, -1.0)
LAM = 0.5
A = RNG.standard_normal((12, 5))
B = A @ np.array([1.0, -2.0, 0.5, 3.0, -1.0]) + 0.1 * RNG.standard_normal(12)


@pytest.fixture
def m(load: Load) -> Any:
    return load(PROGRAM)


def test_logistic_regression_in_its_penalty_and_its_data(m: Any) -> None:
    """H dw = -w for the penalty; with p = sigmoid(-y x.w), the row x_i enters by y p and by p (1 - p) x_i w'."""
    w = m.logistic(X, Y, LAM)
    p = expit(-Y * (X @ w))
    np.testing.assert_allclose(LAM * w, X.T @ (Y * p), atol=1e-12)
    hessian = X.T @ (X * (p * (1 - p))[:, None]) + LAM * np.eye(3)
    np.testing.assert_allclose(
        dl.jvp(m.logistic, wrt="lam")(X, Y, LAM, 1.0)[1], -np.linalg.solve(hessian, w), rtol=1e-9
    )
    bar = np.array([0.3, -1.0, 0.7])
    v = np.linalg.solve(hessian, bar)
    expected = np.outer(Y * p, v) - np.outer(p * (1 - p) * (X @ v), w)
    np.testing.assert_allclose(dl.vjp(m.logistic, wrt="x")(X, Y, LAM, bar)[1], expected, rtol=1e-8, atol=1e-10)


def test_nonnegative_least_squares(m: Any) -> None:
    """The solution is SciPy's; its derivative is that of least squares on the unknowns that are not at their bound."""
    w = m.nonnegative(A, B)
    expected, _ = nnls(A, B)
    np.testing.assert_allclose(w, expected, atol=1e-12)
    free = expected > 0
    assert 0 < free.sum() < 5
    jacobian = np.zeros((5, 12))
    jacobian[free] = np.linalg.pinv(A[:, free])
    bar = np.array([1.0, -0.5, 2.0, 0.3, 0.7])
    np.testing.assert_allclose(dl.vjp(m.nonnegative, wrt="b")(A, B, bar)[1], bar @ jacobian, atol=1e-11)


def test_a_bound_that_is_a_parameter(m: Any) -> None:
    """Where the bound holds, the unknown moves with it, and the free ones follow."""
    top = 1.2
    w, slope = dl.jvp(m.boxed, wrt="top")(A, B, top, 1.0)
    held, free = w == top, (w > 0) & (w < top)
    assert held.any() and free.any()
    expected = held.astype(float)
    expected[free] = -np.linalg.pinv(A[:, free]) @ A[:, held].sum(axis=1)
    np.testing.assert_allclose(slope, expected, atol=1e-10)
