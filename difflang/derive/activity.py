"""Activity: which variables carry derivatives.

A variable is *varied* when it depends differentiably on an active parameter, *useful* when a result of
the block depends differentiably on it. Tangents exist for varied variables, cotangents for variables that
are both. Loops are iterated to the fixpoint; accumulators (`ref`) take part like any other variable.
Reference: Hascoet and Pascual, The Tapenade automatic differentiation tool (2013), section 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from difflang.core.ir import Atom, Block, Eqn, Var
from difflang.core.ops import CLOSED, carries
from difflang.derive.partials import has_partial
from difflang.prims import PRIMITIVES

LOOPS = frozenset({"fold", "while"})


def active_variables(block: Block, active: Sequence[bool]) -> set[Var]:
    """The variables, at any depth, that need a cotangent when the flagged parameters do."""
    return varied_variables(block, active) & useful_variables(block)


def varied_variables(block: Block, active: Sequence[bool]) -> set[Var]:
    """The variables, at any depth, that depend differentiably on the flagged parameters."""
    varied = Varied()
    varied.mark_where((p, flag) for p, flag in zip(block.params, active, strict=True))
    varied.visit(block)
    return varied.variables


def useful_variables(block: Block) -> set[Var]:
    """The variables, at any depth, on which a result of the block depends differentiably."""
    useful = Useful()
    useful.mark_where((r, True) for r in block.results)
    useful.visit(block)
    return useful.variables


def differentiable_arguments(eqn: Eqn) -> list[Atom]:
    """The arguments in which an equation has a derivative that is not that of its regions."""
    if eqn.op in PRIMITIVES:
        return [a for k, a in enumerate(eqn.args) if a.type.is_float and has_partial(eqn.op, k)]
    return [a for a in eqn.args if a.type.is_float]


class Analysis(ABC):
    """A growing set of variables over floats."""

    def __init__(self) -> None:
        self.variables: set[Var] = set()

    def holds(self, atom: Atom) -> bool:
        return isinstance(atom, Var) and atom in self.variables

    def mark_where(self, candidates: Iterable[tuple[Atom, bool]]) -> None:
        self.variables.update(a for a, flag in candidates if flag and isinstance(a, Var) and a.type.is_float)

    def link(self, *atoms: Atom) -> None:
        """Variables that stand for the same value at different times: all are marked if one is."""
        found = any(self.holds(a) for a in atoms)
        self.mark_where((a, found) for a in atoms)

    def until_stable(self, eqn: Eqn) -> None:
        """Loops: the carried parameter, result and final value of each carry are linked."""
        size = -1
        body = eqn.regions[-1]
        while size != len(self.variables):
            size = len(self.variables)
            for init, param, result, out in carried(eqn):
                self.link_carry(init, param, result, out)
            self.visit(body)

    @abstractmethod
    def link_carry(self, init: Atom, param: Var, result: Atom, out: Var) -> None:
        """Marks what follows from each other among the four places of a carried value."""

    @abstractmethod
    def visit(self, block: Block) -> None:
        """Marks the variables of a block."""


class Varied(Analysis):
    """Forward: from parameters to results."""

    def visit(self, block: Block) -> None:
        for eqn in block.eqns:
            self._equation(eqn)

    def _equation(self, eqn: Eqn) -> None:
        if eqn.op == "add_to":
            self.mark_where([(eqn.args[0], self.holds(eqn.args[-1]))])
        elif eqn.op in LOOPS:
            self.until_stable(eqn)
        elif eqn.op == "accum":
            self.mark_where((p, self.holds(a)) for p, a in zip(eqn.regions[0].params, eqn.args, strict=True))
            self.visit(eqn.regions[0])
        elif eqn.regions and eqn.op not in CLOSED:
            for region in eqn.regions:
                self.visit(region)
        else:
            varied = self.depends(eqn)
            self.mark_where((out, varied) for out in eqn.outs)
        for out, source in sources(eqn):
            self.mark_where([(out, self.holds(source))])

    def depends(self, eqn: Eqn) -> bool:
        """Whether the results of an equation without regions are marked."""
        return any(self.holds(a) for a in differentiable_arguments(eqn))

    def link_carry(self, init: Atom, param: Var, result: Atom, out: Var) -> None:
        varied = self.holds(init) or self.holds(result)
        self.mark_where([(param, varied), (out, varied)])


class Useful(Analysis):
    """Backward: from results to parameters."""

    def visit(self, block: Block) -> None:
        for eqn in reversed(block.eqns):
            self._equation(eqn)

    def _equation(self, eqn: Eqn) -> None:
        for out, source in sources(eqn):
            self.mark_where([(source, self.holds(out))])
        if eqn.op == "add_to":
            self.mark_where([(eqn.args[-1], self.holds(eqn.args[0]))])
        elif eqn.op in LOOPS:
            self.until_stable(eqn)
        elif eqn.op == "accum":
            for arg, param, out in zip(eqn.args, eqn.regions[0].params, eqn.outs, strict=False):
                self.mark_where([(arg, self.holds(out)), (param, self.holds(out))])
            self.visit(eqn.regions[0])
        elif eqn.regions and eqn.op not in CLOSED:
            for region in eqn.regions:
                self.visit(region)
        else:
            useful = any(self.holds(out) for out in eqn.outs)
            self.mark_where((a, useful) for a in differentiable_arguments(eqn))

    def link_carry(self, init: Atom, param: Var, result: Atom, out: Var) -> None:
        self.link(param, out)
        useful = self.holds(param)
        self.mark_where([(init, useful), (result, useful)])


def carried(eqn: Eqn) -> list[tuple[Atom, Var, Atom, Var]]:
    """For each carry of a loop: its initial value, parameter in the body, next value and final value."""
    count = carries(eqn.attrs)
    inits = eqn.args[-count:] if count else ()
    body = eqn.regions[-1]
    params = body.params[len(body.params) - count :]
    return list(zip(inits, params, body.results[:count], eqn.outs[:count], strict=True))


def sources(eqn: Eqn) -> list[tuple[Var, Atom]]:
    """The results of regions, or accumulators, that an equation's outs are made from (not the carries of loops)."""
    if eqn.op in LOOPS:
        stacked = len(eqn.regions[-1].results) - carries(eqn.attrs)
        body = eqn.regions[-1]
        return list(zip(eqn.outs[-stacked:], body.results[-stacked:], strict=True)) if stacked else []
    if eqn.op in CLOSED:
        return []
    if eqn.op == "accum":
        return list(zip(eqn.outs, (*eqn.regions[0].params, *eqn.regions[0].results), strict=True))
    return [pair for region in eqn.regions for pair in zip(eqn.outs, region.results, strict=True)]
