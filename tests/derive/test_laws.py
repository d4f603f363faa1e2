"""The laws of reverse derivatives as properties of random programs.

R[f](a, b) is the cotangent of the argument a for the cotangent b of the result. Source of RD.1 to RD.7: R. Cockett,
G. Cruttwell, J. Gallagher, J.-S. Pacaud Lemay, B. MacAdam, G. Plotkin, D. Pronk, Reverse derivative categories (2020),
definition 13. Both sides of a law run the same arithmetic but for its order, so they agree to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Func, Type, Var
from difflang.core.ops import integer
from difflang.derive import inline, jvp, values
from difflang.derive.transpose import transposed
from tests.core.generators import arguments, functions
from tests.derive.toolkit import (
    cotangent_function,
    flat,
    floats_of,
    fresh_parameters,
    function,
    random_like,
    run,
    tangent_function,
)

Arrays = Sequence[Any]
FUNCTIONS = functions(size=10)
SMOOTH = functions(size=8, smooth=True)
SIZES = st.sampled_from([1, 2, 3])
several = settings(max_examples=25, deadline=None)


def reverse(func: Func, at: Arrays, bars: Arrays) -> list[Any]:
    """R[f](a, b), without the value."""
    return run(cotangent_function(func), *at, *bars)[-len(floats_of(at)) :]


def forward(func: Func, at: Arrays, directions: Arrays) -> list[Any]:
    """D[f](a, v), without the value."""
    found = run(tangent_function(func), *at, *directions)
    return found[len(func.results) :]


def results(func: Func, at: Arrays, seed: int) -> list[Any]:
    """A random cotangent of the results."""
    return random_like(floats_of(run(func, *at)), seed)


def still(arrays: Arrays) -> list[Any]:
    return [0.0 * np.asarray(a) if np.ndim(a) else 0.0 for a in arrays]


def plus(left: Arrays, right: Arrays) -> list[Any]:
    return [a + b for a, b in zip(left, right, strict=True)]


def agree(left: Arrays, right: Arrays) -> None:
    size = max(np.abs(flat(left)).max(initial=1), np.abs(flat(right)).max(initial=1))
    np.testing.assert_allclose(flat(left), flat(right), rtol=0, atol=1e-12 * size)


def joined(func: Func, other: Func, combine: Callable[[Builder, list[Atom], list[Atom]], list[Atom]]) -> Func:
    """The function of the same parameters whose results `combine` makes from those of both."""
    b = Builder()
    params, _ = fresh_parameters(func)

    def body(*_: Atom) -> list[Atom]:
        return combine(b, inline(b, func.block, params), inline(b, other.block, params))

    return Func("joined", b.block_with(params, body))


def added(b: Builder, left: list[Atom], right: list[Atom]) -> list[Atom]:
    return [b.map(lambda x, y: b.prim("add", x, y), u, v) for u, v in zip(left, right, strict=True)]


def endomorphism(func: Func) -> Func:
    """From (n, s, x, y, z) to (s', v', y, z'): a generated function, made to give what it takes."""
    b = Builder()
    params, _ = fresh_parameters(func)

    def body(*_: Atom) -> list[Atom]:
        scalar, vector, matrix = inline(b, func.block, params)
        return [scalar, vector, params[3], matrix]

    return Func("endomorphism", b.block_with(params, body))


def composed(func: Func, then: Func) -> Func:
    """`then` after `func`, which gives all parameters of `then` but the size."""
    b = Builder()
    params, _ = fresh_parameters(func)

    def body(*_: Atom) -> list[Atom]:
        return inline(b, then.block, [params[0], *inline(b, func.block, params)])

    return Func("composed", b.block_with(params, body))


@several
@given(FUNCTIONS, FUNCTIONS, SIZES)
def test_rd1_additive_in_the_function(f: Func, g: Func, n: int) -> None:
    """R[f + g] = R[f] + R[g]; R[0] = 0."""
    at = arguments(f, n)
    bars = results(f, at, 1)
    agree(reverse(joined(f, g, added), at, bars), plus(reverse(f, at, bars), reverse(g, at, bars)))
    nothing = joined(f, f, lambda b, left, _: [values.zeros(b, a.type) for a in left])
    assert not flat(reverse(nothing, at, bars)).any()


@several
@given(FUNCTIONS, SIZES)
def test_rd2_additive_in_the_cotangent(f: Func, n: int) -> None:
    """R[f](a, b + b') = R[f](a, b) + R[f](a, b'); R[f](a, 0) = 0."""
    at = arguments(f, n)
    one, other = results(f, at, 1), results(f, at, 2)
    agree(reverse(f, at, plus(one, other)), plus(reverse(f, at, one), reverse(f, at, other)))
    assert not flat(reverse(f, at, still(one))).any()


@given(SIZES)
@settings(deadline=None)
def test_rd3_identity_and_projections(n: int) -> None:
    """R[1](a, b) = b; R[pi_0]((a, a'), b) = (b, 0); R[pi_1]((a, a'), b) = (0, b)."""
    random = np.random.default_rng(n)
    x, y, b, c = random.uniform(-1, 1, (4, n))
    signature = "n x[n] y[n]"
    agree(reverse(function(signature, lambda _, n, x, y: [x, y]), [n, x, y], [b, c]), [b, c])
    agree(reverse(function(signature, lambda _, n, x, y: [x]), [n, x, y], [b]), [b, 0 * b])
    agree(reverse(function(signature, lambda _, n, x, y: [y]), [n, x, y], [b]), [0 * b, b])


@several
@given(FUNCTIONS, FUNCTIONS, SIZES)
def test_rd4_pairs(f: Func, g: Func, n: int) -> None:
    """R[<f, g>](a, (b, c)) = R[f](a, b) + R[g](a, c)."""
    at = arguments(f, n)
    b, c = results(f, at, 1), results(g, at, 2)
    pair = joined(f, g, lambda _, left, right: [*left, *right])
    agree(reverse(pair, at, [*b, *c]), plus(reverse(f, at, b), reverse(g, at, c)))


@several
@given(FUNCTIONS, FUNCTIONS, SIZES)
def test_rd5_the_chain_rule(f: Func, g: Func, n: int) -> None:
    """R[g after f](a, c) = R[f](a, R[g](f(a), c))."""
    at, first = arguments(f, n), endomorphism(f)
    middle = [n, *run(first, *at)]
    c = results(g, middle, 3)
    agree(reverse(composed(first, g), at, c), reverse(first, at, reverse(g, middle, c)))


@several
@given(SMOOTH, SIZES)
def test_rd6_linear_in_the_cotangent(f: Func, n: int) -> None:
    """The derivative of R[f](a, b) in b along b' is R[f](a, b'); by forward and, transposed, by reverse mode."""
    at = arguments(f, n)
    b, moved = results(f, at, 1), results(f, at, 2)
    agree(forward(cotangent_function(f), [*at, *b], [*still(floats_of(at)), *moved])[-4:], reverse(f, at, moved))
    directions = random_like(floats_of(at), 3)
    bars = [*still(b), *directions]
    agree(reverse(cotangent_function(f), [*at, *b], bars)[-len(b) :], forward(f, at, directions))


@several
@given(SMOOTH, SIZES)
def test_rd7_mixed_second_derivatives_commute(f: Func, n: int) -> None:
    """D(D f . v) . u = D(D f . u) . v, and the same of R[R[f]]."""
    at = arguments(f, n)
    u, v = random_like(floats_of(at), 1), random_like(floats_of(at), 2)
    count = len(f.results)

    def mixed(first: Arrays, second: Arrays) -> list[Any]:
        directions = [*second, *still(first)]
        return forward(tangent_function(f), [*at, *first], directions)[count:]

    agree(mixed(u, v), mixed(v, u))
    bars = results(f, at, 3)

    def curved(direction: Arrays) -> np.ndarray:
        seeds = [*still(bars), *direction]
        return flat(reverse(cotangent_function(f), [*at, *bars], seeds)[: len(floats_of(at))])

    agree([curved(u) @ flat(v)], [curved(v) @ flat(u)])


def dagger(f: Func) -> Func:
    """The linear map v -> D[f](a, v), transposed as a program. Parameters: those of `f`, then the cotangents."""
    b = Builder()
    params, floats = fresh_parameters(f)
    renamed = dict(zip(f.params, params, strict=True))
    shapes = [tuple(renamed.get(d, d) for d in r.type.shape) for r in f.results]
    bars = [Var(Type(r.type.dtype, shape)) for r, shape in zip(f.results, shapes, strict=True)]
    b.open([*params, *bars])

    def tangents(*v: Atom) -> Sequence[Atom | None]:
        moving = dict(zip(floats, v, strict=True))
        return jvp(b, f.block, params, [moving.get(p) for p in params])[1]

    found = transposed(b, [p.type for p in floats], tangents, bars)
    outs = [values.instantiated(b, bar, p.type) for bar, p in zip(found, floats, strict=True)]
    return Func("dagger", b.close([*params, *bars], outs))


@several
@given(FUNCTIONS, SIZES)
def test_reverse_is_the_transpose_of_forward(f: Func, n: int) -> None:
    at = arguments(f, n)
    bars = results(f, at, 1)
    agree(run(dagger(f), *at, *bars), reverse(f, at, bars))


def test_forward_from_reverse_at_a_known_point() -> None:
    """f = (x0 x1, x0 sin x2): D[f](a, v) = (a1 v0 + a0 v1, sin(a2) v0 + a0 cos(a2) v2), from R[R[f]] and directly."""

    def body(b: Builder, n: Atom, x: Atom) -> list[Atom]:
        first, second, third = (b.get(x, integer(k)) for k in range(3))
        return [b.prim("mul", first, second), b.prim("mul", first, b.prim("sin", third))]

    f = function("n x[n]", body)
    at, v = [3, np.array([0.3, -1.2, 0.7])], [np.array([1.0, 2.0, 3.0])]
    expected = [-1.2 + 0.6, np.sin(0.7) + 0.9 * np.cos(0.7)]
    agree(forward(f, at, v), expected)
    agree(reverse(cotangent_function(f), [*at, 0.4, 0.5], [0.0, 0.0, *v])[-2:], expected)
