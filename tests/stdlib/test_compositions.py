"""Derivatives through whole algorithms of the library: training loops, integrators, iterative solvers, random draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import difflang as dl

Load = Callable[[str], Any]

PROGRAM = """
import linalg
import ode
import optim
import rng
fn rosenbrock(x: real[2], a: real) -> real = (a - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
fn after_adam(lr: real) -> real:
    return rosenbrock(optim.minimize(fn(x) = rosenbrock(x, 1.0), [-1.2, 1.0], optim.adam(lr = lr), steps = 20), 1.0)
fn after_momentum(lr: real) -> real:
    let method = optim.momentum(lr = 0.01 * lr)
    return rosenbrock(optim.minimize(fn(x) = rosenbrock(x, 1.0), [-1.2, 1.0], method, steps = 9), 1.0)
fn after_newton(a: real) -> real:
    return sum(optim.minimize(fn(x) = rosenbrock(x, a), [-1.2, 1.0], optim.newton(), steps = 30, tol = 1e-10))
fn path_sum(k: real, times: real[n]) -> real:
    return sum(ode.dopri5(fn(t, y) = [y[1], -k * sin(y[0])], [1.0, 0.0], times, rtol = 1e-9, atol = 1e-11))
fn cg_sum(s: real, b: real[n]) -> real = dot(b, linalg.cg(fn(v) = s * v + 0.1 * sum(v) * ones(n), b))
fn gmres_sum(s: real, b: real[n]) -> real = dot(b, linalg.gmres(fn(v) = s * v + 0.1 * sum(v) * ones(n), b))
fn expectation(mean: real, seed: int) -> real = sum((mean + rng.normal(rng.key(seed), i)) ** 2 for i in 0..100) / 100
"""


def slope_by_differences(f: Callable[[float], float], x: float) -> float:
    h = 1e-3 * abs(x)
    return (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)


CASES: list[tuple[str, float, tuple[Any, ...], float]] = [
    ("after_adam", 0.01, (), 1e-6),
    ("after_momentum", 0.01, (), 1e-6),
    ("after_newton", 1.1, (), 1e-6),
    ("path_sum", 2.0, (np.linspace(0, 3, 7),), 1e-6),
    ("cg_sum", 2.0, (np.arange(1.0, 5.0),), 1e-8),
    ("gmres_sum", 2.0, (np.arange(1.0, 5.0),), 1e-8),
    ("expectation", 0.7, (3,), 1e-8),
]


@pytest.mark.parametrize(("name", "at", "rest", "tolerance"), CASES, ids=[case[0] for case in CASES])
def test_forward_and_reverse_and_differences(
    load: Load, name: str, at: float, rest: tuple[Any, ...], tolerance: float
) -> None:
    f = getattr(load(PROGRAM), name)
    reverse = float(dl.grad(f)(at, *rest))
    forward = float(dl.jvp(f)(at, *rest, 1.0)[1])
    assert reverse == pytest.approx(forward, rel=1e-9)
    assert reverse == pytest.approx(slope_by_differences(lambda x: float(f(x, *rest)), at), rel=tolerance)
