"""Carried arrays that live in the stack of their values.

A loop that stacks what each step begins with (as the forward sweep of a gradient does) need not copy it: step t reads
row t of the stack and makes the next value in row t + 1. The memory has one row more than are stacked, for the value
after the last step.
"""

from __future__ import annotations

from difflang.core.ir import Atom, Eqn, Type, Var
from difflang.core.ops import carries, integer
from difflang.loops.ir import Array, Copy, Operand, Register
from difflang.loops.scheduler import Scheduler, allocation, is_small
from difflang.loops.storage import Destination, Place, Storage


class RowCarry:
    """One such array: `stack` is the memory of `stacked`, `destination` where the step at hand wants its next value."""

    def __init__(self, s: Scheduler, init: Atom, out: Var, stacked: Var) -> None:
        self.s = s
        self.type = out.type
        self.stacked = stacked
        self._count = s.apply("max", s.operand(stacked.type.shape[0]), integer(0))
        rows = s.apply("add", self._count, integer(1))
        array = Array(out.type.dtype, (rows, *s.operands(out.type.shape)), stacked.name)
        s.emit(allocation(array))
        self._rows = Place(array, Storage(len(s.frames) - 1))
        s.emit(Copy(s.view(self._rows, (integer(0),), out.type).array, s.place(init).array))
        self.stack = s.view(self._rows, (), stacked.type, stacked.name)
        self.destination = self._row(integer(0))

    def begin(self, index: Register) -> None:
        """Before the frame of a step: its next value is wanted in the row behind its own."""
        self.destination = self._row(self.s.apply("add", index, integer(1)))

    def _row(self, index: Operand) -> Destination:
        return self.s.row_destination(self._rows, (index,), self.type)

    def present(self, index: Register) -> Place:
        """The value that a step begins with, which is to stay."""
        row = self.s.view(self._rows, (index,), self.type)
        return Place(row.array, Storage(len(self.s.frames) - 1, writable=False))

    def result(self) -> Place:
        """The value after the loop."""
        return self.s.view(self._rows, (self._count,), self.type)


def carries_in_rows(s: Scheduler, eqn: Eqn) -> dict[int, RowCarry]:
    """The carries of a `fold` that lie in one of its stacks, by position.

    Small arrays stay on the stack frame, where they may be registers; a stack that is wanted elsewhere is made there.
    """
    region, k = eqn.regions[0], carries(eqn.attrs)
    found: dict[int, RowCarry] = {}
    for result, stacked in zip(region.results[k:], eqn.outs[k:], strict=True):
        carry = next((c for c, param in enumerate(region.params[1:]) if param is result), None)
        if carry is None or carry in found or eqn.attrs.get("reverse"):
            continue
        init, out = eqn.args[1 + carry], eqn.outs[carry]
        if _can_lie_in(s, stacked) and init not in s.constants and region.results[carry] is not result:
            found[carry] = RowCarry(s, init, out, stacked)
    return found


def _can_lie_in(s: Scheduler, stacked: Var) -> bool:
    element = Type(stacked.type.dtype, stacked.type.shape[1:])
    return bool(element.shape) and stacked not in s.frames[-1].hints and not is_small(s.array(element))
