"""A block as a function of parts of its parameters: `f(x with x[part] = s)` as a function of s.

The array with the new part is never made. What reads an element of it reads either s or the old array; so the adjoint
adds to cotangents of s alone, and what would be added to the rest is nothing (a case of activity analysis by elements).
Products with the array are split into the product with the old array, a constant, and one with the change of the part,
which is zero but for its derivatives. Only what takes the array as a whole (a factorisation, a loop that carries it)
makes it, and its cotangent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Type, Var
from difflang.core.ops import integer
from difflang.derive.copying import Copy
from difflang.derive.parts import Axis, Places, Uncut, Window
from difflang.derive.values import is_inbounds
from difflang.prims import PRIMITIVES


def windowed(b: Builder, block: Block, windows: Sequence[Window | None]) -> Block:
    """The block with the parameters that have a window replaced by those for the parts."""
    pairs = list(zip(block.params, windows, strict=True))
    params = tuple(p if w is None else Var(Type(p.type.dtype, w.shape), p.name) for p, w in pairs)

    def body(*given: Atom) -> list[Atom]:
        copy = _Windowed(b, {})
        for (param, window), atom in zip(pairs, given, strict=True):
            if window is None:
                copy.values[param] = atom
            else:
                copy.virtual[param] = _Patched(window, atom, _change(b, window, atom))
        return copy.rest(block)

    return b.block_with(params, body)


class _Virtual(Protocol):
    """An array that is not made."""

    def element(self, b: Builder, places: Places, *, inbounds: bool) -> Atom: ...


@dataclass(frozen=True, slots=True)
class _Patched:
    """The old array with the part `new`. `change` is what an element of the part is more than the old one."""

    window: Window
    new: Atom
    change: Callable[[Places], Atom]

    def element(self, b: Builder, places: Places, *, inbounds: bool) -> Atom:
        window = self.window
        found = window.found(b, places)
        test = window.inside(b, places, found)

        def new() -> list[Atom]:
            own = window.locals(b, found)
            return [b.get(self.new, *own, inbounds=True) if own else self.new]

        if test is None:
            return new()[0]
        return b.cond(test, new, lambda: [b.get(window.old, *places, inbounds=inbounds)])[0]


@dataclass(frozen=True, slots=True)
class _View:
    """An array whose elements are those of another at places that follow from their own."""

    source: _Virtual
    moved: Callable[[Places], Places]

    def element(self, b: Builder, places: Places, *, inbounds: bool) -> Atom:
        return self.source.element(b, self.moved(places), inbounds=inbounds)


class _Windowed(Copy):
    def __init__(self, builder: Builder, values: Mapping[Var, Atom]) -> None:
        super().__init__(builder, dict(values))
        self.virtual: dict[Atom, _Virtual] = {}
        self.made: dict[Atom, Atom] = {}

    def atom(self, atom: Atom) -> Atom:
        """A virtual array is made where it is wanted as a whole."""
        if atom not in self.virtual:
            return super().atom(atom)
        known = self.made.get(atom)
        if known is None or not self.builder.in_scope(known):
            b, source = self.builder, self.virtual[atom]
            shape = self.atoms(atom.type.shape)
            (known,) = b.build(shape, lambda *i: [source.element(b, i, inbounds=True)])
            self.made[atom] = known
        return known

    def equation(self, eqn: Eqn) -> None:
        self.builder.span = eqn.span
        rule = RULES.get(eqn.op)
        if rule is None or not rule(self, eqn):
            super().equation(eqn)


# --- rules: whether they replaced the equation ---


def _get(copy: _Windowed, eqn: Eqn) -> bool:
    array, *places = eqn.args
    source = copy.virtual.get(array)
    if source is None or not places:
        return False
    b, out = copy.builder, eqn.outs[0]
    front = list(copy.atoms(places))

    def element(*rest: Atom) -> list[Atom]:
        return [source.element(b, [*front, *rest], inbounds=is_inbounds(eqn))]

    shape = copy.atoms(out.type.shape)
    copy.values[out] = b.build(shape, element)[0] if shape else element()[0]
    return True


def _reshape(copy: _Windowed, eqn: Eqn) -> bool:
    array, out = eqn.args[0], eqn.outs[0]
    source = copy.virtual.get(array)
    if source is None or not out.type.shape:
        return False
    b, old, new = copy.builder, copy.atoms(array.type.shape), copy.atoms(out.type.shape)
    copy.type(out.type)

    def moved(places: Places) -> Places:
        line: Atom = integer(0)
        for dim, place in zip(new, places, strict=True):
            line = b.prim("add", b.prim("mul", line, dim), place)
        found: list[Atom] = []
        for dim in reversed(old):
            found.insert(0, b.prim("mod", line, dim))
            line = b.prim("floordiv", line, dim)
        return found

    copy.virtual[out] = _View(source, moved)
    return True


def _build(copy: _Windowed, eqn: Eqn) -> bool:
    """Slices, transposes and the like: an element of the array at places that are computed from the indices."""
    (region,) = eqn.regions
    if len(eqn.outs) != 1 or not region.eqns:
        return False
    *before, last = region.eqns
    source = copy.virtual.get(last.args[0]) if last.op == "get" else None
    plain = all(e.op in PRIMITIVES and not e.outs[0].type.is_float for e in before)
    if source is None or not plain or region.results != last.outs or last.outs[0].type.shape or not is_inbounds(last):
        return False

    if not before and isinstance(source, _Patched) and set(last.args[1:]) == set(region.params):
        order = [region.params.index(place) for place in last.args[1:] if isinstance(place, Var)]
        copy.virtual[eqn.outs[0]] = _turned(copy.builder, source, order)
        return True

    def moved(places: Places) -> Places:
        own = Copy(copy.builder, dict(copy.values))
        own.run(Block(region.params, tuple(before), ()), places)
        return own.atoms(last.args[1:])

    copy.virtual[eqn.outs[0]] = _View(source, moved)
    return True


def _turned(b: Builder, source: _Patched, order: Sequence[int]) -> _Patched:
    """A transpose: axis k of the array is axis `order[k]` of the new one."""
    window = source.window
    axes = tuple(window.axes[order.index(k)] for k in range(len(order)))
    kept = [k for k, axis in enumerate(window.axes) if axis.extent is not None]
    own = sorted(kept, key=lambda k: order[k])
    own_order = [own.index(k) for k in kept]
    new = _transposed(b, source.new, own_order) if kept else source.new

    def change(places: Places) -> Atom:
        return source.change([places[k] for k in own_order])

    return _Patched(Window(axes, _transposed(b, window.old, order)), new, change)


def _transposed(b: Builder, array: Atom, order: Sequence[int]) -> Atom:
    shape = [array.type.shape[order.index(k)] for k in range(len(order))]
    return b.build(shape, lambda *i: [b.get(array, *(i[k] for k in order), inbounds=True)])[0]


def contraction(copy: _Windowed, eqn: Eqn) -> bool:
    sides = [copy.virtual.get(arg) for arg in eqn.args]
    if not any(isinstance(side, _Patched) for side in sides):
        return False
    copy.values[eqn.outs[0]] = _product(copy, str(eqn.attrs["spec"]), eqn.args, list(eqn.args))
    return True


def _product(copy: _Windowed, spec: str, args: Sequence[Atom], left: list[Atom]) -> Atom:
    """A product of arrays, of which those in `left` may be virtual: each is split into the old one and its change."""
    b = copy.builder
    place = next((k for k, arg in enumerate(left) if isinstance(copy.virtual.get(arg), _Patched)), None)
    if place is None:
        return b.emit("contract", copy.atoms(left), {"spec": spec})[0]
    side = copy.virtual[left[place]]
    assert isinstance(side, _Patched)
    constant = _product(copy, spec, args, [*left[:place], side.window.old, *left[place + 1 :]])
    return _with_change(copy, spec, left, place, side, constant)


def _with_change(copy: _Windowed, spec: str, args: Sequence[Atom], place: int, side: _Patched, constant: Atom) -> Atom:
    """The product with the old array plus that with the change of the part, which reads of the other only its part."""
    b, window = copy.builder, side.window
    inputs, output = spec.split("->")
    specs = inputs.split(",")
    cuts = dict(zip(specs[place], window.axes, strict=True))
    change = b.build(window.shape, lambda *i: [side.change(i)])[0] if window.shape else side.change(())
    operands: list[Atom] = []
    for k, arg in enumerate(args):
        operands.append(change if k == place else _cut(copy, arg, [cuts.get(x) for x in specs[k]]))
    kept = {x for x, axis in cuts.items() if axis.extent is None}
    small_specs = ["".join(x for x in s if x not in kept) for s in specs]
    small_output = "".join(x for x in output if x not in kept)
    small = _contracted(b, small_specs, small_output, operands)
    return _added(b, constant, small, [cuts.get(x) for x in output])


def _change(b: Builder, window: Window, new: Atom) -> Callable[[Places], Atom]:
    def change(places: Places) -> Atom:
        old = b.get(window.old, *window.wholes(b, places), inbounds=True)
        return b.prim("sub", b.get(new, *places, inbounds=True) if places else new, old)

    return change


def _cut(copy: _Windowed, arg: Atom, axes: Sequence[Axis | None]) -> Atom:
    """The part of an operand along the axes that it shares with the part of the other."""
    b = copy.builder
    if all(axis is None or isinstance(axis, Uncut) for axis in axes):
        return copy.atom(arg)
    dims = copy.atoms(arg.type.shape)
    pairs = list(zip(axes, dims, strict=True))
    shape = [dim if axis is None else axis.extent for axis, dim in pairs]
    source = copy.virtual.get(arg)

    def element(*places: Atom) -> list[Atom]:
        rest = iter(places)
        at: list[Atom] = []
        for axis, _ in pairs:
            own = integer(0) if axis is not None and axis.extent is None else next(rest)
            at.append(own if axis is None else axis.whole(b, own))
        if source is not None:
            return [source.element(b, at, inbounds=True)]
        return [b.get(copy.atom(arg), *at, inbounds=True)]

    extents = [n for n in shape if n is not None]
    return b.build(extents, element)[0] if extents else element()[0]


def _contracted(b: Builder, specs: Sequence[str], output: str, operands: Sequence[Atom]) -> Atom:
    """A product whose operands may be scalars."""
    if all(specs):
        return b.emit("contract", operands, {"spec": f"{','.join(specs)}->{output}"})[0]
    sizes = {x: n for s, a in zip(specs, operands, strict=True) for x, n in zip(s, a.type.shape, strict=True)}
    summed = [x for x in sizes if x not in output]

    def term(at: Mapping[str, Atom]) -> Atom:
        left, right = (
            b.get(a, *(at[x] for x in s), inbounds=True) if s else a for s, a in zip(specs, operands, strict=True)
        )
        return b.prim("mul", left, right)

    def entry(*outer: Atom) -> list[Atom]:
        known = dict(zip(output, outer, strict=True))
        if not summed:
            return [term(known)]
        extents = [sizes[x] for x in summed]
        return list(b.reduce("sum", extents, lambda *i: [term(known | dict(zip(summed, i, strict=True)))]))

    return b.build([sizes[x] for x in output], entry)[0] if output else entry()[0]


def _added(b: Builder, constant: Atom, small: Atom, axes: Sequence[Axis | None]) -> Atom:
    """The array plus another at the part that the axes cut out of it."""
    zero, shape = literal(0, constant.type.dtype), constant.type.shape
    window = Window(
        tuple(Uncut(dim) if axis is None else axis for axis, dim in zip(axes, shape, strict=True)), constant
    )

    def entry(*places: Atom) -> list[Atom]:
        found = window.found(b, places)
        test = window.inside(b, places, found)

        def new() -> list[Atom]:
            own = window.locals(b, found)
            return [b.get(small, *own, inbounds=True) if own else small]

        change = new()[0] if test is None else b.cond(test, new, lambda: [zero])[0]
        here = b.get(constant, *places, inbounds=True) if places else constant
        return [b.prim("add", here, change)]

    return b.build(shape, entry)[0] if shape else entry()[0]


RULES: dict[str, Callable[[_Windowed, Eqn], bool]] = {
    "get": _get,
    "reshape": _reshape,
    "build": _build,
    "contract": contraction,
}
