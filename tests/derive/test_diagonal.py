"""Loops over elements that do not meet: gradients without a tape, against NumPy with complex steps and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import difflang as dl
from difflang.core.ir import walk
from difflang.core.ops import carries
from difflang.core.parser import parse_func

PROGRAM = """
fn logistic(x0: real[n], r: real, steps: int) -> real:
    var x = x0
    for t in 0..steps:
        x = r * x * (1.0 - x)
    return sum(x * x)

fn pieces(x0: real[n], r: real, steps: int) -> real:
    var x = x0
    for t in 0..steps:
        x = [r * x[i] + t if x[i] < 0.5 else r * sin(x[i]) for i]
    return sum(x[i] * i for i)

fn matrix(x0: real[n], r: real, steps: int) -> real:
    var x = [x0[i] * (1 + j) for i in 0..n, j in 0..2]
    for t in 0..steps:
        if t % 2 == 0:
            x = r * cos(x)
        else:
            for s in 0..3:
                x = x + 0.1 * tanh(x)
    return sum(x)

fn until(x0: real[n], r: real, steps: int) -> real:
    var x = x0
    var t = 0
    while t < steps and norm(x) < 100:
        x = x * exp(-0.1 * x) * r
        t += 1
    return sum(x)
"""


def logistic(x: Any, r: float, steps: int) -> complex:
    for _ in range(steps):
        x = r * x * (1 - x)
    return np.sum(x * x)


def pieces(x: Any, r: float, steps: int) -> complex:
    for t in range(steps):
        x = np.where(x.real < 0.5, r * x + t, r * np.sin(x))
    return np.sum(x * np.arange(len(x)))


def matrix(x: Any, r: float, steps: int) -> complex:
    x = np.stack([x, 2 * x], axis=1)
    for t in range(steps):
        if t % 2 == 0:
            x = r * np.cos(x)
        else:
            for _ in range(3):
                x = x + 0.1 * np.tanh(x)
    return np.sum(x)


def until(x: Any, r: float, steps: int) -> complex:
    t = 0
    while t < steps and np.linalg.norm(x.real) < 100:
        x = x * np.exp(-0.1 * x) * r
        t += 1
    return np.sum(x)


PLAIN: dict[str, Callable[[Any, float, int], complex]] = {
    "logistic": logistic,
    "pieces": pieces,
    "matrix": matrix,
    "until": until,
}
"""The same in NumPy."""


def stored(function: dl.Function) -> int:
    """How many arrays the loops of a gradient fill step by step."""
    eqns = walk(parse_func(dl.grad(function).emit("core")).block)
    loops = [eqn for eqn in eqns if eqn.op in ("fold", "while")]
    return sum(len(eqn.regions[-1].results) - carries(eqn.attrs) for eqn in loops)


@pytest.mark.parametrize("memory", [None, "1 kB"])
@pytest.mark.parametrize("name", list(PLAIN))
def test_gradients_are_exact_and_nothing_is_stored(name: str, memory: str | None) -> None:
    function = getattr(dl.loads(PROGRAM), name)
    assert stored(function) == 0
    x, r = np.random.default_rng(0).uniform(0.1, 0.9, 7), 1.3
    for steps in (0, 1, 2, 15):
        directions = 1e-30j * np.eye(7)
        expected = [PLAIN[name](x + d, r, steps).imag / 1e-30 for d in directions]
        found = dl.grad(function, memory=memory)(x, r, steps)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_second_derivatives() -> None:
    """x -> x^2, k times over, is x^p with p = 2^k."""
    m = dl.loads("""
fn powers(x0: real[n], k: int) -> real:
    var x = x0
    for t in 0..k:
        x = x * x
    return sum(x)
fn power(x0: real, k: int) -> real:
    var x = x0
    for t in 0..k:
        x = x * x
    return x
""")
    x, p = np.array([1.1, -0.9, 0.0]), 8
    slope, curvature = p * x ** (p - 1), p * (p - 1) * x ** (p - 2)
    np.testing.assert_allclose(dl.grad(m.powers)(x, 3), slope, rtol=1e-14)
    np.testing.assert_allclose(dl.hessian(m.powers)(x, 3), np.diag(curvature), rtol=1e-14)
    np.testing.assert_allclose(dl.jet(dl.grad(m.power), order=1)(1.1, 3, 1.0)[1], curvature[0], rtol=1e-14)
    np.testing.assert_allclose(dl.grad(dl.grad(m.power))(1.1, 3), curvature[0], rtol=1e-14)
    _, twice = dl.vjp(dl.grad(m.powers))(x, 3, np.ones(3))
    np.testing.assert_allclose(twice, curvature, rtol=1e-14)


@pytest.mark.parametrize(
    ("step", "active"),
    [
        ("x = sin(flip(x))", "x0"),
        ("x = sin(r * x)", "r"),
        ("x = sin(x0 * x)", "x0"),
        ("x = x * sum(x)", "x0"),
        ("x = [x[i] * x[i] + x[0] for i]", "x0"),
        ("x[0] = x[0] * x[n - 1]", "x0"),
    ],
)
def test_loops_in_which_elements_meet_are_reversed(step: str, active: str) -> None:
    m = dl.loads(f"""
fn f(x0: real[n], r: real, steps: int) -> real:
    var x = x0
    for t in 0..steps:
        {step}
    return sum(x)
""")
    eqns = walk(parse_func(dl.grad(m.f, wrt=active).emit("core")).block)
    assert any(eqn.op == "fold" and eqn.attrs.get("reverse") for eqn in eqns)


def test_what_the_result_does_not_depend_on_has_gradient_zero() -> None:
    """Slopes of 2 at each of 2,000 steps are beyond all numbers; the element that is not read counts for nothing."""
    m = dl.loads("""
fn f(x0: real[2], steps: int) -> real:
    var x = x0
    for t in 0..steps:
        x = [2 * x[i] if x[i] < 0.5 else 2 - 2 * x[i] for i]
    return x[1]
""")
    np.testing.assert_array_equal(np.abs(dl.grad(m.f)(np.array([0.3, 0.4]), 1000)), [0, 2.0**1000])
    np.testing.assert_array_equal(np.abs(dl.grad(m.f)(np.array([0.3, 0.4]), 2000)), [0, np.inf])


def test_what_a_loop_prints_is_printed_once(capfd: pytest.CaptureFixture[str]) -> None:
    m = dl.loads("""
fn f(x0: real[n]) -> real:
    var x = x0
    for t in 0..3:
        print("step {t}")
        x = sin(x)
    return sum(x)
""")
    dl.grad(m.f)(np.ones(2))
    assert capfd.readouterr().out.count("step") == 3


@pytest.mark.parametrize("kind", ["at the end", "at the start", "in between"])
@pytest.mark.parametrize("steps", [10, 3000])
def test_a_step_of_slope_zero_ends_what_the_slopes_have_grown_to(kind: str, steps: int) -> None:
    """Slopes of 2 at each of 3,000 steps are beyond all numbers, and one step multiplies by nothing."""
    m = dl.loads("""
fn f(x0: real[n], steps: int, at: int, z: real) -> real:
    var x = x0
    for t in 0..steps:
        x = [z * x[i] if t == at else 2 * x[i] if x[i] < 0.5 else 2 - 2 * x[i] for i]
    return sum(x)
fn scalar(x0: real, steps: int, at: int, z: real) -> real:
    var x = x0
    var t = 0
    while t < steps:
        if t == at:
            x = z * x
        else:
            for s in 0..2:
                x = 2 * x if x < 0.5 else 2 - 2 * x
        t += 1
    return x
""")
    at = {"at the end": steps - 1, "at the start": 0, "in between": steps // 3}[kind]
    x = np.array([0.3, 0.4])
    np.testing.assert_array_equal(np.abs(dl.grad(m.f)(x, steps, at, 0.0)), [0, 0])
    assert dl.grad(m.scalar)(0.3, steps, at, 0.0) == 0
    grown = 2.0 ** (steps - 1) if steps == 10 else np.inf
    np.testing.assert_array_equal(np.abs(dl.grad(m.f)(x, steps, at, 1.0)), [grown, grown])
