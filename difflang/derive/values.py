"""Small emitters that the derivative transforms share: zeros, sums and elements of cotangents."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Eqn, Type


def zeros(builder: Builder, type_: Type) -> Atom:
    """The zero of a type: a literal, or an array of zeros."""
    return builder.full(literal(0, type_.dtype), type_.shape)


def instantiated(builder: Builder, value: Atom | None, type_: Type) -> Atom:
    """A symbolic zero made real, for the structures that need a value (a carry, a branch of `cond`)."""
    return zeros(builder, type_) if value is None else value


def added(builder: Builder, left: Atom | None, right: Atom | None) -> Atom | None:
    """The sum of two tangents or cotangents, either of which may be a symbolic zero."""
    if left is None:
        return right
    if right is None:
        return left
    return builder.map(lambda x, y: builder.prim("add", x, y), left, right)


def constant(builder: Builder, value: Atom) -> Atom:
    """The value without a derivative."""
    return builder.map(lambda x: builder.prim("stop_grad", x), value) if value.type.is_float else value


def is_inbounds(eqn: Eqn) -> bool:
    """Whether the indices of an equation are known to be good. If not, its derivative checks them too: it may stay
    where the equation itself, and its check, is needed by nothing."""
    return bool(eqn.attrs.get("inbounds"))


def element(builder: Builder, array: Atom, indices: Sequence[Atom], *, inbounds: bool = True) -> Atom:
    """`array[indices]`; the whole array when there are no indices."""
    return builder.get(array, *indices, inbounds=inbounds) if indices else array


def replaced(builder: Builder, array: Atom, indices: Sequence[Atom], value: Atom, *, inbounds: bool = True) -> Atom:
    """`array` with `value` at `indices`; the value itself when there are none."""
    return builder.set(array, *indices, value, inbounds=inbounds) if indices else value


def attains(builder: Builder, eqn: Eqn, value: Atom, extreme: Atom) -> Atom:
    """Whether an element attains the maximum or minimum that the `reduce` equation found (a NaN attains all)."""
    beyond = builder.prim("lt" if eqn.attrs["op"] == "max" else "gt", value, extreme)
    return builder.prim("not", beyond)


def at_least_one(builder: Builder, count: Atom) -> Atom:
    """A float count, 1 where nothing was counted: the divisor of a mean over ties."""
    return builder.prim("max", count, literal(1, count.type.dtype))
