"""Several scalars and arrays as one vector: the unknowns of a system of equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Literal, Type
from difflang.core.ops import I64, integer
from difflang.derive import values


@dataclass(frozen=True, slots=True)
class Unknowns:
    """Values of these types one after the other, each in row-major order."""

    b: Builder
    types: Sequence[Type]

    @property
    def is_one_scalar(self) -> bool:
        return len(self.types) == 1 and not self.types[0].shape

    def size(self) -> Atom:
        total: Atom = integer(0)
        for type_ in self.types:
            total = _folded(self.b, "add", total, _length(self.b, type_))
        return total

    def unit(self, k: Atom) -> list[Atom]:
        """The k-th unit vector."""
        return [self._unit(k, offset, t) for offset, t in zip(self._offsets(), self.types, strict=True)]

    def flat(self, parts: Sequence[Atom], size: Atom) -> Atom:
        """The parts one after the other, in a vector."""
        b = self.b
        if len(parts) == 1 and parts[0].type.rank == 1:
            return parts[0]
        vector = values.zeros(b, Type(parts[0].type.dtype, (size,)))
        for part, offset in zip(parts, self._offsets(), strict=True):
            line = b.emit("reshape", [part, _length(b, part.type)])[0] if part.type.shape else part
            vector = self._placed(vector, line, offset)
        return vector

    def parts(self, vector: Atom) -> list[Atom]:
        """The inverse of `flat`."""
        return [self._part(vector, t, offset) for t, offset in zip(self.types, self._offsets(), strict=True)]

    def _offsets(self) -> list[Atom]:
        offsets: list[Atom] = [integer(0)]
        for type_ in self.types[:-1]:
            offsets.append(_folded(self.b, "add", offsets[-1], _length(self.b, type_)))
        return offsets

    def _unit(self, k: Atom, offset: Atom, type_: Type) -> Atom:
        """The part of the k-th unit vector that belongs to an unknown of this type, which starts at `offset`."""
        b = self.b
        one, zero = literal(1, type_.dtype), literal(0, type_.dtype)

        def entry(*index: Atom) -> Atom:
            flat: Atom = integer(0)
            for i, dim in zip(index, type_.shape, strict=True):
                flat = _folded(b, "add", _folded(b, "mul", flat, dim), i)
            return b.prim("select", b.prim("eq", _folded(b, "add", offset, flat), k), one, zero)

        return b.build(type_.shape, lambda *i: [entry(*i)])[0] if type_.shape else entry()

    def _placed(self, vector: Atom, line: Atom, offset: Atom) -> Atom:
        b = self.b
        if not line.type.shape:
            return b.set(vector, offset, line, inbounds=True)

        def step(i: Atom, carried: Atom) -> list[Atom]:
            return [b.set(carried, b.prim("add", offset, i), b.get(line, i, inbounds=True), inbounds=True)]

        return b.fold(line.type.shape[0], [vector], step)[0]

    def _part(self, vector: Atom, type_: Type, offset: Atom) -> Atom:
        b = self.b
        if not type_.shape:
            return b.get(vector, offset, inbounds=True)
        if len(self.types) == 1 and type_.rank == 1:
            return vector

        def read(i: Atom) -> list[Atom]:
            return [b.get(vector, _folded(b, "add", offset, i), inbounds=True)]

        line = b.build([_length(b, type_)], read)[0]
        return b.emit("reshape", [line, *type_.shape])[0]


def _length(b: Builder, type_: Type) -> Atom:
    """The number of elements."""
    total: Atom = integer(1)
    for dim in type_.shape:
        total = _folded(b, "mul", total, dim)
    return total


def _folded(b: Builder, op: str, left: Atom, right: Atom) -> Atom:
    """i64 arithmetic, done now where both are literals or one is neutral."""
    neutral = 0 if op == "add" else 1
    if isinstance(right, Literal) and right.value == neutral:
        return left
    if isinstance(left, Literal):
        if left.value == neutral:
            return right
        if isinstance(right, Literal):
            product, total = int(left.value) * int(right.value), int(left.value) + int(right.value)
            return Literal(total if op == "add" else product, I64.dtype)
    return b.prim(op, left, right)
