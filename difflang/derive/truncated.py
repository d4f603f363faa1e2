"""Arrays of the coefficients of a series, from order 1 on, and what loops make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, DType, Type
from difflang.core.ops import integer
from difflang.derive import values


@dataclass(frozen=True, slots=True)
class Truncated:
    """Series of one type that end with the coefficient of an order."""

    b: Builder
    dtype: DType
    order: int

    @property
    def zeros(self) -> Atom:
        return values.zeros(self.b, Type(self.dtype, (integer(self.order),)))

    def real(self, value: float) -> Atom:
        return literal(value, self.dtype)

    def number(self, place: Atom) -> Atom:
        """The order of the coefficient at a place."""
        return self.b.prim("convert", self.b.prim("add", place, integer(1)), dtype=self.dtype)

    def array(self, element: Callable[[Atom], Atom]) -> Atom:
        return self.b.build([integer(self.order)], lambda place: [element(place)])[0]

    def convolved(
        self, left: Atom, right: Atom, place: Atom, terms: Atom, factor: Callable[[Atom], Atom] | None = None
    ) -> Atom:
        """The sum of left_i right_{place - 1 - i} over the first `terms` places i, each times its factor."""
        b = self.b

        def product(i: Atom) -> list[Atom]:
            last = b.prim("sub", b.prim("sub", place, integer(1)), i)
            found = b.prim("mul", b.get(left, i, inbounds=True), b.get(right, last, inbounds=True))
            return [b.prim("mul", factor(i), found) if factor else found]

        return b.reduce("sum", [terms], product)[0]

    def product(self, left: tuple[Atom, Atom], right: tuple[Atom, Atom]) -> list[Atom]:
        """The coefficient of order 0, and the array of the others, of a product of series that are given so."""
        b, (first, rest), (other, others) = self.b, left, right

        def coefficient(j: Atom) -> Atom:
            one = b.prim("mul", first, b.get(others, j, inbounds=True))
            two = b.prim("mul", b.get(rest, j, inbounds=True), other)
            return b.prim("add", b.prim("add", one, self.convolved(rest, others, j, j)), two)

        return [b.prim("mul", first, other), self.array(coefficient)]
