"""Sparse structure at run time: entries sorted by rows, columns in groups that share no row, rows that are too long.

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
        label = b.prim("add", get(b, labels, k), one)
        return [put(b, counts, label, b.prim("add", get(b, counts, label), one))]

    (counts,) = b.fold(length, [zeros], counted)
    starts = running_sum(b, counts, count)

    def placed(k: Atom, order: Atom, free: Atom) -> list[Atom]:
        label = get(b, labels, k)
        place = get(b, free, label)
        return [put(b, order, place, k), put(b, free, label, b.prim("add", place, one))]

    order, _ = b.fold(length, [b.full(integer(0), [length]), starts], placed)
    return Buckets(order, starts)


GOOD = {"inbounds": True, "total": True}
"""Indices that are made here are in range by construction. A check would keep the structure, which depends on sizes
only as a rule, inside of the loops of a program that takes many derivatives."""


def get(b: Builder, array: Atom, *place: Atom) -> Atom:
    """array[place]"""
    return b.emit("get", [array, *place], dict(GOOD))[0]


def put(b: Builder, array: Atom, place: Atom, value: Atom) -> Atom:
    """The array with array[place] = value."""
    return b.emit("set", [array, place, value], dict(GOOD))[0]


def running_sum(b: Builder, counts: Atom, last: Atom) -> Atom:
    """counts[k] += counts[k - 1] for k = 1..last."""

    def step(k: Atom, sums: Atom) -> list[Atom]:
        here = b.prim("add", k, integer(1))
        return [put(b, sums, here, b.prim("add", get(b, sums, k), get(b, sums, here)))]

    return b.fold(last, [counts], step)[0]


def taken(b: Builder, array: Atom, order: Atom) -> Atom:
    """array[order]"""
    (length,) = order.type.shape
    return b.build([length], lambda k: [get(b, array, get(b, order, k))])[0]


def first(b: Builder, array: Atom, count: Atom) -> Atom:
    """array[0:count]"""
    return b.build([count], lambda k: [get(b, array, k)])[0]


@dataclass(frozen=True, slots=True)
class Merged:
    """Pairs that have been sorted, with the labels that they came with: `first` has that of the first pair of each
    entry, `others` those of pairs that repeat one before, and `entries` the numbers of the entries of these.
    """

    rows: Rows
    first: Atom
    others: Atom
    entries: Atom


def merged(b: Builder, rows: Atom, columns: Atom, labels: Atom, *, height: Atom, width: Atom) -> Merged:
    """Sorts labelled pairs by row and column, in two stable passes, and separates repeats."""
    order, is_new = _sorted(b, rows, columns, height, width)
    (length,) = order.type.shape
    places = kept_places(b, length, is_new)
    again = kept_places(b, length, lambda k: b.prim("not", is_new(k)))

    def entry(k: Atom) -> list[Atom]:
        """Of the places before this one all are new but k, and the entry is the last of those."""
        return [b.prim("sub", get(b, again, k), b.prim("add", k, integer(1)))]

    sources = [taken(b, order, p) for p in (places, again)]
    own_rows, own_columns = taken(b, rows, sources[0]), taken(b, columns, sources[0])
    starts = bucketed(b, own_rows, height).starts
    found = Rows(starts, own_rows, own_columns, places.type.shape[0], width)
    (entries,) = b.build(again.type.shape, entry)
    return Merged(found, taken(b, labels, sources[0]), taken(b, labels, sources[1]), entries)


def rows_of_pairs(b: Builder, rows: Atom, columns: Atom, height: Atom, width: Atom) -> Rows:
    """Sorts pairs by row and column, and drops repeats."""
    return merged(b, rows, columns, rows, height=height, width=width).rows


@dataclass(frozen=True, slots=True)
class Distinct:
    """Row r has the columns columns[starts[r]:starts[r + 1]], in no order, each once."""

    starts: Atom
    columns: Atom


def distinct(b: Builder, rows: Atom, columns: Atom, height: Atom, width: Atom) -> Distinct:
    """Collects pairs by row, and drops repeats: a column that is in a row already is marked with that row."""
    pairs = bucketed(b, rows, height)

    def row(r: Atom, starts: Atom, *state: Atom) -> list[Atom]:
        after = b.prim("add", r, integer(1))

        def pair(t: Atom, marks: Atom, found: Atom, count: Atom) -> list[Atom]:
            """A repeat is overwritten by the next column, the last time in the one place to spare."""
            column = get(b, columns, get(b, pairs.order, t))
            is_new = b.prim("ne", get(b, marks, column), after)
            more = b.prim("add", count, b.prim("select", is_new, integer(1), integer(0)))
            return [put(b, marks, column, after), put(b, found, count, column), more]

        *marks_and_found, count = between(b, pairs.starts, r, state, pair)
        return [put(b, starts, after, count), *marks_and_found, count]

    length = b.prim("add", rows.type.shape[0], integer(1))
    starts = [b.full(integer(0), [n]) for n in (b.prim("add", height, integer(1)), width, length)]
    found = b.fold(height, [*starts, integer(0)], row)
    return Distinct(found[0], found[2])


def _sorted(b: Builder, rows: Atom, columns: Atom, height: Atom, width: Atom) -> tuple[Atom, Callable[[Atom], Atom]]:
    """The order of pairs by row and column, and whether the k-th in that order differs from the one before."""
    by_column = bucketed(b, columns, width).order
    by_row = bucketed(b, taken(b, rows, by_column), height).order
    order = taken(b, by_column, by_row)
    in_order = taken(b, rows, order), taken(b, columns, order)

    def is_new(k: Atom) -> Atom:
        before = b.prim("max", b.prim("sub", k, integer(1)), integer(0))
        moved = [b.prim("ne", get(b, a, k), get(b, a, before)) for a in in_order]
        return b.prim("or", b.prim("eq", k, integer(0)), b.prim("or", *moved))

    return order, is_new


def kept_places(b: Builder, length: Atom, test: Callable[[Atom], Atom]) -> Atom:
    """The places 0..length-1 for which the test holds, in order."""

    def step(k: Atom, places: Atom, count: Atom) -> list[Atom]:
        """A place that is not kept is overwritten by the next, the last time in the one place to spare."""
        after = b.prim("add", count, b.prim("select", test(k), integer(1), integer(0)))
        return [put(b, places, count, k), after]

    space = b.full(integer(0), [b.prim("add", length, integer(1))])
    places, count = b.fold(length, [space, integer(0)], step)
    return first(b, places, count)


def between(
    b: Builder, starts: Atom, k: Atom, state: Sequence[Atom], body: Callable[..., Sequence[Atom]]
) -> list[Atom]:
    """A loop over starts[k]..starts[k + 1] that carries `state`."""
    begin, end = get(b, starts, k), get(b, starts, b.prim("add", k, integer(1)))

    def step(t: Atom, *carried: Atom) -> Sequence[Atom]:
        return body(b.prim("add", begin, t), *carried)

    return list(b.fold(b.prim("sub", end, begin), state, step))


def long_rows(b: Builder, rows: Rows) -> Atom:
    """The rows to be found each by itself, so that the others need few colours.

    Without the h longest rows, at least as many colours are needed as the next one has entries; h is chosen so that the
    sum of both is least. (Coleman and Verma, The efficient computation of sparse Jacobian matrices using automatic
    differentiation, 1998, find rows and columns in this way; for symmetric matrices Powell and Toint, 1979.)
    """
    height = b.prim("sub", rows.starts.type.shape[0], integer(1))

    def length(r: Atom) -> Atom:
        return b.prim("sub", get(b, rows.starts, b.prim("add", r, integer(1))), get(b, rows.starts, r))

    shortness = b.build([height], lambda r: [b.prim("sub", rows.width, length(r))])[0]
    order = bucketed(b, shortness, b.prim("add", rows.width, integer(1))).order

    def better(h: Atom, least: Atom, chosen: Atom) -> list[Atom]:
        total = b.prim("add", h, length(get(b, order, h)))
        less = b.prim("lt", total, least)
        return [b.prim("select", less, total, least), b.prim("select", less, h, chosen)]

    _, chosen = b.fold(height, [b.prim("add", rows.width, height), integer(0)], better)
    return first(b, order, chosen)


def marked(b: Builder, places: Atom, length: Atom) -> Atom:
    """A vector with 1 at these places and 0 elsewhere."""

    def mark(k: Atom, marks: Atom) -> list[Atom]:
        return [put(b, marks, get(b, places, k), integer(1))]

    return b.fold(places.type.shape[0], [b.full(integer(0), [length])], mark)[0]


def without(b: Builder, rows: Rows, marks: Atom, *, columns: bool) -> Rows:
    """The entries outside the marked rows (and outside the columns of their numbers)."""
    height = b.prim("sub", rows.starts.type.shape[0], integer(1))

    def stays(k: Atom) -> Atom:
        found = get(b, marks, get(b, rows.rows, k))
        if columns:
            found = b.prim("max", found, get(b, marks, get(b, rows.columns, k)))
        return b.prim("eq", found, integer(0))

    places = kept_places(b, rows.count, stays)
    own_rows, own_columns = taken(b, rows.rows, places), taken(b, rows.columns, places)
    starts = bucketed(b, own_rows, height).starts
    return Rows(starts, own_rows, own_columns, places.type.shape[0], rows.width)


def symmetrized(b: Builder, rows: Rows) -> Rows:
    """The entries and those across the diagonal."""
    double = b.prim("add", rows.count, rows.count)

    def both(k: Atom) -> list[Atom]:
        first_half = b.prim("lt", k, rows.count)
        place = b.prim("select", first_half, k, b.prim("sub", k, rows.count))
        row, column = get(b, rows.rows, place), get(b, rows.columns, place)
        return [b.prim("select", first_half, row, column), b.prim("select", first_half, column, row)]

    found, columns = b.build([double], both)
    return rows_of_pairs(b, found, columns, rows.width, rows.width)
