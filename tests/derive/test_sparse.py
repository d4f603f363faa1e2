"""Compressed Jacobians: their entries are those of the Jacobian, and no others than may differ from zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Func
from difflang.core.ops import integer
from difflang.derive import erased
from difflang.derive.colouring import colours
from difflang.derive.compressed import merged
from difflang.derive.pattern import structure
from difflang.derive.sparse import sparse_jacobian
from tests.derive.test_custom import root
from tests.derive.toolkit import function, run

Body = Callable[..., Sequence[Atom]]
X = np.array([0.5, -1.0, 2.0, 1.5])


def compressed(signature: str, body: Body, which: int) -> Func:
    """Results: rows, columns and values of the entries."""
    f = function(signature, body)
    b = Builder()

    def entries(*params: Atom) -> list[Atom]:
        found = sparse_jacobian(b, f.block, params, which)
        return [found.rows, found.columns, found.values]

    return Func("sparse", b.block_with(f.params, entries))


def pattern_and_matrix(func: Func, shape: tuple[int, int], *args: Any) -> tuple[np.ndarray, np.ndarray]:
    rows, columns, values = run(erased(func), *args)
    pattern, matrix = np.zeros(shape, int), np.zeros(shape)
    np.add.at(pattern, (rows, columns), 1)
    matrix[rows, columns] = values
    assert pattern.max(initial=0) <= 1, "an entry occurs twice"
    return pattern, matrix


def shifted(b: Builder, i: Atom, n: Atom) -> Atom:
    return b.prim("mod", b.prim("add", i, integer(1)), n)


def test_products_of_neighbours() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.build([n], lambda i: [b.prim("mul", b.get(x, i), b.get(x, shifted(b, i, n)))])

    pattern, matrix = pattern_and_matrix(compressed("n x[n]", body, 1), (4, 4), 4, X)
    next_to = np.roll(np.eye(4), 1, axis=1)
    np.testing.assert_array_equal(pattern, np.eye(4) + next_to)
    np.testing.assert_array_equal(matrix, np.diag(np.roll(X, -1)) + next_to * X[:, None])


def test_cancellation_is_no_reason_to_leave_an_entry_out() -> None:
    """x_i - x_i depends on x_i for all that its form says; floor does not."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.build([n], lambda i: [b.prim("sub", b.get(x, i), b.get(x, i))])

    def rounded(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.build([n], lambda i: [b.prim("floor", b.get(x, i))])

    pattern, matrix = pattern_and_matrix(compressed("n x[n]", body, 1), (4, 4), 4, X)
    np.testing.assert_array_equal(pattern, np.eye(4))
    assert not matrix.any()
    pattern, _ = pattern_and_matrix(compressed("n x[n]", rounded, 1), (4, 4), 4, X)
    assert not pattern.any()


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_diffusion_spreads_the_pattern_by_one_neighbour_a_step(steps: int) -> None:
    def body(b: Builder, k: Atom, n: Atom, x: Atom) -> Sequence[Atom]:
        def step(_: Atom, v: Atom) -> list[Atom]:
            def entry(i: Atom) -> list[Atom]:
                left = b.get(v, b.prim("max", b.prim("sub", i, integer(1)), integer(0)))
                return [b.prim("sin", b.prim("add", b.get(v, i), left))]

            return list(b.build([n], entry))

        return b.fold(k, [x], step)

    pattern, _ = pattern_and_matrix(compressed("k:i64 n x[n]", body, 2), (4, 4), steps, 4, X)
    expected = [[0 <= i - j <= steps for j in range(4)] for i in range(4)]
    np.testing.assert_array_equal(pattern, np.array(expected, int))


def test_matrix_products_factorisations_and_other_arguments() -> None:
    a = np.array([[2.0, 0, 1, 0], [0, 3, 0, 0]])

    def product(b: Builder, m: Atom, n: Atom, a: Atom, x: Atom) -> Sequence[Atom]:
        return b.emit("contract", [a, x], {"spec": "ij,j->i"})

    pattern, matrix = pattern_and_matrix(compressed("m n A[m,n] x[n]", product, 3), (2, 4), 2, 4, a, X)
    assert pattern.all(), "the values of a matrix are no structure"
    np.testing.assert_array_equal(matrix, a)

    def solved(b: Builder, n: Atom, a: Atom, x: Atom) -> Sequence[Atom]:
        return b.emit("solve", [a, x])

    square = np.diag([1.0, 2, 4, 8])
    pattern, matrix = pattern_and_matrix(compressed("n A[n,n] x[n]", solved, 2), (4, 4), 4, square, X)
    assert pattern.all()
    np.testing.assert_array_equal(matrix, np.diag([1, 0.5, 0.25, 0.125]))


def test_branches_implicit_functions_and_reductions() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def entry(i: Atom) -> list[Atom]:
            at = b.get(x, i)
            (total,) = b.reduce("sum", [i], lambda j: [b.get(x, j)])
            positive = b.prim("gt", at, literal(0, "f64"))
            return list(b.cond(positive, lambda: [root(b, at)[0]], lambda: [total]))

        return b.build([n], entry)

    pattern, matrix = pattern_and_matrix(compressed("n x[n]", body, 1), (4, 4), 4, X)
    expected = np.eye(4)
    expected[1] = [1, 0, 0, 0]
    np.testing.assert_array_equal(pattern, expected)
    np.testing.assert_allclose(matrix[0, 0], 0.5 ** (-2 / 3) / 3)


def test_a_function_of_nothing() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.build([n], lambda i: [b.get(x, i)])

    rows, columns, values = run(compressed("n x[n]", body, 1), 0, np.zeros(0))
    assert len(rows) == len(columns) == len(values) == 0


@pytest.mark.parametrize("size", [5, 40])
def test_columns_of_one_colour_share_no_row_and_a_band_of_three_takes_three(size: int) -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def entry(i: Atom) -> list[Atom]:
            near = [b.prim("add", i, integer(k)) for k in (-1, 0, 1)]
            inside = [b.prim("min", b.prim("max", k, integer(0)), b.prim("sub", n, integer(1))) for k in near]
            first, second, third = (b.get(x, k) for k in inside)
            return [b.prim("mul", first, b.prim("mul", second, third))]

        return b.build([n], entry)

    f = function("n x[n]", body)
    b = Builder()

    def coloured(*params: Atom) -> list[Atom]:
        rows = structure(b, f.block, params, 1)
        assert rows is not None
        return [*colours(b, rows), rows.rows, rows.columns]

    func = Func("coloured", b.block_with(f.params, coloured))
    colour, count, rows, columns = run(func, size, np.ones(size))
    assert count == 3
    for c in range(count):
        mine = rows[colour[columns] == c]
        assert len(mine) == len(np.unique(mine))


@pytest.mark.parametrize("count", [0, 1, 60])
def test_pairs_that_meet_are_one_entry(count: int) -> None:
    """Adding what the labels stand for: the first of each entry, then the others at the entries they belong to."""

    def body(b: Builder, k: Atom, i: Atom, j: Atom, labels: Atom) -> Sequence[Atom]:
        found = merged(b, i, j, labels, height=integer(5), width=integer(7))
        return [found.rows.starts, found.rows.columns, found.first, found.others, found.entries]

    rng = np.random.default_rng(count)
    i, j, labels = rng.integers(0, 5, count), rng.integers(0, 7, count), rng.permutation(count)
    func = function("k:i64 i[k]:i64 j[k]:i64 l[k]:i64", body)
    starts, columns, first, others, entries = run(func, count, i, j, labels)
    values = rng.integers(1, 1000, count)
    sums = values[first]
    np.add.at(sums, entries, values[others])
    expected = np.zeros((5, 7), int)
    np.add.at(expected, (i[labels.argsort()], j[labels.argsort()]), values)
    np.testing.assert_array_equal(np.stack(np.nonzero(expected)), [np.repeat(range(5), np.diff(starts)), columns])
    np.testing.assert_array_equal(sums, expected[expected > 0])
