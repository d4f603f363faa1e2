"""Derivatives by a part of a parameter: `wrt = x[2:5]`, `wrt = w[:, 0]`, `wrt = w[at, :]` with whole numbers `at`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.functions import Closure
from difflang.check.indexing import Point, Subscript, check_points, subscripts, take
from difflang.check.types import is_int
from difflang.check.values import Array, FunctionValue, Scalar, Value
from difflang.core.ir import Atom
from difflang.core.ops import integer
from difflang.derive.parts import Axis, Chosen, Cut, Listed, Uncut, Window, listed
from difflang.sizes import Size
from difflang.syntax import ast


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a parameter as it is written. A name in a subscript is a parameter of the function, else what it is in
    `scope`, where the operator stands, else a size that the function's parameters name.
    """

    node: ast.Index
    scope: Scope


@dataclass(frozen=True, slots=True)
class Selection:
    """What a part is in one call: the window into the argument, and the value there."""

    window: Window
    value: Scalar | Array


def selected(
    context: Context, part: Part, whole: Value, function: FunctionValue, arguments: Sequence[tuple[str, Value]]
) -> Selection:
    """The part of an argument of `function`, all of whose arguments are given too.

    Raises E0504 where the argument is no array; E0306, E0318 and E0801 (at run time) for wrong subscripts.
    """
    node = part.node
    if not isinstance(whole, Array):
        message = f"only arrays have parts to differentiate by, but this parameter is {context.text(whole)}"
        raise context.error("E0504", message, node.span, hint="name the whole parameter, such as `wrt = x`")
    scope = part.scope.child()
    for name, value in arguments:
        scope.bind(name, value)
    _bind_sizes(scope, function, dict(arguments))
    with context.at(node.span):
        listings = _listings(context, node, scope)
        plain = [ast.Slice(i.span, None, None) if k in listings else i for k, i in enumerate(node.indices)]
        found = subscripts(context, whole, replace(node, indices=tuple(plain)), scope)
        check_points(context, whole, found)
        axes = [_axis(context, s, size) for s, size in zip(found, whole.shape, strict=False)]
        for k, places in listings.items():
            axes[k] = _listed(context, places, context.sizes.dimension(whole.shape[k]))
        window = Window((*axes, *_uncut(context, whole, len(found))), whole.atom)
        if listings:
            return Selection(window, _gathered(context, whole, window))
        value = take(context, whole, found)
    assert isinstance(value, Scalar | Array)
    return Selection(window, value)


def _bind_sizes(scope: Scope, function: FunctionValue, arguments: Mapping[str, Value]) -> None:
    """Makes the sizes known that the types of the parameters name, unless the name means something already."""
    closure = function.declared
    for parameter in closure.parameters if isinstance(closure, Closure) else ():
        value, type_ = arguments.get(parameter.name), parameter.type
        if isinstance(value, Array) and isinstance(type_, ast.Index):
            for node, size in zip(type_.indices, value.shape, strict=False):
                if isinstance(node, ast.Name) and scope.find(node.name) is None:
                    scope.types.setdefault(node.name, scope.find_type(node.name) or size)


def _axis(context: Context, subscript: Subscript, size: Size) -> Axis:
    if isinstance(subscript, Point):
        return Chosen(subscript.atom)
    extent = context.sizes.dimension(subscript.length)
    if subscript.length == size:
        return Uncut(extent)
    return Cut(integer(0) if subscript.start is None else subscript.start.atom, extent)


def _uncut(context: Context, whole: Array, front: int) -> list[Axis]:
    return [Uncut(dim) for dim in context.shape_atoms(whole.shape[front:])]


def _listings(context: Context, node: ast.Index, scope: Scope) -> dict[int, Array]:
    """The subscripts that are vectors of whole numbers, by their axes."""
    found: dict[int, Array] = {}
    for axis, index in enumerate(node.indices):
        value = None if isinstance(index, ast.Slice | ast.Number) else context.evaluate(index, scope)
        if isinstance(value, Array) and value.rank == 1 and is_int(value.element):
            found[axis] = value
    return found


def _listed(context: Context, places: Array, extent: Atom) -> Listed:
    """Distinct places. Asserts (E0801) that they are in range, and each named once."""
    b = context.builder
    is_wide = places.atom.type.dtype == "i64"
    axis = listed(b, places.atom if is_wide else b.map(lambda p: b.prim("convert", p, dtype="i64"), places.atom))
    _check_places(context, axis, extent)
    return axis


def _gathered(context: Context, whole: Array, window: Window) -> Array:
    """The part of an array that a window with listed places shows."""
    b = context.builder
    (atom,) = b.build(window.shape, lambda *at: [b.get(whole.atom, *window.wholes(b, at))])
    return context.array(atom, whole.element)


def _check_places(context: Context, axis: Listed, extent: Atom) -> None:
    b, ordered = context.builder, axis.ordered
    (count,) = axis.places.type.shape

    def good(k: Atom) -> list[Atom]:
        here = b.get(ordered, k, inbounds=True)
        inside = b.prim("and", b.prim("ge", here, integer(0)), b.prim("lt", here, extent))
        before = b.get(ordered, b.prim("max", b.prim("sub", k, integer(1)), integer(0)), inbounds=True)
        new = b.prim("or", b.prim("eq", k, integer(0)), b.prim("lt", before, here))
        return [b.prim("and", inside, new)]

    (everything,) = b.reduce("all", [count], good)
    message = "the places to differentiate by must be distinct, and from 0 to {0} - 1"
    b.emit("assert", [everything, extent], {"code": "E0801", "message": message})
