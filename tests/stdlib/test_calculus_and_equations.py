"""Vector calculus against SymPy, equations against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import difflang as dl

Load = Callable[[str], Any]

CALCULUS = """
import calculus
fn f(p: real[3]) -> real = sin(p[0] * p[1]) + p[0] ** 3 * p[2] ** 2 + exp(p[1] - 2.0 * p[2])
fn field(p: real[3]) -> real[3] = [p[0] * p[1] ** 2, sin(p[2] * p[0]), exp(p[1]) * p[0] ** 2]
fn divergence(p: real[3]) -> real = calculus.divergence(field)(p)
fn curl(p: real[3]) -> real[3] = calculus.curl(field)(p)
fn laplacian(p: real[3]) -> real = calculus.laplacian(f)(p)
fn biharmonic(p: real[3]) -> real = calculus.laplacian(calculus.laplacian(f))(p)
fn vector_laplacian(p: real[3]) -> real[3] = calculus.vector_laplacian(field)(p)
"""

X, Y, Z = SYMBOLS = sympy.symbols("x y z")
F = sympy.sin(X * Y) + X**3 * Z**2 + sympy.exp(Y - 2 * Z)
FIELD = [X * Y**2, sympy.sin(Z * X), sympy.exp(Y) * X**2]
POINT = np.array([0.3, 0.7, -0.4])


def laplacian(f: Any) -> Any:
    return sum(sympy.diff(f, s, 2) for s in SYMBOLS)


ORACLES: dict[str, Any] = {
    "divergence": sum(sympy.diff(f, s) for f, s in zip(FIELD, SYMBOLS, strict=True)),
    "curl": [
        sympy.diff(FIELD[2], Y) - sympy.diff(FIELD[1], Z),
        sympy.diff(FIELD[0], Z) - sympy.diff(FIELD[2], X),
        sympy.diff(FIELD[1], X) - sympy.diff(FIELD[0], Y),
    ],
    "laplacian": laplacian(F),
    "biharmonic": laplacian(laplacian(F)),
    "vector_laplacian": [laplacian(f) for f in FIELD],
}


@pytest.mark.parametrize("name", ORACLES)
def test_operators(load: Load, name: str) -> None:
    expected = sympy.lambdify(SYMBOLS, ORACLES[name])(*POINT)
    np.testing.assert_allclose(getattr(load(CALCULUS), name)(POINT), expected, rtol=1e-12)


EQUATIONS = """
import equations
fn square_root(a: real) -> real = equations.root(fn(x: real) = x * x - a, 1.0)
fn crossing(p: real[2]) -> real[2]:
    return equations.root(fn(v: real[2]) = [v[0] ** 2 + v[1] ** 2 - p[0], v[0] - p[1] * v[1]], [1.0, 1.0])
fn anomaly(mean: real, e: real) -> real = equations.fixed_point(fn(x: real) = mean + e * sin(x), mean)
fn ridge(lam: real, a: real[m, n], y: real[m]) -> real[n]:
    return equations.argmin(fn(w: real[n]) = dot(a @ w - y, a @ w - y) + lam * dot(w, w), zeros(n))
fn ridge_size(lam: real, a: real[m, n], y: real[m]) -> real = norm(ridge(lam, a, y))
fn hopeless(a: real) -> real = equations.root(fn(x: real) = x * x + a, 1.0)
fn runaway(a: real) -> real = equations.fixed_point(fn(x: real) = a * x + 1.0, 1.0, steps = 50)
"""


def test_roots_and_their_derivatives_to_third_order(load: Load) -> None:
    f = load(EQUATIONS).square_root
    expected = [2.0, 0.25, -1 / 32, 3 / 256]
    for order, value in enumerate(expected):
        assert (dl.derivative(f, order=order) if order else f)(4.0) == pytest.approx(value, rel=1e-9)


def test_the_jacobian_of_a_system(load: Load) -> None:
    f, p = load(EQUATIONS).crossing, np.array([2.0, 0.5])
    y = np.sqrt(p[0] / (1 + p[1] ** 2))
    np.testing.assert_allclose(f(p), [p[1] * y, y], rtol=1e-12)
    dy = np.array([0.5 * y / p[0], -p[1] * y / (1 + p[1] ** 2)])
    np.testing.assert_allclose(dl.jacobian(f)(p), [p[1] * dy + [0.0, y], dy], rtol=1e-10)


def test_a_fixed_point(load: Load) -> None:
    f = load(EQUATIONS).anomaly
    x = f(1.0, 0.3)
    assert x - 0.3 * np.sin(x) == pytest.approx(1.0, abs=1e-13)
    by_mean, by_e = dl.grad(f, wrt=("mean", "e"))(1.0, 0.3)
    assert by_mean == pytest.approx(1 / (1 - 0.3 * np.cos(x)), rel=1e-11)
    assert by_e == pytest.approx(np.sin(x) / (1 - 0.3 * np.cos(x)), rel=1e-11)


def test_a_minimiser(load: Load) -> None:
    module, generator = load(EQUATIONS), np.random.default_rng(0)
    a, y = generator.standard_normal((8, 3)), generator.standard_normal(8)
    h = a.T @ a + 0.7 * np.eye(3)
    w = np.linalg.solve(h, a.T @ y)
    np.testing.assert_allclose(module.ridge(0.7, a, y), w, rtol=1e-11)
    slope = w @ np.linalg.solve(h, -w) / np.linalg.norm(w)
    assert dl.grad(module.ridge_size)(0.7, a, y) == pytest.approx(slope, rel=1e-10)


@pytest.mark.parametrize("name", ["hopeless", "runaway"])
def test_no_solution_is_an_error(load: Load, name: str) -> None:
    with pytest.raises(dl.DiffLangError):
        getattr(load(EQUATIONS), name)(2.0)
