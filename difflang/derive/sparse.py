"""Jacobians in compressed form: the places that may differ from zero, and the values there.

Where every element of the result is a sum of formulas over few elements, the entries are found term by term (`local`).
Otherwise the pattern comes from the program's own indices (`pattern`) or, where its structure is beyond that, from
forward mode over marks instead of numbers: a tangent is positive where its value depends on the seed, and marks are
only ever added or compared, so that none cancels (Griewank and Walther, Evaluating Derivatives, 2008, section 7.1).
Columns that share no row are then differentiated together, one direction of forward mode a colour (section 8.1 there);
a row that is so long that it would keep most columns apart is found by itself. In a symmetric matrix more columns go
together, as an entry may be taken from across the diagonal. Memory is that of the entries; a dense matrix is never
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
from difflang.derive.colouring import colours, sources, star_colours
from difflang.derive.compressed import (
    Rows,
    between,
    first,
    get,
    long_rows,
    marked,
    put,
    rows_of_pairs,
    symmetrized,
    without,
)
from difflang.derive.copying import inline
from difflang.derive.forward import TANGENTS, Series, Tangent, pushed
from difflang.derive.local import local_jacobian
from difflang.derive.partials import has_partial
from difflang.derive.pattern import structure
from difflang.derive.reverse import vjp
from difflang.diagnostics.model import DiffLangError
from difflang.prims import PRIMITIVES

TOGETHER = 4
"""Colours that are differentiated by at once."""

LOCAL = frozenset({"get", "set", "reshape", "table"})
"""Operations that move values about: their tangent rules serve marks as well."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Row, column and value of each entry, row by row, as vectors of length `count`.

    `sweeps` is the number of products with the Jacobian (or with its transpose) that the values come from, or could.
    """

    rows: Atom
    columns: Atom
    values: Atom
    count: Atom
    sweeps: Atom


def sparse_jacobian(
    builder: Builder, block: Block, args: Sequence[Atom], which: int, *, symmetric: bool = False
) -> Entries:
    """Emits the Jacobian of the block's only result, a vector, in the vector `args[which]`.

    In a symmetric one an entry may be found by that across the diagonal.
    """
    local = local_jacobian(builder, block, args, which)
    if local:
        found, sweeps = local.rows, colour_count(builder, local.rows, symmetric=symmetric)
        return Entries(found.rows, found.columns, local.values, found.count, sweeps)
    found = structure(builder, block, args, which) or _Marks(builder, block, args, which).rows()
    if symmetric:
        found = symmetrized(builder, found)
    made = _Values(builder, block, args, which, found)
    slopes, sweeps = made.of_symmetric() if symmetric else made.of_any()
    return Entries(found.rows, found.columns, slopes, found.count, sweeps)


def colour_count(b: Builder, rows: Rows, *, symmetric: bool) -> Atom:
    """The number of products with a matrix, or with its transpose, that determine it."""
    if symmetric:
        rows = symmetrized(b, rows)
    return (_symmetric_colours if symmetric else _any_colours)(b, rows, long_rows(b, rows)).count


@dataclass(frozen=True, slots=True)
class _Coloured:
    """A colour for each column, and the number of colours, with one for each row that is found by itself."""

    colour: Atom
    count: Atom


def _symmetric_colours(b: Builder, rows: Rows, alone: Atom) -> _Coloured:
    """Each of the rows `alone` has a colour of its own, the others are star coloured."""
    marks = marked(b, alone, rows.width)
    others, most = star_colours(b, without(b, rows, marks, columns=True))
    count = alone.type.shape[0]
    shifted = b.map(lambda c: b.prim("select", b.prim("eq", c, rows.width), c, b.prim("add", c, count)), others)

    def own(k: Atom, colour: Atom) -> list[Atom]:
        return [put(b, colour, get(b, alone, k), k)]

    (colour,) = b.fold(count, [shifted], own)
    return _Coloured(colour, b.prim("add", most, count))


def _any_colours(b: Builder, rows: Rows, alone: Atom) -> _Coloured:
    """The rows `alone` are left out."""
    marks = marked(b, alone, b.prim("sub", rows.starts.type.shape[0], integer(1)))
    colour, most = colours(b, without(b, rows, marks, columns=False))
    return _Coloured(colour, b.prim("add", most, alone.type.shape[0]))


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of entries whose places are known."""

    builder: Builder
    block: Block
    args: Sequence[Atom]
    which: int
    rows: Rows

    def of_symmetric(self) -> tuple[Atom, Atom]:
        """The values, and the number of sweeps."""
        b, rows = self.builder, self.rows
        found = _symmetric_colours(b, rows, long_rows(b, rows))
        at, colours_there = sources(b, rows, found.colour)
        places = b.map(self.place, at, colours_there)
        return self.by_colours(found.colour, found.count, places), found.count

    def of_any(self) -> tuple[Atom, Atom]:
        """The values, and the number of sweeps. Long rows are found by reverse mode, if there is one."""
        b, rows = self.builder, self.rows
        by_itself = self.is_reversible()
        alone = long_rows(b, rows) if by_itself else b.full(integer(0), [integer(0)])
        marks = marked(b, alone, b.prim("sub", rows.starts.type.shape[0], integer(1)))
        coloured = _any_colours(b, rows, alone)

        def place(k: Atom) -> list[Atom]:
            row = get(b, rows.rows, k)
            there = self.place(row, get(b, coloured.colour, get(b, rows.columns, k)))
            return [b.prim("select", b.prim("eq", get(b, marks, row), integer(0)), there, integer(-1))]

        most = b.prim("sub", coloured.count, alone.type.shape[0])
        found = self.by_colours(coloured.colour, most, b.build([rows.count], place)[0])
        return self.by_rows(alone, found) if by_itself else found, coloured.count

    def place(self, row: Atom, colour: Atom) -> Atom:
        """Where the tangent of a row in a colour stands: bundle by bundle, in each row by row, the colours last."""
        b, width = self.builder, integer(TOGETHER)
        height = b.prim("sub", self.rows.starts.type.shape[0], integer(1))
        bundle, lane = b.prim("floordiv", colour, width), b.prim("mod", colour, width)
        line = b.prim("add", b.prim("mul", bundle, height), row)
        return b.prim("add", b.prim("mul", line, width), lane)

    def by_colours(self, colour: Atom, most: Atom, places: Atom) -> Atom:
        """`TOGETHER` tangents at a time; each entry is taken from the bundle in which its place is."""
        b, at, width = self.builder, self.args[self.which], integer(TOGETHER)
        one, zero = literal(1, at.type.dtype), literal(0, at.type.dtype)
        bundles = b.prim("floordiv", b.prim("add", most, integer(TOGETHER - 1)), width)

        def sweep(c: Atom, entries: Atom) -> list[Atom]:
            begin = b.prim("mul", c, width)

            def chosen(j: Atom, w: Atom) -> list[Atom]:
                return [b.prim("select", b.prim("eq", get(b, colour, j), b.prim("add", begin, w)), one, zero)]

            slopes = self.tangents(b.build([*at.type.shape, width], chosen)[0], [width])
            size = b.prim("mul", slopes.type.shape[0], width)
            line = b.emit("reshape", [slopes, size])[0]
            behind = b.prim("mul", c, size)

            def entry(k: Atom) -> list[Atom]:
                place = b.prim("sub", get(b, places, k), behind)
                here = b.prim("and", b.prim("ge", place, integer(0)), b.prim("lt", place, size))
                return list(b.cond(here, lambda: [get(b, line, place)], lambda: [get(b, entries, k)]))

            return list(b.build([self.rows.count], entry))

        return b.fold(bundles, [b.full(zero, [self.rows.count])], sweep)[0]

    def tangents(self, seed: Atom, directions: Sequence[Atom]) -> Atom:
        b = self.builder
        own = [seed if k == self.which else None for k in range(len(self.args))]
        (result,), (found,) = bundle(b, self.block, self.args, own, directions)
        return values.instantiated(b, found, Type(result.type.dtype, (*result.type.shape, *directions)))

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
