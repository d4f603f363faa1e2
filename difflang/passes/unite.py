"""The sum that is a function's value joins the accumulation that is its gradient.

    s = reduce[sum] n { i: .. yield v }                 s, g = accum 0.0 zeros { t, r:
    .. what depends on s only ..                   ->     build n { i: .. add_to t v }
    g = accum zeros { r: build n { i: .. } }              build n { i: .. }}
                                                        .. what depends on s only ..

`Fuse` then makes one loop of the two, and what both compute (the forward sweep of each term) is computed once. The sum
moves down to the accumulation, and what depends on it moves behind; so nothing of that may be an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Block, Eqn, Func, Literal, Type, Var
from difflang.core.ops import is_effect
from difflang.passes.cost import CHEAP, price, pure
from difflang.passes.rewrite import Rewriter, key_of

DEAR = 4 * CHEAP
"""A term below this price is not worth the trouble of sharing it."""


@dataclass(frozen=True, slots=True)
class Unite:
    """Turns sums into accumulations where an accumulation over the same range follows."""

    def __call__(self, func: Func) -> Func:
        return _Uniter().func(func)


class _Uniter(Rewriter):
    def block(self, block: Block) -> Block:
        new = super().block(block)
        return Block(new.params, tuple(_united(list(new.eqns))), new.results)


def _united(eqns: list[Eqn]) -> list[Eqn]:
    for position in reversed(range(len(eqns))):
        if _is_dear_sum(eqns[position]):
            eqns = _moved(eqns, position)
    return eqns


def _is_dear_sum(eqn: Eqn) -> bool:
    """Whether an equation sums scalars that cost something and have no effects."""
    if eqn.op != "reduce" or eqn.attrs["op"] != "sum":
        return False
    scalar = all(not out.type.shape for out in eqn.outs)
    region = eqn.regions[0].eqns
    return scalar and any(inner.regions for inner in region) and pure(region) and price(region) >= DEAR


def _moved(eqns: list[Eqn], position: int) -> list[Eqn]:
    """The equations with the sum at `position` in front of the next accumulation over its range, if that may be."""
    sum_ = eqns[position]
    dependent: list[Eqn] = []
    known = set(sum_.outs)
    for target in range(position + 1, len(eqns)):
        eqn = eqns[target]
        depends = not known.isdisjoint(_uses(eqn))
        if not depends and _range(eqn) == [key_of(arg) for arg in sum_.args]:
            between = [e for e in eqns[position + 1 : target] if e not in dependent]
            return [*eqns[:position], *between, _as_accum(sum_), eqn, *dependent, *eqns[target + 1 :]]
        if depends:
            if is_effect(eqn.op, eqn.regions):
                return eqns
            dependent.append(eqn)
            known.update(eqn.outs)
    return eqns


def _uses(eqn: Eqn) -> set[Var]:
    """Everything that an equation mentions, sizes in types included."""
    used = {arg for arg in eqn.args if isinstance(arg, Var)}
    for region in eqn.regions:
        used.update(result for result in region.results if isinstance(result, Var))
        for inner in region.eqns:
            used |= _uses(inner)
    return used | {dim for out in eqn.outs for dim in out.type.shape if isinstance(dim, Var)}


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
