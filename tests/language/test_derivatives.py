"""Derivatives of whole programs against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

PRODUCT = """
fn f(x: real[n]) -> real:
    var p = 1.0
    for i in 0..n:
        p *= x[i]
    return p
"""
NEWTON = """
fn root(a: real) -> real:
    var x = a
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x
"""


def test_product_loop(run):
    np.testing.assert_allclose(run(PRODUCT, "grad(f)", np.array([2.0, 2.0, 2.0])), [4, 4, 4])
    np.testing.assert_allclose(run(PRODUCT, "grad(f)", np.array([0.0, 2.0, 3.0])), [6, 0, 0])
    np.testing.assert_allclose(run(PRODUCT, "grad(f)", np.array([])), [])
    np.testing.assert_allclose(
        run(PRODUCT, "hessian(f)", np.array([2.0, 3.0, 5.0])), [[0, 5, 3], [5, 0, 2], [3, 2, 0]], atol=1e-14
    )


@pytest.mark.parametrize("a", [0.25, 1.5, 2.0, 1e6])
def test_newton_iteration(run, a):
    assert run(NEWTON, "grad(root)", a) == pytest.approx(0.5 / np.sqrt(a), rel=1e-9)
    assert run(NEWTON, "derivative[order=2](root)", a) == pytest.approx(-0.25 * a**-1.5, rel=1e-6)


def test_branch_not_taken(run):
    text = "fn f(x: real) -> real = sqrt(x) if x > 0 else 0"
    assert run(text, "grad(f)", 0.0) == 0
    assert run(text, "grad(f)", 4.0) == 0.25
    array = "fn f(x: real[n]) -> real = sum(sqrt(x[i]) if x[i] > 0 else 0 for i)"
    np.testing.assert_array_equal(run(array, "grad(f)", np.array([0.0, 4.0, -1.0])), [0, 0.25, 0])


@pytest.mark.parametrize("steps", [0, 1, 31, 100_000])
def test_long_loops(run, steps):
    text = """
fn f(x: real, steps: int) -> real:
    var y = x
    for t in 0..steps:
        y = y + 1e-5 * sin(y)
    return y
"""
    if steps > 1000 and run.backend == "reference":
        pytest.skip("the reference interpreter is slow by design")
    value, gradient = run(text, "value_and_grad(f)", 1.0, steps)
    y, dy = 1.0, 1.0
    for _ in range(steps):
        y, dy = y + 1e-5 * np.sin(y), dy * (1 + 1e-5 * np.cos(y))
    assert value == pytest.approx(y, rel=1e-12)
    assert gradient == pytest.approx(dy, rel=1e-11)


def test_aliased_updates(run):
    text = """
fn f(a: real[n]) -> real:
    var x = a
    for i in 0..n:
        for j in 0..n:
            x[i] *= x[j]
    return sum(x)
"""
    a = np.array([1.1, 0.9, 1.2])

    def f(v):
        x = list(v)
        for i in range(3):
            for j in range(3):
                x[i] = x[i] * x[j]
        return sum(x)

    exact = [f(a + 1e-30j * np.eye(3)[k]).imag / 1e-30 for k in range(3)]
    np.testing.assert_allclose(run(text, "grad(f)", a), exact, rtol=1e-13)


def test_perturbation_confusion(run):
    text = "fn f(x: real) -> real = x * grad(fn(y: real) = x * y)(2.0)"
    assert run(text, "grad(f)", 3.0) == 6
    text = "fn f(x: real) -> real = grad(fn(y: real) = x * y * y)(x)"
    assert run(text, "grad(f)", 3.0) == 12


KINKS = [
    ("abs(x)", 0.0, 0.0),
    ("relu(x)", 0.0, 0.0),
    ("max(x, x)", 1.0, 1.0),
    ("max(x, 0)", 0.0, 0.5),
    ("norm([x, x])", 0.0, 0.0),
    ("hypot(x, x)", 0.0, 0.0),
    ("clip(x, 0, 1)", 0.0, 1.0),
    ("clip(x, 0, 1)", 1.5, 0.0),
    ("sqrt(x)", 0.0, np.inf),
    ("floor(x)", 0.5, 0.0),
    ("x ** 2", 0.0, 0.0),
    ("x ** 0", 0.0, 0.0),
    ("real(int(x)) * x", 2.5, 2.0),
    ("stop_grad(x) * x", 3.0, 3.0),
    ("logsumexp([x, x])", 1.0, 1.0),
    ("logsumexp([x, -inf])", 1.0, 1.0),
]


@pytest.mark.parametrize(("expression", "x", "slope"), KINKS, ids=[f"{e} at {x}" for e, x, _ in KINKS])
def test_kinks(run, expression, x, slope):
    assert run(f"fn f(x: real) -> real = {expression}", "grad(f)", x) == slope


def test_max_of_array_shares_ties(run):
    text = "fn f(x: real[n]) -> real = max(x)"
    np.testing.assert_allclose(run(text, "grad(f)", np.array([1.0, 3.0, 3.0])), [0, 0.5, 0.5])


def test_products_with_zeros(run):
    text = "fn f(x: real[n]) -> real = prod(x)"
    np.testing.assert_array_equal(run(text, "grad(f)", np.array([0.0, 2.0, 0.0])), [0, 0, 0])
    np.testing.assert_array_equal(run(text, "grad(f)", np.array([0.0, 2.0, 3.0])), [6, 0, 0])


def test_rosenbrock_hessian(run):
    text = "fn f(x: real[2]) -> real = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2"
    x = np.array([-1.2, 1.0])
    np.testing.assert_allclose(run(text, "grad(f)", x), [-215.6, -88])
    np.testing.assert_allclose(run(text, "hessian(f)", x), [[1330, 480], [480, 200]])
    np.testing.assert_allclose(run(text, "hvp(f)", x, np.array([1.0, 2.0])), [2290, 880])


def test_struct_gradient_and_wrt(run):
    text = """
struct P[n]: w: real[n]; b: real
fn f(p: P[n], x: real[n], s: real) -> real = s * (dot(p.w, x) + p.b) ** 2
"""
    w, x = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    g = run(text, "grad(f)", {"w": w, "b": 0.5}, x, 2.0)
    get = (lambda o, k: o[k]) if isinstance(g, dict) else getattr
    np.testing.assert_allclose(get(g, "w"), 2 * 2 * 1.5 * x)
    assert get(g, "b") == pytest.approx(6)
    gx, gs = run(text, "grad[wrt=x+s](f)", {"w": w, "b": 0.5}, x, 2.0)
    np.testing.assert_allclose(gx, 6 * w)
    assert gs == pytest.approx(2.25)


def test_jvp_vjp_jacobian(run):
    text = "fn f(x: real[n]) -> real[n] = [x[i] * x[(i + 1) % n] for i in 0..n]"
    x, v = np.array([1.0, 2.0, 4.0]), np.array([0.5, -1.0, 2.0])
    jacobian = np.array([[2.0, 1, 0], [0, 4, 2], [4, 0, 1]])
    y, dy = run(text, "jvp(f)", x, v)
    np.testing.assert_allclose(y, [2, 8, 4])
    np.testing.assert_allclose(dy, jacobian @ v)
    y, xbar = run(text, "vjp(f)", x, v)
    np.testing.assert_allclose(xbar, jacobian.T @ v)
    np.testing.assert_allclose(run(text, "jacobian(f)", x), jacobian)


def test_third_derivative(run):
    text = "fn f(x: real) -> real = sin(x) * exp(x)"
    x = 0.7
    assert run(text, "derivative[order=3](f)", x) == pytest.approx(2 * np.exp(x) * (np.cos(x) - np.sin(x)), rel=1e-13)
    assert run(text, "grad(grad(grad(f)))", x) == pytest.approx(2 * np.exp(x) * (np.cos(x) - np.sin(x)), rel=1e-13)


def test_linear_algebra_gradients(run):
    text = """
import linalg
fn f(A: real[n, n], b: real[n]) -> real = sum(linalg.solve(A, b)) + linalg.slogdet(A)[1]
"""
    a = np.array([[4.0, 1.0], [0.5, 3.0]])
    b = np.array([1.0, 2.0])
    inverse = np.linalg.inv(a)
    expected = -np.outer(inverse.T @ np.ones(2), inverse @ b) + inverse.T
    np.testing.assert_allclose(run(text, "grad(f)", a, b), expected, rtol=1e-13)


def test_differentiated_parameters_left_to_their_defaults(run):
    text = "fn f(x: real = 2.0, y: real = 3.0) -> real = x * x * y"
    assert run(text, "grad(f)") == 12
    assert run(text, "grad(f)", y=5.0) == 20
    assert run(text, "grad[wrt=y](f)", y=7.0) == 4
    assert run(text, "grad[wrt=x+y](f)") == (12, 4)
