"""Which arrays are made only to be added somewhere, and which only to start something.

`add_to r i v` with a `v` that is made for it alone needs no `v`: what makes it (a `build`, a sum, an `accum` from
zero) adds to the accumulator directly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from difflang.core.ir import Block, Eqn, Func, Literal, Var, walk
from difflang.core.ops import carries
from difflang.loops.liveness import Liveness


class Sums:
    """Facts about a whole function: what makes and what uses each variable."""

    def __init__(self, func: Func, liveness: Liveness) -> None:
        self.liveness = liveness
        self.makers: dict[Var, Eqn] = {}
        self.not_starts: set[Var] = set()
        self._results(func.block)
        for eqn in walk(func.block):
            self.makers.update(dict.fromkeys(eqn.outs, eqn))
            self.not_starts.update(_more_than_starts(eqn))
            for region in eqn.regions:
                self._results(region)

    def _results(self, block: Block) -> None:
        self.not_starts.update(result for result in block.results if isinstance(result, Var))

    def only_starts(self, var: Var) -> bool:
        """Whether an array is used only as the start of accumulators, carries and updates, and by elements."""
        return var not in self.not_starts

    def is_zero(self, var: Var) -> bool:
        """Whether an array is known to hold zeros."""
        maker = self.makers.get(var)
        if maker is None or maker.op != "build" or maker.regions[0].eqns:
            return False
        result = maker.regions[0].results[maker.outs.index(var)]
        return isinstance(result, Literal) and result.value == 0

    def addable(self, var: Var) -> bool:
        """Whether what makes the array can add its elements somewhere instead of storing them."""
        maker = self.makers.get(var)
        if maker is None:
            return False
        if maker.op == "accum":
            position = maker.outs.index(var)
            init = maker.args[position] if position < len(maker.args) else None
            return isinstance(init, Var) and self.is_zero(init)
        return maker.op == "build" or (maker.op == "reduce" and maker.attrs["op"] == "sum")

    def plan(self, block: Block) -> dict[Var, Eqn]:
        """The arrays of a block that only an `add_to` of the same block uses, with that equation."""
        positions = {out: k for k, eqn in enumerate(block.eqns) for out in eqn.outs}
        users = self._users(block)
        found: dict[Var, Eqn] = {}
        for eqn in block.eqns:
            if eqn.op != "add_to":
                continue
            value, indices = eqn.args[-1], eqn.args[1:-1]
            if not isinstance(value, Var) or not value.type.shape or value not in positions:
                continue
            known = all(positions.get(i, -1) < positions[value] for i in indices if isinstance(i, Var))
            safe = not indices or bool(eqn.attrs.get("inbounds"))
            if known and safe and users[value] == 1 and value not in block.results and self.addable(value):
                found[value] = eqn
        return found

    def added_results(self, region: Block, wanted: Sequence[object | None]) -> list[Var]:
        """The results of a region that are wanted as addends and that can be added by what makes them."""
        users, local = self._users(region), {out for eqn in region.eqns for out in eqn.outs}
        found: list[Var] = []
        for result, total in zip(region.results, wanted, strict=True):
            if total is None or not isinstance(result, Var) or not result.type.shape or result not in local:
                continue
            if result not in users and region.results.count(result) == 1 and self.addable(result):
                found.append(result)
        return found

    def _users(self, block: Block) -> Mapping[Var, int]:
        """How many equations of the block use each variable."""
        count: dict[Var, int] = {}
        for eqn in block.eqns:
            for var in self.liveness.uses(eqn):
                count[var] = count.get(var, 0) + 1
        return count


def _more_than_starts(eqn: Eqn) -> Sequence[Var]:
    """The arguments that the equation uses otherwise than as a start or by elements."""
    starts: Sequence[object] = ()
    match eqn.op:
        case "accum":
            starts = eqn.args
        case "fold":
            starts = eqn.args[1 : 1 + carries(eqn.attrs)]
        case "while":
            starts = eqn.args
        case "set":
            starts = eqn.args[:1] if len(eqn.args) > 2 else ()
        case "get" if not eqn.outs[0].type.shape and len(eqn.args) > 1:
            starts = eqn.args[:1]
        case _:
            pass
    return [arg for arg in eqn.args if isinstance(arg, Var) and arg not in starts]
