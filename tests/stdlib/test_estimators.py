"""Operators and estimators of derivatives against closed forms, NumPy, SymPy and published moments.

Estimators are held to bounds of `SIGMAS` standard errors, the spread taken from theory where known: a false alarm on a
new key has a probability below 1e-5, and the keys are fixed, so that a pass stays a pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import difflang as dl

Load = Callable[[str], Any]
Matrices = Callable[..., Any]
SIGMAS = 4.5

PROGRAM = """
import calculus
import estimators as e
import linalg
import rng

fn wave(p: real[2]) -> real = sin(p[0] * p[1]) + p[0] ** 3 * p[1] ** 2 + exp(p[0] - 2.0 * p[1])
fn form(x: real[n], a: real[n, n]) -> real = 0.5 * dot(x, a @ x)
fn cubic(x: real[3]) -> real = x[0] ** 4 * x[1] ** 2 + sin(x[1] * x[2]) + exp(x[0] - x[2])
fn quartic(x: real[3]) -> real = (x[0] * x[1] + x[2] ** 2) ** 2 + x[0] ** 4

fn projections(x: real[2], v: real[m, 2]) = [e.projected(wave, x, v[i]) for i in 0..m]
fn gradients(x: real[n], a: real[n, n], m: int) = [e.forward_gradient(fn(y) = form(y, a), x, rng.key(i)) for i in 0..m]
fn guided(x: real[2], v: real[2]) = e.guided_gradient(wave, x, v)

fn traces(a: real[n, n], m: int) = [e.hutchinson_trace(fn(v) = a @ v, zeros(n), rng.key(i), 1) for i in 0..m]
fn diagonals(a: real[n, n], m: int) = [e.hutchinson_diagonal(fn(v) = a @ v, zeros(n), rng.key(i), 1) for i in 0..m]
fn plus(a: real[n, n], m: int) = [e.hutch_plus_plus(fn(v) = a @ v, zeros(n), rng.key(i), 6) for i in 0..m]

fn unit2(i: int) -> real[2] = [1.0 if j == i else 0.0 for j in 0..2]
fn mixed(x: real[2]) -> real[5]:
    let (ex, ey) = (unit2(0), unit2(1))
    let low = [e.mixed(wave, x, ex, ey), e.mixed_third(wave, x, ex, ey), e.mixed_fourth(wave, x, ex, ey)]
    return concat(low, [e.third_along(wave, x, ex), e.fourth_along(wave, x, ey)])
fn curves(x: real[2]) -> real[4]:
    let (ex, ey, o) = (unit2(0), unit2(1), zeros(2))
    let third = [6.0 * jet(wave)((x, ex, 0.5 * ey, o))[3], 6.0 * jet(wave)((x, ex, o, o))[3]]
    let fourth = [24.0 * jet(wave)((x, ex, 0.5 * ey, o, o))[4], 24.0 * jet(wave)((x, ex, o, o, o))[4]]
    return concat(third, fourth)
fn biharmonic(x: real[3]) = calculus.biharmonic(cubic)(x)
fn sparse(x: real[3], axes: int, m: int) = [e.sparse_laplacian(cubic, x, rng.key(i), axes) for i in 0..m]
fn dense(x: real[3], m: int) = [e.dense_laplacian(cubic, x, rng.key(i), 1) for i in 0..m]
fn fourths(x: real[3], m: int) = [e.dense_biharmonic(quartic, x, rng.key(i), 1) for i in 0..m]

fn model(w: real[3], a: real[n, 3]) -> real[n] = tanh(a @ w)
fn gauss(w: real[3], a: real[n, 3], v: real[3]) = e.gauss_newton(fn(p) = model(p, a))(w, v)
fn built_in(w: real[3], a: real[n, 3], v: real[3]) = ggn(fn(p) = model(p, a), fn(y) = 0.5 * dot(y, y))(w, v)
fn squares(w: real[3], a: real[n, 3], m: int) = [
    e.gauss_newton_diagonal(fn(p) = model(p, a), w, rng.key(i), 1) for i in 0..m
]
fn sizes(w: real[3], a: real[n, 3], m: int) = [e.jacobian_square(fn(p) = model(p, a), w, rng.key(i), 1) for i in 0..m]
fn rows(w: real[3], a: real[n, 3]) = e.per_sample_gradients(fn(p, i) = 0.5 * tanh(dot(a[i], p)) ** 2, w, n)

fn lanczos(a: real[n, n], start: real[n], steps: int):
    let s = e.lanczos(fn(v) = a @ v, start, steps)
    return (s.diagonal, s.beside, s.basis)
fn log_determinant(a: real[n, n], steps: int, samples: int):
    return e.spectral_sum(fn(v) = a @ v, zeros(n), log, rng.key(9), steps, samples)
fn power(a: real[n, n]) = e.power_iteration(fn(v) = a @ v, ones(n))
fn top(a: real[n, n]) -> real = e.power_iteration(fn(v) = a @ v, ones(n))[0]
fn rosenbrock(x: real[2]) -> real = (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
fn sharpness(x: real[2]) -> real = e.top_curvature(rosenbrock, x, rng.key(4))

fn ridge(w: real[n], x: real[m, n], lam: real) -> real = dot(x @ w, x @ w) / (2.0 * m) + 0.5 * lam * dot(w, w)
fn by_cg(x: real[m, n], v: real[n], lam: real) = e.inverse_hvp(fn(w) = ridge(w, x, 0.0), zeros(n), v, damping = lam)
fn by_series(x: real[m, n], v: real[n], lam: real, scale: real, terms: int):
    return e.neumann_inverse_hvp(fn(w) = ridge(w, x, lam), zeros(n), v, scale, terms)
fn by_fisher(g: real[m, n], v: real[n], damping: real) = e.fisher_inverse_product(g, v, damping)

fn network(x: real[d], v: real[k, d], w: real[k]) -> real = sum(w[j] * tanh(dot(v[j], x)) for j in 0..k)
fn exact(x: real[d], v: real[k, d], w: real[k]) = calculus.laplacian(fn(y) = network(y, v, w))(x)
fn corner(x: real[d], v: real[k, d], w: real[k], i: int, j: int) -> real[3]:
    let f = fn(y) = network(y, v, w)
    let (ei, ej) = (calculus.unit(d, i), calculus.unit(d, j))
    return [e.mixed(f, x, ei, ej), e.mixed_third(f, x, ei, ej), e.mixed_fourth(f, x, ei, ej)]
fn axes(x: real[d], v: real[k, d], w: real[k], some: int, count: int):
    return [e.sparse_laplacian(fn(y) = network(y, v, w), x, rng.key(i), some) for i in 0..count]
fn draws(x: real[d], v: real[k, d], w: real[k], count: int):
    return [e.dense_laplacian(fn(y) = network(y, v, w), x, rng.key(i), 1) for i in 0..count]
"""

STD2 = np.array([0.3, 0.7])
POINT = np.array([0.4, -0.7, 0.9])
SYMBOLS = sympy.symbols("x y z")
X, Y, Z = SYMBOLS


@pytest.fixture
def m(load: Load) -> Any:
    return load(PROGRAM)


def generated(seed: int, *shape: int) -> np.ndarray:
    """z <- (1103515245 z + 12345) mod 2^31, the first 16 dropped, as numbers in (-1, 1)."""
    numbers, z = [], seed
    for step in range(16 + int(np.prod(shape))):
        z = (1103515245 * z + 12345) % 2**31
        if step >= 16:
            numbers.append(2 * z / 2**31 - 1)
    return np.array(numbers).reshape(shape)


def symmetric(n: int) -> np.ndarray:
    a = generated(3, n, n)
    return a + a.T


def check_mean(samples: Any, expected: Any, deviation: Any = None) -> None:
    """The mean of independent samples is within SIGMAS standard errors; the spread is measured where none is given."""
    samples = np.asarray(samples)
    spread = samples.std(axis=0, ddof=1) if deviation is None else np.asarray(deviation)
    assert np.all(np.abs(samples.mean(axis=0) - expected) <= SIGMAS * spread / np.sqrt(len(samples)) + 1e-13)


def laplacian(f: Any) -> Any:
    return sum(sympy.diff(f, s, 2) for s in SYMBOLS)


def at_point(expression: Any) -> float:
    return float(expression.subs(dict(zip(SYMBOLS, POINT, strict=True))))


CUBIC = X**4 * Y**2 + sympy.sin(Y * Z) + sympy.exp(X - Z)
QUARTIC = (X * Y + Z**2) ** 2 + X**4


def test_the_mean_over_all_sign_vectors_is_the_gradient(m: Any) -> None:
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=2)))
    x, y = STD2
    e, c = np.exp(x - 2 * y), np.cos(x * y)
    gradient = [y * c + 3 * x**2 * y**2 + e, x * c + 2 * x**3 * y - 2 * e]
    np.testing.assert_allclose(m.projections(STD2, signs).mean(axis=0), gradient, rtol=1e-14)
    np.testing.assert_allclose(m.guided(STD2, 7 * np.array(gradient)), gradient, rtol=1e-14)
    np.testing.assert_allclose(m.guided(STD2, np.array([-gradient[1], gradient[0]])), 0, atol=1e-15)


def test_forward_gradients_have_the_published_moments(m: Any) -> None:
    """E ghat = g, E |ghat|^2 = n |g|^2; the covariance is |g|^2 I + g g' - 2 diag(g^2)."""
    a, x = symmetric(6), generated(5, 6)
    g = a @ x
    found = m.gradients(x, a, 3000)
    check_mean(found, g, np.sqrt(g @ g - g**2))
    check_mean((found**2).sum(axis=1), 6 * g @ g)


def test_hutchinson_has_the_known_variance(m: Any) -> None:
    a = symmetric(6)
    off = a - np.diag(np.diag(a))
    found = m.traces(a, 3000)
    check_mean(found, np.trace(a), np.sqrt(2 * (off**2).sum()))
    check_mean((found - np.trace(a)) ** 2, 2 * (off**2).sum())
    check_mean(m.diagonals(a, 3000), np.diag(a), np.sqrt((off**2).sum(axis=1)))


def test_hutch_plus_plus(m: Any) -> None:
    """Exact for rank 2 with two sketched vectors; unbiased, with less spread than as many plain samples, elsewhere."""
    low = generated(7, 6, 2)
    np.testing.assert_allclose(m.plus(low @ low.T, 5), np.trace(low @ low.T), rtol=1e-13)
    q = np.linalg.qr(generated(8, 6, 6))[0]
    a = q @ np.diag([10, 5, 0.4, 0.2, 0.1, 0.05]) @ q.T
    found = m.plus(a, 2000)
    check_mean(found, np.trace(a))
    off = a - np.diag(np.diag(a))
    assert found.std() < 0.5 * np.sqrt(2 * (off**2).sum() / 6)


def test_mixed_derivatives(m: Any) -> None:
    p, q = sympy.symbols("p q")
    u = sympy.sin(p * q) + p**3 * q**2 + sympy.exp(p - 2 * q)
    orders = [(1, 1), (2, 1), (2, 2), (3, 0), (0, 4)]
    exact = [sympy.diff(u, p, i, q, j) if i and j else sympy.diff(u, p if i else q, i + j) for i, j in orders]
    expected = [float(f.subs({p: 0.3, q: 0.7})) for f in exact]
    np.testing.assert_allclose(m.mixed(STD2), expected, rtol=1e-12)


def test_jets_along_curves_give_the_published_contractions(m: Any) -> None:
    published = [4.876942985029, 2.937406479948, 12.994951707199, 0.382922305651]
    found = m.curves(STD2)
    np.testing.assert_allclose(found, published, rtol=0, atol=1e-12)
    assert (found[0] - found[1]) / 3 == pytest.approx(0.646512168360, abs=1e-12)
    assert (found[2] - found[3] - 3 * 1.366722943806) / 6 == pytest.approx(1.418643428355, abs=1e-12)


def test_laplacians_and_biharmonic(m: Any) -> None:
    expected = at_point(laplacian(CUBIC))
    np.testing.assert_allclose(m.sparse(POINT, 3, 4), expected, rtol=1e-13)
    check_mean(m.sparse(POINT, 2, 1000), expected)
    hessian = np.array([[at_point(sympy.diff(CUBIC, s, t)) for t in SYMBOLS] for s in SYMBOLS])
    off = hessian - np.diag(np.diag(hessian))
    check_mean(m.dense(POINT, 1000), expected, np.sqrt(2 * (off**2).sum()))
    assert m.biharmonic(POINT) == pytest.approx(at_point(laplacian(laplacian(CUBIC))), rel=1e-12)


def test_the_dense_biharmonic_estimate_needs_normal_directions(m: Any) -> None:
    """Signs would miss the fourth pure derivatives by a factor of three, by far more than the bound."""
    samples = m.fourths(POINT, 20000)
    check_mean(samples, at_point(laplacian(laplacian(QUARTIC))))
    pure = sum(at_point(sympy.diff(QUARTIC, s, 4)) for s in SYMBOLS)
    assert 2 / 3 * pure > 2 * SIGMAS * samples.std() / np.sqrt(len(samples))


def test_gauss_newton(m: Any) -> None:
    w, a, v = generated(1, 3), generated(2, 5, 3), generated(4, 3)
    jacobian = (1 - np.tanh(a @ w) ** 2)[:, None] * a
    product = jacobian.T @ jacobian
    np.testing.assert_allclose(m.gauss(w, a, v), product @ v, rtol=1e-13)
    np.testing.assert_allclose(m.built_in(w, a, v), product @ v, rtol=1e-13)
    check_mean(m.squares(w, a, 2000), np.diag(product))
    check_mean(m.sizes(w, a, 2000), np.trace(product))
    np.testing.assert_allclose(m.rows(w, a), np.tanh(a @ w)[:, None] * jacobian, rtol=1e-13)


def test_lanczos_gives_the_published_quadrature(m: Any) -> None:
    """diag(1, .., 10) from the vector of ones: four nodes integrate the first eight moments."""
    a, ones = np.diag(np.arange(1.0, 11.0)), np.ones(10)
    diagonal, beside, basis = m.lanczos(a, ones, 4)
    np.testing.assert_allclose(beside[:3], [2.872281323, 2.529822128, 2.418677324], rtol=0, atol=1e-9)
    np.testing.assert_allclose(basis @ basis.T, np.eye(4), atol=1e-14)
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:3], 1) + np.diag(beside[:3], -1))
    np.testing.assert_allclose(nodes, [1.282586400106, 3.852753046009, 7.147246953991, 9.717413599894], atol=1e-11)
    moments = [(vectors[0] ** 2 * nodes**k).sum() for k in range(8)]
    np.testing.assert_allclose(moments, [np.mean(np.arange(1.0, 11.0) ** k) for k in range(8)], rtol=1e-13)


def test_lanczos_stays_orthogonal(m: Any) -> None:
    """Without reorthogonalisation 40 steps on a clustered spectrum lose all orthogonality."""
    a = np.diag(np.concatenate([np.linspace(0, 1, 38), [50, 100]]))
    diagonal, beside, basis = m.lanczos(a, np.ones(40), 40)
    np.testing.assert_allclose(basis @ basis.T, np.eye(40), atol=1e-13)
    nodes = np.linalg.eigvalsh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
    np.testing.assert_allclose(nodes, np.sort(np.diag(a)), atol=1e-12)


def test_log_determinant(m: Any) -> None:
    """The estimate's standard error is that of Hutchinson for log a; the quadrature with 12 nodes is exact to 1e-4."""
    a = symmetric(12) @ symmetric(12) / 12 + np.eye(12)
    w, v = np.linalg.eigh(a)
    logarithm = v @ np.diag(np.log(w)) @ v.T
    off = logarithm - np.diag(np.diag(logarithm))
    bound = SIGMAS * np.sqrt(2 * (off**2).sum() / 60)
    assert abs(m.log_determinant(a, 10, 60) - np.linalg.slogdet(a)[1]) < bound


def test_power_iteration(m: Any) -> None:
    a = symmetric(5) @ symmetric(5)
    w, v = np.linalg.eigh(a)
    value, vector = m.power(a)
    assert value == pytest.approx(w[-1], rel=1e-14)
    np.testing.assert_allclose(np.outer(vector, vector), np.outer(v[:, -1], v[:, -1]), atol=1e-7)
    slope = dl.grad(m.top)(a)
    np.testing.assert_allclose((slope + slope.T) / 2, np.outer(v[:, -1], v[:, -1]), atol=1e-6)
    expected = np.linalg.eigvalsh([[1330.0, 480.0], [480.0, 200.0]])[-1]
    assert m.sharpness(np.array([-1.2, 1.0])) == pytest.approx(expected, rel=1e-13)


def test_power_iteration_does_not_return_a_guess(m: Any) -> None:
    with pytest.raises(dl.DiffLangError, match="did not settle"):
        m.top(np.diag([2.0, -2.0, 1.0]))


def hypergradient(inverse: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
    """d/d(log lam) of |V w* - v|^2 / 16, w* the ridge regression of a published bilevel problem with lam = 0.7."""
    x, valid, w0 = generated(1, 12, 4), generated(2, 8, 4), np.array([1, -2, 0.5, 3])
    y, v = x @ w0 + 0.3 * generated(3, 12), valid @ w0 + 0.3 * generated(4, 8)
    w = np.linalg.solve(x.T @ x / 12 + 0.7 * np.eye(4), x.T @ y / 12)
    return float(-inverse(x, valid.T @ (valid @ w - v) / 8) @ (0.7 * w))


def test_inverse_products_give_published_hypergradients(m: Any) -> None:
    assert hypergradient(lambda x, v: m.by_cg(x, v, 0.7)) == pytest.approx(0.841328424462, abs=1e-11)
    scale = 0.702578576204
    published = {0: 0.675602914262, 1: 0.797638032386, 5: 0.840588020712, 20: 0.841328420076, 80: 0.841328424462}
    for terms, expected in published.items():
        found = hypergradient(lambda x, v, k=terms: m.by_series(x, v, 0.7, scale, k))
        assert found == pytest.approx(expected, abs=1e-11)


def test_the_fisher_product_is_the_published_one(m: Any) -> None:
    g = generated(1, 3, 5)
    found = m.by_fisher(g, np.ones(5), 0.1)
    published = [1.629974911583, 6.018053585784, 1.692753822853, 1.081313860755, 0.435173600186]
    np.testing.assert_allclose(found, published, atol=1e-11)
    dense = 0.01 * np.eye(5) + g.T @ g / 3
    np.testing.assert_allclose(m.by_fisher(g, np.ones(5), 0.01), np.linalg.solve(dense, np.ones(5)), rtol=1e-11)


def test_the_laplacian_of_a_network_in_a_thousand_dimensions(m: Any) -> None:
    """u = sum_j w_j tanh(v_j . x): its Hessian is V' diag(w tanh''(V x)) V.

    The estimates are held to 4.5 standard errors of their theory: signs with variance twice the squares off the
    diagonal; axes without replacement with the variance of the diagonal, less the part that has been drawn.
    """
    d, k = 1000, 8
    v, w, x = generated(5, k, d) / np.sqrt(d), generated(6, k), generated(7, d)
    t = np.tanh(v @ x)
    hessian = v.T @ ((w * -2 * t * (1 - t * t))[:, None] * v)
    expected = np.trace(hessian)
    assert m.exact(x, v, w) == pytest.approx(expected, rel=1e-12)
    off = hessian - np.diag(np.diag(hessian))
    check_mean(m.draws(x, v, w, 400), expected, np.sqrt(2 * (off**2).sum()))
    some = 20
    spread = d * np.diag(hessian).std(ddof=1) * np.sqrt((1 - some / d) / some)
    check_mean(m.axes(x, v, w, some, 100), expected, spread)


def test_mixed_derivatives_in_a_thousand_dimensions(m: Any) -> None:
    """From univariate jets: D^k u [e_i ..] = sum_j w_j tanh^(k)(v_j . x) v_ji .. for the network above."""
    d, k, i, j = 1000, 8, 17, 801
    v, w, x = generated(5, k, d) / np.sqrt(d), generated(6, k), generated(7, d)
    s = sympy.Symbol("s")
    derivatives = [sympy.lambdify(s, sympy.diff(sympy.tanh(s), s, order))(v @ x) for order in (2, 3, 4)]
    products = [v[:, i] * v[:, j], v[:, i] ** 2 * v[:, j], v[:, i] ** 2 * v[:, j] ** 2]
    expected = [w @ (slope * product) for slope, product in zip(derivatives, products, strict=True)]
    # Polarisation takes differences of pure derivatives, of which the rounding stays.
    pure = [np.abs(w) @ np.abs(slope * (v[:, i] + v[:, j]) ** p) for p, slope in enumerate(derivatives, 2)]
    assert np.all(np.abs(m.corner(x, v, w, i, j) - expected) <= 1e-13 * np.array(pure) + 1e-18)
