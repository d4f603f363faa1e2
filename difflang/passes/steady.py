"""What the elements of a build share at every turn of the loop around it is computed once, before the loop.

    build n { i: .. build m { j: t = exp (get a j); y = mul t (get b i); yield y } .. }
      ->  c = build m { j: t = exp (get a j); yield t }
          build n { i: .. build m { j: t = get c j; y = mul t (get b i); yield y } .. }

`Simplify` moves whole equations. A build of which only a part stays the same from turn to turn, as the values in a
derivative that is taken along many directions, stays where it is; that part gets an array of its own here, if it is
dear enough to be read from memory instead. Whatever else depends on it alone leaves the loop with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Block, Eqn, Func, Type, Var, free_vars
from difflang.passes.cost import DEAR_PRICE, price, pure, safe
from difflang.passes.rewrite import Rewriter, clone

LOOPS = frozenset({"build", "reduce", "fold"})


@dataclass(frozen=True, slots=True)
class Steady:
    """Divides builds inside of loops into what the loop changes and what it does not."""

    def __call__(self, func: Func) -> Func:
        return _Steady().func(func)


class _Steady(Rewriter):
    def copy(self, eqn: Eqn) -> Eqn:
        new = super().copy(eqn)
        if new.op not in LOOPS:
            return new
        regions: list[Block] = []
        for region in new.regions:
            turn = _Turn(region)
            regions.append(turn.rest())
            self.frames[-1].extend(turn.before)
        return Eqn(new.outs, new.op, new.args, new.attrs, tuple(regions), new.span)


class _Turn(Rewriter):
    """One turn of a loop, written anew without what is the same in every turn, which goes to `before`.

    `varying` are the variables that differ from turn to turn.
    """

    def __init__(self, region: Block) -> None:
        super().__init__()
        self.region = region
        self.varying: set[Var] = set(region.params)
        self.before: list[Eqn] = []

    def rest(self) -> Block:
        if not any(eqn.op == "build" for eqn in self.region.eqns):
            return self.region
        self.frames.append([])
        for eqn in self.region.eqns:
            self.divide(self.copy(eqn))
        return Block(self.region.params, tuple(self.frames.pop()), self.all(self.region.results))

    def divide(self, eqn: Eqn) -> None:
        if self.is_steady(eqn):
            self.before.append(eqn)
            return
        kept = self.divided(eqn) if eqn.op == "build" and self.varying.isdisjoint(eqn.args) else eqn
        self.varying.update(kept.outs)
        self.append(kept)

    def is_steady(self, eqn: Eqn) -> bool:
        return pure((eqn,)) and safe((eqn,)) and self.varying.isdisjoint(mentioned(eqn))

    def divided(self, build: Eqn) -> Eqn:
        """What is left of a build; its steady values have become reads of an array made before the loop."""
        body = build.regions[0]
        steady = self.steady_part(body)
        stored = _worth_storing(body, steady)
        if not stored:
            return build
        params = tuple(Var(param.type, param.name) for param in body.params)
        made = tuple(Var(Type(value.type.dtype, build.args)) for value in stored)
        eqns, results = clone(Block(body.params, steady, stored), params)
        self.before.append(Eqn(made, "build", build.args, build.attrs, (Block(params, eqns, results),), build.span))
        return self.reading(build, dict(zip(stored, made, strict=True)))

    def steady_part(self, body: Block) -> tuple[Eqn, ...]:
        """The equations of a build's body that only depend on its indices and what the loop leaves alone."""
        inner = _Turn(Block((), body.eqns, ()))
        inner.varying = set(self.varying)
        steady: list[Eqn] = []
        for eqn in body.eqns:
            if inner.is_steady(eqn):
                steady.append(eqn)
            else:
                inner.varying.update(eqn.outs)
        return tuple(steady)

    def reading(self, build: Eqn, arrays: dict[Var, Var]) -> Eqn:
        """The build with reads in place of what has arrays; results that are no more than such a value are gone."""
        body = build.regions[0]
        kept = [k for k, result in enumerate(body.results) if result not in arrays]
        for out, result in zip(build.outs, body.results, strict=True):
            if isinstance(result, Var) and result in arrays:
                self.atoms[out] = arrays[result]
        eqns: list[Eqn] = []
        for eqn in body.eqns:
            chosen = [out for out in eqn.outs if out in arrays]
            if not chosen:
                eqns.append(eqn)
            eqns += [
                Eqn((out,), "get", (arrays[out], *body.params), {"inbounds": True}, (), eqn.span) for out in chosen
            ]
        region = Block(body.params, tuple(eqns), tuple(body.results[k] for k in kept))
        return Eqn(tuple(build.outs[k] for k in kept), "build", build.args, build.attrs, (region,), build.span)


def mentioned(eqn: Eqn) -> set[Var]:
    """The variables from outside that an equation uses, in its regions and types too."""
    return set(free_vars(Block((), (eqn,), ())))


def _worth_storing(body: Block, steady: Sequence[Eqn]) -> tuple[Var, ...]:
    """The steady numbers that the rest uses and that are dear to compute, even from those stored before them."""
    moving = {id(eqn) for eqn in steady}
    used = {result for result in body.results if isinstance(result, Var)}
    used.update(*(mentioned(eqn) for eqn in body.eqns if id(eqn) not in moving))
    prices: dict[Var, list[Eqn]] = {}
    stored: list[Var] = []
    for eqn in steady:
        needed = [*{id(e): e for name in mentioned(eqn) for e in prices.get(name, ())}.values(), eqn]
        prices.update((out, needed) for out in eqn.outs)
        chosen = [out for out in eqn.outs if out in used and not out.type.shape and price(needed) >= DEAR_PRICE]
        if chosen and len(eqn.outs) == len(chosen):
            stored += chosen
            prices.update((out, []) for out in chosen)
    return tuple(stored)
