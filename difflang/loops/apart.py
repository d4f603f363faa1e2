"""Which additions to memory never meet in different iterations of a loop.

Two additions to one array are apart if there is a dimension in which both have the same subscript, c i + (what does
not change in the loop) with the loop's index i and c != 0, so that they can meet in one iteration only; or in which
their subscripts differ by a constant and do not contain i, or differ by a constant that is no multiple of c, or differ
by a multiple of the number of iterations and c is 1, so that they never meet. An addition is apart from itself in the
first way. `Accumulate.apart` lists the indices of the loops in which all additions to the array are apart: there they
need not be atomic, and the loop may be vectorised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from difflang.loops import ir
from difflang.loops.affine import CONSTANT, Form, Forms, total
from difflang.loops.bodies import walk, with_bodies
from difflang.loops.ir import Accumulate, Array, Program, Register, Statement
from difflang.loops.values import Name, all_assigned

LARGEST_GROUP = 16
"""Additions to one array in one loop; comparing more pairs takes too long."""


@dataclass(frozen=True, slots=True)
class MarkApart:
    """Sets `apart` of every `Accumulate`."""

    def __call__(self, program: Program) -> Program:
        facts = Facts()
        facts.collect(program.body)
        facts.mark(program.body)
        return replace(program, body=facts.marked(program.body))


@dataclass(slots=True)
class Facts:
    """What is known of the indices and the arrays of a program, and which additions are apart."""

    forms: Forms = field(default_factory=Forms)
    bases: dict[Array, Array] = field(default_factory=dict[Array, Array])
    apart: dict[Accumulate, list[Register]] = field(default_factory=dict[Accumulate, list[Register]])

    def collect(self, body: ir.Body) -> None:
        self.forms.collect(body)
        for statement in walk(body):
            if isinstance(statement, ir.View):
                self.bases[statement.array] = statement.base

    def mark(self, body: ir.Body) -> None:
        for statement in walk(body):
            if isinstance(statement, ir.For) and statement.kind != "serial":
                self._loop(statement)

    def marked(self, body: ir.Body) -> ir.Body:
        return tuple(self._marked(with_bodies(statement, self.marked)) for statement in body)

    def _marked(self, statement: Statement) -> Statement:
        if isinstance(statement, Accumulate) and statement in self.apart:
            return replace(statement, apart=tuple(self.apart[statement]))
        return statement

    def _loop(self, loop: ir.For) -> None:
        """Marks the additions that the iterations of a loop make apart from each other."""
        additions: dict[Array, list[Accumulate]] = {}
        for statement in walk(loop.body):
            if isinstance(statement, Accumulate):
                additions.setdefault(self.root(statement.array), []).append(statement)
        changing = all_assigned(loop.body) if additions else set[Name]()
        for group in additions.values():
            if all(one.array is group[0].array for one in group) and self._is_apart(group, loop, changing):
                for one in group:
                    self.apart.setdefault(one, []).append(loop.index)

    def keeps_apart(self, loop: ir.For) -> bool:
        """Whether all additions of a loop that is not in the program yet would be apart in it."""
        facts = Facts(Forms(dict(self.forms.known), self.forms.clamped), self.bases)
        facts.forms.collect(loop.body)
        facts._loop(loop)
        return all(s in facts.apart for s in loop.body if isinstance(s, Accumulate))

    def root(self, array: Array) -> Array:
        while array in self.bases:
            array = self.bases[array]
        return array

    def _is_apart(self, group: Sequence[Accumulate], loop: ir.For, changing: set[Name]) -> bool:
        """Whether any two of the additions (also an addition and itself) are apart."""
        forms = {tuple(tuple(self.forms.of(i).items()) for i in one.indices): one for one in group}
        different = list(forms.values())
        pairs = ((one, other) for k, one in enumerate(different) for other in different[k:])
        return len(different) <= LARGEST_GROUP and all(self._pair(*pair, loop, changing) for pair in pairs)

    def _pair(self, one: Accumulate, other: Accumulate, loop: ir.For, changing: set[Name]) -> bool:
        index = loop.index
        for subscripts in zip(one.indices, other.indices, strict=True):
            left, right = (self.forms.of(subscript) for subscript in subscripts)
            rest = (left.keys() | right.keys()) - {index, CONSTANT}
            if any(register in changing or register.mutable for register in rest):
                continue
            gap = total(left, right, -1)
            if not gap and index in left:
                return True
            if gap.keys() == {CONSTANT} and index not in left:
                return True
            if gap.keys() == {CONSTANT} and gap[CONSTANT] % left.get(index, 1):
                return True
            if left.get(index) == right.get(index) == 1 and _is_multiple(gap, self._extent(loop)):
                return True
        return False

    def _extent(self, loop: ir.For) -> Form:
        """The number of iterations, if there are any."""
        extent = loop.extent
        return self.forms.of(self.forms.clamped.get(extent, extent) if isinstance(extent, Register) else extent)


def _is_multiple(form: Form, unit: Form) -> bool:
    """Whether a form is k times another for some integer k other than 0."""
    if not form or form.keys() != unit.keys():
        return False
    factors = {form[register] / unit[register] for register in form}
    return len(factors) == 1 and factors.pop().is_integer()
