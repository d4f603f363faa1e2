"""Loops over ranges that a condition on the index cuts in two become a loop for each piece.

    build n { i: .. cond (i < b) { A } { B } }  ->  for i < min(b, n) { .. A }; for j < n - b { i = j + b; .. B }

A concatenation, a padded array, a stencil with a border: inside a piece there is no branch, and what the condition says
of the index is known to the proofs that it is in range. The pieces are scheduled one after the other from one region.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Var, walk

LARGEST = 200
"""Equations in a body that is worth having twice."""

MOST = 4
"""Pieces of one loop."""

SPLITS = {"lt": (0, True), "le": (1, True), "ge": (0, False), "gt": (1, False)}
"""By comparison `index op bound`: what is added to the bound to get the boundary, and the outcome before it."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """`index < bound + offset`, for the first index of a loop: which predicates that decides, and how before it."""

    bound: Atom
    offset: int
    outcomes: tuple[tuple[Var, bool], ...]

    def decisions(self, before: bool) -> dict[Var, bool]:
        """The outcomes of the predicates before or behind the boundary."""
        return {predicate: outcome == before for predicate, outcome in self.outcomes}


def boundaries(region: Block) -> list[Boundary]:
    """Where conditions in the body of a loop cut its range, in the order in which they are met; few, or none."""
    if not region.params or sum(1 for _ in walk(region)) > LARGEST:
        return []
    inside = {*region.params, *(out for eqn in walk(region) for out in eqn.outs)}
    found: dict[tuple[Atom, int], list[tuple[Var, bool]]] = {}
    for eqn in _predicates(region):
        bound, (offset, outcome) = eqn.args[1], SPLITS[eqn.op]
        if eqn.args[0] is region.params[0] and bound not in inside:
            found.setdefault((bound, offset), []).append((eqn.outs[0], outcome))
    pieces = [Boundary(bound, offset, tuple(outcomes)) for (bound, offset), outcomes in found.items()]
    return pieces if len(pieces) < MOST else []


def _predicates(block: Block) -> Iterator[Eqn]:
    """The comparisons that conditions of a block test, and those nested in their branches."""
    makers = {out: eqn for eqn in block.eqns for out in eqn.outs}
    for eqn in block.eqns:
        if eqn.op != "cond":
            continue
        maker = makers.get(eqn.args[0]) if isinstance(eqn.args[0], Var) else None
        if maker is not None and maker.op in SPLITS and maker.args[0].type.dtype == "i64":
            yield maker
            for region in eqn.regions:
                yield from _predicates(region)
