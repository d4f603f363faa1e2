"""In innermost loops over independent elements, branches that only compute become choices between values.

    build n { i: .. y = cond p { .. yield v } { .. yield w } }   ->   build n { i: .. y = select p v w }

Both branches are computed then, which is less than it sounds: the loop fits SIMD lanes only without branches, and what
the branches of several conditions share is computed once. Only what cannot fail is computed in vain, and not too
much of it; its infs and NaNs are not selected. A program that is checked for NaN must not be rewritten in this way.
"""

from __future__ import annotations

from dataclasses import dataclass

from difflang.core.ir import Block, Eqn, Func, walk
from difflang.passes.cost import price
from difflang.passes.dead import DeadCode
from difflang.passes.simplify import LOOPS, Facts, Simplifier
from difflang.prims import PRIMITIVES

INDEPENDENT = frozenset({"build", "reduce"})

DEAREST = 256
"""The highest price of a branch that is computed in vain."""


@dataclass(frozen=True, slots=True)
class Speculate:
    """Turns cheap branches in innermost independent loops into `select`s."""

    dearest: int = DEAREST

    def __call__(self, func: Func) -> Func:
        if not any(_is_innermost(eqn) and _has_branches(eqn) for eqn in walk(func.block)):
            return func
        return DeadCode()(_Speculator(self.dearest).func(func))


def _is_innermost(eqn: Eqn) -> bool:
    return eqn.op in INDEPENDENT and not any(inner.op in LOOPS for inner in walk(eqn.regions[0]))


def _has_branches(eqn: Eqn) -> bool:
    return any(inner.op == "cond" for inner in walk(eqn.regions[0]))


class _Speculator(Simplifier):
    """`inside` counts the innermost loops around the present equation: 0 or 1."""

    def __init__(self, dearest: int) -> None:
        super().__init__()
        self.dearest = dearest
        self.inside = 0

    def equation(self, eqn: Eqn) -> None:
        innermost = int(_is_innermost(eqn))
        self.inside += innermost
        super().equation(eqn)
        self.inside -= innermost

    def place(self, eqn: Eqn, facts: Facts) -> None:
        if not (eqn.op == "cond" and self.inside and facts.total and self.computes_only(eqn)):
            super().place(eqn, facts)
            return
        for region in eqn.regions:
            for inner in region.eqns:
                self.equation(inner)
        then, otherwise = (self.all(region.results) for region in eqn.regions)
        for out, left, right in zip(eqn.outs, then, otherwise, strict=True):
            self.equation(Eqn((out,), "select", (eqn.args[0], left, right), {}, (), eqn.span))

    def computes_only(self, eqn: Eqn) -> bool:
        """Whether the branches are straight lines of scalars at a moderate price."""
        return all(out.type.shape == () for out in eqn.outs) and all(map(self.is_cheap, eqn.regions))

    def is_cheap(self, region: Block) -> bool:
        return all(map(_may_move, region.eqns)) and price(region.eqns) <= self.dearest


def _may_move(eqn: Eqn) -> bool:
    """Whether an equation of a branch that cannot fail is a scalar's, and good outside of the branch too."""
    return eqn.op in PRIMITIVES or (eqn.op == "get" and not eqn.attrs.get("total"))
