"""Several arrays as one: concat and stack."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.check.builtins.registry import Call, builtin
from difflang.check.builtins.vectors import minus
from difflang.check.coerce import join_scalars, require_same_shape, with_element
from difflang.check.context import Context
from difflang.check.leaves import materialize
from difflang.check.values import Array, Number, Scalar, TupleValue, Value
from difflang.core.ir import Atom
from difflang.core.ops import integer
from difflang.sizes import Size


def _parts(context: Context, call: Call) -> tuple[Value, ...]:
    """The arrays to join: several arguments or, as in NumPy, a tuple or the rows of one array."""
    given: tuple[Value, ...] = call.arguments[0]
    if len(given) == 1 and isinstance(given[0], TupleValue):
        given = given[0].elements
    elif len(given) == 1 and isinstance(given[0], Array) and given[0].shape[0].constant is not None:
        given = _rows(context, given[0])
    if not given:
        raise context.error(
            "E0302", f"`{call.name}` needs at least one array", call.span, hint=f"write {call.name}(a, b)"
        )
    return given


def _rows(context: Context, array: Array) -> tuple[Value, ...]:
    rows = (context.builder.get(array.atom, integer(i), inbounds=True) for i in range(array.shape[0].constant or 0))
    return tuple(
        context.wrap(row, array.element) if array.rank == 1 else Array(row, array.element, array.shape[1:])
        for row in rows
    )


def _axis(context: Context, call: Call, rank: int) -> int:
    """The axis argument: a literal that counts from the end if it is negative."""
    value = call.arguments[1]
    if value is None:
        return 0
    if not isinstance(value, Number) or not isinstance(value.value, int) or not -rank <= value.value < rank:
        raise context.error(
            "E0302",
            f"the axis of `{call.name}` is a literal from {-rank} to {rank - 1} here",
            call.spans[1],
            hint=f"write {call.name}([a, b], axis = 0)",
        )
    return value.value % rank


def _same_element(context: Context, call: Call, arrays: Sequence[Array]) -> list[Array]:
    """The arrays converted to the element type in which they meet."""
    element = arrays[0].element
    for array in arrays[1:]:
        joined = join_scalars(element, array.element)
        if joined is None:
            message = (
                f"`{call.name}` joins arrays of one element type, not {element.surface} and {array.element.surface}"
            )
            raise context.error("E0305", message, call.span, hint="convert one of them, such as `[real(a[i]) for i]`")
        element = joined
    return [with_element(context, array, element) for array in arrays]


def _pick(
    context: Context, parts: Sequence[Array], starts: Sequence[Atom], axis: int, index: Sequence[Atom], position: int
) -> Atom:
    """The element at `index` of the joined array, if it lies in the part at `position` or behind."""
    builder = context.builder

    def own() -> list[Atom]:
        place = list(index)
        place[axis] = minus(context, index[axis], starts[position])
        return [builder.get(parts[position].atom, *place, inbounds=True)]

    if position == len(parts) - 1:
        return own()[0]
    inside = builder.prim("lt", index[axis], starts[position + 1])
    return builder.cond(inside, own, lambda: [_pick(context, parts, starts, axis, index, position + 1)])[0]


@builtin("concat", "parts.. axis?")
def concat(context: Context, call: Call) -> Value:
    """The arrays one after the other along `axis` (0); the other dimensions agree."""
    given = _parts(context, call)
    arrays = [a for a in given if isinstance(a, Array)]
    if len(arrays) < len(given) or any(a.rank != arrays[0].rank for a in arrays):
        shown = " and ".join(context.text(v) for v in given[:3])
        hint = "a number on its own joins as [x]" if len(arrays) < len(given) else None
        raise context.error(
            "E0401", f"`concat` joins arrays with equally many dimensions, not {shown}", call.span, hint=hint
        )
    axis = _axis(context, call, arrays[0].rank)
    for other in arrays[1:]:
        both = f"{context.text(arrays[0])} and {context.text(other)}"
        message = f"`concat` along dimension {axis} needs arrays that agree in the others: {both}"
        require_same_shape(context, _without(arrays[0].shape, axis), _without(other.shape, axis), call.span, message)
    return joined(context, _same_element(context, call, arrays), axis)


def _without(shape: tuple[Size, ...], axis: int) -> tuple[Size, ...]:
    return shape[:axis] + shape[axis + 1 :]


def joined(context: Context, parts: Sequence[Array], axis: int) -> Array:
    """The concatenation of arrays that fit."""
    total = Size.literal(0)
    starts: list[Atom] = []
    for part in parts:
        starts.append(context.sizes.value(total))
        total = total + part.shape[axis]
    first = parts[0]
    shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
    atom = context.builder.build(context.shape_atoms(shape), lambda *i: [_pick(context, parts, starts, axis, i, 0)])[0]
    return Array(atom, first.element, shape)


@builtin("stack", "parts.. axis?")
def stack(context: Context, call: Call) -> Value:
    """Arrays (or numbers) of one shape along a new dimension `axis` (0)."""
    given = [materialize(context, v) for v in _parts(context, call)]
    if not all(isinstance(v, Scalar | Array) for v in given):
        raise context.error(
            "E0305",
            f"`stack` joins arrays, not {context.text(given[0])}",
            call.span,
            hint="give it arrays of one shape, such as stack([a, b])",
        )
    arrays = [v if isinstance(v, Array) else _single(context, v) for v in given]
    first = arrays[0]
    scalars = isinstance(given[0], Scalar)
    for value, other in zip(given[1:], arrays[1:], strict=True):
        message = f"`stack` needs arrays of one shape: {context.text(given[0])} and {context.text(value)}"
        if other.rank != first.rank or isinstance(value, Scalar) != scalars:
            raise context.error("E0401", message, call.span, hint="arrays of different shapes are joined by concat")
        require_same_shape(context, first.shape, other.shape, call.span, message)
    ready = _same_element(context, call, arrays)
    if scalars:
        return joined(context, ready, 0)
    axis = _axis(context, call, first.rank + 1)
    widened = [_with_axis(context, array, axis) for array in ready]
    return joined(context, widened, axis)


def _single(context: Context, value: Value) -> Array:
    """A number as an array with one element."""
    assert isinstance(value, Scalar)
    one = Size.literal(1)
    return Array(context.builder.full(value.atom, [integer(1)]), value.type, (one,))


def _with_axis(context: Context, array: Array, axis: int) -> Array:
    """The same elements with a new dimension of size 1."""
    shape = (*array.shape[:axis], Size.literal(1), *array.shape[axis:])
    return Array(context.builder.emit("reshape", [array.atom, *context.shape_atoms(shape)])[0], array.element, shape)
