"""What the reverse sweep computes once more has the bits that it had the first time.

The maps below are chaotic: a difference in the last bit grows to the size of the numbers within a run, and the
products of the slopes along two such courses have nothing in common. Forward mode computes nothing twice.
"""

from __future__ import annotations

import re

import pytest

import difflang as dl

LOGISTIC = """
fn f(x: real, a: real) -> real:
    var u = x
    for t in 0..40:
        var k = 0
        while k < 3:
            u = a * u - a * u * u
            k += 1
    return u
"""
HENON = """
fn f(x: real, a: real) -> real:
    var u = x
    var v = 0.3 * x
    for t in 0..60:
        var k = 0
        while k < 2 + t % 2:
            let w = u * u
            (u, v) = (1.0 - a * w + v, 0.3 * u + 0.001 * w * (v - w))
            k += 1
    return u + v
"""
ADAPTIVE = """
fn f(x: real, a: real) -> real:
    var u = x
    for t in 0..40:
        var h = 0.0
        while h < 0.9:
            let step = 0.2 + 0.1 * u * u
            u += step * (a * u - a * u * u - u)
            h += step
        u = a * u * (1.0 - u)
    return u
"""


@pytest.mark.parametrize("text, a", [(LOGISTIC, 3.9), (HENON, 1.4), (ADAPTIVE, 3.99)])
@pytest.mark.parametrize("x", [0.21, 0.37, 0.55])
def test_reverse_follows_the_course_of_the_first_run(text: str, a: float, x: float) -> None:
    f = dl.loads(text).f.on(backend="llvm")
    value, (by_x, by_a) = dl.value_and_grad(f, wrt=("x", "a"))(x, a)
    forward, slope = dl.jvp(f, wrt=("x", "a"))(x, a, 1.0, 0.5)
    assert value == f(x, a) == forward
    assert slope == pytest.approx(by_x + 0.5 * by_a, rel=1e-8)


@pytest.mark.parametrize("text", [LOGISTIC, HENON, ADAPTIVE])
def test_fusing_is_not_left_to_llvm(text: str) -> None:
    """With the flag on a sum, LLVM decides by what else uses the product, which differs between the sweeps."""
    emitted = dl.grad(dl.loads(text).f).emit("llvm")
    assert "@llvm.fmuladd" in emitted
    assert not re.search(r"f(add|sub) contract", emitted)
