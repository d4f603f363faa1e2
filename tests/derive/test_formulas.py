"""Adjoints of formulas by their slopes, against SymPy and exact fractions."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy

import difflang as dl

FORMULAS = {
    "logistic": "3.7 * x[0] * (1.0 - x[0])",
    "neighbours": "x[1] + 0.1 * (x[0] - 2.0 * x[1] + x[2]) + 0.01 * x[1] * (1.0 - x[1])",
    "the same place twice": "(x[0] + x[0] * 2.0) * x[0] - -x[0] * x[1]",
    "products of sums": "(x[0] - x[1]) * (x[1] - x[2]) * (x[0] + 3.0 * x[2])",
    "powers": "x[0] * x[0] * x[0] * x[0] - 2.0 * x[1] * x[1] * x[0]",
    "constant slopes": "2.0 * (x[0] - 0.5 * (x[1] - x[0])) - (x[2] - x[2])",
    "other numbers": "c * x[0] * (c - x[1]) + c * (x[2] * x[2] - c)",
    "slope 0": "x[0] * x[1] - x[1] * x[0] + 0.0 * x[2]",
}


def loss(formula: str) -> str:
    return f"fn f(x: real[3], c: real) -> real = {formula}"


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients_and_hessians_are_those_of_sympy(name):
    text = FORMULAS[name]
    x, c = sympy.symbols("x:3"), sympy.Symbol("c")
    expression = sympy.sympify(eval(text, {"x": x, "c": c}))
    f = dl.loads(loss(text)).f
    point = np.array([0.3, -1.7, 2.25])
    at = {**dict(zip(x, point, strict=True)), c: 1.5}
    expected = [float(expression.diff(v).subs(at)) for v in x]
    np.testing.assert_allclose(dl.grad(f)(point, 1.5), expected, rtol=1e-13, atol=1e-14)
    second = [[float(expression.diff(v, w).subs(at)) for w in x] for v in x]
    np.testing.assert_allclose(dl.hessian(f)(point, 1.5), second, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        ("(x[0] - 1234567.1) * (x[0] - 1234567.1)", lambda x: 2 * (x - Fraction(1234567.1))),
        ("(x[0] - 1e9) * x[0] + 1e9 * x[0]", lambda x: 2 * x),
        ("x[0] + (x[0] - 1234567.1) * (x[0] - 1234567.1)", lambda x: 1 + 2 * (x - Fraction(1234567.1))),
    ],
)
def test_differences_that_nearly_cancel_stay_exact(text, slope):
    """Numbers are put together only where what is rounded there is as large already."""
    at = np.nextafter(1234567.1, 2e6)
    found = dl.grad(dl.loads(loss(text)).f)(np.array([at, 0.0, 0.0]), 0.0)[0]
    expected = slope(Fraction(at))
    assert abs(Fraction(found) - expected) <= 4 * abs(expected) * Fraction(2) ** -53


def test_the_adjoint_of_a_stencil_has_fewer_products_than_the_stencil():
    """x + 0.1 (l - 2 x + r) + 0.01 x (1 - x): 4 products; its adjoint (0.81 - 0.02 x) v + 0.1 u + 0.1 w: one more."""
    step = FORMULAS["neighbours"].replace("[0]", "[i-1]").replace("[1]", "[i]").replace("[2]", "[i+1]")
    m = dl.loads(f"""
fn step(x: real[n]) -> real[n-2] = [{step} for i in 1..n-1]
fn back(x: real[n], v: real[n-2]):
    let (y, g) = vjp(step)(x, v)
    return g
""")
    text = m.back.emit("opt")
    assert len(re.findall(r"f64 = mul", text)) <= 4
    x, v = np.linspace(0.1, 0.9, 7), np.arange(5.0)
    jacobian = np.zeros((5, 7))
    k = np.arange(5)
    jacobian[k, k] = jacobian[k, k + 2] = 0.1
    jacobian[k, k + 1] = 0.81 - 0.02 * x[1:-1]
    np.testing.assert_allclose(m.back(x, v), v @ jacobian, rtol=1e-14)
