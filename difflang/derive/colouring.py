"""Colours for the columns of a sparse matrix: columns of one colour are differentiated together. All at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder
from difflang.core.ir import Atom
from difflang.core.ops import integer
from difflang.derive.compressed import Rows, between, bucketed, get, put

ONE = integer(1)
NOTHING = integer(0)


def colours(b: Builder, rows: Rows) -> tuple[Atom, Atom]:
    """A colour for each column such that columns that share a row differ, and the number of colours.

    A column without entries has none: its number is the width.
    Greedy, in the order of the columns: Curtis, Powell and Reid, On the estimation of sparse Jacobian matrices (1974).
    """
    by_column = bucketed(b, rows.columns, rows.width)
    none = rows.width

    def coloured(j: Atom, colour: Atom, taken_by: Atom, most: Atom) -> list[Atom]:
        mark = b.prim("add", j, ONE)

        def forbid(t: Atom, taken_by: Atom) -> list[Atom]:
            return [put(b, taken_by, get(b, colour, get(b, rows.columns, t)), mark)]

        def row_of(t: Atom, taken_by: Atom) -> list[Atom]:
            row = get(b, rows.rows, get(b, by_column.order, t))
            return between(b, rows.starts, row, [taken_by], forbid)

        (taken_by,) = between(b, by_column.starts, j, [taken_by], row_of)
        free = first_free(b, taken_by, mark, most)
        empty = b.prim("eq", get(b, by_column.starts, j), get(b, by_column.starts, mark))
        after = b.prim("select", empty, most, b.prim("max", most, b.prim("add", free, ONE)))
        return [put(b, colour, j, b.prim("select", empty, none, free)), taken_by, after]

    start = [b.full(none, [none]), b.full(NOTHING, [b.prim("add", none, ONE)]), NOTHING]
    colour, _, most = b.fold(none, start, coloured)
    return colour, most


def first_free(b: Builder, taken_by: Atom, mark: Atom, most: Atom) -> Atom:
    """The first colour that is not marked as taken; `most` if all of 0..most-1 are."""

    def next_free(_: Atom, c: Atom) -> list[Atom]:
        return [b.prim("add", c, b.prim("select", b.prim("eq", get(b, taken_by, c), mark), ONE, NOTHING))]

    return b.fold(most, [NOTHING], next_free)[0]


def star_colours(b: Builder, rows: Rows) -> tuple[Atom, Atom]:
    """Colours like those of `colours`, for a symmetric matrix: an entry, or that across the diagonal, is the only one
    of its row in a column of its colour.

    A star colouring of the graph of the matrix: neighbours differ, and no path on four vertices has two colours
    (Coleman and More, Estimation of sparse Hessian matrices and graph coloring problems, 1984). Greedy, in the order of
    the columns: Gebremedhin, Manne and Pothen, What color is your Jacobian?, SIAM Review 47 (2005), section 4. The time
    is the sum of the squared lengths of the rows, as it is remembered which neighbours of a vertex share a colour.
    """
    colouring = _Stars(b, rows, bucketed(b, rows.columns, rows.width).order)
    none = rows.width
    slots = b.full(NOTHING, [b.prim("add", none, ONE)])
    crowded = b.full(NOTHING, [b.prim("add", rows.count, ONE)])
    colour, *_, most = b.fold(none, [b.full(none, [none]), slots, slots, slots, crowded, NOTHING], colouring.vertex)
    return colour, most


@dataclass(frozen=True, slots=True)
class _Stars:
    """One step of the star colouring for each vertex.

    `mirror` has the place of the entry across the diagonal. What is marked at the number behind the last colour (or
    behind the last entry) is read by nobody: a vertex without a colour, a test that fails.
    """

    b: Builder
    rows: Rows
    mirror: Atom

    def vertex(
        self, v: Atom, colour: Atom, forbidden: Atom, once: Atom, twice: Atom, crowded: Atom, most: Atom
    ) -> list[Atom]:
        """`crowded` is 1 at the entries (w, x) where w has another neighbour of the colour of x."""
        b, rows, none = self.b, self.rows, self.rows.width
        mark = b.prim("add", v, ONE)
        forbidden, once, twice = self.noted(v, mark, colour, forbidden, once, twice)
        forbidden = self.paths(v, mark, colour, forbidden, twice, crowded)
        free = first_free(b, forbidden, mark, most)
        empty = b.prim("eq", get(b, rows.starts, v), get(b, rows.starts, mark))
        chosen = b.prim("select", empty, none, free)
        colour = put(b, colour, v, chosen)
        crowded = self.with_neighbours_of(v, colour, crowded)
        most = b.prim("select", empty, most, b.prim("max", most, b.prim("add", free, ONE)))
        return [colour, forbidden, once, twice, crowded, most]

    def noted(self, v: Atom, mark: Atom, colour: Atom, forbidden: Atom, once: Atom, twice: Atom) -> Sequence[Atom]:
        """The colours of the neighbours are forbidden, and `twice` those that two of them have."""
        b = self.b

        def neighbour(t: Atom, forbidden: Atom, once: Atom, twice: Atom) -> list[Atom]:
            c = get(b, colour, get(b, self.rows.columns, t))
            again = b.prim("eq", get(b, once, c), mark)
            twice = put(b, twice, b.prim("select", again, c, self.rows.width), mark)
            return [put(b, forbidden, c, mark), put(b, once, c, mark), twice]

        return between(b, self.rows.starts, v, [forbidden, once, twice], neighbour)

    def paths(self, v: Atom, mark: Atom, colour: Atom, forbidden: Atom, twice: Atom, crowded: Atom) -> Atom:
        """For paths v, w, x: the colour of x is forbidden where v or x has another neighbour of the colour of w."""
        b, rows, none = self.b, self.rows, self.rows.width

        def neighbour(t: Atom, forbidden: Atom) -> list[Atom]:
            w = get(b, rows.columns, t)
            c = get(b, colour, w)
            shared = b.prim("and", b.prim("ne", c, none), b.prim("eq", get(b, twice, c), mark))

            def second(s: Atom, forbidden: Atom) -> list[Atom]:
                other = b.prim("eq", get(b, crowded, get(b, self.mirror, s)), ONE)
                bad = b.prim("or", shared, other)
                there = b.prim("select", bad, get(b, colour, get(b, rows.columns, s)), none)
                return [put(b, forbidden, there, mark)]

            return between(b, rows.starts, w, [forbidden], second)

        return between(b, rows.starts, v, [forbidden], neighbour)[0]

    def with_neighbours_of(self, v: Atom, colour: Atom, crowded: Atom) -> Atom:
        """`crowded` now that v has its colour."""
        b, rows = self.b, self.rows
        own = get(b, colour, v)

        def neighbour(t: Atom, crowded: Atom) -> list[Atom]:
            def second(s: Atom, crowded: Atom) -> list[Atom]:
                x = get(b, rows.columns, s)
                same = b.prim("and", b.prim("ne", x, v), b.prim("eq", get(b, colour, x), own))
                for place in (s, get(b, self.mirror, t)):
                    crowded = put(b, crowded, b.prim("select", same, place, rows.count), ONE)
                return [crowded]

            return between(b, rows.starts, get(b, rows.columns, t), [crowded], second)

        return between(b, rows.starts, v, [crowded], neighbour)[0]


def sources(b: Builder, rows: Rows, colour: Atom) -> tuple[Atom, Atom]:
    """For each entry of a symmetric matrix with a star colouring: the row and the colour where its value stands.

    That is its own row if no other column of its colour has an entry there, else the row of the entry across.
    """
    none = rows.width
    height = b.prim("sub", rows.starts.type.shape[0], ONE)
    slots, empty = b.full(NOTHING, [b.prim("add", none, ONE)]), b.full(NOTHING, [rows.count])

    def row(i: Atom, once: Atom, twice: Atom, *found: Atom) -> list[Atom]:
        mark = b.prim("add", i, ONE)

        def noted(t: Atom, once: Atom, twice: Atom) -> list[Atom]:
            c = get(b, colour, get(b, rows.columns, t))
            again = b.prim("eq", get(b, once, c), mark)
            return [put(b, once, c, mark), put(b, twice, b.prim("select", again, c, none), mark)]

        once, twice = between(b, rows.starts, i, [once, twice], noted)

        def entry(t: Atom, at: Atom, colours: Atom) -> list[Atom]:
            j = get(b, rows.columns, t)
            c = get(b, colour, j)
            across = b.prim("or", b.prim("eq", c, none), b.prim("eq", get(b, twice, c), mark))
            own = b.prim("select", across, get(b, colour, i), c)
            return [put(b, at, t, b.prim("select", across, j, i)), put(b, colours, t, own)]

        return [once, twice, *between(b, rows.starts, i, found, entry)]

    _, _, at, colours = b.fold(height, [slots, slots, empty, empty], row)
    return at, colours
