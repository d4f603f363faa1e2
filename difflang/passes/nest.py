"""Loops directly inside loops become one loop nest, and sequential loops that are none become builds.

build n { i: b = build m { j: .. yield v }; yield b }    ->  build n m { i, j: .. yield v }
reduce[sum] n { i: r = reduce[sum] m { j: .. } ; yield r }  ->  reduce[sum] n m { i, j: .. }
fold[carries=0] n { i: .. yield v }                      ->  build n { i: .. yield v }
fold n a { i, c: .. d = set c i v; yield d }             ->  build n { i: .. yield v }   (a has n elements)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Var
from difflang.core.ops import carries, same_dim
from difflang.passes.cost import pure
from difflang.passes.dead import uses_of
from difflang.passes.rewrite import Rewriter

NESTING = ("sum", "prod", "max", "min", "all", "any")


@dataclass(frozen=True, slots=True)
class Nest:
    """Merges perfect nests; turns folds whose steps are independent into builds."""

    def __call__(self, func: Func) -> Func:
        return _Nester(uses_of(func.block)).func(func)


class _Nester(Rewriter):
    def __init__(self, uses: dict[Var, int]) -> None:
        super().__init__()
        self.uses = uses

    def copy(self, eqn: Eqn) -> Eqn:
        if eqn.op == "fold":
            eqn = self.independent(eqn)
        new = super().copy(eqn)
        return merged(new) if new.op in ("build", "reduce") else new

    def independent(self, eqn: Eqn) -> Eqn:
        """Written elements become stacked outputs; a fold without carries is a build."""
        body, count = eqn.regions[0], carries(eqn.attrs)
        written = {k: place for k in range(count) if (place := self.written(eqn, k)) is not None}
        if not pure(body.eqns) or len(written) < count:
            return eqn
        updates = set(written.values())
        eqns = tuple(e for e in body.eqns if e not in updates)
        results = (*(written[k].args[-1] for k in range(count)), *body.results[count:])
        region = Block(body.params[:1], eqns, results)
        return Eqn(eqn.outs, "build", eqn.args[:1], {}, (region,), eqn.span)

    def written(self, eqn: Eqn, k: int) -> Eqn | None:
        """The update of carry `k`, if step i writes element i of it, for every i, and reads nothing of it."""
        body = eqn.regions[0]
        index, carry, result = body.params[0], body.params[k + 1], body.results[k]
        update = next((e for e in reversed(body.eqns) if result in e.outs), None)
        if update is None or update.op != "set" or len(update.args) != 3:
            return None
        whole = same_dim(eqn.args[0], carry.type.shape[0])
        once = self.uses.get(carry) == 1 and self.uses.get(update.outs[0]) == 1
        return update if whole and once and update.args[0] is carry and update.args[1] is index else None


def merged(outer: Eqn) -> Eqn:
    """A nest of two loops as one, if there is nothing between them."""
    region = outer.regions[0]
    if len(region.eqns) != 1:
        return outer
    inner = region.eqns[0]
    fits = inner.op == outer.op and inner.attrs == outer.attrs and outer.attrs.get("op", "sum") in NESTING
    if not fits or not _same(region.results, inner.outs) or any(arg in region.params for arg in inner.args):
        return outer
    if outer.op == "reduce" and any(out.type.shape for out in outer.outs):
        return outer
    body = inner.regions[0]
    block = Block((*region.params, *body.params), body.eqns, body.results)
    return Eqn(outer.outs, outer.op, (*outer.args, *inner.args), outer.attrs, (block,), inner.span or outer.span)


def _same(results: Sequence[Atom], outs: Sequence[Var]) -> bool:
    return len(results) == len(outs) and all(a is b for a, b in zip(results, outs, strict=True))
