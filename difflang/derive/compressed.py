"""Sparse structure at run time: entries sorted by rows, and columns in groups that share no row.

Time and memory are those of the entries (the groups take the sum of the squared lengths of the rows).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder
from difflang.core.ir import Atom
from difflang.core.ops import integer


@dataclass(frozen=True, slots=True)
class Buckets:
    """Places 0.. in order of their labels, equals in order of place; label k has order[starts[k]:starts[k + 1]]."""

    order: Atom
    starts: Atom


@dataclass(frozen=True, slots=True)
class Rows:
    """Row r has the columns columns[starts[r]:starts[r + 1]], ascending and without repeats; `rows` repeats r."""

    starts: Atom
    rows: Atom
    columns: Atom
    count: Atom
    width: Atom


def bucketed(b: Builder, labels: Atom, count: Atom) -> Buckets:
    """Counting sort of a vector of labels 0..count-1."""
    (length,) = labels.type.shape
    one = integer(1)
    zeros = b.full(integer(0), [b.prim("add", count, one)])

    def counted(k: Atom, counts: Atom) -> list[Atom]:
        label = b.prim("add", b.get(labels, k, inbounds=True), one)
        return [b.set(counts, label, b.prim("add", b.get(counts, label), one))]

    (counts,) = b.fold(length, [zeros], counted)
    starts = running_sum(b, counts, count)

    def placed(k: Atom, order: Atom, free: Atom) -> list[Atom]:
        label = b.get(labels, k, inbounds=True)
        place = b.get(free, label)
        return [b.set(order, place, k), b.set(free, label, b.prim("add", place, one))]

    order, _ = b.fold(length, [b.full(integer(0), [length]), starts], placed)
    return Buckets(order, starts)


def running_sum(b: Builder, counts: Atom, last: Atom) -> Atom:
    """counts[k] += counts[k - 1] for k = 1..last."""

    def step(k: Atom, sums: Atom) -> list[Atom]:
        here = b.prim("add", k, integer(1))
        return [b.set(sums, here, b.prim("add", b.get(sums, k), b.get(sums, here)))]

    return b.fold(last, [counts], step)[0]


def taken(b: Builder, array: Atom, order: Atom) -> Atom:
    """array[order]"""
    (length,) = order.type.shape
    return b.build([length], lambda k: [b.get(array, b.get(order, k, inbounds=True), inbounds=True)])[0]


def rows_of_pairs(b: Builder, rows: Atom, columns: Atom, height: Atom, width: Atom) -> Rows:
    """Sorts pairs by row and column, in two stable passes, and drops repeats."""
    by_column = bucketed(b, columns, width).order
    by_row = bucketed(b, taken(b, rows, by_column), height).order
    order = taken(b, by_column, by_row)
    rows, columns = taken(b, rows, order), taken(b, columns, order)
    (length,) = order.type.shape

    def is_new(k: Atom) -> Atom:
        before = b.prim("max", b.prim("sub", k, integer(1)), integer(0))
        moved = [b.prim("ne", b.get(a, k, inbounds=True), b.get(a, before, inbounds=True)) for a in (rows, columns)]
        return b.prim("or", b.prim("eq", k, integer(0)), b.prim("or", *moved))

    def kept(k: Atom, own_rows: Atom, own_columns: Atom, place: Atom) -> list[Atom]:
        row, column = (b.get(a, k, inbounds=True) for a in (rows, columns))
        target = b.prim("select", is_new(k), place, b.prim("sub", place, integer(1)))
        return [
            b.set(own_rows, target, row),
            b.set(own_columns, target, column),
            b.prim("add", target, integer(1)),
        ]

    zeros = b.full(integer(0), [length])
    own_rows, own_columns, count = b.fold(length, [zeros, zeros, integer(0)], kept)
    unique_rows, unique_columns = (
        b.build([count], lambda k, a=a: [b.get(a, k, inbounds=True)])[0] for a in (own_rows, own_columns)
    )
    return Rows(bucketed(b, unique_rows, height).starts, unique_rows, unique_columns, count, width)


def between(
    b: Builder, starts: Atom, k: Atom, state: Sequence[Atom], body: Callable[..., Sequence[Atom]]
) -> list[Atom]:
    """A loop over starts[k]..starts[k + 1] that carries `state`."""
    first, last = b.get(starts, k), b.get(starts, b.prim("add", k, integer(1)))

    def step(t: Atom, *carried: Atom) -> Sequence[Atom]:
        return body(b.prim("add", first, t), *carried)

    return list(b.fold(b.prim("sub", last, first), state, step))


def colours(b: Builder, rows: Rows) -> tuple[Atom, Atom]:
    """A colour for each column such that columns that share a row differ, and the number of colours.

    Greedy, in the order of the columns: Curtis, Powell and Reid, On the estimation of sparse Jacobian matrices (1974).
    """
    by_column = bucketed(b, rows.columns, rows.width)
    none = rows.width
    one = integer(1)

    def coloured(j: Atom, colour: Atom, taken_by: Atom, most: Atom) -> list[Atom]:
        mark = b.prim("add", j, one)

        def forbid(t: Atom, taken_by: Atom) -> list[Atom]:
            other = b.get(colour, b.get(rows.columns, t, inbounds=True), inbounds=True)
            return [b.set(taken_by, other, mark)]

        def row_of(t: Atom, taken_by: Atom) -> list[Atom]:
            row = b.get(rows.rows, b.get(by_column.order, t, inbounds=True), inbounds=True)
            return between(b, rows.starts, row, [taken_by], forbid)

        (taken_by,) = between(b, by_column.starts, j, [taken_by], row_of)
        first, _ = b.while_(
            [integer(0)],
            lambda c: b.prim("eq", b.get(taken_by, c), mark),
            lambda c: [b.prim("add", c, one)],
        )
        return [b.set(colour, j, first), taken_by, b.prim("max", most, b.prim("add", first, one))]

    start = [b.full(none, [none]), b.full(integer(0), [b.prim("add", none, one)]), integer(0)]
    colour, _, most = b.fold(none, start, coloured)
    return colour, most
