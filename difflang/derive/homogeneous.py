"""Whether a rule stated in the program gives nothing for a direction of zero, as everything linear does.

What is affine passes for linear where only its dependence on the direction is looked at: `x + dx` has the same
transpose as `dx`. So the values are followed that may differ from zero although the direction is zero. The analysis
errs on one side: what it finds is certain to be no multiple of the direction, whatever the other values are. An array
may hold values and directions side by side (a system of equations and its tangents, integrated as one): an element
that is read of it counts only where all elements do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from difflang.core.ir import Atom, Block, Eqn, Literal, Var
from difflang.core.ops import CLOSED
from difflang.derive.activity import LOOPS, Varied, carried, sources

ANY = frozenset({"add", "sub", "min", "max", "select", "set", "table"})
"""Zero only where all of their arguments are; other operations are taken to be zero where one of them is."""

FIRST = frozenset({"div", "get", "reshape"})
"""Zero where their first argument is."""


def vanishes_with(block: Block, directions: int) -> bool:
    """Whether the results of a block are zero where its last `directions` parameters are."""
    others = block.params[: len(block.params) - directions]
    whole = _Whole(others)
    whole.visit(block)
    present = _Present(whole)
    present.mark_where((param, True) for param in others)
    present.visit(block)
    return not any(present.holds(result) for result in block.results)


def _differs(atom: Atom, variables: Collection[Var]) -> bool:
    """Whether a value is one of those that may differ from zero; integers and truth values count as such."""
    if isinstance(atom, Literal):
        return atom.value != 0
    return not atom.type.is_float or atom in variables


class _Present(Varied):
    """The values that may differ from zero; of arrays, where some element may."""

    def __init__(self, whole: _Whole) -> None:
        super().__init__()
        self.whole = whole

    def holds(self, atom: Atom) -> bool:
        return _differs(atom, self.variables)

    def depends(self, eqn: Eqn) -> bool:
        """Whether the results of an equation without regions may differ from zero."""
        floats = [a for a in eqn.args if a.type.is_float]
        if eqn.op in ANY:
            return any(map(self.holds, floats))
        if eqn.op == "reshape":
            return self.holds(eqn.args[0])
        read = floats[:1] if eqn.op in FIRST else floats
        return all((self.whole if a.type.shape else self).holds(a) for a in read)


class _Whole:
    """The values of which every element may differ from zero, on every way through the code."""

    def __init__(self, variables: Iterable[Var]) -> None:
        self.variables = set(variables)

    def holds(self, atom: Atom) -> bool:
        return _differs(atom, self.variables)

    def visit(self, block: Block) -> None:
        for eqn in block.eqns:
            self.variables.update(self._found(eqn))

    def _found(self, eqn: Eqn) -> list[Var]:
        if eqn.op in LOOPS:
            return self._loop(eqn)
        if eqn.regions and (eqn.op in CLOSED or eqn.op == "accum"):
            return []
        for region in eqn.regions:
            self.visit(region)
        if eqn.regions:
            columns = zip(eqn.outs, *(region.results for region in eqn.regions), strict=True)
            return [out for out, *results in columns if all(map(self.holds, results))]
        floats = [a for a in eqn.args if a.type.is_float]
        kind = any if eqn.op in ("add", "sub") else all
        return list(eqn.outs) if kind(map(self.holds, floats[:1] if eqn.op in FIRST else floats)) else []

    def _loop(self, eqn: Eqn) -> list[Var]:
        """A carry is whole where it is at the start and every step keeps it so."""
        outside, body = set(self.variables), eqn.regions[-1]
        kept = [carry for carry in carried(eqn) if self.holds(carry[0])]
        while True:
            self.variables = outside | {param for _, param, _, _ in kept}
            self.visit(body)
            lasting = [carry for carry in kept if self.holds(carry[2])]
            if len(lasting) == len(kept):
                stacked = [out for out, result in sources(eqn) if self.holds(result)]
                return [*(out for _, _, _, out in kept), *stacked]
            kept = lasting
