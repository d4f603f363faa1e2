"""The sum that is a function's value joins the accumulation that is its gradient.

    s = reduce[sum] n { i: .. yield v }                 s, g = accum 0.0 zeros { t, r:
    .. what depends on s only ..                   ->     build n { i: .. add_to t v }
    g = accum zeros { r: build n { i: .. } }              build n { i: .. }}
                                                        .. what depends on s only ..

`Fuse` then makes one loop of the two, and what both compute (the forward sweep of each term) is computed once. The sum
moves down to the accumulation, and what depends on it moves behind; so nothing of that may be an effect. A sum without
loops inside moves to a build that reads the same elements, and stays a sum: `Fuse` joins the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var
from difflang.core.ops import is_effect
from difflang.passes.cost import CHEAP, price, pure
from difflang.passes.fuse import is_plain
from difflang.passes.rewrite import Rewriter, key_of

REACH = 256
"""A sum looks for its loop among this many equations behind it, so that the search takes linear time."""
DEAR = 4 * CHEAP
"""A term below this price is not worth the trouble of sharing it."""


@dataclass(frozen=True, slots=True)
class Unite:
    """Turns sums into accumulations where an accumulation over the same range follows."""

    def __call__(self, func: Func) -> Func:
        return _Uniter().func(func)


class _Uniter(Rewriter):
    def __init__(self) -> None:
        super().__init__()
        self._known_uses: dict[Eqn, set[Var]] = {}

    def block(self, block: Block) -> Block:
        new = super().block(block)
        return Block(new.params, tuple(self._united(list(new.eqns))), new.results)

    def _united(self, eqns: list[Eqn]) -> list[Eqn]:
        for position in reversed(range(len(eqns))):
            if _is_sum(eqns[position]):
                eqns = self._moved(eqns, position)
        return eqns

    def _moved(self, eqns: list[Eqn], position: int) -> list[Eqn]:
        """The equations with the sum at `position` in front of the next loop that it may join, if there is one."""
        total = eqns[position]
        dependent: list[Eqn] = []
        known = set(total.outs)
        for target in range(position + 1, min(position + REACH, len(eqns))):
            eqn = eqns[target]
            depends = not known.isdisjoint(self._uses(eqn))
            if not depends and (moved := _as_beside(total, eqn)) is not None:
                between = [e for e in eqns[position + 1 : target] if e not in dependent]
                return [*eqns[:position], *between, moved, eqn, *dependent, *eqns[target + 1 :]]
            if depends:
                if is_effect(eqn.op, eqn.regions):
                    return eqns
                dependent.append(eqn)
                known.update(eqn.outs)
        return eqns

    def _uses(self, eqn: Eqn) -> set[Var]:
        """Everything that an equation mentions, sizes in types included."""
        if eqn not in self._known_uses:
            used = {arg for arg in eqn.args if isinstance(arg, Var)}
            for region in eqn.regions:
                used.update(result for result in region.results if isinstance(result, Var))
                for inner in region.eqns:
                    used |= self._uses(inner)
            used.update(dim for out in eqn.outs for dim in out.type.shape if isinstance(dim, Var))
            self._known_uses[eqn] = used
        return self._known_uses[eqn]


def _is_sum(eqn: Eqn) -> bool:
    """Whether an equation sums scalars that have no effects."""
    scalar = all(not out.type.shape for out in eqn.outs)
    return eqn.op == "reduce" and eqn.attrs["op"] == "sum" and scalar and pure(eqn.regions[0].eqns)


def _is_dear(total: Eqn) -> bool:
    """Whether the terms of a sum have loops inside that cost something."""
    region = total.regions[0].eqns
    return any(inner.regions for inner in region) and price(region) >= DEAR


def _as_beside(total: Eqn, other: Eqn) -> Eqn | None:
    """A sum as it joins another loop; None if it does not."""
    if _range(other) == [key_of(arg) for arg in total.args]:
        return _as_accum(total) if _is_dear(total) else None
    shared = other.op == "build" and other.args == total.args and is_plain(total) and is_plain(other)
    return total if shared and not _elements(total).isdisjoint(_elements(other)) else None


def _elements(loop: Eqn) -> set[Atom]:
    """The arrays that a loop reads in its own turn."""
    region = loop.regions[0]
    return {e.args[0] for e in region.eqns if e.op == "get" and e.args[1:] == region.params}


def _range(eqn: Eqn) -> Sequence[object] | None:
    """The extents of the loop of an accumulation that is one loop."""
    if eqn.op != "accum" or not eqn.regions[0].eqns or eqn.regions[0].eqns[-1].op != "build":
        return None
    return [key_of(arg) for arg in eqn.regions[0].eqns[-1].args]


def _as_accum(eqn: Eqn) -> Eqn:
    """The sum as additions to accumulators in a loop."""
    totals = tuple(Var(Type(out.type.dtype, (), ref=True)) for out in eqn.outs)
    body = eqn.regions[0]
    additions = tuple(
        Eqn((), "add_to", (total, result), {}, (), eqn.span) for total, result in zip(totals, body.results, strict=True)
    )
    loop = Eqn((), "build", eqn.args, {}, (Block(body.params, (*body.eqns, *additions), ()),), eqn.span)
    zeros = tuple(Literal(0.0 if out.type.is_float else 0, out.type.dtype) for out in eqn.outs)
    return Eqn(eqn.outs, "accum", zeros, {}, (Block(totals, (loop,), ()),), eqn.span)
