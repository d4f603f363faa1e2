"""Which derivatives `dl.check_grad` finds wrong, and which it leaves alone, at all scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import difflang as dl

PROGRAM = """
fn tripled(x: real) -> real = 1.0e-12 * sin(x)
rule jvp tripled(x: real, dx: real) = 3.0e-12 * cos(x) * dx
fn reversed(x: real) -> real = exp(-x)
rule jvp reversed(x: real, dx: real) = exp(-x) * dx
fn close(x: real) -> real = sin(x)
rule jvp close(x: real, dx: real) = cos(x) * (1.0 + 1.0e-8) * dx

fn offset(x: real[n]) -> real = 1.0e12 + sum(sin(x))
fn fast(x: real) -> real = sin(1.0e4 * x)
fn pole(x: real) -> real = lgamma(x) + digamma(x)
fn edge(x: real) -> real = log(x)
fn constant(x: real[n]) -> real = sum(softmax(x)) - 1.0
fn fitted(x: real[n]) -> real = sum((x[i] - 1.0) ** 2 * (1.0 + i) for i in 0..n)
"""


@pytest.fixture(scope="module")
def m() -> Any:
    return dl.loads(PROGRAM)


@pytest.mark.parametrize(("name", "x"), [("tripled", 0.3), ("reversed", 30.0), ("close", 0.3)])
def test_wrong_rules_are_found_however_small_the_slope_is(m: Any, name: str, x: float) -> None:
    with pytest.raises(dl.DiffLangError, match="finite differences"):
        dl.check_grad(m[name], x)


RIGHT = (
    ("offset", np.array([0.3, -1.0, 2.0])),
    ("fast", 0.3),
    ("pole", 1e-8),
    ("edge", 1e-8),
    ("constant", np.array([0.3, -1.0, 2.0, 0.1])),
    ("fitted", np.ones(4)),
)


@pytest.mark.parametrize(("name", "x"), RIGHT)
def test_right_derivatives_pass_at_all_scales(m: Any, name: str, x: Any) -> None:
    assert dl.check_grad(m[name], x)


def test_the_edge_of_a_domain_is_no_point_to_compare_at(m: Any) -> None:
    with pytest.raises(dl.DiffLangError, match="cannot be compared"):
        dl.check_grad(m.edge, 1e-300)


def test_what_differences_cannot_see_is_told() -> None:
    cancels = dl.loads("fn f(x: real) -> real = (1.0e10 + sin(x)) - 1.0e10").f
    with pytest.raises(dl.DiffLangError, match="it is the differences that lack digits"):
        dl.check_grad(cancels, 0.3)
    assert dl.check_grad(cancels, 0.3, tolerance=1e-5)
