"""The partial derivatives of every primitive as the transforms emit them: values, kinks, and what does not speak."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Func, walk
from difflang.core.ops import integer
from difflang.prims import PRIMITIVES
from tests.derive.test_taylor import BINARY, UNARY
from tests.derive.toolkit import cotangent_function, function, gradient_function, run, tangent_function


def real(value: float) -> Atom:
    return literal(value, "f64")


def unary(name: str) -> Func:
    return function("x", lambda b, x: [b.prim(name, x)])


def binary(name: str) -> Func:
    return function("x y", lambda b, x, y: [b.prim(name, x, y)])


def exact(plain: Any, at: float, order: int) -> float:
    with mpmath.workdps(40):
        return float(mpmath.diff(plain, at, order))


@pytest.mark.parametrize("name", UNARY)
def test_unary_primitives_in_every_mode_to_second_order(name: str) -> None:
    plain, at = UNARY[name]
    f = unary(name)
    first, second = exact(plain, at, 1), exact(plain, at, 2)
    gradient = gradient_function(f)
    close = {"rel": 1e-12, "abs": 1e-14}
    assert run(gradient, at)[0] == pytest.approx(first, **close)
    assert run(tangent_function(f), at, 1.0)[1] == pytest.approx(first, **close)
    assert run(gradient_function(gradient), at)[0] == pytest.approx(second, **close)
    assert run(tangent_function(gradient), at, 1.0)[1] == pytest.approx(second, **close)
    assert run(tangent_function(tangent_function(f)), at, 1.0, 1.0, 0.0)[3] == pytest.approx(second, **close)
    assert run(cotangent_function(tangent_function(f)), at, 1.0, 0.0, 1.0)[2] == pytest.approx(second, **close)


@pytest.mark.parametrize("name", BINARY)
def test_binary_primitives_in_both_modes(name: str) -> None:
    plain, x, y = BINARY[name]
    expected = [exact(lambda t: plain(t, mpmath.mpf(y)), x, 1), exact(lambda t: plain(mpmath.mpf(x), t), y, 1)]
    f = binary(name)
    np.testing.assert_allclose(run(gradient_function(f), x, y), expected, rtol=1e-12, atol=1e-15)
    forward = tangent_function(f)
    found = [run(forward, x, y, 1.0, 0.0)[1], run(forward, x, y, 0.0, 1.0)[1]]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", BINARY)
def test_hessians_of_binary_primitives_are_symmetric(name: str) -> None:
    plain, x, y = BINARY[name]
    gradient = gradient_function(binary(name))
    forward = tangent_function(gradient)
    rows = [run(forward, x, y, 1.0, 0.0)[2:], run(forward, x, y, 0.0, 1.0)[2:]]
    with mpmath.workdps(40):
        expected = [[float(mpmath.diff(plain, (x, y), n)) for n in row] for row in (((2, 0), (1, 1)), ((1, 1), (0, 2)))]
    np.testing.assert_allclose(rows, expected, rtol=1e-11, atol=1e-14)


KINKS: list[tuple[str, tuple[float, ...], tuple[float, ...]]] = [
    ("abs", (0.0,), (0.0,)),
    ("relu", (0.0,), (0.0,)),
    ("sqrt", (0.0,), (math.inf,)),
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("max", (1.0, 1.0), (0.5, 0.5)),
    ("min", (1.0, 1.0), (0.5, 0.5)),
    ("max", (1.0, 2.0), (0.0, 1.0)),
    ("min", (1.0, 2.0), (1.0, 0.0)),
    ("clip", (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
    ("clip", (1.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
    ("clip", (-1.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    ("clip", (2.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
    ("pow", (0.0, 0.0), (0.0, 0.0)),
    ("pow", (0.0, 1.0), (1.0, 0.0)),
    ("pow", (0.0, 2.0), (0.0, 0.0)),
    ("pow", (-2.0, 3.0), (12.0, math.nan)),
    ("floor", (0.5,), (0.0,)),
    ("sign", (0.0,), (0.0,)),
    ("mod", (7.5, 2.0), (1.0, -3.0)),
    ("sigmoid", (-800.0,), (0.0,)),
    ("sigmoid", (800.0,), (0.0,)),
    ("softplus", (-800.0,), (0.0,)),
    ("softplus", (800.0,), (1.0,)),
    ("tanh", (400.0,), (0.0,)),
    ("atan2", (0.0, 1.0), (1.0, 0.0)),
]


@pytest.mark.parametrize(("name", "at", "expected"), KINKS, ids=[f"{n}{a}" for n, a, _ in KINKS])
def test_documented_values_at_kinks_and_far_out(name: str, at: tuple[float, ...], expected: tuple[float, ...]) -> None:
    f = function(" ".join("xyz"[: len(at)]), lambda b, *args: [b.prim(name, *args)])
    np.testing.assert_array_equal(run(gradient_function(f), *at), expected)
    for k, slope in enumerate(expected):
        unit = [float(j == k) for j in range(len(at))]
        if len(at) == 1 or not math.isnan(sum(expected)):
            np.testing.assert_array_equal(run(tangent_function(f), *at, *unit)[1], slope)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["powi", "pow", "variable pow"])
def test_whole_powers_at_zero_to_third_order(exponent: int, kind: str) -> None:
    """d^k/dx^k of x^n at 0 is n! for k = n and 0 otherwise, in nested reverse mode too."""

    def body(b: Builder, x: Atom, n: Atom) -> list[Atom]:
        if kind == "powi":
            return [b.prim("powi", x, integer(exponent))]
        return [b.prim("pow", x, real(exponent) if kind == "pow" else b.prim("stop_grad", n))]

    derivative = function("x n", body)
    for order in range(1, 4):
        derivative = gradient_function(derivative)
        expected = math.factorial(exponent) if order == exponent else 0
        assert run(derivative, 0.0, float(exponent))[0] == expected
        assert run(tangent_function(derivative), 0.0, float(exponent), 1.0, 0.0)[2] == (
            math.factorial(exponent) if order + 1 == exponent else 0
        )


def test_second_derivatives_where_a_branch_of_a_partial_is_singular() -> None:
    """hypot and pow at 0 guard a division: its inf must not reach the second derivative."""
    for name in ("hypot", "pow"):
        gradient = gradient_function(function("x y", lambda b, x, y, name=name: [b.prim(name, x, y)]))
        found = run(cotangent_function(gradient), 0.0, 0.0, 1.0, 1.0)
        assert not np.isnan(found).any()


def test_the_branch_of_select_that_is_not_chosen_gets_nothing() -> None:
    f = function("x", lambda b, x: [b.prim("select", b.prim("gt", x, real(0)), b.prim("mul", x, x), real(3))])
    assert run(gradient_function(f), 2.0) == [4]
    assert run(gradient_function(f), -2.0) == [0]
    infinite = cotangent_function(f)
    assert run(infinite, -2.0, math.inf)[1] == 0


def test_partials_of_one_and_minus_one_multiply_nothing() -> None:
    gradient = gradient_function(function("x y", lambda b, x, y: [b.prim("sub", b.prim("add", x, y), y)]))
    assert not [e for e in walk(gradient.block) if e.op == "mul"]


def test_functions_without_derivatives_give_symbolic_zeros() -> None:
    for name, primitive in PRIMITIVES.items():
        if primitive.partials and not primitive.differentiable and name in UNARY:
            assert run(gradient_function(unary(name)), 0.7) == [0]
