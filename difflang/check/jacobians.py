"""Jacobians: one build over the directions of the smaller side."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.check.context import Context
from difflang.check.differentiated import Linear
from difflang.check.leaves import atoms, element_of, rebuild, settle, zeros_like
from difflang.check.types import is_float
from difflang.check.values import Array, Scalar, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom
from difflang.diagnostics.model import Span
from difflang.sizes import Size


def shape_of(value: Scalar | Array) -> tuple[Size, ...]:
    return value.shape if isinstance(value, Array) else ()


def jacobian_block(context: Context, linear: Linear, which: int, name: str, span: Span) -> Value:
    """d result / d argument, of shape (result, argument). Raises E0505 unless both are scalars or arrays."""
    source, result = linear.values[which], linear.result
    if not isinstance(source, Scalar | Array):
        raise context.error(
            "E0505",
            f"`jacobian` takes scalars and arrays, but the argument is {context.text(source)}",
            span,
            hint="flatten it with ravel, or use jvp or vjp",
        )
    if not isinstance(result, Scalar | Array) or not is_float(element_of(result)):
        raise context.error(
            "E0505",
            f"`jacobian` takes real results, but `{name}` gives {context.text(result)}",
            span,
            hint="use jvp or vjp for structured results",
        )
    if forward_is_cheaper(context, shape_of(source), shape_of(result)):
        return by_columns(context, linear, which, source, result, span)
    return by_rows(context, linear, which, source, span)


def forward_is_cheaper(context: Context, source: Sequence[Size], result: Sequence[Size]) -> bool:
    """Columns (forward) unless there are certainly fewer rows."""
    return not context.sizes.at_least(_count(source) - _count(result), 1)


def _count(shape: Sequence[Size]) -> Size:
    total = Size.literal(1)
    for size in shape:
        total = total * size
    return total


def unit(context: Context, like: Scalar | Array, index: Sequence[Atom]) -> Value:
    """The basis vector with a one at `index`."""
    dtype = like.atom.type.dtype
    one, zero = literal(1.0, dtype), literal(0.0, dtype)
    if isinstance(like, Scalar):
        return Scalar(one, like.type)
    builder = context.builder

    def element(*place: Atom) -> list[Atom]:
        hit = builder.prim("eq", place[0], index[0])
        for mine, wanted in zip(place[1:], index[1:], strict=True):
            hit = builder.prim("and", hit, builder.prim("eq", mine, wanted))
        return [builder.prim("select", hit, one, zero)]

    return Array(builder.build(context.shape_atoms(like.shape), element)[0], like.element, like.shape)


def by_columns(
    context: Context, linear: Linear, which: int, source: Scalar | Array, result: Scalar | Array, span: Span
) -> Value:
    """One tangent for each element of the argument."""

    def column(*index: Atom) -> list[Atom]:
        tangents = [
            unit(context, source, index) if k == which else zeros_like(context, v) for k, v in enumerate(linear.values)
        ]
        return atoms(settle(context, linear.jvp(tangents)[1], span))

    if isinstance(source, Scalar):
        return rebuild(result, column())
    shape = (*shape_of(result), *source.shape)
    columns = context.builder.build(context.shape_atoms(source.shape), column)[0]
    split, total = len(source.shape), len(shape)
    if split == total:
        return Array(columns, source.element, shape)
    front = total - split

    def transposed(*index: Atom) -> list[Atom]:
        return [context.builder.get(columns, *index[front:], *index[:front], inbounds=True)]

    return Array(context.builder.build(context.shape_atoms(shape), transposed)[0], source.element, shape)


def by_rows(context: Context, linear: Linear, which: int, source: Scalar | Array, span: Span) -> Value:
    """One cotangent for each element of the result; the forward sweep is shared."""
    value, pull = linear.vjp()
    assert isinstance(value, Scalar | Array)

    def row(*index: Atom) -> list[Atom]:
        return atoms(settle(context, pull(unit(context, value, index))[which], span))

    if isinstance(value, Scalar):
        return rebuild(source, row())
    rows = context.builder.build(context.shape_atoms(value.shape), row)[0]
    return Array(rows, element_of(source), (*value.shape, *shape_of(source)))
