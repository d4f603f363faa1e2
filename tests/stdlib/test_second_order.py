"""Newton, L-BFGS and least-squares methods, on Rosenbrock's function and a logistic regression with a known optimum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize

ROSENBROCK = """
import optim
fn rosenbrock(x: real[n]) -> real:
    return sum((1.0 - x[i]) ** 2 + 100.0 * (x[i + 1] - x[i] ** 2) ** 2 for i in 0..n - 1)
fn residuals(x: real[2]) -> real[2] = [1.0 - x[0], 10.0 * (x[1] - x[0] ** 2)]
fn pure(x0: real[2], steps: int) -> real[2]:
    return optim.minimize(rosenbrock, x0, optim.newton(line_search = false), steps = steps)
fn newton(x0: real[n], steps: int) -> real[n]:
    return optim.minimize(rosenbrock, x0, optim.newton(), steps = steps, tol = 1e-10)
fn lbfgs(x0: real[n], steps: int) -> real[n]:
    return optim.minimize(rosenbrock, x0, optim.lbfgs(), steps = steps, tol = 1e-10)
fn gauss_newton(x0: real[2], steps: int) -> real[2] = optim.minimize(residuals, x0, optim.gauss_newton(), steps = steps)
fn marquardt(x0: real[2], steps: int) -> real[2]:
    return optim.minimize(residuals, x0, optim.levenberg_marquardt(), steps = steps)
"""

LOGIT = """
import optim
fn loss(w: real[d], a: real[n, d], b: real[n]) -> real:
    return sum(softplus(-b[i] * dot(a[i], w)) for i in 0..n) / n + 0.0005 * dot(w, w)
fn lbfgs(a: real[n, d], b: real[n], w0: real[d]) -> real[d]:
    return optim.minimize(fn(w) = loss(w, a, b), w0, optim.lbfgs(memory = 5), steps = 200, tol = 1e-10)
fn newton(a: real[n, d], b: real[n], w0: real[d]) -> real[d]:
    return optim.minimize(fn(w) = loss(w, a, b), w0, optim.newton(), steps = 50, tol = 1e-10)
"""

OPTIMUM = np.array([3.273712257696, -3.495302035227, 7.207714041273, 2.433851332937, -1.523411291878])
START = np.array([-1.2, 1.0])


def congruential(seed: int, *shape: int) -> np.ndarray:
    """Reproducible numbers in (-1, 1): z <- (1103515245 z + 12345) mod 2^31, the first 16 dropped."""
    numbers, z = [], seed
    for step in range(16 + int(np.prod(shape))):
        z = (1103515245 * z + 12345) % 2**31
        if step >= 16:
            numbers.append(2 * z / 2**31 - 1)
    return np.array(numbers).reshape(shape)


def logistic_data() -> tuple[np.ndarray, np.ndarray]:
    a = congruential(4, 60, 5)
    return a, np.sign(a @ np.array([1, -1, 2, 0.5, -0.5]) + 0.5 * congruential(5, 60))


def test_the_steps_of_newton(load: Callable[[str], Any]) -> None:
    pure = load(ROSENBROCK).pure
    np.testing.assert_allclose(pure(START, 1), [-1.175280899, 1.380674157], rtol=0, atol=1e-8)
    np.testing.assert_allclose(pure(START, 2), [0.7631148712, -3.175033855], rtol=0, atol=1e-8)
    np.testing.assert_allclose(pure(START, 10), [1.0, 1.0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", ["newton", "lbfgs", "gauss_newton", "marquardt"])
def test_the_minimum_of_rosenbrock(load: Callable[[str], Any], method: str) -> None:
    np.testing.assert_allclose(getattr(load(ROSENBROCK), method)(START, 60), [1.0, 1.0], rtol=0, atol=1e-8)


def test_lbfgs_in_twenty_dimensions_needs_about_as_many_steps_as_scipy(load: Callable[[str], Any]) -> None:
    start = np.tile(START, 10)
    seen: list[dict[str, Any]] = []
    x = load(ROSENBROCK).lbfgs.on(report=seen.append)(start, 500)
    scipy_steps = optimize.minimize(
        optimize.rosen, start, jac=optimize.rosen_der, method="L-BFGS-B", options={"gtol": 1e-10, "ftol": 0}
    ).nit
    np.testing.assert_allclose(x, np.ones(20), rtol=0, atol=1e-8)
    assert len(seen) < 2 * scipy_steps


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
def test_the_optimum_of_a_logistic_regression(load: Callable[[str], Any], method: str) -> None:
    a, b = logistic_data()
    assert (b > 0).sum() == 32
    module = load(LOGIT)
    w = getattr(module, method)(a, b, np.zeros(5))
    np.testing.assert_allclose(w, OPTIMUM, rtol=0, atol=1e-8)
    assert module.loss(w, a, b) == pytest.approx(0.166385988451, abs=1e-12)


def test_newton_with_line_search_converges_from_where_the_pure_method_cycles(load: Callable[[str], Any]) -> None:
    a, b = logistic_data()
    np.testing.assert_allclose(load(LOGIT).newton(a, b, np.full(5, 10.0)), OPTIMUM, rtol=0, atol=1e-8)


CURVE = """
import optim
struct Decay:
    amplitude: real
    rate: real
    floor: real
fn model(p: Decay, t: real[n]) -> real[n] = [p.amplitude * exp(-p.rate * t[i]) + p.floor for i]
fn fit(t: real[n], y: real[n]) -> Decay:
    let start = Decay(amplitude = 1.0, rate = 1.0, floor = 0.0)
    return optim.minimize(fn(p) = model(p, t) - y, start, optim.levenberg_marquardt(), steps = 100, tol = 1e-12)
"""


def test_a_curve_fit_agrees_with_scipy(load: Callable[[str], Any]) -> None:
    t = np.linspace(0, 4, 30)
    y = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.1 * np.random.default_rng(3).standard_normal(30)
    expected, _ = optimize.curve_fit(lambda t, a, r, f: a * np.exp(-r * t) + f, t, y, [1, 1, 0], ftol=1e-14, xtol=1e-14)
    fit = load(CURVE).fit(t, y)
    np.testing.assert_allclose([fit["amplitude"], fit["rate"], fit["floor"]], expected, rtol=1e-7)
