"""Jacobians in compressed form: the places that may differ from zero, and the values there.

The pattern comes from the program's own indices (`pattern`) or, where its structure is beyond that, from forward mode
over marks instead of numbers: a tangent is positive where its value depends on the seed, and marks are only ever added
or compared, so that none cancels (Griewank and Walther, Evaluating Derivatives, 2008, section 7.1). Columns that share
no row are then differentiated together, one forward sweep a colour (section 8.1 there). Memory is that of the
entries; a dense matrix is never made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn
from difflang.core.ops import integer
from difflang.derive import values
from difflang.derive.compressed import Rows, between, bucketed, colours, rows_of_pairs, taken
from difflang.derive.copying import inline
from difflang.derive.forward import TANGENTS, Series, Tangent, jvp, pushed
from difflang.derive.partials import has_partial
from difflang.derive.pattern import structure
from difflang.prims import PRIMITIVES

LOCAL = frozenset({"get", "set", "reshape"})
"""Operations that move values about: their tangent rules serve marks as well."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Row, column and value of each entry, row by row, as vectors of length `count`."""

    rows: Atom
    columns: Atom
    values: Atom
    count: Atom


def sparse_jacobian(builder: Builder, block: Block, args: Sequence[Atom], which: int) -> Entries:
    """Emits the Jacobian of the block's only result, a vector, in the vector `args[which]`."""
    found = structure(builder, block, args, which) or _Marks(builder, block, args, which).rows()
    slopes = compressed_values(builder, block, args, which, found)
    return Entries(found.rows, found.columns, slopes, found.count)


def compressed_values(builder: Builder, block: Block, args: Sequence[Atom], which: int, rows: Rows) -> Atom:
    """One tangent for each colour; the entries of its columns are those of the tangent."""
    b, source = builder, args[which]
    colour, most = colours(b, rows)
    groups = bucketed(b, taken(b, colour, rows.columns), most)
    one, zero = literal(1, source.type.dtype), literal(0, source.type.dtype)

    def sweep(c: Atom, entries: Atom) -> list[Atom]:
        def chosen(j: Atom) -> list[Atom]:
            return [b.prim("select", b.prim("eq", b.get(colour, j, inbounds=True), c), one, zero)]

        slopes = _slopes(b, block, args, which, b.build(source.type.shape, chosen)[0])

        def entry(t: Atom, entries: Atom) -> list[Atom]:
            place = b.get(groups.order, t, inbounds=True)
            return [b.set(entries, place, b.get(slopes, b.get(rows.rows, place, inbounds=True), inbounds=True))]

        return between(b, groups.starts, c, [entries], entry)

    return b.fold(most, [b.full(zero, [rows.count])], sweep)[0]


def _slopes(b: Builder, block: Block, args: Sequence[Atom], which: int, direction: Atom) -> Atom:
    tangents = [direction if k == which else None for k in range(len(args))]
    (result,), (found,) = jvp(b, block, args, tangents)
    return values.instantiated(b, found, result.type)


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
        first = b.build([width], lambda j: [self.entries_in(j)])[0]
        (count,) = b.reduce("sum", [width], lambda j: [b.get(first, j, inbounds=True)])
        space = b.full(integer(0), [b.prim("add", count, integer(1))])
        *filled, _ = b.fold(width, [space, space, integer(0)], self.column)
        rows, columns = (b.build([count], lambda k, a=a: [b.get(a, k, inbounds=True)])[0] for a in filled)
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
                b.set(rows, place, i),
                b.set(columns, place, j),
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
