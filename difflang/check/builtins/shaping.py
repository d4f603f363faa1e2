"""The same elements in another form: reshape, transpose, sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from difflang.check.builtins.arrays import sizes_of
from difflang.check.builtins.registry import Call, builtin
from difflang.check.coerce import assert_same_size, require_same_shape
from difflang.check.context import Context
from difflang.check.matrix import transpose as reverse_dimensions
from difflang.check.types import BOOL, INT
from difflang.check.values import Array, Number, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom
from difflang.core.ops import integer
from difflang.diagnostics.model import Span
from difflang.sizes import Size

MOST_ELEMENTS = 2.0**62
"""No memory has room for as many."""


def the_array(context: Context, call: Call, position: int = 0) -> Array:
    """An argument that has to be an array. Raises E0305."""
    value = call.arguments[position]
    if not isinstance(value, Array):
        raise context.error(
            "E0305",
            f"`{call.name}` takes an array, but this is {context.text(value)}",
            call.spans[position],
            hint="give it an array: several numbers are written [a, b, c]",
        )
    return value


def reshaped(context: Context, array: Array, shape: tuple[Size, ...], span: Span) -> Array:
    """The elements of an array in row-major order in another shape: their number is compared at run time if need be."""
    refusal = f"{context.text(array)} cannot take the shape ({', '.join(map(str, shape))})"
    message = f"{refusal}: the numbers of elements differ"
    wanted, found = Size.product(shape), Size.product(array.shape)
    if wanted.constant is not None and found.constant is not None:
        require_same_shape(context, (wanted,), (found,), span, message)
    elif wanted != found:
        _require_countable(context, shape, span, f"{refusal}: it has far too many elements")
        assert_same_size(context, wanted, found, span, message)
    if shape == array.shape:
        return array
    return Array(context.builder.emit("reshape", [array.atom, *context.shape_atoms(shape)])[0], array.element, shape)


def _require_countable(context: Context, shape: Sequence[Size], span: Span, message: str) -> None:
    """Sees to it that the number of elements is an int (E0809): another one wraps around, to the right one maybe."""
    if all(map(context.sizes.is_moderate, shape)):
        return
    prim = context.builder.prim
    with context.at(span):
        sizes = [prim("convert", context.sizes.value(size), dtype="f64") for size in shape]
        countable = prim("lt", reduce(lambda a, b: prim("mul", a, b), sizes), literal(MOST_ELEMENTS, "f64"))
        context.builder.emit("assert", [countable], {"code": "E0809", "message": message})


@builtin("reshape", "a n..")
def reshape(context: Context, call: Call) -> Value:
    """`reshape(a, n, m)`; one size may be -1, and is then found from the others."""
    array = the_array(context, call)
    values: tuple[Value, ...] = call.arguments[1]
    if len(values) == 1 and isinstance(values[0], TupleValue):
        values = values[0].elements
    open_places = [i for i, v in enumerate(values) if isinstance(v, Number) and v.value == -1]
    if len(open_places) > 1:
        raise context.error(
            "E0302",
            "only one size of `reshape` can be left open",
            call.spans[1],
            hint="write every size but one, such as reshape(a, n, -1)",
        )
    sizes = list(
        sizes_of(
            context, call, [Number(1) if i in open_places else v for i, v in enumerate(values)], "reshape(a, n, m)"
        )
    )
    if open_places:
        sizes[open_places[0]] = _open_size(context, Size.product(array.shape), Size.product(sizes))
    return reshaped(context, array, tuple(sizes), call.span)


def _open_size(context: Context, total: Size, known: Size) -> Size:
    """total / known, exact or refused later by `reshaped`."""
    if known.constant:
        exact = total.divided(known.constant)
        if exact.denominator == 1:
            return exact
    divisor = context.builder.hoisted("max", context.sizes.value(known), integer(1))
    atom = context.builder.hoisted("floordiv", context.sizes.value(total), divisor)
    return context.sizes.natural(f"({total}) // ({known})", atom)


@builtin("transpose", "a axes..")
def transpose(context: Context, call: Call) -> Value:
    """The dimensions in reverse order, or in the order of `axes`, as in NumPy."""
    array = the_array(context, call)
    given: tuple[Value, ...] = call.arguments[1]
    if not given:
        return reverse_dimensions(context, array)
    if len(given) == 1 and isinstance(given[0], TupleValue):
        given = given[0].elements
    axes = [int(v.value) if isinstance(v, Number) and isinstance(v.value, int) else -1 for v in given]
    if sorted(axes) != list(range(array.rank)):
        example = ", ".join(map(str, reversed(range(array.rank))))
        hint = f"give each dimension once, such as transpose(a, {example})"
        raise context.error("E0302", f"these are not the dimensions of {context.text(array)}", call.spans[1], hint=hint)
    shape = tuple(array.shape[axis] for axis in axes)

    def body(*index: Atom) -> list[Atom]:
        place = [index[axes.index(axis)] for axis in range(array.rank)]
        return [context.builder.get(array.atom, *place, inbounds=True)]

    return Array(context.builder.build(context.shape_atoms(shape), body)[0], array.element, shape)


@builtin("argsort", "a")
def argsort(context: Context, call: Call) -> Value:
    """The positions of the elements in ascending order; equal ones stay in their order, NaN comes last.

    Of a matrix, each row on its own (the last dimension, as in NumPy).
    """
    array = _sortable(context, call)
    atom = _of_last(context, array, lambda vector: context.builder.emit("argsort", [vector])[0])
    return Array(atom, INT, array.shape)


@builtin("sort", "a")
def sort(context: Context, call: Call) -> Value:
    """The elements in ascending order. Its derivative moves with the elements, so it is written as a gather."""
    array = _sortable(context, call)
    builder = context.builder

    def ordered(vector: Atom) -> Atom:
        order = builder.emit("argsort", [vector])[0]

        def body(i: Atom) -> list[Atom]:
            return [builder.get(vector, builder.get(order, i, inbounds=True), inbounds=True)]

        return builder.build(vector.type.shape, body)[0]

    return Array(_of_last(context, array, ordered), array.element, array.shape)


def _sortable(context: Context, call: Call) -> Array:
    array = the_array(context, call)
    if array.element == BOOL:
        message = f"`{call.name}` takes an array of numbers, but this is {context.text(array)}"
        raise context.error(
            "E0305", message, call.spans[0], hint="turn the bools into numbers: `[1 if a[i] else 0 for i]`"
        )
    return array


def _of_last(context: Context, array: Array, function: Callable[[Atom], Atom]) -> Atom:
    """A function of vectors applied along the last dimension."""
    if array.rank == 1:
        return function(array.atom)
    builder = context.builder
    leading = context.shape_atoms(array.shape[:-1])
    return builder.build(leading, lambda *index: [function(builder.get(array.atom, *index, inbounds=True))])[0]
