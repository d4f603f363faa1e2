"""Jacobians in compressed form: the places that may differ from zero, and the values there.

The pattern comes from the program's own indices (`pattern`) or, where its structure is beyond that, from forward mode
over marks instead of numbers: a tangent is positive where its value depends on the seed, and marks are only ever added
or compared, so that none cancels (Griewank and Walther, Evaluating Derivatives, 2008, section 7.1). Columns that share
no row are then differentiated together, one direction of forward mode a colour (section 8.1 there); a row that is
so long that it would keep most columns apart is found by itself. Memory is that of the entries; a dense matrix is never
made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Type
from difflang.core.ops import integer
from difflang.derive import values
from difflang.derive.bundle import bundle
from difflang.derive.compressed import (
    Rows,
    between,
    bucketed,
    colours,
    first,
    get,
    long_rows,
    put,
    rows_of_pairs,
    taken,
    without,
)
from difflang.derive.copying import inline
from difflang.derive.forward import TANGENTS, Series, Tangent, pushed
from difflang.derive.partials import has_partial
from difflang.derive.pattern import structure
from difflang.derive.reverse import vjp
from difflang.diagnostics.model import DiffLangError
from difflang.prims import PRIMITIVES

TOGETHER = 4
"""Colours that are differentiated by at once."""

LOCAL = frozenset({"get", "set", "reshape"})
"""Operations that move values about: their tangent rules serve marks as well."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Row, column and value of each entry, row by row, as vectors of length `count`."""

    rows: Atom
    columns: Atom
    values: Atom
    count: Atom


def sparse_jacobian(
    builder: Builder, block: Block, args: Sequence[Atom], which: int, *, symmetric: bool = False
) -> Entries:
    """Emits the Jacobian of the block's only result, a vector, in the vector `args[which]`.

    A symmetric one has its long rows from its columns, any other from reverse mode.
    """
    found = structure(builder, block, args, which) or _Marks(builder, block, args, which).rows()
    slopes = _Values(builder, block, args, which, found, symmetric).all()
    return Entries(found.rows, found.columns, slopes, found.count)


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of entries whose places are known."""

    builder: Builder
    block: Block
    args: Sequence[Atom]
    which: int
    rows: Rows
    symmetric: bool

    def all(self) -> Atom:
        b = self.builder
        by_itself = self.symmetric or self.is_reversible()
        alone = long_rows(b, self.rows) if by_itself else b.full(integer(0), [integer(0)])
        rest, places = without(b, self.rows, alone, columns=self.symmetric)
        zero = literal(0, self.args[self.which].type.dtype)
        entries = self.by_colours(rest, places, b.full(zero, [self.rows.count]))
        if self.symmetric:
            return self.by_columns(alone, entries)
        return self.by_rows(alone, entries) if by_itself else entries

    def by_colours(self, rest: Rows, places: Atom, entries: Atom) -> Atom:
        """`TOGETHER` tangents at a time; an entry is found in the tangent of the colour of its column."""
        b, at, width = self.builder, self.args[self.which], integer(TOGETHER)
        colour, most = colours(b, rest)
        own = taken(b, colour, rest.columns)
        bundles = b.prim("floordiv", b.prim("add", most, integer(TOGETHER - 1)), width)
        groups = bucketed(b, b.map(lambda c: b.prim("floordiv", c, width), own), bundles)
        places, source = taken(b, places, groups.order), taken(b, self.sources(rest, own), groups.order)
        one, zero = literal(1, at.type.dtype), literal(0, at.type.dtype)

        def sweep(c: Atom, entries: Atom) -> list[Atom]:
            begin = b.prim("mul", c, width)

            def chosen(j: Atom, w: Atom) -> list[Atom]:
                return [b.prim("select", b.prim("eq", get(b, colour, j), b.prim("add", begin, w)), one, zero)]

            slopes = self.tangents(b.build([*at.type.shape, width], chosen)[0], [width])
            height = b.prim("mul", slopes.type.shape[0], width)
            line = b.emit("reshape", [slopes, height])[0]

            def entry(t: Atom, entries: Atom) -> list[Atom]:
                return [put(b, entries, get(b, places, t), get(b, line, get(b, source, t)))]

            return between(b, groups.starts, c, [entries], entry)

        return b.fold(bundles, [entries], sweep)[0]

    def sources(self, rest: Rows, colour: Atom) -> Atom:
        """The place of each entry in a bundle of tangents, (row, colour) in row-major order."""
        b, width = self.builder, integer(TOGETHER)

        def place(k: Atom) -> list[Atom]:
            lane = b.prim("mod", get(b, colour, k), width)
            return [b.prim("add", b.prim("mul", get(b, rest.rows, k), width), lane)]

        return b.build([rest.count], place)[0]

    def tangents(self, seed: Atom, directions: Sequence[Atom]) -> Atom:
        b = self.builder
        own = [seed if k == self.which else None for k in range(len(self.args))]
        (result,), (found,) = bundle(b, self.block, self.args, own, directions)
        return values.instantiated(b, found, Type(result.type.dtype, (*result.type.shape, *directions)))

    def by_columns(self, alone: Atom, entries: Atom) -> Atom:
        """The column of each of these numbers is its row too."""
        b, rows = self.builder, self.rows
        by_column = bucketed(b, rows.columns, rows.width)

        def sweep(k: Atom, entries: Atom) -> list[Atom]:
            line = get(b, alone, k)
            slopes = self.tangents(self.unit(line, self.args[self.which].type), ())

            def in_column(t: Atom, entries: Atom) -> list[Atom]:
                place = get(b, by_column.order, t)
                return [put(b, entries, place, get(b, slopes, get(b, rows.rows, place)))]

            return between(b, by_column.starts, line, self.filled(line, slopes, entries), in_column)

        return b.fold(alone.type.shape[0], [entries], sweep)[0]

    def is_reversible(self) -> bool:
        """Some rules are for forward mode only."""
        b = self.builder
        span, level = b.span, b.level
        b.open()
        try:
            self.sweeps(b.full(integer(0), [integer(0)]), b.full(literal(0, "f64"), [integer(0)]))
        except DiffLangError:
            return False
        finally:
            while b.level > level:
                b.close((), ())
            b.span = span
        return True

    def by_rows(self, alone: Atom, entries: Atom) -> Atom:
        """Reverse mode, with a sweep for each of these rows; nothing is computed if there are none."""
        b = self.builder
        some = b.prim("min", alone.type.shape[0], integer(1))
        return b.fold(some, [entries], lambda _, entries: [self.sweeps(alone, entries)])[0]

    def sweeps(self, alone: Atom, entries: Atom) -> Atom:
        b = self.builder
        (result,), pullback = vjp(b, self.block, self.args, [k == self.which for k in range(len(self.args))])

        def sweep(k: Atom, entries: Atom) -> list[Atom]:
            line = get(b, alone, k)
            found = pullback([self.unit(line, result.type)])[self.which]
            slopes = values.instantiated(b, found, self.args[self.which].type)
            return self.filled(line, slopes, entries)

        return b.fold(alone.type.shape[0], [entries], sweep)[0]

    def unit(self, place: Atom, type_: Type) -> Atom:
        b = self.builder
        one, zero = literal(1, type_.dtype), literal(0, type_.dtype)
        return b.build(type_.shape, lambda i: [b.prim("select", b.prim("eq", i, place), one, zero)])[0]

    def filled(self, line: Atom, slopes: Atom, entries: Atom) -> list[Atom]:
        """The entries with those of one row, of which `slopes` has every column."""
        b, rows = self.builder, self.rows

        def entry(t: Atom, entries: Atom) -> list[Atom]:
            return [put(b, entries, t, get(b, slopes, get(b, rows.columns, t)))]

        return between(b, rows.starts, line, [entries], entry)


@dataclass(frozen=True, slots=True)
class _Marks:
    """The pattern by one sweep of marks a column."""

    builder: Builder
    block: Block
    args: Sequence[Atom]
    which: int

    def rows(self) -> Rows:
        b, (width,) = self.builder, self.args[self.which].type.shape
        (result,) = inline(b, self.block, self.args)
        (count,) = b.reduce("sum", [width], lambda j: [self.entries_in(j)])
        space = b.full(integer(0), [b.prim("add", count, integer(1))])
        *filled, _ = b.fold(width, [space, space, integer(0)], self.column)
        rows, columns = (first(b, a, count) for a in filled)
        return rows_of_pairs(b, rows, columns, result.type.shape[0], width)

    def _seed(self, j: Atom) -> list[Tangent]:
        b, at = self.builder, self.args[self.which]
        one, zero = literal(1, at.type.dtype), literal(0, at.type.dtype)
        unit = b.build(at.type.shape, lambda i: [b.prim("select", b.prim("eq", i, j), one, zero)])[0]
        return [unit if k == self.which else None for k in range(len(self.args))]

    def marks(self, j: Atom) -> Atom:
        """Positive where the result depends on the j-th element of the argument."""
        series = [(s,) for s in self._seed(j)]
        (result,), (found,) = pushed(self.builder, self.block, self.args, series, 1, _marks_rule)
        return values.instantiated(self.builder, found[0], result.type)

    def entries_in(self, j: Atom) -> Atom:
        b, marks = self.builder, self.marks(j)
        return b.reduce("sum", marks.type.shape, lambda i: [self._is_entry(marks, i)])[0]

    def _is_entry(self, marks: Atom, i: Atom) -> Atom:
        b = self.builder
        mark = b.get(marks, i, inbounds=True)
        return b.prim("select", b.prim("gt", mark, literal(0, mark.type.dtype)), integer(1), integer(0))

    def column(self, j: Atom, *filled: Atom) -> list[Atom]:
        """One step of the loop over columns: writes the entries of a column behind the earlier ones.

        Every row is written; what is no entry is overwritten by the next, the last time in the one place to spare.
        """
        b, marks = self.builder, self.marks(j)

        def row(i: Atom, rows: Atom, columns: Atom, place: Atom) -> list[Atom]:
            return [
                put(b, rows, place, i),
                put(b, columns, place, j),
                b.prim("add", place, self._is_entry(marks, i)),
            ]

        return list(b.fold(marks.type.shape[0], filled, row))


def _marks_rule(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    marks = [s[0] for s in series]
    if eqn.op in PRIMITIVES:
        return [(_either(b, eqn, marks),)]
    if eqn.op in LOCAL:
        return [(m,) for m in TANGENTS[eqn.op](b, eqn, marks)]
    if eqn.op == "contract":
        return [(_contract(b, eqn, marks),)]
    return _everywhere(b, eqn, marks)


def _either(b: Builder, eqn: Eqn, marks: Sequence[Tangent]) -> Tangent:
    """The largest mark of the arguments in which a primitive has a derivative."""
    dtype = eqn.outs[0].type.dtype
    total: Tangent = None
    for k, mark in enumerate(marks):
        if mark is None or not has_partial(eqn.op, k):
            continue
        same = mark if mark.type.dtype == dtype else b.prim("convert", mark, dtype=dtype)
        total = same if total is None else b.prim("max", total, same)
    return total


def _contract(b: Builder, eqn: Eqn, marks: Sequence[Tangent]) -> Tangent:
    """Each sum of products is marked by either factor of each product."""
    left, right = marks
    ones = [b.full(literal(1, a.type.dtype), a.type.shape) for a in eqn.args]
    first = None if left is None else b.emit("contract", [left, ones[1]], dict(eqn.attrs))[0]
    second = None if right is None else b.emit("contract", [ones[0], right], dict(eqn.attrs))[0]
    return values.added(b, first, second)


def _everywhere(b: Builder, eqn: Eqn, marks: Sequence[Tangent]) -> list[Series]:
    """A factorisation, a solve, a rule: every result depends on every argument."""
    total: Atom | None = None
    for mark in marks:
        if mark is not None:
            shape = mark.type.shape
            whole = b.reduce("sum", shape, lambda *i, m=mark: [b.get(m, *i, inbounds=True)])[0] if shape else mark
            total = values.added(b, total, whole)
    assert total is not None
    return [(b.full(total, out.type.shape) if out.type.is_float else None,) for out in eqn.outs]
