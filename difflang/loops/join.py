"""Neighbouring vector loops over the same range become one.

    for z < 26 vector: t[z] = ..; for z < 26 vector: y[z] = f(t[z])   ->   for z < 26 vector: t[z] = ..; y[z] = f(t[z])

What one wrote and the next reads then stays in a register. Two loops are joined if turn z of either touches only
elements with the last subscript z of the arrays that one of them writes to and the other mentions, or if both only add
to such an array, to elements apart: no turn of the first then meets another turn of the second. Straight lines between
the loops move before the first if it does not write what they read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.apart import Facts
from difflang.loops.bodies import with_bodies
from difflang.loops.ir import Array, For, Program, Statement
from difflang.loops.values import substituted

STATEMENTS = 160
"""The most statements of the loop that comes of it."""

Simple = (ir.Apply, ir.Load, ir.Store, ir.Accumulate)


@dataclass(frozen=True, slots=True)
class Join:
    """Joins vector loops of the same length that stand next to each other."""

    statements: int = STATEMENTS

    def __call__(self, program: Program) -> Program:
        facts = Facts()
        facts.collect(program.body)
        return replace(program, body=_Joiner(facts, self.statements).body(program.body))


@dataclass(frozen=True, slots=True)
class _Joiner:
    facts: Facts
    statements: int

    def body(self, body: ir.Body) -> ir.Body:
        out: list[Statement] = []
        for statement in body:
            self._append(out, with_bodies(statement, self.body))
        return tuple(out)

    def _append(self, out: list[Statement], statement: Statement) -> None:
        joined = None
        if isinstance(statement, For):
            at = next((k for k in reversed(range(len(out))) if isinstance(out[k], For)), -1)
            first = out[at] if at >= 0 else None
            if isinstance(first, For) and self._may_move(out[at + 1 :], first):
                joined = self._joined(first, statement)
            if joined is not None:
                del out[at]
        out.append(joined or statement)

    def _joined(self, first: For, second: For) -> For | None:
        """Both loops as one, if that does the same in parallel."""
        if not self._is_joinable(first, second):
            return None
        body = first.body + substituted(second.body, {second.index: first.index})
        joined = replace(first, body=body, nest=None)
        return joined if self.facts.keeps_apart(joined) else None

    def _is_joinable(self, first: For, second: For) -> bool:
        if not _is_same(first.extent, second.extent):
            return False
        if len(first.body) + len(second.body) > self.statements:
            return False
        return _is_row(first) and _is_row(second) and self._are_apart(first, second)

    def _are_apart(self, first: For, second: For) -> bool:
        """Whether all that one writes and the other touches is touched at the index of the loop alone."""
        touched = [[(a, i, w) for s in loop.body for a, i, w in _accesses(s)] for loop in (first, second)]
        roots = [{self._root(a) for a, _, _ in side} for side in touched]
        written = {self._root(a) for side in touched for a, _, w in side if w}
        for root in roots[0] & roots[1] & written:
            if all(
                isinstance(s, ir.Accumulate) for loop in (first, second) for s in loop.body if self._touches(s, root)
            ):
                continue
            arrays = {a for side in touched for a, _, _ in side if self._root(a) is root}
            along = all(
                _is_along(indices, loop)
                for side, loop in zip(touched, (first, second), strict=True)
                for a, indices, _ in side
                if a in arrays
            )
            if len(arrays) > 1 or not along or any(a.mutable for a in arrays):
                return False
        return not any(root.mutable for root in roots[0] | roots[1])

    def _touches(self, statement: Statement, root: Array) -> bool:
        return any(self._root(a) is root for a, _, _ in _accesses(statement))

    def _may_move(self, between: list[Statement], first: For) -> bool:
        """Whether the statements can stand before the loop."""
        written = {self._root(a) for s in first.body for a, _, w in _accesses(s) if w}
        return all(self._is_independent(statement, written) for statement in between)

    def _is_independent(self, statement: Statement, written: set[Array]) -> bool:
        if isinstance(statement, ir.Load):
            return (
                self._root(statement.array) not in written and not statement.array.mutable and not statement.out.mutable
            )
        if isinstance(statement, ir.Apply):
            return not any(isinstance(x, ir.Register) and x.mutable for x in (statement.out, *statement.args))
        return isinstance(statement, ir.Allocate | ir.View) and not statement.array.mutable

    def _root(self, array: Array) -> Array:
        return self.facts.root(array)


def _is_same(one: ir.Operand, other: ir.Operand) -> bool:
    """Whether two extents are one literal or one register."""
    if isinstance(one, Literal):
        return one == other
    return one is other and not one.mutable


def _is_row(loop: For) -> bool:
    """Whether it is a plain vector loop from 0 with nothing but scalars of its own inside, which goes along rows.

    A loop that gathers a column for another one to go along fills whole vectors from memory that lies together.
    """
    plain = loop.kind == "vector" and not loop.reverse and not loop.reductions and loop.start == ir.ZERO
    straight = plain and all(isinstance(s, Simple) for s in loop.body)
    return straight and not any(loop.index in indices[:-1] for s in loop.body for _, indices, _ in _accesses(s))


def _accesses(statement: Statement) -> Iterator[tuple[Array, tuple[ir.Operand, ...], bool]]:
    """The elements that a statement reads, and those that it writes to."""
    if isinstance(statement, ir.Load):
        yield statement.array, statement.indices, False
    elif isinstance(statement, ir.Store | ir.Accumulate):
        yield statement.array, statement.indices, True


def _is_along(indices: tuple[ir.Operand, ...], loop: For) -> bool:
    return indices[-1:] == (loop.index,) and loop.index not in indices[:-1]
