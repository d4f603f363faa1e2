"""Every structural operation, in every mode and at second order, against closed forms and differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Type, Var
from difflang.core.ops import integer
from tests.derive.toolkit import (
    Recorder,
    check_all_orders,
    cotangent_function,
    function,
    gradient_function,
    run,
    tangent_function,
)

X3 = np.array([0.7, -1.3, 2.1])


def real(value: float) -> Atom:
    return literal(value, "f64")


def times(b: Builder, *factors: Atom) -> Atom:
    product, *rest = factors
    for factor in rest:
        product = b.prim("mul", product, factor)
    return product


# --- products ---


def product_of(b: Builder, n: Atom, x: Atom) -> list[Atom]:
    return list(b.reduce("prod", [n], lambda i: [b.get(x, i)]))


def product_in_a_loop(b: Builder, n: Atom, x: Atom) -> list[Atom]:
    return list(b.fold(n, [real(1)], lambda i, p: [b.prim("mul", p, b.get(x, i))]))


@pytest.mark.parametrize("body", [product_of, product_in_a_loop])
@pytest.mark.parametrize("x", [[2.0, 2, 2], [0.0, 3, 5], [0.0, 0, 5], [0.0, 0, 0], [4.0], []])
def test_gradient_of_a_product_is_the_product_of_the_others(body, x: list[float]) -> None:
    f = function("n x[n]", body)
    (gradient,) = run(gradient_function(f), len(x), np.array(x))
    others = [math.prod(v for k, v in enumerate(x) if k != i) for i in range(len(x))]
    np.testing.assert_array_equal(gradient, others)


@pytest.mark.parametrize("x", [[2.0, 3, 5], [0.0, 3, 5], [0.0, 0, 5], [0.0, 0, 0]])
def test_hessian_of_a_product_with_zeros(x: list[float]) -> None:
    gradient = gradient_function(function("n x[n]", product_of))
    forward_over_reverse, reverse_over_reverse = tangent_function(gradient), cotangent_function(gradient)
    expected = [
        [0 if i == j else math.prod(x[k] for k in range(3) if k not in (i, j)) for j in range(3)] for i in range(3)
    ]
    for j, unit in enumerate(np.eye(3)):
        assert run(forward_over_reverse, 3, np.array(x), unit)[-1].tolist() == [row[j] for row in expected]
        assert run(reverse_over_reverse, 3, np.array(x), unit)[-1].tolist() == [row[j] for row in expected]


def test_product_over_two_indices_and_two_results() -> None:
    def body(b: Builder, n: Atom, m: Atom, a: Atom) -> Sequence[Atom]:
        return b.reduce("prod", [n, m], lambda i, j: [b.get(a, i, j), b.prim("sin", b.get(a, i, j))])

    check_all_orders(function("n m A[n,m]", body), [2, 3, np.arange(6.0).reshape(2, 3) - 1.5])


# --- reductions with ties ---


@pytest.mark.parametrize("op", ["max", "min"])
def test_ties_share_evenly(op: str) -> None:
    f = function("n x[n]", lambda b, n, x: b.reduce(op, [n], lambda i: [b.get(x, i)]))
    x = np.array([1.0, 3, 3, 1]) if op == "max" else np.array([3.0, 1, 1, 3])
    assert run(gradient_function(f), 4, x)[0].tolist() == [0, 0.5, 0.5, 0]
    assert run(tangent_function(f), 4, x, np.array([7.0, 1, 2, 7]))[1] == 1.5


def test_the_maximum_of_nothing_has_no_gradient() -> None:
    f = function("n x[n]", lambda b, n, x: b.reduce("max", [n], lambda i: [b.get(x, i)]))
    assert run(gradient_function(f), 0, np.zeros(0))[0].shape == (0,)
    assert run(tangent_function(f), 0, np.zeros(0), np.zeros(0)) == [-math.inf, 0.0]


def test_maximum_of_computed_elements_at_second_order() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.reduce("max", [n], lambda i: [times(b, b.get(x, i), b.get(x, i), b.get(x, integer(0)))])

    check_all_orders(function("n x[n]", body), [3, X3])


def test_argmax_is_a_constant() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> list[Atom]:
        (at,) = b.reduce("argmax", [n], lambda i: [b.get(x, i)])
        return [times(b, b.get(x, at), b.get(x, at))]

    assert run(gradient_function(function("n x[n]", body)), 3, X3)[0].tolist() == [0, 0, 4.2]


def test_ragged_sum_of_vectors() -> None:
    def body(b: Builder, n: Atom, a: Atom, x: Atom) -> list[Atom]:
        def row(i: Atom) -> list[Atom]:
            total = b.reduce("sum", [i], lambda j: [times(b, b.get(a, i, j), b.get(x, j), b.get(x, j))])[0]
            return [b.map(lambda v: b.prim("mul", v, total), b.get(a, i))]

        return list(b.reduce("sum", [n], row))

    check_all_orders(function("n A[n,n] x[n]", body), [3, np.linspace(-1, 1, 9).reshape(3, 3), X3])


# --- loops ---


@pytest.mark.parametrize("steps", [0, 1, 31])
@pytest.mark.parametrize("reverse", [False, True])
def test_logistic_map(steps: int, reverse: bool) -> None:
    """d x_n / d x_0 of x <- r x (1 - x) is the product of r (1 - 2 x_k)."""

    def body(b: Builder, n: Atom, r: Atom, x: Atom) -> Sequence[Atom]:
        return b.fold(n, [x], lambda i, x: [times(b, r, x, b.prim("sub", real(1), x)), x], reverse=reverse)

    f = function("n:i64 r x", body)
    r, x = 2.9, 0.37
    orbit, slope = x, 1.0
    for _ in range(steps):
        slope *= r * (1 - 2 * orbit)
        orbit = r * orbit * (1 - orbit)
    value, path = run(f, steps, r, x)
    assert value == pytest.approx(orbit, rel=1e-13)
    assert len(path) == steps
    assert run(gradient_function(f), steps, r, x)[1] == pytest.approx(slope, rel=1e-11)
    assert run(tangent_function(f), steps, r, x, 0.0, 1.0)[2] == pytest.approx(slope, rel=1e-11)


@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_carries_of_all_kinds(steps: int, reverse: bool) -> None:
    """Integer, swapped, invariant and array carries, with stacked results of both ranks."""

    def body(b: Builder, n: Atom, m: Atom, s: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, k: Atom, u: Atom, v: Atom, c: Atom, y: Atom) -> list[Atom]:
            weight = b.prim("convert", k, dtype="f64")
            y2 = b.map(lambda a: b.prim("sin", times(b, a, c, u)), y)
            return [b.prim("add", k, integer(2)), v, times(b, u, weight, c), c, y2, times(b, u, v), y]

        last = b.fold(n, [integer(1), s, b.prim("cos", s), s, x], step, reverse=reverse)
        total = b.reduce("sum", [n, m], lambda i, j: [times(b, b.get(last[5], i), b.get(last[6], i, j))])[0]
        return [*last[1:5], total]

    check_all_orders(function("n:i64 m s x[m]", body), [steps, 3, 0.8, X3])


def test_a_carry_that_is_overwritten() -> None:
    """The value of the last step counts, the initial one only when there is no step."""
    f = function("n:i64 s t", lambda b, n, s, t: b.fold(n, [s], lambda i, c: [times(b, t, t)]))
    assert run(gradient_function(f), 0, 2.0, 3.0) == [1, 0]
    assert run(gradient_function(f), 4, 2.0, 3.0) == [0, 6]


def test_aliasing_update() -> None:
    """x[i] *= x[j] for all i and j, with i == j among them: x[i] is squared there."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def inner(i: Atom, j: Atom, x: Atom) -> list[Atom]:
            return [b.set(x, i, times(b, b.get(x, i), b.get(x, j)))]

        return b.fold(n, [x], lambda i, x: b.fold(n, [x], lambda j, x: inner(i, j, x)))

    check_all_orders(function("n x[n]", body), [2, np.array([1.1, 0.9])])
    check_all_orders(function("n x[n]", body), [1, np.array([1.1])])


def test_in_place_updates_at_computed_places() -> None:
    """Two updates a step, the second at an index that depends on the data, with reads between and after."""

    def body(b: Builder, n: Atom, m: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, at: Atom, x: Atom) -> list[Atom]:
            y = b.set(x, at, times(b, b.get(x, i), b.get(x, at)))
            (largest,) = b.reduce("argmax", [m], lambda j: [b.get(y, j)])
            z = b.set(y, largest, b.prim("sin", b.get(y, at)))
            return [largest, b.set(z, i, times(b, b.get(z, largest), b.get(y, i)))]

        return b.fold(n, [integer(1), x], step)[1:]

    check_all_orders(function("n:i64 m x[m]", body), [3, 3, X3])


def test_updates_of_rows() -> None:
    def body(b: Builder, n: Atom, a: Atom) -> Sequence[Atom]:
        def step(i: Atom, a: Atom) -> list[Atom]:
            row = b.build([n], lambda j: [times(b, b.get(a, i, j), b.get(a, j, i))])[0]
            return [b.set(a, i, row)]

        return b.fold(n, [a], step)

    check_all_orders(function("n A[n,n]", body), [3, np.linspace(0.5, 1.5, 9).reshape(3, 3)])


def newton(b: Builder, a: Atom) -> list[Atom]:
    def moving(x: Atom, old: Atom) -> Atom:
        return b.prim("gt", b.prim("abs", b.prim("sub", x, old)), real(1e-15))

    def step(x: Atom, old: Atom) -> list[Atom]:
        return [times(b, real(0.5), b.prim("add", x, b.prim("div", a, x))), x]

    return [b.while_([real(1), real(0)], moving, step)[0]]


@pytest.mark.parametrize("a", [2.0, 0.3, 9.0])
def test_newton_square_root(a: float) -> None:
    f = function("a", newton)
    first = gradient_function(f)
    assert run(first, a)[0] == pytest.approx(0.5 / math.sqrt(a), rel=1e-14)
    assert run(tangent_function(f), a, 1.0)[1] == pytest.approx(0.5 / math.sqrt(a), rel=1e-14)
    second = -0.25 * a**-1.5
    assert run(tangent_function(first), a, 1.0)[1] == pytest.approx(second, rel=1e-12)
    assert run(gradient_function(first), a)[0] == pytest.approx(second, rel=1e-12)
    reverse_over_forward = cotangent_function(tangent_function(f))
    assert run(reverse_over_forward, a, 1.0, 0.0, 1.0)[2:] == pytest.approx([second, 0.5 / math.sqrt(a)], rel=1e-12)
    forward_over_forward = tangent_function(tangent_function(f))
    assert run(forward_over_forward, a, 1.0, 1.0, 0.0)[-1] == pytest.approx(second, rel=1e-12)


@pytest.mark.parametrize("limit", [-1.0, 0.5, 40.0])
def test_while_with_arrays_and_stacks(limit: float) -> None:
    def body(b: Builder, m: Atom, limit: Atom, x: Atom) -> list[Atom]:
        def size(x: Atom) -> Atom:
            return b.reduce("sum", [m], lambda i: [times(b, b.get(x, i), b.get(x, i))])[0]

        def step(k: Atom, x: Atom) -> list[Atom]:
            y = b.set(x, k, times(b, b.get(x, k), real(1.7)))
            grown = b.build([m], lambda i: [times(b, b.get(y, i), real(1.3))])[0]
            return [b.prim("mod", b.prim("add", k, integer(1)), m), grown, size(x), y]

        _, last, count, sizes, path = b.while_([integer(0), x], lambda k, x: b.prim("lt", size(x), limit), step)
        total = b.reduce("sum", [count], lambda t: [times(b, b.get(sizes, t), b.get(path, t, integer(0)))])[0]
        return [last, total]

    f = function("m limit x[m]", lambda b, m, limit, x: body(b, m, b.prim("stop_grad", limit), x))
    check_all_orders(f, [3, limit, X3])


# --- branches ---


@pytest.mark.parametrize("x", [4.0, 0.0, -1.0])
def test_the_branch_not_taken_does_not_speak(x: float) -> None:
    def body(b: Builder, x: Atom) -> Sequence[Atom]:
        return b.cond(b.prim("gt", x, real(0)), lambda: [b.prim("sqrt", x)], lambda: [real(0)])

    f = function("x", body)
    first, second = (0.25, -1 / 32) if x > 0 else (0, 0)
    gradient = gradient_function(f)
    assert run(gradient, x) == [first]
    assert run(tangent_function(f), x, 1.0)[1] == first
    assert run(gradient_function(gradient), x) == [second]
    assert run(tangent_function(gradient), x, 1.0)[1] == second


def test_loops_in_branches_in_builds() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def entry(i: Atom) -> list[Atom]:
            def looped() -> Sequence[Atom]:
                return b.fold(i, [real(1)], lambda t, c: [b.prim("sin", times(b, c, b.get(x, t), b.get(x, i)))])

            small = b.prim("lt", i, integer(2))
            return list(b.cond(small, lambda: [b.prim("exp", b.get(x, i))], looped))

        return b.build([n], entry)

    check_all_orders(function("n x[n]", body), [4, np.array([0.7, -1.3, 2.1, 0.4])])


def test_branches_that_give_constants_and_arrays() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.cond(
            b.prim("gt", n, integer(2)),
            lambda: [b.map(lambda v: times(b, v, v), x), real(3), integer(1)],
            lambda: [x, b.get(x, integer(0)), integer(2)],
        )

    check_all_orders(function("n x[n]", body), [3, X3])
    check_all_orders(function("n x[n]", body), [2, X3[:2]])


# --- arrays ---


def test_an_input_used_in_several_regions() -> None:
    def body(b: Builder, n: Atom, s: Atom, x: Atom) -> list[Atom]:
        y = b.build([n, n], lambda i, j: [times(b, b.get(x, i), b.get(x, j), s), b.prim("exp", s)])
        z = b.reduce("sum", [n, n], lambda i, j: [times(b, b.get(y[0], i, j), b.get(y[0], j, i), b.get(x, i))])[0]
        w = b.fold(n, [s], lambda i, c: [times(b, c, b.prim("sin", times(b, s, b.get(x, i)))), c])
        return [b.prim("add", z, w[0]), b.get(y[1], integer(0)), y[1]]

    check_all_orders(function("n s x[n]", body), [3, 0.6, X3])


def test_unused_and_constant_results() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> list[Atom]:
        unused, used = b.build([n], lambda i: [b.prim("exp", b.get(x, i)), b.prim("sin", b.get(x, i))])
        b.fold(n, [unused], lambda i, c: [b.set(c, i, real(0))])
        return [b.get(used, integer(0)), n, real(2), x]

    check_all_orders(function("n x[n]", body), [3, X3])


def test_effects_happen_once_and_checks_are_not_repeated() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, c: Atom) -> list[Atom]:
            b.emit("print", [i], {"template": "step {0}"})
            b.emit("report", [c], {"names": ("c",)})
            return [times(b, c, b.prim("sin", b.get(x, i)))]

        return b.fold(n, [real(1)], step)

    f = function("n x[n]", body)
    gradient = gradient_function(f)
    for derivative, extra in ((gradient, []), (cotangent_function(gradient), [X3[:2]])):
        host = Recorder()
        run(derivative, 2, X3[:2], *extra, host=host)
        assert [line for line in host.lines if line.startswith("step")] == ["step 0", "step 1"]
    host = Recorder()
    run(tangent_function(f), 2, X3[:2], X3[:2], host=host)
    assert len(host.lines) == 4


def test_single_precision_stays_single() -> None:
    def body(b: Builder, n: Atom, s: Atom, x: Atom) -> list[Atom]:
        wide = b.build([n], lambda i: [b.prim("convert", b.get(x, i), dtype="f64")])[0]
        total = b.reduce("sum", [n], lambda i: [times(b, b.get(wide, i), b.get(wide, i))])[0]
        return [b.prim("mul", b.prim("convert", total, dtype="f32"), b.prim("exp", s))]

    f = function("n s x[n]", body, dtype="f32")
    x = np.array([1.0, 2.0], np.float32)
    ds, dx = run(gradient_function(f), 2, np.float32(0), x)
    assert ds == 5
    assert ds.dtype == np.float32
    assert dx.tolist() == [2, 4]
    assert dx.dtype == np.float32


def test_variables_from_outside_are_constants() -> None:
    from difflang.core.ir import Func
    from difflang.derive import jvp, vjp

    b = Builder()
    x, y = Var(Type("f64"), "x"), Var(Type("f64"), "y")
    block = b.block_with((x,), lambda x: [times(b, x, y)])

    def body(y_: Atom) -> list[Atom]:
        outs, pullback = vjp(b, block, [y], [True])
        _, tangents = jvp(b, block, [y], [real(1)])
        return [outs[0], *(ct for ct in pullback([real(1)]) if ct), *(t for t in tangents if t)]

    assert run(Func("f", b.block_with((y,), body)), 3.0) == [9.0, 3.0, 3.0]


def test_symbolic_zeros() -> None:
    from difflang.derive import jvp, vjp

    f = function("x y", lambda b, x, y: [b.prim("floor", x), b.prim("mul", y, y)])
    b = Builder()
    b.open(f.params)
    _, tangents = jvp(b, f.block, f.params, [f.params[0], None])
    assert tangents == [None, None]
    _, pullback = vjp(b, f.block, f.params, [True, False])
    assert pullback([real(1), real(1)]) == [None, None]
