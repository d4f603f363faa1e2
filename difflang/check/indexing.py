"""Subscripts: elements, rows, slices, and their update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from difflang.check.coerce import as_scalar, coerce, require_same_shape
from difflang.check.context import Context
from difflang.check.dispatch import expression
from difflang.check.environment import Scope
from difflang.check.leaves import materialize
from difflang.check.types import BOOL, INT, Type
from difflang.check.values import Array, Number, Scalar, StructValue, TupleValue, Value
from difflang.core.ir import Atom, Literal
from difflang.core.ops import integer
from difflang.diagnostics.model import DiffLangError, Span
from difflang.signature import ArrayType
from difflang.sizes import Size
from difflang.syntax import ast


@dataclass(frozen=True, slots=True)
class Point:
    """One subscript. `safe` says that it is certainly in range."""

    atom: Atom
    safe: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A slice of one dimension; `start` is None where it begins at 0."""

    start: Scalar | None
    length: Size


Subscript = Point | Stretch


@expression(ast.Index)
def index(context: Context, node: ast.Index, scope: Scope, expected: Type | None) -> Value:
    value = context.evaluate(node.value, scope)
    match value:
        case Array():
            return take(context, value, subscripts(context, value, node, scope))
        case TupleValue():
            return value.elements[_tuple_position(context, value, node)]
        case _:
            named = isinstance(value, StructValue)
            hint = "a struct's fields are read as p.name" if named else "only arrays and tuples have elements"
            raise context.error("E0306", f"{context.text(value)} cannot be indexed", node.value.span, hint=hint)


def _tuple_position(context: Context, value: TupleValue, node: ast.Index) -> int:
    position = node.indices[0]
    if isinstance(position, ast.Unary) and position.operator == "-" and isinstance(position.operand, ast.Number):
        number: int | float = len(value.elements) - position.operand.value
    elif isinstance(position, ast.Number):
        number = position.value
    else:
        number = -1
    if len(node.indices) != 1 or not isinstance(number, int) or not 0 <= number < len(value.elements):
        message = f"a tuple of {len(value.elements)} is indexed with a literal from 0 to {len(value.elements) - 1}"
        raise context.error("E0306", message, node.span, hint="write t[0], or take it apart with `let (a, b) = t`")
    return number


def subscripts(context: Context, array: Array, node: ast.Index, scope: Scope) -> list[Subscript]:
    """The subscripts of an index expression. Raises E0306 for too many."""
    if len(node.indices) > array.rank:
        count = "1 dimension" if array.rank == 1 else f"{array.rank} dimensions"
        message = f"{context.text(array)} has {count}, but {len(node.indices)} indices are given"
        raise context.error(
            "E0306",
            message,
            node.span,
            hint="leave out indices, or declare the array with more dimensions, such as real[n, d]",
        )
    return [
        _stretch(context, i, size, scope) if isinstance(i, ast.Slice) else _point(context, i, size, scope)
        for i, size in zip(node.indices, array.shape, strict=False)
    ]


def _point(context: Context, node: ast.Expr, size: Size, scope: Scope) -> Point:
    value = _subscript(context, node, scope)
    if isinstance(value, Number) and isinstance(value.value, int):
        return _literal_point(context, value.value, size, node.span)
    if not isinstance(value, Scalar) or value.type.surface not in ("int", "i32"):
        raise context.error(
            "E0306",
            f"an index should be an int, but this is {context.text(value)}",
            node.span,
            hint=_index_hint(value),
        )
    scalar = as_scalar(context, value, INT, node.span)
    position = context.size_of(scalar)
    if context.sizes.outside(position, size):
        raise _outside(context, str(position), size, node.span)
    return Point(scalar.atom, context.sizes.within(position, size))


def _subscript(context: Context, node: ast.Expr, scope: Scope) -> Value:
    """A `var` is no literal, even where the call at hand decides which number it holds."""
    value = context.evaluate(node, scope)
    binding = scope.find(node.name) if isinstance(node, ast.Name) else None
    return materialize(context, value) if binding is not None and binding.mutable else value


def _index_hint(value: Value) -> str:
    match value:
        case Array(element=element) if element == BOOL:
            return "to reduce the elements that meet a condition, write `sum(x[i] for i if x[i] > 0)`"
        case Array():
            return "to take several elements, write `[x[at[k]] for k]`"
        case _:
            return "write int(...) to convert"


def _literal_point(context: Context, value: int, size: Size, span: Span) -> Point:
    """A negative literal counts from the end."""
    position = Size.literal(value) if value >= 0 else size + Size.literal(value)
    if context.sizes.outside(position, size):
        raise _outside(context, str(value), size, span)
    return Point(context.sizes.value(position), context.sizes.within(position, size))


def _outside(context: Context, index: str, size: Size, span: Span) -> DiffLangError:
    message = f"the index {index} is out of range: this dimension has the size {size}"
    last = size - Size.literal(1)
    hint = "it is empty: it has no valid index" if size.constant == 0 else f"indices go from 0 to {last}"
    return context.error("E0318", message, span, hint=hint)


def _stretch(context: Context, node: ast.Slice, size: Size, scope: Scope) -> Stretch:
    start = _bound(context, node.start, size, scope)
    stop = _bound(context, node.stop, size, scope)
    first = context.size_of(start) if start else Size.literal(0)
    last = context.size_of(stop) if stop else size
    _check_stretch(context, first, last, size, node.span)
    return Stretch(start, last - first)


def _bound(context: Context, node: ast.Expr | None, size: Size, scope: Scope) -> Scalar | None:
    """A bound of a slice; a negative literal counts from the end."""
    if node is None:
        return None
    value = _subscript(context, node, scope)
    if isinstance(value, Number) and isinstance(value.value, int):
        position = Size.literal(value.value) if value.value >= 0 else size + Size.literal(value.value)
        return context.int_of(position)
    if not isinstance(value, Scalar):
        raise context.error(
            "E0306",
            f"the bound of a slice should be an int, but this is {context.text(value)}",
            node.span,
            hint="write int(...) to convert it",
        )
    return as_scalar(context, value, INT, node.span, "the bound of a slice")


def _check_stretch(context: Context, first: Size, last: Size, size: Size, span: Span) -> None:
    """0 <= first <= last <= size, by proof or at run time (E0801)."""
    one = Size.literal(1)
    if context.sizes.outside(first, last + one) or context.sizes.outside(last, size + one):
        raise context.error(
            "E0318",
            f"the slice {first}:{last} is out of range: this dimension has the size {size}",
            span,
            hint=f"bounds go from 0 to {size}, the second one not below the first",
        )
    ends = (Size.literal(0), first, last, size)
    open_pairs = [(a, b) for a, b in pairwise(ends) if not context.sizes.at_least(b - a, 0)]
    if open_pairs:
        if (first, last) not in open_pairs and not context.sizes.is_moderate(first):
            open_pairs.append((first, size))  # what is added to `first` must not wrap around
        with context.at(span):
            value, prim = context.sizes.value, context.builder.prim
            right: list[Atom] = [prim("le", value(a), value(b)) for a, b in open_pairs]
            message = "the slice {0}:{1} is out of range: this dimension has the size {2}"
            shown = [value(s) for s in ends[1:]]
            everything = reduce(lambda a, b: prim("and", a, b), right)
            context.builder.emit("assert", [everything, *shown], {"code": "E0801", "message": message})
            context.sizes.assume(last - first)


def take(context: Context, array: Array, subs: Sequence[Subscript]) -> Value:
    """The element, row or part that the subscripts select."""
    leading = _leading_points(subs)
    if len(leading) == len(subs):
        atom = context.builder.get(array.atom, *(p.atom for p in leading), inbounds=all(p.safe for p in leading))
        shape = array.shape[len(subs) :]
        return Array(atom, array.element, shape) if shape else Scalar(atom, array.element)
    shape = _shape(array, subs)
    check_points(context, array, subs)

    def body(*index: Atom) -> list[Atom]:
        return [context.builder.get(array.atom, *_place(context, array, subs, index), inbounds=True)]

    return Array(context.builder.build(context.shape_atoms(shape), body)[0], array.element, shape)


def _leading_points(subs: Sequence[Subscript]) -> list[Point]:
    return [s for s in subs if isinstance(s, Point)]


def _shape(array: Array, subs: Sequence[Subscript]) -> tuple[Size, ...]:
    return (*(s.length for s in subs if isinstance(s, Stretch)), *array.shape[len(subs) :])


def check_points(context: Context, array: Array, subs: Sequence[Subscript]) -> None:
    """Points beside slices are checked once, before the loop over the slice."""
    for sub, size in zip(subs, array.shape, strict=False):
        if isinstance(sub, Point) and not sub.safe:
            extent = context.sizes.value(size)
            builder = context.builder
            inside = builder.prim("and", builder.prim("le", integer(0), sub.atom), builder.prim("lt", sub.atom, extent))
            message = "the index {0} is out of range: this dimension has the size {1}"
            builder.emit("assert", [inside, sub.atom, extent], {"code": "E0801", "message": message})


def _place(context: Context, array: Array, subs: Sequence[Subscript], index: Sequence[Atom]) -> list[Atom]:
    """The subscripts in the whole array for a position in the selected part."""
    remaining = iter(index)
    place: list[Atom] = []
    for sub in subs:
        if isinstance(sub, Point):
            place.append(sub.atom)
        elif sub.start is None or (isinstance(sub.start.atom, Literal) and sub.start.atom.value == 0):
            place.append(next(remaining))
        else:
            place.append(context.builder.prim("add", sub.start.atom, next(remaining)))
    return [*place, *remaining]


def update_element(context: Context, owner: Value, target: ast.Index, value: Value, scope: Scope, span: Span) -> Value:
    """The owner with what the subscripts select replaced by `value`."""
    if isinstance(owner, TupleValue):
        position = _tuple_position(context, owner, target)
        fitted = coerce(context, value, context.type_of(owner.elements[position]), span, "the new element")
        return TupleValue((*owner.elements[:position], fitted, *owner.elements[position + 1 :]))
    if not isinstance(owner, Array):
        raise context.error(
            "E0306",
            f"{context.text(owner)} cannot be indexed",
            target.value.span,
            hint="only arrays and tuples have elements; a field is set with `p.name = e`",
        )
    return put(context, owner, subscripts(context, owner, target, scope), value, span)


def put(context: Context, array: Array, subs: Sequence[Subscript], value: Value, span: Span) -> Array:
    """`array` with the selected part replaced; a single number fills a slice."""
    shape = _shape(array, subs)
    points = _leading_points(subs)
    if len(points) == len(subs):
        fitted = _fitted(context, array, shape, value, span)
        atom = context.builder.set(
            array.atom, *(p.atom for p in points), fitted.atom, inbounds=all(p.safe for p in points)
        )
        return Array(atom, array.element, array.shape)
    check_points(context, array, subs)
    filler = (
        as_scalar(context, value, array.element, span, "the new value")
        if isinstance(value, Number | Scalar)
        else _fitted(context, array, shape, value, span)
    )
    return Array(_put_slice(context, array, subs, shape, filler), array.element, array.shape)


def _fitted(context: Context, array: Array, shape: tuple[Size, ...], value: Value, span: Span) -> Scalar | Array:
    type_ = ArrayType(array.element, shape) if shape else array.element
    if isinstance(value, Array) and len(shape) == value.rank:
        message = (
            f"the part to be replaced has the type {context.text(type_)}, but the new value is {context.text(value)}"
        )
        require_same_shape(context, shape, value.shape, span, message)
    fitted = coerce(context, value, type_, span, "the new value")
    assert isinstance(fitted, Scalar | Array)
    return fitted


def _put_slice(
    context: Context, array: Array, subs: Sequence[Subscript], shape: tuple[Size, ...], filler: Scalar | Array
) -> Atom:
    """A fold of single `set`s over the positions of the slice, which happens in place."""
    builder = context.builder
    extents = context.shape_atoms(shape)

    def nest(atom: Atom, index: tuple[Atom, ...]) -> Atom:
        if len(index) == len(extents):
            element = builder.get(filler.atom, *index, inbounds=True) if isinstance(filler, Array) else filler.atom
            return builder.set(atom, *_place(context, array, subs, index), element, inbounds=True)
        return builder.fold(extents[len(index)], [atom], lambda i, carry: [nest(carry, (*index, i))])[0]

    return nest(array.atom, ())
