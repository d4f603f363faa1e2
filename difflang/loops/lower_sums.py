"""Scheduling of accumulators: what is added goes straight to where it is summed."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.ir import Atom, Eqn, Var
from difflang.loops import ir
from difflang.loops.ir import Operand, Register
from difflang.loops.lower_arrays import check_indices, owned
from difflang.loops.scheduler import Scheduler, Total
from difflang.loops.storage import Place


def accum(s: Scheduler, eqn: Eqn) -> None:
    """Accumulators in registers (rank 0) or memory; the region itself is scheduled in line."""
    region = eqn.regions[0]
    values: list[Operand | Place | None] = [_accumulator(s, eqn, k) for k in range(len(eqn.args))]
    hints = s.frames[-1].hints
    with s.frame(region, repeated=False, destinations=[hints.get(out) for out in eqn.outs[len(values) :]]):
        s.equations(region)
    values += [s.value(result) for result in region.results]
    for out, value in zip(eqn.outs, values, strict=True):
        if isinstance(value, Place):
            value.storage.root().level = min(value.storage.root().level, len(s.frames) - 1)
        if value is not None:
            s.bind(out, value)


def _accumulator(s: Scheduler, eqn: Eqn, k: int) -> Register | Place | None:
    """A register, or memory that holds the initial value; nothing if all goes to an accumulator further out."""
    init, out, reference = eqn.args[k], eqn.outs[k], eqn.regions[0].params[k]
    if not out.type.shape:
        register = Register(out.type.dtype, out.name or "total", mutable=True)
        s.emit(ir.Assign((register,), (s.operand(init),)))
        s.bind(reference, register)
        s.register_depth[register] = len(s.loops)
        return register
    total = claim(s, out)
    if total is not None:
        s.totals[reference] = total
        return None
    place = owned(s, eqn, init, out, eqn.args[:k] + eqn.args[k + 1 :])
    s.settle(reference, place)
    s.totals[reference] = Total(place.array)
    return place


def claim(s: Scheduler, out: Var) -> Total | None:
    """Where a result of the present equation is to be added instead of being stored, if that is so."""
    frame = s.frames[-1]
    if out in frame.added:
        return frame.added[out]
    eqn = frame.sums.get(out)
    if eqn is None:
        return None
    reference = eqn.args[0]
    assert isinstance(reference, Var)
    frame.added[out] = s.totals[reference].at(s.operands(eqn.args[1:-1]))
    return frame.added[out]


def add_to(s: Scheduler, eqn: Eqn) -> None:
    """Adds a scalar or, element by element, an array that is not added already."""
    reference, *positions, value = eqn.args
    assert isinstance(reference, Var)
    if value in s.frames[-1].added:
        return
    indices = s.operands(positions)
    check_indices(s, eqn, reference, indices)
    if not reference.type.shape:
        _add_to_register(s, reference, s.operand(value))
    elif value.type.shape:
        add_array(s, s.totals[reference].at(indices), value)
    else:
        add_element(s, s.totals[reference].at(indices), s.operand(value))


def _add_to_register(s: Scheduler, reference: Var, value: Operand) -> None:
    register = s.scalars[reference]
    assert isinstance(register, Register)
    for loop in s.loops[s.register_depth[register] :]:
        loop.reductions[register] = "add"
    s.apply("add", register, value, out=register)


def add_element(s: Scheduler, total: Total, value: Operand) -> None:
    """Adds a scalar."""
    s.emit(ir.Accumulate(total.array, total.indices, value))


def add_array(s: Scheduler, total: Total, value: Atom) -> None:
    """Adds all elements of an array."""
    source = s.place(value).array

    def body(indices: Sequence[Register]) -> None:
        element = Register(source.dtype)
        s.emit(ir.Load(element, source, tuple(indices)))
        add_element(s, total.at(indices), element)

    s.nest(source.shape, body)
