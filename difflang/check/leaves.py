"""Structured values as flat lists of Core atoms, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from difflang.check.context import Context
from difflang.check.types import INT
from difflang.check.values import Array, Number, Scalar, StructValue, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import FLOATS, Atom
from difflang.diagnostics.model import Span
from difflang.signature import ScalarType

Leaf = Scalar | Array


def materialize(context: Context, value: Value) -> Value:
    """The value with every bare number given a type of its own (`int`, or `real` for `0.5`)."""
    match value:
        case Number():
            kind = INT if isinstance(value.value, int) else context.real
            return Scalar(literal(value.value, kind.dtype), kind)
        case TupleValue():
            return TupleValue(tuple(materialize(context, e) for e in value.elements))
        case StructValue():
            return replace(value, fields={k: materialize(context, v) for k, v in value.fields.items()})
        case _:
            return value


def leaves(value: Value) -> Iterator[Leaf]:
    """The scalars and arrays of a materialized value, in the order of its fields. Functions have none."""
    match value:
        case Scalar() | Array():
            yield value
        case TupleValue():
            for element in value.elements:
                yield from leaves(element)
        case StructValue():
            for field in value.fields.values():
                yield from leaves(field)
        case _:
            pass


def atoms(value: Value) -> list[Atom]:
    return [leaf.atom for leaf in leaves(value)]


def leaf_names(name: str, value: Value) -> list[str]:
    """The names of the leaves of a value, such as `p.w`."""
    match value:
        case TupleValue():
            return [leaf for k, e in enumerate(value.elements) for leaf in leaf_names(f"{name}.{k}", e)]
        case StructValue():
            return [leaf for field, v in value.fields.items() for leaf in leaf_names(f"{name}.{field}", v)]
        case _:
            return [name for _ in leaves(value)]


def map_leaves(function: Callable[[Leaf], Value], value: Value) -> Value:
    """The same structure with `function` of each leaf."""
    match value:
        case Scalar() | Array():
            return function(value)
        case TupleValue():
            return TupleValue(tuple(map_leaves(function, e) for e in value.elements))
        case StructValue():
            return replace(value, fields={k: map_leaves(function, v) for k, v in value.fields.items()})
        case _:
            return value


def rebuild(template: Value, flat: Sequence[Atom]) -> Value:
    """The structure of `template` around new atoms of the same types."""
    remaining = iter(flat)

    def leaf(old: Leaf) -> Leaf:
        atom = next(remaining)
        return Scalar(atom, old.type) if isinstance(old, Scalar) else Array(atom, old.element, old.shape)

    return map_leaves(leaf, template)


def rewrap(context: Context, template: Value, flat: Sequence[Atom]) -> Value:
    """Like `rebuild`, where the sizes may differ: they are read from the atoms unless the template has them."""
    remaining = iter(flat)

    def leaf(old: Leaf) -> Leaf:
        atom = next(remaining)
        if isinstance(old, Scalar):
            return Scalar(atom, old.type)
        if all(context.sizes.available(s) for s in old.shape):
            return Array(atom, old.element, old.shape)
        return context.array(atom, old.element)

    return map_leaves(leaf, template)


def element_of(leaf: Leaf) -> ScalarType:
    """The scalar type of a leaf."""
    return leaf.type if isinstance(leaf, Scalar) else leaf.element


def is_vector(value: Value) -> bool:
    """Whether a value is of a vector type: made of reals only."""
    match value:
        case Number():
            return True
        case Scalar() | Array():
            return value.atom.type.dtype in FLOATS
        case TupleValue():
            return all(is_vector(e) for e in value.elements)
        case StructValue():
            return all(is_vector(e) for e in value.fields.values())
        case _:
            return False


def zeros_like(context: Context, value: Value) -> Value:
    """The same structure, all zero (false for bool)."""

    def leaf(old: Leaf) -> Leaf:
        zero = literal(0, element_of(old).dtype)
        if isinstance(old, Scalar):
            return Scalar(zero, old.type)
        return Array(context.builder.full(zero, context.shape_atoms(old.shape)), old.element, old.shape)

    return map_leaves(leaf, value)


def settle(context: Context, value: Value, span: Span) -> Value:
    """Gives every array the canonical atoms of its sizes as dimensions, so that it may leave a region.

    Raises E0406 when a size depends on something computed inside the region.
    """

    def leaf(old: Leaf) -> Leaf:
        if isinstance(old, Scalar):
            return old
        shape = context.shape_atoms(old.shape)
        if tuple(shape) == old.atom.type.shape:
            return old
        atom = context.builder.emit("reshape", [old.atom, *shape])[0]
        return Array(atom, old.element, old.shape)

    return map_leaves(leaf, value)
