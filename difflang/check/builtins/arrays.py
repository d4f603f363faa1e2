"""Making arrays, and their length."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.check.builtins.registry import Call, builtin
from difflang.check.coerce import as_int, as_scalar, as_size, require_natural
from difflang.check.context import Context
from difflang.check.leaves import element_of, map_leaves, materialize, zeros_like
from difflang.check.operators import binary
from difflang.check.ranges import require_near
from difflang.check.types import INT, is_float, is_int
from difflang.check.values import Array, Number, Scalar, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom
from difflang.core.ops import integer
from difflang.diagnostics.model import Span
from difflang.signature import ArrayType, ScalarType
from difflang.sizes import Size


def sizes_of(context: Context, call: Call, values: Sequence[Value], example: str) -> tuple[Size, ...]:
    """The dimensions given to `zeros(n, m)` and the like. Raises E0302 where there are none, or a tuple."""
    if len(values) == 1 and isinstance(values[0], TupleValue):
        raise context.error("E0302", f"`{call.name}` takes the sizes one by one", call.span, hint=f"write {example}")
    if not values:
        raise context.error("E0302", f"`{call.name}` needs at least one size", call.span, hint=f"write {example}")
    sizes = tuple(as_size(context, v, call.span, f"a size of `{call.name}`") for v in values)
    for size in sizes:
        require_natural(context, size, call.span, f"`{call.name}` should make an array of")
    return sizes


def filled(context: Context, atom: Atom, element: ScalarType, shape: tuple[Size, ...]) -> Array:
    """An array of one value."""
    return Array(context.builder.full(atom, context.shape_atoms(shape)), element, shape)


def _wanted_element(context: Context, call: Call) -> ScalarType:
    """The element type that the surroundings ask for, else `real`."""
    expected = call.expected
    if isinstance(expected, ArrayType) and (is_float(expected.element) or is_int(expected.element)):
        return expected.element
    return context.real


@builtin("zeros", "n..")
def zeros(context: Context, call: Call) -> Value:
    element = _wanted_element(context, call)
    return filled(
        context, literal(0, element.dtype), element, sizes_of(context, call, call.arguments[0], "zeros(n, m)")
    )


@builtin("ones", "n..")
def ones(context: Context, call: Call) -> Value:
    element = _wanted_element(context, call)
    return filled(context, literal(1, element.dtype), element, sizes_of(context, call, call.arguments[0], "ones(n, m)"))


@builtin("full", "n.. value")
def full(context: Context, call: Call) -> Value:
    """An array of one value; a literal takes the element type that is expected."""
    shape = sizes_of(context, call, call.arguments[0], "full(n, m, value)")
    value = call.arguments[1]
    if isinstance(value, Number) and isinstance(call.expected, ArrayType):
        value = as_scalar(context, value, call.expected.element, call.spans[1])
    value = materialize(context, value)
    if not isinstance(value, Scalar):
        raise context.error(
            "E0301",
            f"`full` repeats a number, but this is {context.text(value)}",
            call.spans[1],
            hint="write full(n, 0.5); an array is repeated by `[a for k in 0..n]`",
        )
    return filled(context, value.atom, value.type, shape)


@builtin("zeros_like", "x")
def zeros_of(context: Context, call: Call) -> Value:
    return zeros_like(context, materialize(context, call.arguments[0]))


@builtin("ones_like", "x")
def ones_like(context: Context, call: Call) -> Value:
    """The same structure, all one."""

    def leaf(old: Scalar | Array) -> Value:
        one = literal(1, element_of(old).dtype)
        return Scalar(one, old.type) if isinstance(old, Scalar) else filled(context, one, old.element, old.shape)

    return map_leaves(leaf, materialize(context, call.arguments[0]))


@builtin("len", "a")
def length(context: Context, call: Call) -> Value:
    """The leading dimension of an array; the number of parts of a tuple."""
    value = call.arguments[0]
    match value:
        case Array():
            return context.int_of(value.shape[0])
        case TupleValue():
            return Scalar(integer(len(value.elements)), INT, Size.literal(len(value.elements)))
        case _:
            raise context.error(
                "E0305",
                f"`len` takes an array, but this is {context.text(value)}",
                call.spans[0],
                hint="give it an array or a tuple",
            )


@builtin("arange", "start stop? step?")
def arange(context: Context, call: Call) -> Value:
    """`arange(n)`, `arange(a, b)`, `arange(a, b, step)` of ints, as in NumPy."""
    if any(v is not None and not _is_whole(v) for v in call.arguments):
        raise context.error(
            "E0305",
            "`arange` counts in whole numbers",
            call.span,
            hint="write linspace(a, b, n) for n numbers from a to b",
        )
    first, second, third = call.arguments
    start, stop = (Number(0), first) if second is None else (first, second)
    step = Number(1) if third is None else third
    low, by, end = (as_int(context, v, call.span, "this") for v in (start, step, stop))
    require_near(context, low, end, call.span)
    count = _count(context, start, stop, step, call.span)
    builder = context.builder

    def body(i: Atom) -> list[Atom]:
        return [builder.prim("add", low.atom, builder.prim("mul", by.atom, i))]

    return Array(builder.build(context.shape_atoms([count]), body)[0], INT, (count,))


def _is_whole(value: Value) -> bool:
    return (
        isinstance(value.value, int) if isinstance(value, Number) else isinstance(value, Scalar) and is_int(value.type)
    )


def _count(context: Context, start: Value, stop: Value, step: Value, span: Span) -> Size:
    """ceil((stop - start) / step), written with the floor: -((start - stop) // step)."""
    if isinstance(step, Number) and step.value == 1:
        return context.sizes.length(as_size(context, binary(context, "-", stop, start, span), span))
    floor = binary(context, "//", binary(context, "-", start, stop, span), step, span)
    return context.sizes.length(as_size(context, binary(context, "-", Number(0), floor, span), span))
