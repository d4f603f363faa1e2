"""Which loops several threads may share, and what each of them then needs for itself.

The scheduler promises of a loop that is not `serial` that its iterations are independent but for reductions and
additions to memory. A loop can be shared if moreover nothing in it is seen outside in the order in which it happens
(calls of the host, allocated results), and if every array that is added to is

* made inside the loop;
* or added to apart by every iteration (`Accumulate.apart`);
* or added to at subscripts that follow the index at fixed distances, as a stencil does: then the indices at the end
  of each range, as many as the subscripts differ (`overlap`), wait until all other work is done;
* or only added to: then every range adds to a copy of its own (`private`), and the copies are added up in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from difflang.loops import ir
from difflang.loops.affine import CONSTANT, Form, Forms
from difflang.loops.bodies import walk
from difflang.loops.ir import Accumulate, Array, Body, For, Program, Register, Statement
from difflang.loops.values import Name, all_assigned, mentioned

WIDEST_OVERLAP = 8


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a loop is shared: arrays that every range needs a copy of, and how far neighbours reach into each other."""

    private: tuple[Array, ...] = ()
    overlap: int = 0


@dataclass(slots=True)
class Facts:
    """What is known of a whole program."""

    forms: Forms = field(default_factory=Forms)
    bases: dict[Array, Array] = field(default_factory=dict[Array, Array])
    mentions: Counter[Name] = field(default_factory=Counter[Name])

    def sharing(self, loop: For) -> Sharing | None:
        """How the loop can be shared, if it can."""
        ordered = loop.kind == "serial" or loop.reverse or any(map(_is_ordered, walk(loop.body)))
        if ordered or loop.start != ir.ZERO:
            return None
        assigned = all_assigned(loop.body)
        if not self._keeps_to_itself(loop, assigned):
            return None
        private, distances = list[Array](), dict[Array, int]()
        for array, additions in self._totals(loop.body, assigned).items():
            if all(loop.index in addition.apart for addition in additions):
                continue
            if not self._is_only_added_to(array, loop.body, assigned):
                return None
            distance = self._distance(additions, loop.index, assigned)
            if distance is not None and distance <= WIDEST_OVERLAP:
                distances[array] = distance
            else:
                private.append(array)
        if private:
            return Sharing((*private, *distances))
        return Sharing(overlap=max(distances.values(), default=0))

    def sharing_of_pieces(self, loops: Sequence[For]) -> Sharing | None:
        """How pieces of one loop can be shared together, if they can: what they add to arrays might meet."""
        alone = all(self.sharing(p) == Sharing() and not self._totals(p.body, all_assigned(p.body)) for p in loops)
        return Sharing() if alone else None

    def _keeps_to_itself(self, loop: For, assigned: set[Name]) -> bool:
        """Whether what the body sets and may set again is used in the loop alone, but for reductions."""
        inside = Counter(_mentions((loop,)))
        reduced = {reduction.register for reduction in loop.reductions}
        return all(inside[name] == self.mentions[name] for name in assigned - reduced if name.mutable)

    def _totals(self, body: Body, assigned: set[Name]) -> dict[Array, list[Accumulate]]:
        """The additions to arrays from outside."""
        found: dict[Array, list[Accumulate]] = {}
        for statement in walk(body):
            if isinstance(statement, Accumulate):
                array = self._outer(statement.array, assigned)
                if array not in assigned:
                    found.setdefault(array, []).append(statement)
        return found

    def _outer(self, array: Array, assigned: set[Name]) -> Array:
        """The array from outside that `array` is a part of, or the array that is made inside."""
        while array in assigned and array in self.bases:
            array = self.bases[array]
        return array

    def _root(self, array: Array) -> Array:
        while array in self.bases:
            array = self.bases[array]
        return array

    def _distance(self, additions: Sequence[Accumulate], index: Register, assigned: set[Name]) -> int | None:
        """How far apart indices are at most that add to the same element, if the subscripts of a dimension tell."""
        if any(addition.array is not additions[0].array for addition in additions):
            return None
        for subscripts in zip(*(addition.indices for addition in additions), strict=True):
            forms = [dict(self.forms.of(subscript)) for subscript in subscripts]
            offsets = [form.pop(CONSTANT, 0) for form in forms]
            if all(form == forms[0] for form in forms) and _follows(forms[0], index, assigned):
                return max(offsets) - min(offsets)
        return None

    def _is_only_added_to(self, array: Array, body: Body, assigned: set[Name]) -> bool:
        """Whether the body does nothing else with the memory of an array, and names it in one way."""
        root = self._root(array)
        if array.rank == 0:
            return False
        for statement in walk(body):
            for name in mentioned(statement):
                if not isinstance(name, Array) or self._root(name) is not root:
                    continue
                if self._outer(name, assigned) is not array or not isinstance(statement, Accumulate | ir.View):
                    return False
        return True


def facts(program: Program) -> Facts:
    """What has to be known of a program before its loops are looked at."""
    found = Facts()
    found.forms.collect(program.body)
    found.mentions.update(_mentions(program.body))
    for result in program.results:
        if isinstance(result.value, Register | Array):
            found.mentions[result.value] += 1
    for statement in walk(program.body):
        if isinstance(statement, ir.View):
            found.bases[statement.array] = statement.base
    return found


def _mentions(body: Body) -> Iterator[Name]:
    for statement in walk(body):
        yield from mentioned(statement)


def _is_ordered(statement: Statement) -> bool:
    """Whether a statement may not be run on a thread of its own."""
    return isinstance(statement, ir.HostCall | ir.AllocateResult | ir.Parallel)


def _follows(form: Form, index: Register, assigned: set[Name]) -> bool:
    """Whether a subscript is the index plus what does not change in the loop."""
    others = form.keys() - {index}
    return form.get(index) == 1 and not any(other in assigned or other.mutable for other in others)
