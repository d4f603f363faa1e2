"""The library under `precision = f32`: the same programs, answers to single precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from scipy import special

Load = Callable[[str], Any]

PROGRAM = """
import equations
import fft
import linalg
import ode
import optim
import rng
import special
fn expm(a: real[n, n]) -> real[n, n] = linalg.expm(a)
fn sqrtm(a: real[n, n]) -> real[n, n] = linalg.sqrtm(a)
fn solve(a: real[n, n], b: real[n]) -> real[n] = linalg.solve(a, b)
fn cg(a: real[n, n], b: real[n]) -> real[n] = linalg.cg(a, b)
fn gmres(a: real[n, n], b: real[n]) -> real[n] = linalg.gmres(a, b)
fn bicgstab(a: real[n, n], b: real[n]) -> real[n] = linalg.bicgstab(a, b)
fn normal(seed: int, n: int) -> real[n] = [rng.normal(rng.key(seed), i) for i in 0..n]
fn spring(t: real) -> real[2] = ode.dopri5(fn(s, y) = [y[1], -y[0]], [0.0, 1.0], 0.0, t)
fn gammainc(a: real, x: real) -> real = special.gammainc(a, x)
fn betainc(a: real, b: real, x: real) -> real = special.betainc(a, b, x)
fn root(a: real) -> real = equations.root(fn(x: real) = x * x - a, 1.0)
fn half(x: real[n]) = fft.rfft(x)
fn rosenbrock(x: real[2]) -> real = (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
fn lbfgs(steps: int) -> real[2] = optim.minimize(rosenbrock, [-1.2, 1.0], optim.lbfgs(), steps = steps)
fn newton(steps: int) -> real[2] = optim.minimize(rosenbrock, [-1.2, 1.0], optim.newton(), steps = steps)
fn marquardt(steps: int) -> real[2]:
    let residuals = fn(x: real[2]) = [1.0 - x[0], 10.0 * (x[1] - x[0] ** 2)]
    return optim.minimize(residuals, [-1.2, 1.0], optim.levenberg_marquardt(), steps = steps)
"""


@pytest.fixture
def single(load: Load) -> Callable[..., Any]:
    """`single(name, *arguments)` runs a function of the program, arrays rounded to f32."""

    def run(name: str, *arguments: Any) -> Any:
        rounded = [a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in arguments]
        return getattr(load(PROGRAM), name).on(precision="f32")(*rounded)

    return run


def test_matrix_functions(single: Callable[..., Any], matrices: Callable[..., np.ndarray]) -> None:
    a, b = matrices(5, 5) + 5 * np.eye(5), matrices(5)
    np.testing.assert_allclose(single("expm", 0.5 * a), scipy.linalg.expm(0.5 * a), rtol=2e-5, atol=1e-4)
    np.testing.assert_allclose(single("sqrtm", a), scipy.linalg.sqrtm(a), atol=2e-6)
    spd = a @ a.T
    for solver, matrix in [("solve", a), ("gmres", a), ("bicgstab", a), ("cg", spd)]:
        np.testing.assert_allclose(single(solver, matrix, b), np.linalg.solve(matrix, b), atol=2e-5, err_msg=solver)


def test_random_numbers_are_those_of_double_precision_rounded(single: Callable[..., Any], load: Load) -> None:
    x = single("normal", 3, 1000)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, load(PROGRAM).normal(3, 1000), rtol=2e-4, atol=2e-6)


def test_special_functions(single: Callable[..., Any]) -> None:
    for a, x in [(0.5, 0.2), (3.0, 2.0), (50.0, 60.0)]:
        assert single("gammainc", a, x) == pytest.approx(special.gammainc(a, x), rel=2e-4)
    assert single("betainc", 2.0, 3.0, 0.4) == pytest.approx(0.5248, rel=1e-5)


def test_solvers(single: Callable[..., Any]) -> None:
    np.testing.assert_allclose(single("spring", 2.0), [np.sin(2), np.cos(2)], atol=1e-4)
    assert single("root", 2.0) == pytest.approx(np.sqrt(2.0), rel=1e-6)
    re, im = single("half", np.cos(np.arange(12.0)))
    np.testing.assert_allclose(re + 1j * im, np.fft.rfft(np.cos(np.arange(12.0))), atol=1e-5)


@pytest.mark.parametrize("method", ["lbfgs", "newton", "marquardt"])
def test_minimisers_settle_at_the_minimum(single: Callable[..., Any], method: str) -> None:
    np.testing.assert_allclose(single(method, 100), [1.0, 1.0], atol=2e-3)
