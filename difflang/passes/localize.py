"""Additions that all turns of a loop make to one element are summed in a register, and added once behind the loop.

    build n { j: .. add_to r i v }   ->   s = accum 0.0 { t: build n { j: .. add_to t v } }; add_to r i s

An element in memory would be read and written in every turn, one after the other; a sum in a register has no order and
is worth SIMD lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, DType, Eqn, Func, Literal, Type, Var
from difflang.passes.rewrite import Rewriter, key_of

MOST = 16
"""Sums in one loop; more would not stay in registers."""


@dataclass(frozen=True, slots=True)
class Localize:
    """Sums additions to one element within the loops in which its indices stay the same."""

    most: int = MOST

    def __call__(self, func: Func) -> Func:
        return _Localizer(self.most).func(func)


class _Localizer(Rewriter):
    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def equation(self, eqn: Eqn) -> None:
        for new in localized(self.copy(eqn), self.most):
            self.append(new)


def localized(build: Eqn, most: int = MOST) -> Sequence[Eqn]:
    """The loop with sums of its own, and the additions behind it; the equation itself where there is nothing to sum."""
    additions = _steady(build) if build.op == "build" and not build.outs else {}
    targets = {_target(addition): addition for addition in additions}
    if not 0 < len(targets) <= most:
        return [build]
    totals = {target: Var(Type(_scalar(addition), (), ref=True)) for target, addition in targets.items()}
    region = build.regions[0]
    eqns = tuple(_redirected(eqn, totals[_target(eqn)]) if eqn in additions else eqn for eqn in region.eqns)
    loop = Eqn((), "build", build.args, build.attrs, (Block(region.params, eqns, ()),), build.span)
    sums = tuple(Var(Type(total.type.dtype)) for total in totals.values())
    zeros = tuple(Literal(0.0, total.type.dtype) for total in sums)
    summed = Eqn(sums, "accum", zeros, {}, (Block(tuple(totals.values()), (loop,), ()),), build.span)
    behind = [
        Eqn((), "add_to", (*addition.args[:-1], total), addition.attrs, (), addition.span)
        for addition, total in zip(targets.values(), sums, strict=True)
    ]
    return [summed, *behind]


def _steady(build: Eqn) -> dict[Eqn, None]:
    """The additions of scalars to elements at the same place in every turn."""
    region = build.regions[0]
    changing: set[Atom] = {*region.params, *(out for eqn in region.eqns for out in eqn.outs)}
    return {eqn: None for eqn in region.eqns if eqn.op == "add_to" and _is_steady(eqn, changing)}


def _is_steady(eqn: Eqn, changing: set[Atom]) -> bool:
    _, *indices, value = eqn.args
    element = bool(indices) and not value.type.shape and value.type.is_float
    return element and bool(eqn.attrs.get("inbounds")) and changing.isdisjoint(indices)


def _target(eqn: Eqn) -> tuple[object, ...]:
    return tuple(map(key_of, eqn.args[:-1]))


def _scalar(eqn: Eqn) -> DType:
    return eqn.args[-1].type.dtype


def _redirected(eqn: Eqn, total: Var) -> Eqn:
    return Eqn((), "add_to", (total, eqn.args[-1]), {}, (), eqn.span)
