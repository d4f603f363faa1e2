"""Scheduling of `build` and `reduce`: nests of independent loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from difflang.core.ir import Atom, Block, DType, Eqn, Literal, Var, walk
from difflang.core.ops import COMBINE, integer
from difflang.loops import ir
from difflang.loops.ir import Operand, Register
from difflang.loops.lower_arrays import constant, filled
from difflang.loops.lower_sums import add_array, add_element, claim
from difflang.loops.pieces import Pieces
from difflang.loops.scheduler import Scheduler, Total, zero
from difflang.loops.storage import Place


def build(s: Scheduler, eqn: Eqn) -> None:
    """Every element is stored straight into the result, or added where the result is only added to something."""
    if constant(s, eqn):
        return
    shareable = _elementwise(s, eqn)
    targets = [claim(s, out) or s.destination(out, shareable) for out in eqn.outs]
    extents = s.operands(eqn.args)

    def element(indices: tuple[Register, ...]) -> None:
        _elements(s, eqn.regions[0], targets, indices)

    Pieces(s, eqn.regions[0], extents, element).emit()
    for out, target in zip(eqn.outs, targets, strict=True):
        if isinstance(target, Place):
            s.settle(out, target)


def _elements(s: Scheduler, region: Block, targets: Sequence[Place | Total], indices: tuple[Register, ...]) -> None:
    """One iteration of a build: its results go to the elements (or sub-arrays) of the targets at the indices."""
    totals = [target.at(indices) if isinstance(target, Total) else None for target in targets]
    rows = [
        s.row_destination(target, indices, result.type) if isinstance(target, Place) and result.type.shape else None
        for target, result in zip(targets, region.results, strict=True)
    ]
    with s.frame(region, repeated=True, destinations=rows, added=added_results(s, region, totals)):
        for param, index in zip(region.params, indices, strict=True):
            s.bind(param, index)
        s.equations(region)
        for target, total, result in zip(targets, totals, region.results, strict=True):
            if total is not None:
                add_result(s, total, result)
            elif isinstance(target, Place) and not result.type.shape:
                s.emit(ir.Store(target.array, indices, s.operand(result)))
        arrays = [(s.place(r), row.place) for r, row in zip(region.results, rows, strict=True) if row]
        s.deliver([value for value, _ in arrays], [target for _, target in arrays])


def added_results(s: Scheduler, region: Block, totals: Sequence[Total | None]) -> dict[Var, Total]:
    """The array results of a region that what makes them adds to the totals."""
    wanted = dict(zip(region.results, totals, strict=True))
    found = {result: wanted[result] for result in s.sums.added_results(region, totals)}
    return {result: total for result, total in found.items() if total is not None}


def add_result(s: Scheduler, total: Total, result: Atom) -> None:
    """Adds the result of a region, unless what makes it did."""
    if result in s.frames[-1].added:
        return
    if result.type.shape:
        add_array(s, total, result)
    else:
        add_element(s, total, s.operand(result))


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
    values = [_start(s, out, combine) for out in eqn.outs]
    totals = [Total(v.array) if isinstance(v, Place) else v for v in values]
    arrays = [total if isinstance(total, Total) else None for total in totals]
    reductions = [ir.Reduction(total, combine) for total in totals if isinstance(total, Register)]

    def body(indices: tuple[Register, ...]) -> None:
        with s.frame(region, repeated=True, added=added_results(s, region, arrays)):
            for param, index in zip(region.params, indices, strict=True):
                s.bind(param, index)
            s.equations(region)
            for total, result in zip(totals, region.results, strict=True):
                if isinstance(total, Register):
                    s.apply(combine, total, s.operand(result), out=total)
                else:
                    add_result(s, total, result)

    s.nest(s.operands(eqn.args), body, reductions=reductions)
    for out, value in zip(eqn.outs, values, strict=True):
        if not isinstance(value, Total):
            s.bind(out, value)


def _start(s: Scheduler, out: Var, combine: str) -> Register | Place | Total:
    """A register or memory that holds the result of combining nothing, or where the result is to be added."""
    if out.type.shape:
        total = claim(s, out)
        if total is not None:
            return total
        return filled(s, out, zero(out.type.dtype))
    register = Register(out.type.dtype, out.name or "total", mutable=True)
    s.emit(ir.Assign((register,), (neutral(combine, out.type.dtype),)))
    return register


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
