"""Rows that meet one vector are taken several at a time.

    for i < n parallel: t = 0; for j < m vector add(t): t += a[i, j] * v[j]; y[i] = t
      ->  for b < n / 4 parallel: t0, .., t3 = 0; for j < m vector: w = v[j]; t0 += a[4 b, j] * w; ..; y[4 b] = t0; ..
          for r < n % 4 parallel: the turn 4 (n / 4) + r

A vector that is read, or added to, in every turn is then read and written once for several of them (unroll and jam,
Callahan, Carr and Kennedy 1990): a product of a matrix and a vector takes its time for loads, not for arithmetic. `Jam`
does this for loops of few turns; here is the case of many. Sums stay in registers, so the more of them a turn has, the
fewer turns go together.

Rows that grow by one element from turn to turn, as those of a triangle, go together as far as the first of them; what
the others have beyond it is written out.

Where the turns of a loop further out meet the same matrix, row by row, those go together instead: see `abreast`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.abreast import has_matrix
from difflang.loops.bodies import walk, with_bodies
from difflang.loops.ir import Array, For, Operand, Program, Register, Statement
from difflang.loops.jam import Turns, is_simple
from difflang.loops.values import Name, all_assigned, substituted

ROWS = 4
"""The most turns that are taken at a time."""

SUMS = 8
"""The most sums in registers that come of it."""

STATEMENTS = 96
"""The most statements of a vector loop that comes of it; more would not stay in registers."""

SHORT = 8
"""Loops of fewer turns stay."""

Change = Callable[[ir.Body], ir.Body]


@dataclass(frozen=True, slots=True)
class Strip:
    """Takes the turns of independent loops over rows several at a time."""

    rows: int = ROWS
    sums: int = SUMS
    statements: int = STATEMENTS

    def __call__(self, program: Program) -> Program:
        views = {s.array: s.base for s in walk(program.body) if isinstance(s, ir.View)}

        def stripped(body: ir.Body) -> ir.Body:
            return tuple(new for s in body for new in taken(s))

        def taken(statement: Statement) -> Sequence[Statement]:
            return self._abreast(statement, views, stripped) or self._rowwise(statement, views, stripped)

        return replace(program, body=stripped(program.body))

    def _abreast(self, statement: Statement, views: dict[Array, Array], stripped: Change) -> Sequence[Statement]:
        """Turns of a loop around a matrix, those left over with their rows together; nothing for other statements."""
        if not isinstance(statement, For) or not _is_independent(statement):
            return ()
        turns = Turns(statement, views)
        if self._together(statement) < self.rows or not has_matrix(turns):
            return ()
        *groups, left = _stripped(turns, self.rows)
        return [*groups, with_bodies(left, stripped)]

    def _rowwise(self, outer: Statement, views: dict[Array, Array], stripped: Change) -> Sequence[Statement]:
        statement = with_bodies(outer, stripped)
        if not isinstance(statement, For) or not _is_long(statement):
            return (statement,)
        turns, rows = Turns(statement, views), self._together(statement)
        return _stripped(turns, rows) if rows > 1 and _gains(turns) else (statement,)

    def _together(self, loop: For) -> int:
        """How many turns fit into registers: a power of two."""
        inner = [s for s in walk(loop.body) if isinstance(s, For) and s.kind == "vector"]
        sums = max((len(s.reductions) for s in inner), default=0)
        longest = max((len(s.body) for s in inner), default=0)
        rows = self.rows
        while rows > 1 and (rows * sums > self.sums or rows * longest > self.statements):
            rows //= 2
        return rows


def _is_long(loop: For) -> bool:
    """Whether it is a loop over many independent turns with vector loops inside, and without memory of their own."""
    if not _is_independent(loop) or any(isinstance(s, ir.Allocate) for s in loop.body):
        return False
    return any(isinstance(s, For) for s in loop.body) and is_simple(loop, _growing(loop))


def _is_independent(loop: For) -> bool:
    """Whether it is a loop over many independent turns."""
    return loop.kind == "parallel" and not loop.reverse and loop.start == ir.ZERO and not _is_short(loop.extent)


def _growing(loop: For) -> set[Name]:
    """The numbers that are larger by one in each turn, and never negative: the lengths of the rows of a triangle."""
    sums = (s for s in loop.body if isinstance(s, ir.Apply) and s.primitive == "add" and not s.out.mutable)
    later = {s.out for s in sums if s.args[0] is loop.index and _is_natural(s.args[1])}
    return {loop.index, *later}


def _is_natural(operand: Operand) -> bool:
    return isinstance(operand, Literal) and operand.value >= 0


def _is_short(extent: Operand) -> bool:
    return extent.value < SHORT if isinstance(extent, Literal) else extent.mutable


def _gains(turns: Turns) -> bool:
    """Whether all turns add to one vector, or sum what they make of one vector."""
    inner = [s for s in turns.loop.body if isinstance(s, For)]
    return any(_adds_to_one(loop, turns) or (loop.reductions and _reads_one(loop, turns)) for loop in inner)


def _adds_to_one(inner: For, turns: Turns) -> bool:
    return any(_is_shared(s, inner, turns) for s in inner.body if isinstance(s, ir.Accumulate))


def _reads_one(inner: For, turns: Turns) -> bool:
    loads = (s for s in inner.body if isinstance(s, ir.Load) and inner.index in s.indices)
    return any(_is_shared(s, inner, turns) and turns.is_steady(s) for s in loads)


def _is_shared(statement: ir.Load | ir.Accumulate, inner: For, turns: Turns) -> bool:
    """Whether an element is the same in all turns."""
    changing = {*all_assigned(turns.loop.body), turns.loop.index} - {inner.index}
    return changing.isdisjoint((statement.array, *statement.indices))


def _stripped(turns: Turns, rows: int) -> list[Statement]:
    """A loop over groups of so many turns, and one over those left."""
    loop = turns.loop
    groups, done, left = (Register("i64") for _ in range(3))
    before = [
        ir.Apply(whole := Register("i64"), "max", (loop.extent, ir.ZERO)),
        ir.Apply(groups, "floordiv", (whole, integer(rows))),
        ir.Apply(done, "mul", (groups, integer(rows))),
        ir.Apply(left, "sub", (whole, done)),
    ]
    return [*before, _in_groups(turns, groups, rows), _remaining(loop, done, left)]


def _in_groups(turns: Turns, groups: Operand, rows: int) -> For:
    group = Register("i64", turns.loop.index.name)
    indices = [Register("i64") for _ in range(rows)]
    first = ir.Apply(indices[0], "mul", (group, integer(rows)))
    others = (ir.Apply(i, "add", (indices[0], integer(k))) for k, i in enumerate(indices[1:], 1))
    return replace(turns.loop, index=group, extent=groups, body=(first, *others, *turns.jammed(indices)))


def _remaining(loop: For, done: Operand, left: Operand) -> For:
    """The last turns, one after the other, with names of their own."""
    number, index = Register("i64", loop.index.name), Register("i64")
    shared = {reduction.register for reduction in loop.reductions}
    names: dict[Name, Name | Literal] = {name: replace(name) for name in all_assigned(loop.body) if name not in shared}
    body = substituted(loop.body, {**names, loop.index: index})
    return replace(loop, index=number, extent=left, body=(ir.Apply(index, "add", (done, number)), *body))
