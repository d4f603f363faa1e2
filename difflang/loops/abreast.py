"""Which loops have turns that may go side by side, with all loops inside of them.

    for p < n parallel: for i < m: t = 0; for j < i vector add(t): t += a[i, j] * x[p, j]; ..
      ->  for b < n / 4 parallel: for i < m: t0, .., t3 = 0; for j < i vector: w = a[i, j]; t0 += w * x[4 b, j]; ..

A matrix that every turn reads, or adds to, then passes through the processor once for several turns (unroll and jam,
Callahan, Carr and Kennedy 1990). One turn after the other would fetch all of it again each time, from a cache further
away the larger it is; of a matrix the rows of one turn, which `Strip` puts together, are not enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from difflang.loops import ir
from difflang.loops.bodies import bodies, walk
from difflang.loops.ir import For, Operand, Register, Statement
from difflang.loops.jam import Straight, Turns
from difflang.loops.values import Name, all_assigned
from difflang.passes.cost import MEDIUM, SIMPLE

STATEMENTS = 160
"""The most statements of a turn; code for several of them takes the longer to compile."""


def has_matrix(turns: Turns) -> bool:
    """Whether the turns of a loop may go side by side and meet one matrix."""
    body = turns.loop.body
    if len(walk(body)) > STATEMENTS:
        return False
    nest = _Nest(turns, all_assigned(body), {turns.loop.index})
    return nest.is_regular(body) and any(nest.meets_matrix(s) for s in body)


@dataclass(slots=True)
class _Nest:
    """`local` are the names that a turn sets, `own` those that may differ from turn to turn."""

    turns: Turns
    local: set[Name]
    own: set[Name]

    def is_regular(self, body: ir.Body) -> bool:
        """Whether all turns run the same loops, equally often, and nothing in them has to be in order."""
        return all(self._is_regular(statement) for statement in body)

    def _is_regular(self, statement: Statement) -> bool:
        match statement:
            case ir.Scope():
                return self.is_regular(statement.body)
            case For():
                return self._is_regular_loop(statement)
            case ir.Allocate(array=array) | ir.View(array=array):
                self.own.add(array)
                return self._is_small(statement) and self.local.isdisjoint(_registers(array.shape))
            case ir.Apply() | ir.Load():
                if self._differs(statement):
                    self.own.add(statement.out)
                return True
            case _:
                return isinstance(statement, Straight)

    def _is_regular_loop(self, loop: For) -> bool:
        in_step = loop.kind != "serial" and not loop.reverse and self._are_same((loop.start, loop.extent))
        return in_step and self.is_regular(loop.body)

    def _is_small(self, statement: ir.Allocate | ir.View) -> bool:
        """Whether several turns may have such memory at the same time."""
        shape = statement.array.shape
        return isinstance(statement, ir.View) or len(shape) <= 1 or not _registers(shape)

    def _differs(self, statement: ir.Apply | ir.Load) -> bool:
        """Whether what a statement sets may differ from turn to turn."""
        if isinstance(statement, ir.Load):
            same = statement.array not in self.local and self.turns.is_steady(statement)
            return not (same and self._are_same(statement.indices))
        return statement.out.mutable or not self._are_same(statement.args)

    def _are_same(self, operands: Sequence[Operand]) -> bool:
        """Whether all turns have these values in the same registers."""
        registers = _registers(operands)
        return self.own.isdisjoint(registers) and not any(register.mutable for register in registers)

    def meets_matrix(self, statement: Statement, around: For | None = None) -> bool:
        """Whether a vector loop in a further loop meets a row which that loop chooses."""
        if isinstance(statement, For) and statement.kind == "vector" and around:
            rows = (s for s in statement.body if isinstance(s, ir.Load | ir.Accumulate))
            return not _is_dear(around) and any(self._is_row(s, statement) for s in rows)
        around = statement if isinstance(statement, For) else around
        return any(self.meets_matrix(s, around) for body in bodies(statement) for s in body)

    def _is_row(self, statement: ir.Load | ir.Accumulate, loop: For) -> bool:
        steady = isinstance(statement, ir.Accumulate) or self.turns.is_steady(statement)
        if not steady or statement.array in self.local or not self._are_same(statement.indices):
            return False
        others = set(statement.indices) - {loop.index}
        return loop.index in statement.indices and not self.local.isdisjoint(_registers(others))


def _is_dear(loop: For) -> bool:
    """Whether elementary functions take more time than the rows do: LLVM makes vectors of those of several rows."""
    return any(isinstance(s, ir.Apply) and s.primitive not in SIMPLE | MEDIUM for s in loop.body)


def _registers(operands: Iterable[Operand]) -> list[Register]:
    return [operand for operand in operands if isinstance(operand, Register)]
