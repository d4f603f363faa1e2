"""Several directions at once, against Jacobians worked out on paper, and against NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Func, Type, Var
from difflang.core.ops import integer
from difflang.core.verifier import verify
from difflang.derive import bundle, values
from tests.derive.toolkit import cotangent_function, function, run

X = np.array([0.7, -1.3, 2.1])


def real(value: float) -> Atom:
    return literal(value, "f64")


def square(b: Builder, x: Atom) -> Atom:
    return b.prim("mul", x, x)


def jacobian_function(signature: str, body: Callable[..., Sequence[Atom]], directions: int) -> Func:
    """x[n] -> the derivative of the first result, along the rows of the second parameter `seeds[n, directions]`."""
    inner = function(signature, body)
    *rest, x = inner.params
    b = Builder()

    def outer(*params: Atom) -> list[Atom]:
        seeds = params[-1]
        outs, found = bundle(b, inner.block, params[:-1], [*(None for _ in rest), seeds], [integer(directions)])
        zero = values.zeros(b, Type("f64", (*outs[0].type.shape, integer(directions))))
        return [outs[0], zero if found[0] is None else found[0]]

    seeds = Var(Type("f64", (*x.type.shape, integer(directions))), "seeds")
    func = Func("f", b.block_with([*inner.params, seeds], outer))
    verify(func)
    return func


def jacobian(signature: str, body: Callable[..., Sequence[Atom]], *args: object) -> np.ndarray:
    x = args[-1]
    assert isinstance(x, np.ndarray)
    found = run(jacobian_function(signature, body, x.size), *args, np.eye(x.size))[1]
    return np.asarray(found)


def test_elements() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.build([n], lambda i: [b.prim("sin", b.get(x, i))])

    np.testing.assert_allclose(jacobian("n x[n]", body, 3, X), np.diag(np.cos(X)), rtol=1e-15)


def test_sum_of_products_and_matrix_products() -> None:
    def body(b: Builder, n: Atom, a: Atom, x: Atom) -> Sequence[Atom]:
        twice = b.emit("contract", [a, x], {"spec": "ij,j->i"})[0]
        return [b.emit("contract", [twice, x], {"spec": "i,i->"})[0]]

    a = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(jacobian("n A[n,n] x[n]", body, 3, a, X), (a + a.T) @ X, rtol=1e-14)


@pytest.mark.parametrize("op", ["max", "min"])
def test_ties_share_evenly(op: str) -> None:
    x = np.array([1.0, 3, 3, 1]) if op == "max" else np.array([3.0, 1, 1, 3])
    found = jacobian("n x[n]", lambda b, n, x: b.reduce(op, [n], lambda i: [b.get(x, i)]), 4, x)
    assert found.tolist() == [0, 0.5, 0.5, 0]


def test_products_with_zeros() -> None:
    x = np.array([0.0, 3.0, 5.0])
    found = jacobian("n x[n]", lambda b, n, x: b.reduce("prod", [n], lambda i: [b.get(x, i)]), 3, x)
    assert found.tolist() == [15, 0, 0]


def test_loops_with_updates() -> None:
    """Prefix sums of squares in an array that a loop fills."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, total: Atom, sums: Atom) -> list[Atom]:
            total = b.prim("add", total, square(b, b.get(x, i)))
            return [total, b.set(sums, i, total)]

        return b.fold(n, [real(0), b.full(real(0), [n])], step)[1:]

    np.testing.assert_allclose(jacobian("n x[n]", body, 3, X), np.tril(np.tile(2 * X, (3, 1))), rtol=1e-15)


def test_stacked_results_of_a_while_loop() -> None:
    """x0 doubled until it passes 5, with the values on the way."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        outs = b.while_(
            [b.get(x, integer(0))],
            lambda c: b.prim("lt", c, real(5)),
            lambda c: [b.prim("mul", c, real(2)), c],
        )
        return [outs[0]]

    assert jacobian("n x[n]", body, 3, X).tolist() == [8, 0, 0]


def test_branches_and_constants() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def element(i: Atom) -> Sequence[Atom]:
            v = b.get(x, i)
            return b.cond(b.prim("lt", v, real(0)), lambda: [real(3)], lambda: [square(b, v)])

        return b.build([n], element)

    np.testing.assert_allclose(jacobian("n x[n]", body, 3, X), np.diag([1.4, 0, 4.2]), rtol=1e-15)


def test_accumulators() -> None:
    """Pairs of elements are added to two places each."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def region(total: Atom) -> list[Atom]:
            def add(i: Atom) -> list[Atom]:
                b.add_to(total, b.prim("mod", i, integer(2)), square(b, b.get(x, i)))
                return []

            b.build([n], add)
            return []

        return b.accum([b.full(real(0), [integer(2)])], region)

    np.testing.assert_allclose(jacobian("n x[n]", body, 3, X), [[1.4, 0, 4.2], [0, -2.6, 0]], rtol=1e-15)


def test_reshapes() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return [b.emit("reshape", [x, integer(1), n])[0]]

    assert jacobian("n x[n]", body, 3, X).tolist() == np.eye(3)[None].tolist()


def test_linear_systems_go_by_direction() -> None:
    """d(A^-1 x)/dx = A^-1."""

    def body(b: Builder, n: Atom, a: Atom, x: Atom) -> Sequence[Atom]:
        return [b.emit("solve", [a, x])[0]]

    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    found = jacobian("n A[n,n] x[n]", body, 2, a, np.array([1.0, 2.0]))
    np.testing.assert_allclose(found, np.linalg.inv(a), rtol=1e-14)


def test_what_moves_nothing_has_no_tangent() -> None:
    assert (
        jacobian("n x[n]", lambda b, n, x: b.build([n], lambda i: [real(1)]), 3, X).tolist()
        == np.zeros((3, 3)).tolist()
    )


def test_a_bundle_is_differentiated_again() -> None:
    """The Hessian of sum sin(x_i) x_0 along a vector: reverse over a bundle."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        first = b.get(x, integer(0))
        return b.reduce("sum", [n], lambda i: [b.prim("mul", b.prim("sin", b.get(x, i)), first)])

    func = jacobian_function("n x[n]", body, 3)
    weights = np.array([0.3, -0.2, 0.9])
    cotangents = run(cotangent_function(func), 3, X, np.eye(3), 0.0, weights)
    hessian = -np.diag(np.sin(X)) * X[0]
    hessian[0] += np.cos(X)
    hessian[:, 0] += np.cos(X)
    np.testing.assert_allclose(cotangents[2], hessian @ weights, rtol=1e-14)
