"""Scheduling of `build` and `reduce`: nests of independent loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from difflang.core.ir import Block, DType, Eqn, Literal, Var, walk
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.ir import Operand, Register
from difflang.loops.lower_arrays import add_elements
from difflang.loops.scheduler import Scheduler, zero
from difflang.loops.storage import Place

COMBINE: Mapping[str, str] = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "all": "and", "any": "or"}


def build(s: Scheduler, eqn: Eqn) -> None:
    """Every element is stored straight into the result; array-valued elements are made there."""
    region = eqn.regions[0]
    added = s.frames[-1].added
    shareable = _elementwise(s, eqn)
    places = [added[out] if out in added else s.destination(out, shareable) for out in eqn.outs]

    def body(indices: tuple[Register, ...]) -> None:
        rows = [
            s.row_destination(place, indices, result.type) if result.type.shape else None
            for place, result in zip(places, region.results, strict=True)
        ]
        with s.frame(region, repeated=True, destinations=rows):
            for param, index in zip(region.params, indices, strict=True):
                s.bind(param, index)
            s.equations(region)
            for out, place, result in zip(eqn.outs, places, region.results, strict=True):
                if not result.type.shape:
                    value = s.operand(result)
                    total = ir.Accumulate(place.array, indices, value, shared=True)
                    s.emit(total if out in added else ir.Store(place.array, indices, value))
            arrays = [(s.place(r), row.place) for r, row in zip(region.results, rows, strict=True) if row]
            s.deliver([value for value, _ in arrays], [target for _, target in arrays])

    s.nest(s.operands(eqn.args), body)
    for out, place in zip(eqn.outs, places, strict=True):
        if out not in added:
            s.settle(out, place)


def _elementwise(s: Scheduler, eqn: Eqn) -> Callable[[Place], bool]:
    """Whether a build may overwrite a place that it reads: each iteration reads only the element that it writes."""
    region = eqn.regions[0]
    scalar = all(not result.type.shape for result in region.results)

    def shareable(place: Place) -> bool:
        variables = set(place.storage.root().variables)
        used = variables & s.liveness.region_uses(eqn)
        exact = all(s.places[v].array is place.array for v in used)
        return scalar and exact and _reads_own_element(region, used)

    return shareable


def _reads_own_element(region: Block, arrays: set[Var]) -> bool:
    """Whether every use of the arrays in the region is a `get` at exactly the region's indices."""
    if any(isinstance(result, Var) and result in arrays for result in region.results):
        return False
    for eqn in walk(region):
        if any(arg in arrays for arg in eqn.args) and not _gets_at(eqn, region.params):
            return False
        if any(isinstance(r, Var) and r in arrays for inner in eqn.regions for r in inner.results):
            return False
    return True


def _gets_at(eqn: Eqn, indices: Sequence[Var]) -> bool:
    positions = eqn.args[1:]
    return (
        eqn.op == "get"
        and len(positions) == len(indices)
        and all(a is b for a, b in zip(positions, indices, strict=True))
    )


@dataclass(eq=False, slots=True)
class _Extreme:
    """The state of argmax or argmin: the best value so far, its position, and the position of the present element."""

    best: Register
    position: Register


def reduce(s: Scheduler, eqn: Eqn) -> None:
    """Scalars are reduced in registers, arrays into zeroed memory."""
    if eqn.attrs["op"] in ("argmax", "argmin"):
        _arg_reduce(s, eqn)
        return
    region, combine = eqn.regions[0], COMBINE[str(eqn.attrs["op"])]
    totals = [_start(s, eqn, out, combine) for out in eqn.outs]
    depth = len(s.loops)
    scalars = {r: t for r, t in zip(range(len(totals)), totals, strict=True) if isinstance(t, Register)}
    reductions = [ir.Reduction(register, combine) for register in scalars.values()]

    def body(indices: tuple[Register, ...]) -> None:
        added = _added_by_build(s, region, totals)
        with s.frame(region, repeated=True, added=added):
            for param, index in zip(region.params, indices, strict=True):
                s.bind(param, index)
            s.equations(region)
            for total, result in zip(totals, region.results, strict=True):
                if isinstance(total, Register):
                    s.apply(combine, total, s.operand(result), out=total)
                elif result not in added:
                    add_elements(s, total, (), s.place(result), depth)

    s.nest(s.operands(eqn.args), body, reductions=reductions)
    for out, total in zip(eqn.outs, totals, strict=True):
        s.bind(out, total)


def _start(s: Scheduler, eqn: Eqn, out: Var, combine: str) -> Register | Place:
    if out.type.shape:
        place = s.destination(out)
        s.emit(ir.Fill(place.array, zero(out.type.dtype)))
        return place
    total = Register(out.type.dtype, out.name or "total", mutable=True)
    s.emit(ir.Assign((total,), (neutral(combine, out.type.dtype),)))
    return total


def neutral(combine: str, dtype: DType) -> Literal:
    """The result of combining nothing."""
    if combine in ("max", "min"):
        if dtype in ("f64", "f32"):
            return Literal(-math.inf if combine == "max" else math.inf, dtype)
        limits = np.iinfo(np.int64 if dtype == "i64" else np.int32)
        return Literal(int(limits.min if combine == "max" else limits.max), dtype)
    return {"add": zero(dtype), "mul": _one(dtype), "and": Literal(True, dtype), "or": Literal(False, dtype)}[combine]


def _one(dtype: DType) -> Literal:
    return Literal(1.0 if dtype in ("f64", "f32") else 1, dtype)


def _added_by_build(s: Scheduler, region: Block, totals: Sequence[Register | Place]) -> dict[Var, Place]:
    """Results that a build of scalars makes for the reduction only: it can add to the total directly."""
    makers = {out: eqn for eqn in region.eqns if eqn.op == "build" for out in eqn.outs}
    used = {a for eqn in region.eqns for a in s.liveness.uses(eqn)}
    found: dict[Var, Place] = {}
    for result, total in zip(region.results, totals, strict=True):
        if not isinstance(total, Place) or not isinstance(result, Var) or result not in makers or result in used:
            continue
        inner = dict(zip(makers[result].outs, makers[result].regions[0].results, strict=True))[result]
        if not inner.type.shape and region.results.count(result) == 1:
            found[result] = total
    return found


def _arg_reduce(s: Scheduler, eqn: Eqn) -> None:
    """The position of the first largest (smallest) element; a NaN counts as larger (smaller) than all numbers."""
    region, largest = eqn.regions[0], eqn.attrs["op"] == "argmax"
    states = [_Extreme(Register(r.type.dtype, "best", True), Register("i64", "at", True)) for r in region.results]
    count = Register("i64", "count", mutable=True)
    worst = [neutral("max" if largest else "min", state.best.dtype) for state in states]
    s.emit(ir.Assign(tuple(state.best for state in states), tuple(worst)))
    s.emit(ir.Assign((count, *(state.position for state in states)), (integer(0),) * (1 + len(states))))

    def body(indices: tuple[Register, ...]) -> None:
        with s.frame(region, repeated=True):
            for param, index in zip(region.params, indices, strict=True):
                s.bind(param, index)
            s.equations(region)
            for state, result in zip(states, region.results, strict=True):
                _update_extreme(s, state, s.operand(result), count, "gt" if largest else "lt")
            s.apply("add", count, integer(1), out=count)

    s.nest(s.operands(eqn.args), body, independent=False)
    for out, state in zip(eqn.outs, states, strict=True):
        s.scalars[out] = state.position


def _update_extreme(s: Scheduler, state: _Extreme, value: Operand, count: Register, compare: str) -> None:
    better = s.apply(compare, value, state.best)
    if value.dtype in ("f64", "f32"):
        first_nan = s.apply("and", s.apply("isnan", value), s.apply("not", s.apply("isnan", state.best)))
        better = s.apply("or", better, first_nan)
    s.apply("select", better, count, state.position, out=state.position)
    s.apply("select", better, value, state.best, out=state.best)
