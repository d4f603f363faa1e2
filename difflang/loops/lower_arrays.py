"""Scheduling of scalar primitives, element access, updates and accumulators."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.ir import Atom, Eqn, Literal, Var
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.ir import Operand, Register
from difflang.loops.scheduler import Scheduler
from difflang.loops.storage import Place


def primitive(s: Scheduler, eqn: Eqn) -> None:
    """`out = op(args)`, with the checks that its meaning asks for."""
    args, out = s.operands(eqn.args), eqn.outs[0]
    if eqn.op == "stop_grad":
        s.scalars[out] = args[0]
        return
    if eqn.op in ("floordiv", "mod") and not out.type.is_float and not _is_nonzero(args[1]):
        divides = s.apply("ne", args[1], Literal(0, args[1].dtype))
        s.check(divides, ir.Site("zero", eqn.span))
    register = s.apply(eqn.op, *args, out=Register(out.type.dtype, out.name), **eqn.attrs)
    s.scalars[out] = register
    if s.check_nan and out.type.is_float and eqn.op != "select":
        refuse_nan(s, eqn, register, args)


def _is_nonzero(operand: Operand) -> bool:
    return isinstance(operand, Literal) and operand.value != 0


def refuse_nan(s: Scheduler, eqn: Eqn, out: Operand, args: Sequence[Operand]) -> None:
    """E0806 when `out` is NaN although no argument is."""
    fine = s.apply("not", s.apply("isnan", out))
    for arg in args:
        if arg.dtype in ("f64", "f32"):
            fine = s.apply("or", fine, s.apply("isnan", arg))
    s.check(fine, ir.Site("nan", eqn.span, operation=eqn.op))


def check_indices(s: Scheduler, eqn: Eqn, array: Atom, indices: Sequence[Operand]) -> None:
    """E0801 for an index that is not in range, unless the equation promises that it is."""
    if eqn.attrs.get("inbounds"):
        return
    for axis, (index, dim) in enumerate(zip(indices, array.type.shape, strict=False)):
        size = s.operand(dim)
        inside = s.apply("and", s.apply("le", integer(0), index), s.apply("lt", index, size))
        s.check(inside, ir.Site("index", eqn.span, axis=axis, rank=array.type.rank), index, size)


def get(s: Scheduler, eqn: Eqn) -> None:
    """An element is loaded; a sub-array is a view."""
    array, out = eqn.args[0], eqn.outs[0]
    indices = s.operands(eqn.args[1:])
    check_indices(s, eqn, array, indices)
    if not indices:
        s.bind(out, s.value(array))
    elif out.type.shape:
        s.settle(out, s.view(s.place(array), indices, out.type, out.name))
    else:
        register = Register(out.type.dtype, out.name)
        s.emit(ir.Load(register, s.place(array).array, indices))
        s.scalars[out] = register


def set_(s: Scheduler, eqn: Eqn) -> None:
    """In place when the array is not needed any more and the value is not a part of it; else on a copy."""
    array, *positions, value = eqn.args
    indices = s.operands(positions)
    check_indices(s, eqn, array, indices)
    if not indices:
        s.bind(eqn.outs[0], s.value(value))
        return
    source = s.place(array)
    target = source
    if s.needed(source.storage) or _overlaps(s, source, value):
        target = s.destination(eqn.outs[0])
        s.emit(ir.Copy(target.array, source.array))
    if value.type.shape:
        part = s.view(target, indices, value.type)
        s.emit(ir.Copy(part.array, s.place(value).array))
    else:
        s.emit(ir.Store(target.array, indices, s.operand(value)))
    s.settle(eqn.outs[0], target)


def _overlaps(s: Scheduler, place: Place, value: Atom) -> bool:
    return bool(value.type.shape) and s.place(value).storage.root() is place.storage.root()


def reshape(s: Scheduler, eqn: Eqn) -> None:
    """The same memory with another shape."""
    out = eqn.outs[0]
    if out.type.shape:
        s.settle(out, s.view(s.place(eqn.args[0]), (), out.type, out.name))
    elif eqn.args[0].type.shape:
        register = Register(out.type.dtype, out.name)
        s.emit(ir.Load(register, s.place(eqn.args[0]).array, (integer(0),) * eqn.args[0].type.rank))
        s.scalars[out] = register
    else:
        s.bind(out, s.value(eqn.args[0]))


def accum(s: Scheduler, eqn: Eqn) -> None:
    """Accumulators in registers (rank 0) or memory; the region itself is scheduled in line."""
    region = eqn.regions[0]
    totals = [_accumulator(s, eqn, k) for k in range(len(eqn.args))]
    for reference, total in zip(region.params, totals, strict=True):
        s.bind(reference, total)
        s.reference_depth[reference] = len(s.loops)
    hints = s.frames[-1].hints
    with s.frame(region, repeated=False, destinations=[hints.get(out) for out in eqn.outs[len(totals) :]]):
        s.equations(region)
    values = [s.value(result) for result in region.results]
    for out, value in zip(eqn.outs, [*totals, *values], strict=True):
        if isinstance(value, Place):
            value.storage.root().level = min(value.storage.root().level, len(s.frames) - 1)
        s.bind(out, value)


def _accumulator(s: Scheduler, eqn: Eqn, k: int) -> Register | Place:
    """A register, or memory that holds the initial value and may be added to."""
    init, out = eqn.args[k], eqn.outs[k]
    if not out.type.shape:
        total = Register(out.type.dtype, out.name or "total", mutable=True)
        s.emit(ir.Assign((total,), (s.operand(init),)))
        return total
    return owned(s, eqn, init, out, eqn.args[:k] + eqn.args[k + 1 :])


def owned(s: Scheduler, eqn: Eqn, init: Atom, out: Var, others: Sequence[Atom]) -> Place:
    """Memory that holds `init` and may be overwritten: its own if nothing else needs it, else a copy.

    `others` are the further arguments that take memory over.
    """
    source = s.place(init)
    storage = source.storage.root()
    taken = {a for a in others if isinstance(a, Var)} | s.liveness.region_uses(eqn)
    if not s.needed(storage) and taken.isdisjoint(storage.variables):
        return source
    target = s.destination(out)
    s.emit(ir.Copy(target.array, source.array))
    return target


def add_to(s: Scheduler, eqn: Eqn) -> None:
    """Adds a scalar or, element by element, an array."""
    reference, *positions, value = eqn.args
    assert isinstance(reference, Var)
    indices = s.operands(positions)
    check_indices(s, eqn, reference, indices)
    depth = s.reference_depth[reference]
    if not reference.type.shape:
        total = s.scalars[reference]
        assert isinstance(total, Register)
        for loop in s.loops[depth:]:
            loop.reductions[total] = "add"
        s.apply("add", total, s.operand(value), out=total)
        return
    target = s.place(reference)
    if not value.type.shape:
        s.emit(ir.Accumulate(target.array, indices, s.operand(value), is_shared(s, depth, indices)))
        return
    add_elements(s, target, indices, s.place(value), depth)


def add_elements(s: Scheduler, target: Place, indices: Sequence[Operand], value: Place, depth: int) -> None:
    """Adds all elements of `value` to the part of `target` at `indices`."""

    def body(inner: tuple[Register, ...]) -> None:
        element = Register(value.array.dtype)
        s.emit(ir.Load(element, value.array, inner))
        position = (*indices, *inner)
        s.emit(ir.Accumulate(target.array, position, element, is_shared(s, depth, position)))

    s.nest(value.array.shape, body)


def is_shared(s: Scheduler, depth: int, indices: Sequence[Operand]) -> bool:
    """Whether iterations of an independent loop further in than `depth` may add to one element."""
    return any(loop.independent and loop.index not in indices for loop in s.loops[depth:])
