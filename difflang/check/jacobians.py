"""Jacobians: one build over the directions of the smaller side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.check.context import Context
from difflang.check.differentiated import Linear
from difflang.check.leaves import atoms, element_of, rebuild, settle
from difflang.check.types import is_float
from difflang.check.values import Array, Scalar, Value
from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, DType
from difflang.diagnostics.model import Span
from difflang.sizes import Size

BUNDLE = 32
"""Directions that are pushed at once: tangents take so many times the memory of the values."""


def shape_of(value: Scalar | Array) -> tuple[Size, ...]:
    return value.shape if isinstance(value, Array) else ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the program asks for: the operator and the function as it names them, for messages."""

    operator: str
    function: str

    def of_vector(self, option: str = "") -> str:
        """How the matrix over all numbers of a structure is written."""
        name = "f" if self.function == "fn" else self.function
        return f"{self.operator}(fn(v) = {name}(unravel(v, p)){option})(ravel(p)), where p is the argument"


def jacobian_block(context: Context, linear: Linear, which: int, asked: Asked, span: Span) -> Value:
    """d result / d argument, of shape (result, argument). Raises E0505 unless both are scalars or arrays."""
    source, result = linear.values[which], linear.result
    if not isinstance(source, Scalar | Array):
        products = "hvp" if asked.operator == "hessian" else "jvp or vjp"
        raise context.error(
            "E0505",
            f"`{asked.operator}` gives a matrix of a scalar or an array, but the argument is {context.text(source)}",
            span,
            hint=f"for the matrix over all its numbers write {asked.of_vector()}; or use {products}",
        )
    if not isinstance(result, Scalar | Array):
        raise context.error(
            "E0505",
            f"`{asked.operator}` takes real results, but `{asked.function}` gives {context.text(result)}",
            span,
            hint=f"write {asked.operator}(fn(x) = ravel({asked.function}(x))), or use jvp or vjp",
        )
    if not is_float(element_of(result)):
        raise context.error(
            "E0505",
            f"`{asked.operator}` takes real results, but `{asked.function}` gives {context.text(result)}",
            span,
            hint="a function with whole numbers as its result has no derivative: return a real",
        )
    if forward_is_cheaper(context, shape_of(source), shape_of(result)):
        if isinstance(source, Array) and 1 < (_count(source.shape).constant or 0) <= BUNDLE:
            return all_columns(context, linear, which, source, result, span)
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
    if isinstance(like, Scalar):
        return Scalar(literal(1.0, like.atom.type.dtype), like.type)

    def element(*place: Atom) -> list[Atom]:
        return [_kronecker(context.builder, place, index, like.atom.type.dtype)]

    return Array(context.builder.build(context.shape_atoms(like.shape), element)[0], like.element, like.shape)


def _kronecker(builder: Builder, place: Sequence[Atom], index: Sequence[Atom], dtype: DType) -> Atom:
    """One where the indices are the same, else zero."""
    hit = builder.prim("eq", place[0], index[0])
    for mine, wanted in zip(place[1:], index[1:], strict=True):
        hit = builder.prim("and", hit, builder.prim("eq", mine, wanted))
    return builder.prim("select", hit, literal(1.0, dtype), literal(0.0, dtype))


def all_columns(
    context: Context, linear: Linear, which: int, source: Array, result: Scalar | Array, span: Span
) -> Value:
    """All tangents at once: the seeds are the identity, and the primal is computed once."""
    builder, dtype = context.builder, source.atom.type.dtype
    directions = context.shape_atoms(source.shape)
    rank = len(directions)

    def seed(*index: Atom) -> list[Atom]:
        return [_kronecker(builder, index[:rank], index[rank:], dtype)]

    seeds = builder.build([*directions, *directions], seed)[0]
    tangents = [seeds if k == which else None for k, value in enumerate(linear.values) for _ in atoms(value)]
    (found,) = linear.bundle(tangents, directions)
    shape = (*shape_of(result), *source.shape)
    if found is None:
        found = builder.full(literal(0.0, dtype), context.shape_atoms(shape))
    return settle(context, Array(found, source.element, shape), span)


def by_columns(
    context: Context, linear: Linear, which: int, source: Scalar | Array, result: Scalar | Array, span: Span
) -> Value:
    """One tangent for each element of the argument; the values are shared."""
    push = linear.linearized(which)

    def column(*index: Atom) -> list[Atom]:
        return atoms(settle(context, push(unit(context, source, index)), span))

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
    value, pull = linear.vjp(repeated=isinstance(linear.result, Array))
    assert isinstance(value, Scalar | Array)

    def row(*index: Atom) -> list[Atom]:
        return atoms(settle(context, pull(unit(context, value, index))[which], span))

    if isinstance(value, Scalar):
        return rebuild(source, row())
    rows = context.builder.build(context.shape_atoms(value.shape), row)[0]
    return Array(rows, element_of(source), (*value.shape, *shape_of(source)))
