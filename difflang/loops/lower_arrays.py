"""Scheduling of scalar primitives, element access, updates and arrays of one value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from difflang.core.ir import Atom, Block, Eqn, Literal, Type, Var, walk
from difflang.core.ops import integer, table_shape
from difflang.loops import ir
from difflang.loops.ir import Operand, Register
from difflang.loops.scheduler import Scheduler
from difflang.loops.storage import Place, Storage


def primitive(s: Scheduler, eqn: Eqn) -> None:
    """`out = op(args)`, with the checks that its meaning asks for."""
    args, out = s.operands(eqn.args), eqn.outs[0]
    known = _known(s, eqn, args)
    if known is not None:
        s.scalars[out] = known
        return
    if eqn.op in ("floordiv", "mod") and not out.type.is_float and not _is_nonzero(args[1]):
        divides = s.apply("ne", args[1], Literal(0, args[1].dtype))
        s.check(divides, ir.Site("zero", eqn.span))
    register = s.apply(eqn.op, *args, out=Register(out.type.dtype, out.name), **eqn.attrs)
    s.scalars[out] = register
    if s.check_nan and out.type.is_float and eqn.op != "select":
        refuse_nan(s, eqn, register, args)


def _known(s: Scheduler, eqn: Eqn, args: Sequence[Operand]) -> Operand | None:
    """What the result of a primitive is already: an argument, or what the piece of a loop settles."""
    if eqn.op in ("stop_grad", "kept"):
        return args[0]
    if eqn.outs[0] in s.decided:
        return Literal(s.decided[eqn.outs[0]], "bool")
    truths = ((k, bool(a.value)) for k, a in enumerate(args) if isinstance(a, Literal) and a.dtype == "bool")
    return next((_shortcut(eqn.op, args, place, holds) for place, holds in truths), None)


def _shortcut(op: str, args: Sequence[Operand], place: int, holds: bool) -> Operand | None:
    """What a primitive of truths gives when that at `place` is known."""
    match op:
        case "not":
            return Literal(not holds, "bool")
        case "and" | "or":
            return args[place] if holds == (op == "or") else args[1 - place]
        case "select" if place == 0:
            return args[1] if holds else args[2]
        case _:
            return None


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
    for axis, (position, dim) in enumerate(zip(eqn.args[1 : 1 + len(indices)], array.type.shape, strict=False)):
        inside = _in_range(s, position, dim)
        if inside is not None:
            site = ir.Site("index", eqn.span, axis=axis, rank=array.type.rank)
            s.check(inside, site, indices[axis], s.operand(dim))


def _in_range(s: Scheduler, index: Atom, dim: Atom) -> Operand | None:
    """Whether 0 <= index < dim, as far as it is not proved; None if all is."""
    register, size = s.operands((index, dim))
    natural, below = s.bounds.sides(index, dim)
    lower = None if natural else s.apply("le", integer(0), register)
    upper = None if below else s.apply("lt", register, size)
    return s.apply("and", lower, upper) if lower and upper else lower or upper


def get(s: Scheduler, eqn: Eqn) -> None:
    """An element is loaded; a sub-array is a view."""
    array, out = eqn.args[0], eqn.outs[0]
    assert isinstance(array, Var)
    indices = s.operands(eqn.args[1:])
    check_indices(s, eqn, array, indices)
    if not indices:
        s.bind(out, s.value(array))
    elif array in s.constants:
        s.scalars[out] = s.constants[array]
    else:
        _read(s, array, indices[s.saved.get(array, 0) :], out)


def _read(s: Scheduler, array: Var, indices: tuple[Operand, ...], out: Var) -> None:
    if not indices:
        s.bind(out, s.saved_elements.get(array) or s.place(array))
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
    target = _writable(s, eqn, array, value)
    if value.type.shape:
        part = s.view(target, indices, value.type)
        s.emit(ir.Copy(part.array, s.place(value).array))
    else:
        s.emit(ir.Store(target.array, indices, s.operand(value)))
    s.settle(eqn.outs[0], target)


def _writable(s: Scheduler, eqn: Eqn, array: Atom, value: Atom) -> Place:
    """Memory that holds `array` and may be changed: its own if that is free, else a copy."""
    assert isinstance(array, Var)
    if array in s.constants:
        return filled(s, eqn.outs[0], s.constants[array])
    source = s.place(array)
    if not s.needed(source.storage):
        return source
    if _is_read_here_only(s, array, eqn.args[1:-1]) and not s.needed(source.storage, but=array):
        _save(s, source, array, eqn.args[1:-1], value.type)
        return source
    target = s.destination(eqn.outs[0])
    s.emit(ir.Copy(target.array, source.array))
    return target


def _is_read_here_only(s: Scheduler, array: Var, positions: Sequence[Atom]) -> bool:
    """Whether the rest of the block reads `array` only in the part at `positions`."""
    frame = s.frames[-1]
    rest = Block((), frame.block.eqns[frame.position + 1 :], frame.block.results)
    if any(a is array for a in _results(rest)):
        return False
    uses = [eqn for eqn in walk(rest) if array in eqn.args]
    return all(eqn.op == "get" and _starts_with(eqn.args[1:], positions) for eqn in uses)


def _results(block: Block) -> Iterator[Atom]:
    yield from block.results
    for eqn in walk(block):
        for region in eqn.regions:
            yield from region.results


def _starts_with(indices: Sequence[Atom], positions: Sequence[Atom]) -> bool:
    same = (a is b or (isinstance(a, Literal) and a == b) for a, b in zip(indices, positions, strict=False))
    return len(indices) >= len(positions) and all(same)


def _save(s: Scheduler, source: Place, array: Var, positions: Sequence[Atom], part: Type) -> None:
    """Copies the part that will be overwritten; further reads of `array` in this block find it there."""
    source.storage.root().variables.remove(array)
    s.saved[array] = len(positions)
    if part.shape:
        kept = s.allocate(part, array.name)
        s.emit(ir.Copy(kept.array, s.view(source, s.operands(positions), part).array))
        s.settle(array, kept)
    else:
        s.saved_elements[array] = Register(part.dtype, array.name)
        s.emit(ir.Load(s.saved_elements[array], source.array, s.operands(positions)))
    s.frames[-1].leaving.append(lambda: _forget(s, source, array))


def _forget(s: Scheduler, source: Place, array: Var) -> None:
    """The other branch of a condition overwrites nothing: it finds the array where it was."""
    del s.saved[array]
    s.saved_elements.pop(array, None)
    s.settle(array, source)


def table(s: Scheduler, eqn: Eqn) -> None:
    """Elements stored one by one; where all are literals, memory that is there from the start and is never written."""
    out = eqn.outs[0]
    if not all(isinstance(arg, Literal) for arg in eqn.args):
        s.settle(out, _stored(s, eqn))
        return
    place = Place(s.array(out.type, out.name), Storage(0, writable=False))
    s.emit(ir.Table(place.array, tuple(arg for arg in eqn.args if isinstance(arg, Literal))))
    s.settle(out, place)


def _stored(s: Scheduler, eqn: Eqn) -> Place:
    place = s.destination(eqn.outs[0])
    for index, element in zip(np.ndindex(table_shape(eqn.attrs)), eqn.args, strict=True):
        s.emit(ir.Store(place.array, tuple(map(integer, index)), s.operand(element)))
    return place


def reshape(s: Scheduler, eqn: Eqn) -> None:
    """The same memory with another shape."""
    source, out = eqn.args[0], eqn.outs[0]
    if source.type.shape and out.type.shape:
        s.settle(out, _reshaped(s, s.place(source), out))
    elif out.type.shape:
        s.settle(out, filled(s, out, s.operand(source)))
    elif source.type.shape:
        register = Register(out.type.dtype, out.name)
        s.emit(ir.Load(register, s.place(source).array, (integer(0),) * source.type.rank))
        s.scalars[out] = register
    else:
        s.bind(out, s.value(source))


def _reshaped(s: Scheduler, place: Place, out: Var) -> Place:
    """Where `out` was wanted, if its elements were made there under another shape; else a view."""
    original, wanted = s.unreshaped.get(place.array, (None, None))
    if original is not None and s.frames[-1].hints.get(out) is wanted:
        return original
    return s.view(place, (), out.type, out.name)


def owned(s: Scheduler, eqn: Eqn, init: Atom, out: Var, others: Sequence[Atom]) -> Place:
    """Memory that holds `init` and may be overwritten: its own if nothing else needs it, else a copy.

    `others` are the further arguments that take memory over.
    """
    assert isinstance(init, Var)
    if init in s.constants:
        return filled(s, out, s.constants[init])
    source = s.place(init)
    storage = source.storage.root()
    taken = {a for a in others if isinstance(a, Var)} | s.liveness.region_uses(eqn)
    if not s.needed(storage) and taken.isdisjoint(storage.variables):
        return source
    target = s.destination(out)
    s.emit(ir.Copy(target.array, source.array))
    return target


def constant(s: Scheduler, eqn: Eqn) -> bool:
    """A build of one value is filled, or kept as its value where it only starts something or is read by elements.

    False for any other build.
    """
    region = eqn.regions[0]
    if region.eqns or not eqn.outs or any(r.type.shape or r in region.params for r in region.results):
        return False
    for out, result in zip(eqn.outs, region.results, strict=True):
        if s.sums.only_starts(out):
            s.constants[out] = s.operand(result)
        else:
            s.settle(out, filled(s, out, s.operand(result)))
    return True


def filled(s: Scheduler, out: Var, value: Operand) -> Place:
    """Memory for a result of the present equation, with all elements set."""
    place = s.destination(out)
    s.emit(ir.Fill(place.array, value))
    return place
