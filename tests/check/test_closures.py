"""Functions as arguments of functions with rules."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl

NESTED = """
fn twice[F](f: F, x: real) -> real = f(f(x))
rule vjp twice(f, x, y, ybar) = ybar * 2.0 * f(x)
fn outer(x: real) -> real = twice(fn(u) = twice(fn(v) = 3.0 * v, u), x)
"""

OPENED = """
fn scaled(a: real[n], x: real) -> real:
    let (g, p) = __opened(fn(y: real) = y * sum(a), x)
    return g(2.0 * x, (10.0 * p[0],))
fn slope(a: real[n], x: real) -> real[n]:
    let (g, p) = __opened(fn(y: real) = y * sum(exp(a)), x)
    return grad(fn(q) = g(x, q))(p)[0]
fn nothing(x: real) -> real:
    let (g, p) = __opened(fn(y: real) = 3.0 * y, x)
    return g(x, p) + p[0]
"""


def test_a_rule_calls_its_function_for_another_argument() -> None:
    """The call inside is one of the same types, but not the same call: the slope is 2 f(x) with f(x) = 9 x."""
    module = dl.loads(NESTED)
    assert module.outer(2.0) == 162.0
    assert dl.grad(module.outer)(2.0) == 36.0


def test_a_function_apart_from_what_it_captures() -> None:
    module = dl.loads(OPENED)
    assert module.nothing(2.0) == 6.0
    a = np.array([1.0, 2.0])
    assert module.scaled(a, 5.0) == 300.0
    np.testing.assert_allclose(module.slope(a, 5.0), 5.0 * np.exp(a), rtol=1e-15)
    with pytest.raises(dl.DiffLangError):
        dl.loads("fn f(x: real) -> real = __opened(x)").f(1.0)
