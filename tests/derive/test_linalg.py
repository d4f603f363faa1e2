"""Linear algebra: identities between the factors' derivatives, closed forms, differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Func, Type, Var
from difflang.core.ops import integer
from tests.derive.toolkit import (
    check_all_orders,
    check_modes,
    cotangent_function,
    function,
    gradient_function,
    run,
    tangent_function,
)

RNG = np.random.default_rng(7)
GENERAL = RNG.uniform(-1, 1, (3, 3)) + 3 * np.eye(3)
POSITIVE = GENERAL @ GENERAL.T
TALL = RNG.uniform(-1, 1, (4, 3))
WIDE = TALL.T.copy()
DIAGONAL = np.diag([3.0, 1.0, 2.0])
"""The signs of its computed eigenvectors jump, so that differences mean nothing."""


def op(name: str, **attrs: bool):
    return lambda b, *args: b.emit(name, args[-2:] if name.endswith("solve") else args[-1:], dict(attrs))


@pytest.mark.parametrize("right", [RNG.uniform(-1, 1, 3), RNG.uniform(-1, 1, (3, 2))])
def test_solve(right: np.ndarray) -> None:
    f = function("n m:i64 A[n,n] " + ("y[n]" if right.ndim == 1 else "y[n,m]"), op("solve"))
    check_all_orders(f, [3, 2, GENERAL, right])
    weights = RNG.uniform(-1, 1, right.shape)
    x, matrix_bar, right_bar = run(cotangent_function(f), 3, 2, GENERAL, right, weights)
    expected = np.linalg.solve(GENERAL.T, weights)
    np.testing.assert_allclose(right_bar, expected, rtol=1e-13)
    outer = np.outer(expected, x) if right.ndim == 1 else expected @ x.T
    np.testing.assert_allclose(matrix_bar, -outer, rtol=1e-12)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("right", [RNG.uniform(-1, 1, 3), RNG.uniform(-1, 1, (3, 2))])
def test_triangular_solve(lower: bool, transpose: bool, unit: bool, right: np.ndarray) -> None:
    """The other triangle holds numbers that must not be read, by any derivative."""
    f = function(
        "n m:i64 A[n,n] " + ("y[n]" if right.ndim == 1 else "y[n,m]"),
        op("triangular_solve", lower=lower, transpose=transpose, unit=unit),
    )
    check_all_orders(f, [3, 2, GENERAL, right])


def test_cholesky() -> None:
    f = function("n A[n,n]", op("cholesky"))
    check_all_orders(f, [3, POSITIVE])
    change = RNG.uniform(-1, 1, (3, 3))
    change += change.T
    factor, slope = run(tangent_function(f), 3, POSITIVE, change)
    np.testing.assert_allclose(slope @ factor.T + factor @ slope.T, change, atol=1e-14)
    assert np.triu(slope, 1).tolist() == np.zeros((3, 3)).tolist()


def test_log_determinant_by_cholesky() -> None:
    """The gradient of log det A is the inverse of A, folded onto the triangle that is read."""

    def body(b: Builder, n: Atom, a: Atom) -> Sequence[Atom]:
        factor = b.emit("cholesky", [a])[0]
        return b.reduce(
            "sum", [n], lambda i: [b.prim("mul", b.prim("log", b.get(factor, i, i)), b.prim("add", one, one))]
        )

    one = literal(1, "f64")
    (gradient,) = run(gradient_function(function("n A[n,n]", body)), 3, POSITIVE)
    inverse = np.linalg.inv(POSITIVE)
    np.testing.assert_allclose(gradient, np.tril(inverse) + np.tril(inverse, -1), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("matrix", [GENERAL, TALL, WIDE, np.array([[2.0]]), GENERAL[::-1].copy()])
def test_lu(matrix: np.ndarray) -> None:
    f = function("m n A[m,n]", op("lu"))
    check_all_orders(f, [*matrix.shape, matrix])


@pytest.mark.parametrize("matrix", [GENERAL, TALL, WIDE, TALL[:, :1].copy(), TALL[:1].copy()])
def test_qr(matrix: np.ndarray) -> None:
    def body(b: Builder, m: Atom, n: Atom, a: Atom) -> Sequence[Atom]:
        return b.emit("qr", [a, b.prim("min", m, n)])

    f = function("m n A[m,n]", body)
    direction = RNG.uniform(-1, 1, matrix.shape)
    q, r, dq, dr = run(tangent_function(f), *matrix.shape, matrix, direction)
    np.testing.assert_allclose(dq @ r + q @ dr, direction, atol=1e-13)
    np.testing.assert_allclose(dq.T @ q + q.T @ dq, 0, atol=1e-13)
    np.testing.assert_allclose(np.tril(dr, -1), 0, atol=1e-14)
    check_all_orders(fixed("qr", matrix.shape), [matrix])


def fixed(name: str, shape: tuple[int, ...]) -> Func:
    """The factorisation with literal sizes: its results may then be parameters of the adjoint."""
    b = Builder()
    a = Var(Type("f64", tuple(integer(s) for s in shape)), "A")
    return Func(name, b.block_with([a], lambda a: b.emit(name, [a, integer(min(shape))])))


@pytest.mark.parametrize("matrix", [POSITIVE, POSITIVE[:1, :1].copy(), DIAGONAL])
def test_eigh(matrix: np.ndarray) -> None:
    f = function("n A[n,n]", op("eigh"))
    size = len(matrix)
    direction = RNG.uniform(-1, 1, (size, size))
    direction += direction.T
    w, v, dw, dv = run(tangent_function(f), size, matrix, direction)
    np.testing.assert_allclose(direction @ v + matrix @ dv, dv * w + v * dw, atol=1e-12)
    np.testing.assert_allclose(dv.T @ v + v.T @ dv, 0, atol=1e-13)
    check_all_orders(f, [size, matrix], smooth=matrix is not DIAGONAL)


def test_eigh_of_equal_eigenvalues_has_the_derivatives_that_exist() -> None:
    """The sum of squares of the eigenvalues is that of the entries."""

    def body(b: Builder, n: Atom, a: Atom) -> Sequence[Atom]:
        w = b.emit("eigh", [a])[0]
        return b.reduce("sum", [n], lambda i: [b.prim("mul", b.get(w, i), b.get(w, i))])

    (gradient,) = run(gradient_function(function("n A[n,n]", body)), 3, 2 * np.eye(3))
    np.testing.assert_allclose(gradient, 4 * np.eye(3), atol=1e-15)


@pytest.mark.parametrize("matrix", [GENERAL, TALL, WIDE, TALL[:, :1].copy(), TALL[:1].copy()])
def test_svd(matrix: np.ndarray) -> None:
    f = fixed("svd", matrix.shape)
    direction = RNG.uniform(-1, 1, matrix.shape)
    u, s, vt, du, ds, dvt = run(tangent_function(f), matrix, direction)
    np.testing.assert_allclose((du * s) @ vt + (u * ds) @ vt + (u * s) @ dvt, direction, atol=1e-12)
    np.testing.assert_allclose(du.T @ u + u.T @ du, 0, atol=1e-12)
    np.testing.assert_allclose(dvt @ vt.T + vt @ dvt.T, 0, atol=1e-12)
    check_all_orders(f, [matrix])


def test_singular_values_of_a_singular_matrix() -> None:
    """The gradient of the largest singular value is u v^T, whatever the others are."""
    f = fixed("svd", (3, 3))
    b = Builder()
    a = f.params[0]
    top = Func("top", b.block_with([a], lambda a: [b.get(b.emit("svd", [a, integer(3)])[1], integer(0))]))
    (gradient,) = run(gradient_function(top), np.outer([1.0, 2, 2], [2.0, 0, 0]))
    np.testing.assert_allclose(gradient, np.outer([1 / 3, 2 / 3, 2 / 3], [1, 0, 0]), atol=1e-15)


def test_factorisations_inside_loops() -> None:
    """Inverse iteration on I + c A, with the solution in a loop and the matrix built in it."""

    def body(b: Builder, n: Atom, a: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, x: Atom) -> list[Atom]:
            shifted = b.build([n, n], lambda i, j: [b.prim("mul", b.get(a, i, j), b.prim("cos", b.get(x, i)))])[0]
            y = b.emit("solve", [shifted, x])[0]
            return [b.map(lambda v: b.prim("mul", v, literal(1.5, "f64")), y)]

        return b.fold(integer(2), [x], step)

    check_all_orders(function("n A[n,n] x[n]", body), [3, GENERAL, np.array([0.3, -0.4, 0.8])])


def test_zero_by_zero() -> None:
    check_modes(function("n A[n,n]", op("cholesky")), [0, np.zeros((0, 0))])
