"""Small emitters that the derivative transforms share: zeros, sums and elements of cotangents."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Eqn, Type
from difflang.core.ops import integer


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


def flat_place(builder: Builder, dims: Sequence[Atom], indices: Sequence[Atom]) -> Atom:
    """The place of an element in row-major order."""
    if not indices:
        return integer(0)
    place = indices[0]
    for dim, index in zip(dims[1:], indices[1:], strict=True):
        place = builder.prim("add", builder.prim("mul", place, dim), index)
    return place


def indices_of(builder: Builder, dims: Sequence[Atom], place: Atom) -> list[Atom]:
    """The indices of the element at a place in row-major order."""
    found: list[Atom] = []
    for dim in reversed(dims[1:]):
        found.insert(0, builder.prim("mod", place, dim))
        place = builder.prim("floordiv", place, dim)
    return [place, *found] if dims else []


class Extremes:
    """Which elements of arrays attain their maximum or minimum (`op`).

    The arrays hold elements that are `kept`. Were they computed anew where they are compared, the compiler might round
    them in another way there, and no element would attain what it was itself.
    """

    def __init__(self, builder: Builder, op: str, extents: Sequence[Atom], arrays: Sequence[Atom]) -> None:
        self._builder = builder
        self._op = op
        self._extents = extents
        self._arrays = arrays
        self._extremes = builder.reduce(op, extents, self._elements)

    def _elements(self, *index: Atom) -> list[Atom]:
        return [element(self._builder, array, index) for array in self._arrays]

    def attained(self, index: Sequence[Atom]) -> list[Atom]:
        """Whether the elements at an index attain the extremes of their arrays (a NaN is attained by all)."""
        beyond = "lt" if self._op == "max" else "gt"
        pairs = zip(self._elements(*index), self._extremes, strict=True)
        return [self._builder.prim("not", self._builder.prim(beyond, *pair)) for pair in pairs]

    def counts(self) -> list[Atom]:
        """How many elements attain the extremes, as floats; 1 for arrays without elements."""
        b = self._builder
        dtypes = [array.type.dtype for array in self._arrays]

        def counted(*index: Atom) -> list[Atom]:
            return [b.prim("convert", a, dtype=d) for a, d in zip(self.attained(index), dtypes, strict=True)]

        counts = b.reduce("sum", self._extents, counted)
        return [b.prim("max", count, literal(1, count.type.dtype)) for count in counts]
