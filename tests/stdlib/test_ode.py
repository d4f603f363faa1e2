"""Initial value problems against scipy.integrate.solve_ivp and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import difflang as dl

Load = Callable[[str], Any]

PROGRAM = """
import ode
fn pendulum(t: real, y: real[2], damping: real) -> real[2] = [y[1], -sin(y[0]) - damping * y[1] + 0.3 * cos(t)]
fn rk4(y0: real[2], times: real[m], damping: real, substeps: int) -> real[m, 2]:
    return ode.rk4(fn(t, y) = pendulum(t, y, damping), y0, times, substeps)
fn path(y0: real[2], times: real[m], damping: real, rtol: real, atol: real) -> real[m, 2]:
    return ode.dopri5(fn(t, y) = pendulum(t, y, damping), y0, times, rtol, atol)
fn end(y0: real[2], t0: real, t1: real, damping: real) -> real[2]:
    return ode.dopri5(fn(t, y) = pendulum(t, y, damping), y0, t0, t1, rtol = 1e-10, atol = 1e-12)
fn angle(damping: real) -> real = end([1.0, 0.0], 0.0, 5.0, damping)[0]
fn angle_rk4(damping: real) -> real = ode.rk4(fn(t, y) = pendulum(t, y, damping), [1.0, 0.0], 0.0, 5.0, steps = 400)[0]
fn decay(rate: real, t1: real) -> real = ode.dopri5(fn(t, y) = -rate * y, 1.0, 0.0, t1, rtol = 1e-10, atol = 1e-13)
fn stiff(rate: real) -> real = ode.dopri5(fn(t, y) = -rate * (y - cos(t)), 0.0, 0.0, 10.0, max_steps = 200)
struct Body:
    place: real[2]
    speed: real[2]
fn pull(t: real, b: Body) -> Body = Body(place = b.speed, speed = -b.place / norm(b.place) ** 3)
fn orbit(t1: real) -> Body:
    return ode.dopri5(pull, Body(place = [1.0, 0.0], speed = [0.0, 1.0]), 0.0, t1, rtol = 1e-10, atol = 1e-12)
"""

START = np.array([1.0, 0.0])


def exact(times: np.ndarray, damping: float) -> np.ndarray:
    def slope(t: float, y: np.ndarray) -> list[float]:
        return [y[1], -np.sin(y[0]) - damping * y[1] + 0.3 * np.cos(t)]

    solution = solve_ivp(slope, (times[0], times[-1]), START, method="DOP853", t_eval=times, rtol=1e-12, atol=1e-13)
    return solution.y.T


def test_dense_output_at_requested_times(load: Load) -> None:
    times = np.linspace(0.0, 10.0, 101)
    path = load(PROGRAM).path(START, times, 0.1, 1e-9, 1e-11)
    np.testing.assert_allclose(path, exact(times, 0.1), rtol=0, atol=1e-7)


def test_tighter_tolerance_smaller_error(load: Load) -> None:
    times = np.linspace(0.0, 10.0, 11)
    truth = exact(times, 0.1)
    errors = [np.abs(load(PROGRAM).path(START, times, 0.1, r, r) - truth).max() for r in (1e-4, 1e-6, 1e-8, 1e-10)]
    assert all(late < 0.1 * early for early, late in pairwise(errors))


def test_rk4_has_order_four(load: Load) -> None:
    times = np.array([0.0, 2.0, 5.0])
    errors = [np.abs(load(PROGRAM).rk4(START, times, 0.1, n) - exact(times, 0.1)).max() for n in (20, 40, 80)]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 4.0, atol=0.3)


def test_there_and_back(load: Load) -> None:
    module = load(PROGRAM)
    there = module.end(START, 0.0, 4.0, 0.1)
    np.testing.assert_allclose(module.end(there, 4.0, 0.0, 0.1), START, atol=1e-8)


@pytest.mark.parametrize("function", ["angle", "angle_rk4"])
def test_the_derivative_in_a_parameter(load: Load, function: str) -> None:
    ours = dl.grad(getattr(load(PROGRAM), function))(0.1)
    h = 1e-4
    times = np.array([0.0, 5.0])
    expected = (exact(times, 0.1 + h)[-1, 0] - exact(times, 0.1 - h)[-1, 0]) / (2 * h)
    assert ours == pytest.approx(expected, rel=1e-6)


def test_forward_and_reverse_agree(load: Load) -> None:
    angle = load(PROGRAM).angle
    assert dl.jvp(angle)(0.1, 1.0)[1] == pytest.approx(dl.grad(angle)(0.1), rel=1e-12)


def test_the_derivative_is_that_of_the_numbers_computed_even_at_a_loose_tolerance(load: Load) -> None:
    path = load(PROGRAM).path
    times = np.array([0.0, 1.3, 4.0])

    def end(damping: float) -> float:
        return path(START, times, damping, 1e-3, 1e-4)[-1, 0]

    h = 1e-4
    differences = (end(0.1 - 2 * h) - 8 * end(0.1 - h) + 8 * end(0.1 + h) - end(0.1 + 2 * h)) / (12 * h)
    tangent = dl.jvp(path, wrt="damping")(START, times, 0.1, 1e-3, 1e-4, 1.0)[1][-1, 0]
    assert tangent == pytest.approx(differences, rel=1e-9)
    assert abs(end(0.1) - exact(times, 0.1)[-1, 0]) > 1e-5


def test_derivatives_in_rate_and_end_time(load: Load) -> None:
    decay = load(PROGRAM).decay
    by_rate, by_time = dl.grad(decay, wrt=("rate", "t1"))(0.7, 1.5)
    assert by_rate == pytest.approx(-1.5 * np.exp(-1.05), rel=1e-7)
    assert by_time == pytest.approx(-0.7 * np.exp(-1.05), rel=1e-7)


def test_a_state_that_is_a_struct(load: Load) -> None:
    body = load(PROGRAM).orbit(2 * np.pi)
    np.testing.assert_allclose(body["place"], [1.0, 0.0], atol=1e-7)
    np.testing.assert_allclose(body["speed"], [0.0, 1.0], atol=1e-7)


def test_too_many_steps_is_an_error_that_says_so(load: Load) -> None:
    with pytest.raises(dl.DiffLangError, match="stiff"):
        load(PROGRAM).stiff(1e5)
