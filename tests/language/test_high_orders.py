"""Derivatives of high order of one function: closed forms, and Taylor coefficients of the loop in many digits."""

from __future__ import annotations

import mpmath
import pytest
from mpmath import mp

import difflang as dl

TEXT = """
fn wave(x: real) -> real = sin(2.0 * x) * exp(-x)

fn looped(x: real) -> real:
    var y = x
    var k = 0
    while k < 3:
        y = sin(y) + x
        k += 1
    return y

fn kept(x: real) -> real = jvp(grad(checkpoint(looped, levels = 2)))(x, 1.0)[1]
fn twelfth(x: real) -> real = derivative(looped, order = 12)(x)
"""


@pytest.mark.parametrize("order", [1, 7, 20])
def test_derivatives_of_a_damped_wave(run, order):
    """It is the imaginary part of exp((2i - 1) x)."""
    factor = mp.mpc(-1, 2)
    expected = float(mp.im(factor**order * mp.exp(factor * mp.mpf(0.3))))
    text = f"{TEXT}fn slope(x: real) -> real = derivative(wave, order = {order})(x)\n"
    assert run(text, "slope", 0.3) == pytest.approx(expected, rel=1e-13)


def looped(x):
    y = x
    for _ in range(3):
        y = mp.sin(y) + x
    return y


@pytest.mark.parametrize(("name", "order"), [("twelfth", 12), ("kept", 2)])
def test_derivatives_of_a_loop_of_unknown_length(run, name, order):
    with mpmath.workdps(400):
        coefficients = mp.taylor(looped, mp.mpf(0.3), order, h=mp.mpf(10) ** -25)
        expected = float(coefficients[order] * mp.factorial(order))
    assert run(TEXT, name, 0.3) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("precision", "order"), [("f64", 173), ("f32", 41)])
def test_orders_whose_factorial_is_out_of_range(run, precision, order):
    """The sine has the cosine for every fourth derivative from the first; 1 / x has (-1)^k k! / x^(k + 1)."""
    wave = dl.loads("fn f(x: real) -> real = sin(x)").f.on(backend=run.backend, precision=precision)
    within = 1e-13 if precision == "f64" else 1e-5
    assert float(dl.derivative(wave, order=order)(0.3)) == pytest.approx(float(mp.cos(0.3)), rel=within)
    inverse = dl.loads("fn f(x: real) -> real = 1 / x").f.on(backend=run.backend, precision=precision)
    expected = (-1) ** order * mp.factorial(order) / mp.mpf(32) ** (order + 1)
    assert float(dl.derivative(inverse, order=order)(32.0)) == pytest.approx(float(expected), rel=within)


@pytest.mark.parametrize("operator", ["derivative(sin, order = 1001)(x)", "jet(sin, order = 1000000000)(x, 1.0)[1]"])
def test_orders_beyond_all_use_are_refused(operator):
    with pytest.raises(dl.DiffLangError) as caught:
        dl.loads(f"fn main(x: real) -> real = {operator}").main(0.5)
    assert caught.value.code == "E0507"
