"""`ode.solve`: derivatives of the steps and of the equation, against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm, expm_frechet

import difflang as dl

Load = Callable[[str], Any]

PROGRAM = """
import ode
fn decay(rate: real, y0: real, t0: real, t1: real) -> real:
    return ode.solve(fn(t, y) = -rate * y, y0, t0, t1, rtol = 1e-9, atol = 1e-12, derivative = RULE)
fn decay_slope(rate: real, y0: real, t0: real, t1: real) -> real = grad(decay)(rate, y0, t0, t1)
fn linear(a: real[n, n], y0: real[n], times: real[m]) -> real[m, n]:
    return ode.solve(fn(t, y) = a @ y, y0, times, rtol = 1e-9, atol = 1e-12, derivative = RULE)
fn weighed(a: real[n, n], y0: real[n], times: real[m], w: real[m, n]) -> real = sum(w * linear(a, y0, times))
struct Spring:
    place: real
    speed: real
fn spring(k: real, t1: real) -> Spring:
    let force = fn(t, s: Spring) = Spring(place = s.speed, speed = -k * k * s.place)
    return ode.solve(force, Spring(place = 1.0, speed = 0.0), 0.0, t1, rtol = 1e-9, atol = 1e-12, derivative = RULE)
fn still(y0: real) -> real = ode.solve(fn(t, y) = -y, y0, 0.0, 1.0, rtol = 1e-9, atol = 1e-12, derivative = RULE)
"""
RULES = {"unrolled": "ode.unrolled()", "adjoint": "ode.adjoint(rtol = 1e-9, atol = 1e-12, checkpoints = 3)"}
both = pytest.mark.parametrize("rule", RULES)


@pytest.fixture
def module(load: Load, rule: str) -> Any:
    return load(PROGRAM.replace("RULE", RULES[rule]))


@both
def test_exponential_decay(module: Any) -> None:
    rate, y0, t0, t1 = 0.7, 2.0, 0.5, 2.0
    y = y0 * np.exp(-rate * (t1 - t0))
    expected = [-(t1 - t0) * y, y / y0, rate * y, -rate * y]
    assert module.decay(rate, y0, t0, t1) == pytest.approx(y, rel=1e-8)
    names = ("rate", "y0", "t0", "t1")
    np.testing.assert_allclose(dl.grad(module.decay, wrt=names)(rate, y0, t0, t1), expected, rtol=2e-8)
    forward = [dl.jvp(module.decay, wrt=n)(rate, y0, t0, t1, 1.0)[1] for n in names]
    np.testing.assert_allclose(forward, expected, rtol=2e-8)


@both
def test_second_derivatives(module: Any) -> None:
    rate, y0, t0, t1 = 0.7, 2.0, 0.5, 2.0
    y = y0 * np.exp(-rate * (t1 - t0))
    found = dl.hessian(module.decay, wrt="rate")(rate, y0, t0, t1)
    assert found == pytest.approx((t1 - t0) ** 2 * y, rel=1e-6)


@both
def test_a_linear_system_in_its_matrix_its_start_and_its_times(module: Any) -> None:
    a = np.array([[-0.3, 1.0], [-1.2, 0.1]])
    y0, times = np.array([1.0, -0.5]), np.array([0.2, 0.6, 1.7])
    w = np.array([[0.3, -1.0], [0.7, 0.2], [-0.4, 1.1]])
    spans = times - times[0]
    path = np.array([expm(a * t) @ y0 for t in spans])
    np.testing.assert_allclose(module.linear(a, y0, times), path, rtol=1e-7)
    units = np.eye(4).reshape(4, 2, 2)
    by_a = [sum(w[k] @ expm_frechet(a * t, e * t)[1] @ y0 for k, t in enumerate(spans)) for e in units]
    by_y0 = sum(w[k] @ expm(a * t) for k, t in enumerate(spans))
    slopes = [w[k] @ a @ path[k] for k in range(3)]
    by_times = [-slopes[1] - slopes[2], slopes[1], slopes[2]]
    found = dl.grad(module.weighed, wrt=("a", "y0", "times"))(a, y0, times, w)
    np.testing.assert_allclose(found[0].ravel(), by_a, rtol=1e-6)
    np.testing.assert_allclose(found[1], by_y0, rtol=1e-6)
    np.testing.assert_allclose(found[2], by_times, rtol=1e-6, atol=1e-7)
    da, dy0, dtimes = np.array([[0.4, -0.2], [1.0, 0.3]]), np.array([0.1, -0.8]), np.array([0.3, -0.5, 0.9])
    tangent = dl.jvp(module.linear, wrt=("a", "y0", "times"))(a, y0, times, da, dy0, dtimes)[1]
    expected = np.dot(by_a, da.ravel()) + by_y0 @ dy0 + np.dot(by_times, dtimes)
    assert np.sum(w * tangent) == pytest.approx(expected, rel=1e-6)


@both
def test_an_oscillator_whose_state_is_a_struct(module: Any) -> None:
    k, t1 = 1.7, 2.0
    state, tangent = dl.jvp(module.spring, wrt=("k", "t1"))(k, t1, 1.0, 0.0)
    assert state["place"] == pytest.approx(np.cos(k * t1), rel=1e-7)
    assert tangent["place"] == pytest.approx(-t1 * np.sin(k * t1), rel=1e-6)
    bar = {"place": 0.0, "speed": 1.0}
    by_k, by_t1 = dl.vjp(module.spring, wrt=("k", "t1"))(k, t1, bar)[1]
    assert by_k == pytest.approx(-np.sin(k * t1) - k * t1 * np.cos(k * t1), rel=1e-6)
    assert by_t1 == pytest.approx(-k * k * np.cos(k * t1), rel=1e-6)


@both
def test_a_slope_that_captures_nothing(module: Any) -> None:
    assert dl.grad(module.still)(2.0) == pytest.approx(np.exp(-1.0), rel=1e-7)


def test_the_adjoint_stores_no_steps(load: Load) -> None:
    """What the reverse sweep of each choice keeps: states of every step, or nothing."""

    def total(rule: str) -> str:
        return load(PROGRAM.replace("RULE", RULES[rule])).decay.emit("tape").rstrip().splitlines()[-1]

    assert total("adjoint") == "total: nothing is stored by loops"
    assert "* iterations bytes" in total("unrolled")
