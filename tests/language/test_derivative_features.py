"""Rules, implicit functions, Taylor series, checkpoints and compressed matrices, as users write them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import difflang as dl

RIDGE = """
import linalg
implicit fn ridge(X: real[n, d], y: real[n], lam: real) -> w: real[d]:
    where X.T @ (X @ w - y) + lam * w == 0 {via}
    return linalg.cg(fn(v) = X.T @ (X @ v) + lam * v, X.T @ y, rtol = 1e-14)
fn total(lam: real, X: real[n, d], y: real[n]) -> real = sum(ridge(X, y, lam))
"""
ROOT = """
implicit fn root(a: real) -> w: real:
    where w ** 3 == a
    var w = 1.0
    while abs(w ** 3 - a) > 1e-14 * a:
        w = w - (w ** 3 - a) / (3 * w * w)
    return w
"""


@pytest.mark.parametrize("via", ["", "via linalg.cg", "via linalg.gmres"])
def test_ridge_regression(run, via):
    rng = np.random.default_rng(0)
    x, y, lam = rng.uniform(-1, 1, (5, 3)), rng.uniform(-1, 1, 5), 0.7
    inverse = np.linalg.inv(x.T @ x + lam * np.eye(3))
    w, ones = inverse @ x.T @ y, np.ones(3)
    text = RIDGE.format(via=via)
    assert run(text, "grad(total)", lam, x, y) == pytest.approx(-ones @ inverse @ w, rel=1e-9)
    assert run(text, "grad(grad(total))", lam, x, y) == pytest.approx(2 * ones @ inverse @ inverse @ w, rel=1e-8)
    assert run(text, "jvp(total)", lam, x, y, 1.0)[1] == pytest.approx(-ones @ inverse @ w, rel=1e-9)


def test_a_root_at_every_order(run):
    a = 2.7
    expected = [a ** (1 / 3), a ** (-2 / 3) / 3, -(a ** (-5 / 3)) / 9, 5 / 81 * a ** (-8 / 3)]
    np.testing.assert_allclose(run(ROOT, "jet[order=3](root)", a, 1.0), expected, rtol=1e-12)
    assert run(ROOT, "grad(grad(root))", a) == pytest.approx(2 * expected[2], rel=1e-12)
    assert run(ROOT, "derivative[order=3](root)", a) == pytest.approx(6 * expected[3], rel=1e-12)


def test_stationary_points_and_several_unknowns(run):
    """The point nearest to the origin on the plane a.x = c, with its multiplier."""
    text = """
implicit fn nearest(a: real[n], c: real) -> (x: real[n], mu: real):
    where 2 * x + mu * a == 0
    where dot(a, x) == c
    let s = c / dot(a, a)
    return (s * a, -2 * s)
fn multiplier(c: real, a: real[n]) -> real = nearest(a, c)[1]
fn energy(x: real[n], t: real) -> real = sum((x[i] - t) ** 2 + 0.5 * x[i] ** 4 for i)
implicit fn lowest(t: real) -> x: real[2]:
    where grad(energy)(x, t) == 0
    var x = [0.0, 0.0]
    for k in 0..60:
        x = x - [(2 * (x[i] - t) + 2 * x[i] ** 3) / (2 + 6 * x[i] ** 2) for i]
    return x
fn first(t: real) -> real = lowest(t)[0]
"""
    assert run(text, "grad(multiplier)", 0.8, np.array([1.0, 2.0])) == pytest.approx(-2 / 5, rel=1e-13)
    t = 0.9
    x = np.real(np.roots([1, 0, 1, -t])[np.argmin(np.abs(np.imag(np.roots([1, 0, 1, -t]))))])
    assert run(text, "grad(first)", t) == pytest.approx(1 / (1 + 3 * x * x), rel=1e-10)


def test_rules(run):
    text = """
fn through(x: real) -> real = floor(x)
rule jvp through(x, dx) = dx
fn stepped(x: real) -> real = x * through(x)
fn grow(x: real[n]) -> real[n] = exp(x)
rule vjp grow(x, y, ybar) = grow(x) * ybar
fn both(x: real[n]) -> real = sum(grow(x) * grow(2 * x))
"""
    assert run(text, "grad(stepped)", 2.5) == 4.5
    x = np.array([0.1, 0.2])
    np.testing.assert_allclose(run(text, "grad(both)", x), 3 * np.exp(3 * x), rtol=1e-14)
    np.testing.assert_allclose(run(text, "hessian(both)", x), np.diag(9 * np.exp(3 * x)), rtol=1e-13)


def test_an_extern_function_with_a_rule_that_calls_it(run):
    module = dl.loads("""
extern fn e(x: real) -> real
rule jvp e(x, dx) = e(x) * dx
fn h(x: real) -> real = e(2 * x)
""")
    module.bind(e=np.exp)
    third = dl.grad(dl.grad(dl.grad(module.h))).on(backend=run.backend)
    assert third(0.3) == pytest.approx(8 * np.exp(0.6), rel=1e-14)


def test_checkpoints_change_nothing_but_memory(run):
    text = """
fn loop(x: real, n: int) -> real:
    var y = x
    for i in 0..n:
        y = 1.1 * sin(y)
    return y
fn kept(x: real, n: int) -> real = checkpoint(fn(x: real) = loop(x, n))(x)
fn cut(x: real, n: int) -> real = checkpoint(fn(x: real) = loop(x, n), levels = 2)(x)
"""
    for name in ("kept", "cut"):
        for steps in (0, 1, 10):
            assert run(text, f"grad({name})", 0.7, steps) == run(text, "grad(loop)", 0.7, steps)


def test_jets_along_lines_and_curves(run):
    text = """
fn f(x: real) -> real = sin(x) * exp(x)
fn g(x: real[n], s: real) -> real = s * sum(exp(x[i]) for i)
fn curve(x: real) -> real = jet(f)((x, 1.0, 0.5))[2]
"""
    x = 0.7
    first, second = np.exp(x) * (np.sin(x) + np.cos(x)), 2 * np.exp(x) * np.cos(x)
    assert run(text, "curve", x) == pytest.approx(second / 2 + first / 2, rel=1e-14)
    v = np.array([1.0, 2.0])
    expected = [2 * np.exp(v).sum(), 2 * (v * np.exp(v)).sum(), (v * v * np.exp(v)).sum()]
    np.testing.assert_allclose(run(text, "jet[order=2](g)", v, 2.0, v), expected, rtol=1e-14)


def test_compressed_matrices(run):
    text = """
fn f(x: real[n]) -> real[n] = [x[i] * x[(i + 1) % n] for i in 0..n]
fn rosenbrock(x: real[n]) -> real = sum(100.0 * (x[i+1] - x[i]**2)**2 + (1.0 - x[i])**2 for i in 0..n-1)
fn inside(x: real[n]) -> real = sum(jacobian(f, sparse = true)(x).values)
"""
    x = np.array([1.0, 2, 4, 7])
    module = dl.loads(text)
    for operator, function, entries in ((dl.jacobian, module.f, 8), (dl.hessian, module.rosenbrock, 10)):
        found = operator(function, sparse=True).on(backend=run.backend)(x)
        assert found.nnz == entries
        np.testing.assert_allclose(found.toarray(), operator(function).on(backend=run.backend)(x))
    assert run(text, "inside", x) == 28


def test_a_wrong_implicit_value_is_told_of(run):
    text = """
implicit fn root(a: real) -> w: real:
    where w * w == a
    return 0.5 * (1.0 + a)
"""
    with pytest.warns(dl.DiffLangWarning, match="root"):
        run(text, "grad(root)", 2.0)
    with pytest.raises(dl.DiffLangError) as caught:
        dl.loads(text).root.on(backend=run.backend, check="residual")(2.0)
    assert caught.value.code == "E0811"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(ROOT, "grad(root)", 2.0)
