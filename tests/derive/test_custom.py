"""Rules stated in the program, implicit functions and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Func, Type, Var, walk
from difflang.core.ops import integer
from difflang.derive import erased
from difflang.diagnostics.model import DiffLangError
from tests.derive.toolkit import (
    F64,
    check_all_orders,
    cotangent_function,
    function,
    gradient_function,
    run,
    tangent_function,
)


def real(value: float) -> Atom:
    return literal(value, "f64")


def run_erased(func: Func, *args: object) -> list[object]:
    return run(erased(func), *args)


# --- rules ---


def rule(b: Builder, args: Sequence[Atom], primal: Block, **modes: Block) -> tuple[Var, ...]:
    types = [r.type for r in primal.results]
    return b.emit("rule", args, {"name": "f", "modes": tuple(modes)}, [primal, *modes.values()], types)


def cube_with(*modes: str) -> Func:
    """x^3 of a constant-looking primal (so that only the rule can give the derivative), with 3 x^2 stated."""

    def body(b: Builder, k: Atom, x: Atom) -> list[Atom]:
        def cube(k: Atom, x: Atom) -> list[Atom]:
            hidden = b.prim("stop_grad", x)
            return [b.prim("mul", hidden, b.prim("mul", hidden, hidden))]

        def slope(x: Atom, d: Atom) -> list[Atom]:
            return [b.prim("mul", b.prim("mul", real(3), b.prim("mul", x, x)), d)]

        integer_type = Type("i64")
        blocks = {
            "jvp": b.block([integer_type, F64, F64], lambda k, x, dx: slope(x, dx)),
            "vjp": b.block([integer_type, F64, F64, F64], lambda k, x, y, bar: slope(x, bar)),
        }
        return list(rule(b, [k, x], b.block([integer_type, F64], cube), **{m: blocks[m] for m in modes}))

    return function("k:i64 x", body)


@pytest.mark.parametrize("modes", [("jvp",), ("vjp",), ("jvp", "vjp")])
def test_rules_serve_both_modes_and_every_order(modes: tuple[str, ...]) -> None:
    f = cube_with(*modes)
    assert run_erased(f, 1, 2.0) == [8]
    assert run_erased(tangent_function(f), 1, 2.0, 1.0)[1] == 12
    assert run_erased(gradient_function(f), 1, 2.0) == [12]
    gradient = gradient_function(f)
    assert run_erased(gradient_function(gradient), 1, 2.0) == [12]
    assert run_erased(tangent_function(gradient), 1, 2.0, 1.0)[1] == 12
    assert run_erased(cotangent_function(tangent_function(f)), 1, 2.0, 1.0, 0.0, 1.0)[2:] == [12, 12]


def test_a_rule_may_differ_from_the_derivative() -> None:
    """A straight-through estimator: floor with the derivative of the identity, inside a loop over an array."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def through(v: Atom) -> Atom:
            primal = b.block([F64], lambda v: [b.prim("floor", v)])
            return rule(b, [v], primal, jvp=b.block([F64, F64], lambda v, d: [d]))[0]

        return b.reduce("sum", [n], lambda i: [b.prim("mul", b.get(x, i), through(b.get(x, i)))])

    (gradient,) = run_erased(gradient_function(function("n x[n]", body)), 2, np.array([1.5, 2.5]))
    assert gradient.tolist() == [2.5, 4.5]


def test_rules_of_arrays() -> None:
    """A matrix product with its tangent stated; the cotangents follow by transposition."""

    def body(b: Builder, n: Atom, a: Atom, x: Atom) -> Sequence[Atom]:
        types = [a.type, x.type]

        def product(a: Atom, x: Atom) -> Atom:
            return b.emit("contract", [a, x], {"spec": "ij,j->i"})[0]

        def tangent(a: Atom, x: Atom, da: Atom, dx: Atom) -> list[Atom]:
            return [b.map(lambda p, q: b.prim("add", p, q), product(a, dx), product(da, x))]

        primal = b.block(types, lambda a, x: [product(a, x)])
        return rule(b, [a, x], primal, jvp=b.block([*types, *types], tangent))

    a, x = np.arange(9.0).reshape(3, 3), np.array([1.0, -1, 2])
    weights = np.array([1.0, 2, 3])
    _, a_bar, x_bar = run_erased(cotangent_function(function("n A[n,n] x[n]", body)), 3, a, x, weights)
    np.testing.assert_array_equal(a_bar, np.outer(weights, x))
    np.testing.assert_array_equal(x_bar, a.T @ weights)


def test_a_nonlinear_rule_is_refused_where_it_must_be_transposed() -> None:
    def body(b: Builder, x: Atom) -> Sequence[Atom]:
        primal = b.block([F64], lambda x: [b.prim("sin", x)])
        return rule(b, [x], primal, jvp=b.block([F64, F64], lambda x, d: [b.prim("mul", d, d)]))

    with pytest.raises(DiffLangError) as caught:
        gradient_function(function("x", body))
    assert caught.value.code == "E0510"


def test_an_extern_function_has_no_derivative_of_its_own() -> None:
    def body(b: Builder, x: Atom) -> Sequence[Atom]:
        return b.emit("extern", [x], {"name": "measure"}, (), [F64])

    f = function("x", body)
    for derivative in (tangent_function, gradient_function):
        with pytest.raises(DiffLangError) as caught:
            derivative(f)
        assert caught.value.code == "E0501"
        assert "measure" in str(caught.value)


@pytest.mark.parametrize("mode", ["jvp", "vjp"])
def test_a_rule_may_mention_itself(mode: str) -> None:
    """exp with the rule dy = exp(x) dx, at three orders; the primal is opaque."""

    def body(b: Builder, x: Atom) -> Sequence[Atom]:
        primal = b.block([F64], lambda x: [b.prim("exp", b.prim("stop_grad", x))])

        def again(x: Atom) -> Atom:
            return b.emit("rule", [x], {"name": "f", "modes": (mode,)}, (), [F64])[0]

        tangent = b.block([F64, F64], lambda x, d: [b.prim("mul", again(x), d)])
        cotangent = b.block([F64, F64, F64], lambda x, y, bar: [b.prim("mul", again(x), bar)])
        return rule(b, [x], primal, **{mode: tangent if mode == "jvp" else cotangent})

    f = function("x", body)
    gradient = gradient_function(f)
    e = pytest.approx(math.exp(0.7), rel=1e-14)
    assert run_erased(gradient, 0.7) == [e]
    assert run_erased(tangent_function(gradient_function(gradient)), 0.7, 1.0) == [e, e]
    assert run_erased(tangent_function(tangent_function(f)), 0.7, 1.0, 1.0, 0.0) == [e, e, e, e]


# --- implicit functions ---


def implicit(
    b: Builder,
    args: Sequence[Atom],
    solver: Callable[..., Sequence[Atom]],
    condition: Callable[..., Sequence[Atom]],
    via: Callable[..., Sequence[Atom]] | None = None,
    **attrs: bool,
) -> tuple[Var, ...]:
    """`condition` takes the unknowns and the arguments; `via` the right-hand sides and the arguments."""
    types = [a.type for a in args]
    first = b.block(types, solver)
    unknowns = [r.type for r in first.results]
    regions = [first, b.block([*unknowns, *types], condition)]
    if via is not None:
        regions.append(b.block([*unknowns, *types], via))
    return b.emit("implicit", args, dict(attrs), regions, unknowns)


def root(b: Builder, a: Atom) -> Sequence[Atom]:
    """w with w^3 = a, the solver opaque to differentiation."""

    def solver(a: Atom) -> list[Atom]:
        return [b.prim("cbrt", b.prim("stop_grad", a))]

    return implicit(b, [a], solver, lambda w, a: [b.prim("sub", b.prim("powi", w, integer(3)), a)])


def test_cube_root_at_three_orders() -> None:
    f = function("a", root)
    a = 2.7
    first = a ** (-2 / 3) / 3
    second = -2 / 9 * a ** (-5 / 3)
    third = 10 / 27 * a ** (-8 / 3)
    gradient = gradient_function(f)
    assert run_erased(gradient, a) == [pytest.approx(first, rel=1e-13)]
    assert run_erased(tangent_function(f), a, 1.0)[1] == pytest.approx(first, rel=1e-13)
    hessian = gradient_function(gradient)
    assert run_erased(hessian, a) == [pytest.approx(second, rel=1e-12)]
    assert run_erased(tangent_function(gradient), a, 1.0)[1] == pytest.approx(second, rel=1e-12)
    assert run_erased(tangent_function(tangent_function(f)), a, 1.0, 1.0, 0.0)[-1] == pytest.approx(second, rel=1e-12)
    assert run_erased(gradient_function(hessian), a) == [pytest.approx(third, rel=1e-11)]
    assert run_erased(tangent_function(hessian), a, 1.0)[1] == pytest.approx(third, rel=1e-11)


def conjugate_gradients(b: Builder, right: Atom, steps: int) -> list[Atom]:
    """A fixed number of steps of the conjugate gradient method (Hestenes and Stiefel 1952) on `operator`."""

    def inner(u: Atom, v: Atom) -> Atom:
        return b.emit("contract", [u, v], {"spec": "i,i->"})[0]

    def combined(u: Atom, s: Atom, v: Atom) -> Atom:
        return b.map(lambda p, q: b.prim("add", p, b.prim("mul", s, q)), u, v)

    def quotient(u: Atom, v: Atom) -> Atom:
        return b.cond(b.prim("eq", v, real(0)), lambda: [real(0)], lambda: [b.prim("div", u, v)])[0]

    def step(_: Atom, x: Atom, r: Atom, p: Atom) -> list[Atom]:
        (ap,) = b.emit("operator", [p], {}, (), [p.type])
        length = quotient(inner(r, r), inner(p, ap))
        smaller = combined(r, b.prim("neg", length), ap)
        return [combined(x, length, p), smaller, combined(smaller, quotient(inner(smaller, smaller), inner(r, r)), p)]

    zero = b.map(lambda v: real(0), right)
    return [b.fold(integer(steps), [zero, right, right], step)[0]]


@pytest.mark.parametrize("via", ["dense", "conjugate gradients", "fallback"])
def test_ridge_regression(via: str) -> None:
    """w = (X^T X + lam I)^-1 X^T y; with a solver that differentiation must not enter."""

    def body(b: Builder, m: Atom, n: Atom, lam: Atom, x: Atom, y: Atom) -> Sequence[Atom]:
        def gram(x: Atom, lam: Atom, w: Atom) -> Atom:
            inner = b.emit("contract", [x, w], {"spec": "ij,j->i"})[0]
            outer = b.emit("contract", [x, inner], {"spec": "ij,i->j"})[0]
            return b.map(lambda p, q: b.prim("add", p, b.prim("mul", lam, q)), outer, w)

        def moment(x: Atom, y: Atom) -> Atom:
            return b.emit("contract", [x, y], {"spec": "ij,i->j"})[0]

        def condition(w: Atom, lam: Atom, x: Atom, y: Atom) -> list[Atom]:
            return [b.map(lambda p, q: b.prim("sub", p, q), gram(x, lam, w), moment(x, y))]

        def solver(lam: Atom, x: Atom, y: Atom) -> list[Atom]:
            square = b.emit("contract", [x, x], {"spec": "ij,ik->jk"})[0]

            def shifted(i: Atom, j: Atom) -> list[Atom]:
                diagonal = b.prim("select", b.prim("eq", i, j), lam, real(0))
                return [b.prim("stop_grad", b.prim("add", b.get(square, i, j), diagonal))]

            return list(b.emit("solve", [b.build([n, n], shifted)[0], moment(x, y)]))

        def linear(right: Atom, *_: Atom) -> list[Atom]:
            return conjugate_gradients(b, right, 3)

        chosen = None if via == "dense" else linear
        return implicit(b, [lam, x, y], solver, condition, chosen, fallback=via == "fallback")

    f = function("m n lam X[m,n] y[m]", body)
    rng = np.random.default_rng(3)
    x, y, lam = rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, 4), 0.7
    inverse = np.linalg.inv(x.T @ x + lam * np.eye(2))
    w = inverse @ x.T @ y
    tangent = run_erased(tangent_function(f), 4, 2, lam, x, y, 1.0, np.zeros((4, 2)), np.zeros(4))[1]
    np.testing.assert_allclose(tangent, -inverse @ w, rtol=1e-12)
    weights = np.array([0.3, -1.1])
    _, lam_bar, x_bar, y_bar = run_erased(cotangent_function(f), 4, 2, lam, x, y, weights)
    assert lam_bar == pytest.approx(-(inverse @ weights) @ w, rel=1e-12)
    np.testing.assert_allclose(y_bar, x @ inverse @ weights, rtol=1e-12)
    v = inverse @ weights
    np.testing.assert_allclose(x_bar, np.outer(y - x @ w, v) - np.outer(x @ v, w), rtol=1e-11)
    second = tangent_function(cotangent_function(f))
    directions = [1.0, np.zeros((4, 2)), np.zeros(4), np.zeros(2)]
    found = run_erased(second, 4, 2, lam, x, y, weights, *directions)
    assert found[5] == pytest.approx(2 * weights @ inverse @ inverse @ w, rel=1e-11)


def test_several_unknowns_of_different_shapes() -> None:
    """The point of x^2 + y^2 (x in the plane) on the plane a.x = c with its multiplier: x = c a / |a|^2."""

    def body(b: Builder, n: Atom, c: Atom, a: Atom) -> Sequence[Atom]:
        def along(a: Atom, x: Atom) -> Atom:
            return b.emit("contract", [a, x], {"spec": "i,i->"})[0]

        def solver(c: Atom, a: Atom) -> list[Atom]:
            length = b.prim("stop_grad", b.prim("div", c, along(a, a)))
            x = b.map(lambda v: b.prim("mul", length, b.prim("stop_grad", v)), a)
            return [x, b.prim("mul", real(-2), length)]

        def condition(x: Atom, multiplier: Atom, c: Atom, a: Atom) -> list[Atom]:
            def stationary(v: Atom, w: Atom) -> Atom:
                return b.prim("add", b.prim("mul", real(2), v), b.prim("mul", multiplier, w))

            return [b.map(stationary, x, a), b.prim("sub", along(a, x), c)]

        return implicit(b, [c, a], solver, condition)

    f = function("n c a[n]", body)
    a, c = np.array([1.0, 2.0]), 0.8
    _, _, x_slope, multiplier_slope = run_erased(tangent_function(f), 2, c, a, 1.0, np.zeros(2))
    np.testing.assert_allclose(x_slope, a / 5, rtol=1e-14)
    assert multiplier_slope == pytest.approx(-2 / 5)
    _, _, c_bar, a_bar = run_erased(cotangent_function(f), 2, c, a, np.array([0.0, 0.0]), 1.0)
    assert c_bar == pytest.approx(-2 / 5)
    np.testing.assert_allclose(a_bar, 4 * c * a / 25, rtol=1e-14)


def test_implicit_functions_of_elements_of_an_array_in_a_loop() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, c: Atom) -> list[Atom]:
            return [b.prim("sin", b.prim("mul", c, root(b, b.get(x, i))[0]))]

        return b.fold(n, [real(1)], step)

    def plain(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.fold(n, [real(1)], lambda i, c: [b.prim("sin", b.prim("mul", c, b.prim("cbrt", b.get(x, i))))])

    x = np.array([0.5, 1.5, 2.5])
    found = run_erased(gradient_function(function("n x[n]", body)), 3, x)[0]
    expected = run(gradient_function(function("n x[n]", plain)), 3, x)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# --- checkpoints ---


def iterated(levels: int) -> Func:
    def body(b: Builder, n: Atom, r: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, x: Atom, y: Atom) -> list[Atom]:
            scaled = b.prim("mul", b.prim("convert", b.prim("add", i, integer(1)), dtype="f64"), y)
            return [b.prim("sin", b.prim("mul", r, scaled)), b.prim("cos", b.prim("add", x, y))]

        def loops() -> Sequence[Atom]:
            forwards = b.fold(n, [x, r], step)
            return b.fold(n, forwards, step, reverse=True)

        return b.emit("checkpoint", [], {"levels": levels}, [b.block([], loops)])

    return function("n:i64 r x", body)


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("steps", [0, 1, 2, 7, 27, 31])
def test_checkpoints_change_no_value(levels: int, steps: int) -> None:
    plain, kept = iterated(0), iterated(levels)
    args = (steps, 0.8, 0.3)
    assert run_erased(kept, *args) == run_erased(plain, *args)
    weights = (0.4, -1.2)
    for found, expected in zip(
        run_erased(cotangent_function(kept), *args, *weights),
        run_erased(cotangent_function(plain), *args, *weights),
        strict=True,
    ):
        assert found == expected


def test_checkpoints_save_few_states() -> None:
    """With two levels no stack is as long as the loop."""
    derivative = erased(cotangent_function(iterated(2)))
    count = derivative.params[0]
    stacks = [e for e in walk(derivative.block) if e.op == "fold" for out in e.outs if out.type.shape]
    assert stacks
    assert all(out.type.shape != (count,) for e in stacks for out in e.outs)
    single = erased(cotangent_function(iterated(1)))
    assert any(out.type.shape == (single.params[0],) for e in walk(single.block) for out in e.outs)


def test_second_derivatives_through_checkpoints() -> None:
    f = function("n:i64 r x", lambda b, n, r, x: [iterated_once(b, n, r, x)])
    check_all_orders_erased(f, [5, 0.8, 0.3])


def iterated_once(b: Builder, n: Atom, r: Atom, x: Atom) -> Atom:
    def loop() -> Sequence[Atom]:
        return b.fold(n, [x], lambda i, c: [b.prim("sin", b.prim("mul", r, c))])

    return b.emit("checkpoint", [], {"levels": 2}, [b.block([], loop)])[0]


def check_all_orders_erased(func: Func, args: Sequence[object]) -> None:
    """Derivatives of the erased derivatives and derivatives through the checkpoints agree."""
    check_all_orders(erased(func), args)
    for outer in (tangent_function, cotangent_function):
        inner = outer(gradient_function(func))
        plain = outer(gradient_function(erased(func)))
        extra = [0.3, 0.4]
        np.testing.assert_allclose(run_erased(inner, *args, *extra), run_erased(plain, *args, *extra), rtol=1e-13)


def test_exact_value_of_a_checkpointed_loop() -> None:
    """d/dx of x^(2^n)."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def loop() -> Sequence[Atom]:
            return b.fold(n, [x], lambda i, c: [b.prim("mul", c, c)])

        return b.emit("checkpoint", [], {"levels": 2}, [b.block([], loop)])

    gradient = gradient_function(function("n:i64 x", body))
    assert run_erased(gradient, 6, 1.01) == [pytest.approx(64 * math.pow(1.01, 63), rel=1e-13)]
