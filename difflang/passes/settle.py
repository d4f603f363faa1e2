"""Accumulators that only straight lines and branches add to become values.

    s = accum 0.0 { r: add_to r v; cond p { add_to r w } {} }  ->  t = add 0.0 v; s = cond p { yield t + w } { yield t }

An accumulator exists so that loops may add to it in any order; without a loop it is a variable, and a variable in
single-assignment form can be folded, shared and kept in a register (Cytron et al. 1991: each branch yields the value
that it leaves behind). Done for scalars and arrays of a small literal shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var, walk
from difflang.passes.rewrite import Rewriter

ELEMENTS = 32
"""The largest array that is carried by value."""

State = dict[Var, Atom]
"""The present values of accumulators."""


def settled(func: Func) -> Func:
    """The function without such accumulators; the same object if it has none."""
    if not any(eqn.op == "accum" for eqn in walk(func.block)):
        return func
    settler = _Settler()
    new = settler.func(func)
    return new if settler.found else func


class _Settler(Rewriter):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def equation(self, eqn: Eqn) -> None:
        new = self.copy(eqn)
        values = [ref for ref in new.regions[0].params if _is_value(ref, new.regions[0])] if new.op == "accum" else []
        if values:
            self.found = True
            self.settle(new, values)
        else:
            self.append(new)

    def settle(self, eqn: Eqn, values: list[Var]) -> None:
        """Writes the accumulation with some of its accumulators as values."""
        region, count = eqn.regions[0], len(eqn.args)
        state: State = {ref: init for ref, init in zip(region.params, eqn.args, strict=True) if ref in values}
        eqns = list(_with_values(region.eqns, state))
        kept = [k for k, ref in enumerate(region.params) if ref not in state]
        finals = [state[ref] for ref in region.params if ref in state]
        gone = [out for k, out in enumerate(eqn.outs[:count]) if k not in kept]
        if not kept:
            self.frames[-1] += eqns
            self.atoms.update(zip((*gone, *eqn.outs[count:]), (*finals, *region.results), strict=True))
            return
        body = Block(tuple(region.params[k] for k in kept), tuple(eqns), (*region.results, *finals))
        outs = (*(eqn.outs[k] for k in kept), *eqn.outs[count:], *gone)
        self.append(Eqn(outs, "accum", tuple(eqn.args[k] for k in kept), eqn.attrs, (body,), eqn.span))


def _is_value(ref: Var, region: Block) -> bool:
    """Whether an accumulator is small and no loop adds to it."""
    literal = all(isinstance(dim, Literal) for dim in ref.type.shape)
    size = math.prod(int(dim.value) for dim in ref.type.shape if isinstance(dim, Literal))
    return literal and size <= ELEMENTS and not any(_added_in_loop(eqn, ref) for eqn in region.eqns)


def _added_in_loop(eqn: Eqn, ref: Var) -> bool:
    if eqn.op == "cond":
        return any(_added_in_loop(inner, ref) for region in eqn.regions for inner in region.eqns)
    return any(inner.op == "add_to" and inner.args[0] is ref for region in eqn.regions for inner in walk(region))


def _with_values(eqns: Iterable[Eqn], state: State) -> list[Eqn]:
    """The equations with additions as new values; `state` is brought up to date."""
    new: list[Eqn] = []
    for eqn in eqns:
        if eqn.op == "add_to" and eqn.args[0] in state:
            _add(new, eqn, state)
        elif eqn.op == "cond":
            new.append(_branches(eqn, state))
        else:
            new.append(eqn)
    return new


def _add(new: list[Eqn], eqn: Eqn, state: State) -> None:
    ref, *indices, value = eqn.args
    assert isinstance(ref, Var)
    array = state[ref]
    old = array
    if indices:
        old = Var(value.type)
        new.append(Eqn((old,), "get", (array, *indices), eqn.attrs, (), eqn.span))
    total = Var(value.type)
    new.append(_sum(total, old, value, eqn))
    state[ref] = total
    if indices:
        changed = Var(Type(ref.type.dtype, ref.type.shape))
        new.append(Eqn((changed,), "set", (array, *indices, total), eqn.attrs, (), eqn.span))
        state[ref] = changed


def _sum(total: Var, left: Atom, right: Atom, at: Eqn) -> Eqn:
    """The equation that adds two scalars, or two arrays element by element."""
    if not total.type.shape:
        return Eqn((total,), "add", (left, right), {}, (), at.span)
    params = tuple(Var(Type("i64")) for _ in total.type.shape)
    scalar = Type(total.type.dtype)
    x, y, z = Var(scalar), Var(scalar), Var(scalar)
    eqns = (
        Eqn((x,), "get", (left, *params), {"inbounds": True}, (), at.span),
        Eqn((y,), "get", (right, *params), {"inbounds": True}, (), at.span),
        Eqn((z,), "add", (x, y), {}, (), at.span),
    )
    return Eqn((total,), "build", total.type.shape, {}, (Block(params, eqns, (z,)),), at.span)


def _branches(eqn: Eqn, state: State) -> Eqn:
    """The condition, giving in addition the accumulators that a branch adds to."""
    states = [dict(state) for _ in eqn.regions]
    bodies = [_with_values(region.eqns, inner) for region, inner in zip(eqn.regions, states, strict=True)]
    changed = [ref for ref in state if any(inner[ref] is not state[ref] for inner in states)]
    outs = tuple(Var(Type(ref.type.dtype, ref.type.shape)) for ref in changed)
    regions = tuple(
        Block(region.params, tuple(body), (*region.results, *(inner[ref] for ref in changed)))
        for region, body, inner in zip(eqn.regions, bodies, states, strict=True)
    )
    state.update(zip(changed, outs, strict=True))
    return Eqn((*eqn.outs, *outs), "cond", eqn.args, eqn.attrs, regions, eqn.span)
