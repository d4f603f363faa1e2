"""`optim.minimize`: derivatives of the steps and of the minimiser, against closed forms of ridge regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import difflang as dl
from tests.stdlib.test_estimators import generated

Load = Callable[[str], Any]

PROGRAM = """
import linalg
import optim
fn inner(w: real[n], x: real[m, n], y: real[m], l: real) -> real:
    return dot(x @ w - y, x @ w - y) / (2 * m) + 0.5 * exp(l) * dot(w, w)
fn outer(w: real[n], v: real[k, n], c: real[k]) -> real = dot(v @ w - c, v @ w - c) / (2 * k)

fn newton(l: real, x: real[m, 4], y: real[m]) -> real[4]:
    return optim.minimize(fn(w) = inner(w, x, y, l), zeros(4), optim.newton(), steps = 4, derivative = optim.implicit())
fn by_cg(l: real, x: real[m, 4], y: real[m]) -> real[4]:
    let rule = optim.implicit(via = linalg.cg)
    return optim.minimize(fn(w) = inner(w, x, y, l), zeros(4), optim.lbfgs(), 60, tol = 1e-12, derivative = rule)
fn residuals(l: real, x: real[m, 4], y: real[m]) -> real[4]:
    let rows = fn(w: real[4]) = concat((x @ w - y) / sqrt(real(m)), exp(0.5 * l) * w)
    let method = optim.levenberg_marquardt()
    return optim.minimize(rows, zeros(4), method, steps = 12, tol = 1e-13, derivative = optim.implicit())
fn unrolled(l: real, x: real[m, 4], y: real[m], lr: real, steps: int) -> real[4]:
    return optim.minimize(fn(w) = inner(w, x, y, l), zeros(4), optim.gd(lr = lr), steps = steps)
fn early(l: real, x: real[m, 4], y: real[m], steps: int) -> real[4]:
    let stopped = optim.implicit()
    return optim.minimize(fn(w) = inner(w, x, y, l), zeros(4), optim.gd(lr = 0.7), steps = steps, derivative = stopped)

fn by_newton_loss(l: real, x: real[m, 4], y: real[m], v: real[k, 4], c: real[k]) = outer(newton(l, x, y), v, c)
fn by_cg_loss(l: real, x: real[m, 4], y: real[m], v: real[k, 4], c: real[k]) = outer(by_cg(l, x, y), v, c)
fn residuals_loss(l: real, x: real[m, 4], y: real[m], v: real[k, 4], c: real[k]) = outer(residuals(l, x, y), v, c)
fn unrolled_loss(l: real, x: real[m, 4], y: real[m], v: real[k, 4], c: real[k], lr: real, steps: int) -> real:
    return outer(unrolled(l, x, y, lr, steps), v, c)

struct Line:
    slope: real
    offset: real
fn line(pull: real) -> Line:
    let x = [0.0, 1.0, 2.0, 3.0]
    let loss = fn(p: Line) = sum((p.slope * x[i] + p.offset - pull * x[i] ** 2) ** 2 for i in 0..4)
    let start = Line(slope = 0.0, offset = 0.0)
    return optim.minimize(loss, start, optim.newton(), steps = 3, derivative = optim.implicit())
"""

X, V = generated(1, 12, 4), generated(2, 8, 4)
TRUTH = np.array([1.0, -2.0, 0.5, 3.0])
Y, C = X @ TRUTH + 0.3 * generated(3, 12), V @ TRUTH + 0.3 * generated(4, 8)
L = np.log(0.7)
HESSIAN = X.T @ X / 12 + 0.7 * np.eye(4)
BEST = np.linalg.solve(HESSIAN, X.T @ Y / 12)
SLOPE = -0.7 * np.linalg.solve(HESSIAN, BEST)
HYPERGRADIENT = V.T @ (V @ BEST - C) / 8 @ SLOPE
BEND = SLOPE - 1.4 * np.linalg.solve(HESSIAN, SLOPE)
CURVATURE = V.T @ (V @ BEST - C) / 8 @ BEND + np.sum(np.square(V @ SLOPE)) / 8


@pytest.fixture
def m(load: Load) -> Any:
    return load(PROGRAM)


def test_the_closed_forms_are_the_published_numbers() -> None:
    assert pytest.approx(0.841328424462, abs=1e-12) == HYPERGRADIENT
    assert pytest.approx(0.069114436882, abs=1e-12) == CURVATURE


@pytest.mark.parametrize(("way", "rtol"), [("by_newton", 1e-12), ("by_cg", 1e-8), ("residuals", 1e-7)])
def test_the_hypergradient_of_a_minimiser(m: Any, way: str, rtol: float) -> None:
    """The derivative does not depend on the search, nor on the solver of its linear systems."""
    gradient = dl.grad(getattr(m, f"{way}_loss"))(L, X, Y, V, C)
    assert gradient == pytest.approx(HYPERGRADIENT, rel=rtol)


def test_forward_second_and_taylor_derivatives(m: Any) -> None:
    value, tangent = dl.jvp(m.newton)(L, X, Y, 1.0)
    np.testing.assert_allclose(value, BEST, rtol=1e-12)
    np.testing.assert_allclose(tangent, SLOPE, rtol=1e-12)
    assert dl.hessian(m.by_newton_loss)(L, X, Y, V, C) == pytest.approx(CURVATURE, rel=1e-10)
    coefficients = dl.jet(m.newton, order=2)(L, X, Y, 1.0)
    np.testing.assert_allclose(coefficients[2], 0.5 * BEND, rtol=1e-10)


def test_the_data_of_a_minimiser(m: Any) -> None:
    found = dl.jacobian(m.newton, wrt="y")(L, X, Y)
    np.testing.assert_allclose(found, np.linalg.solve(HESSIAN, X.T) / 12, rtol=1e-11, atol=1e-14)


def test_unrolled_steps(m: Any) -> None:
    """Gradient descent on a quadratic, differentiated step by step in the penalty and in its own step size."""
    steps, lr = 7, 0.4
    w, by_l, by_lr = np.zeros(4), np.zeros(4), np.zeros(4)
    for _ in range(steps):
        gradient = HESSIAN @ w - X.T @ Y / 12
        by_lr = by_lr - lr * HESSIAN @ by_lr - gradient
        by_l = by_l - lr * (HESSIAN @ by_l + 0.7 * w)
        w = w - lr * gradient
    weight = V.T @ (V @ w - C) / 8
    found = dl.grad(m.unrolled_loss, wrt=("l", "lr"))(L, X, Y, V, C, lr, steps)
    np.testing.assert_allclose(found, [weight @ by_l, weight @ by_lr], rtol=1e-12)
    assert found[0] != pytest.approx(HYPERGRADIENT, rel=1e-4)
    settled = dl.grad(m.unrolled_loss)(L, X, Y, V, C, 0.7, 200)
    assert settled == pytest.approx(HYPERGRADIENT, rel=1e-12)


def test_a_search_that_was_stopped_early_is_told_of(m: Any) -> None:
    with pytest.warns(dl.DiffLangWarning, match="does not meet its condition"):
        dl.jacobian(m.early)(L, X, Y, 2)


def test_unknowns_that_are_a_struct(m: Any) -> None:
    """The best line through (i, pull i^2), i = 0..3, is pull (3 x - 1)."""
    value, tangent = dl.jvp(m.line)(2.0, 1.0)
    assert value["slope"] == pytest.approx(6.0) and value["offset"] == pytest.approx(-2.0)
    assert tangent["slope"] == pytest.approx(3.0) and tangent["offset"] == pytest.approx(-1.0)
