"""Slopes as sums: a number plus multiples of values, put together before any code is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from difflang.core.ir import Var


@dataclass(frozen=True, slots=True)
class Sum:
    """constant + sum of coefficient * factor"""

    constant: float = 0.0
    terms: Mapping[Factor, float] = field(default_factory=dict["Factor", float])

    def plus(self, other: Sum, times: float = 1.0) -> Sum:
        terms = dict(self.terms)
        for factor, coefficient in other.terms.items():
            terms[factor] = terms.get(factor, 0.0) + times * coefficient
        return Sum(self.constant + times * other.constant, {f: c for f, c in terms.items() if c})

    def scaled(self, times: float) -> Sum:
        return Sum().plus(self, times)

    @property
    def operations(self) -> int:
        """How many multiplications and additions compute it, from its factors."""
        products = sum(abs(c) != 1 for c in self.terms.values())
        return products + max(len(self.terms) + bool(self.constant) - 1, 0)

    @property
    def is_finite(self) -> bool:
        return all(map(math.isfinite, (self.constant, *self.terms.values())))

    def products(self) -> Iterator[Product]:
        """The products among its factors, those that they are made of first."""
        for factor in self.terms:
            if isinstance(factor, Product):
                yield from factor.left.products()
                yield factor


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A sum times a value."""

    left: Sum
    right: Var


Factor = Var | Product


@dataclass(frozen=True, slots=True)
class Line:
    """number + slope * variable: what a value is that is computed so."""

    number: float
    slope: float
    variable: Var


def settled(total: Sum, line_of: Callable[[Factor], Line | None]) -> Sum:
    """The sum with values replaced by what they are made of, where that rounds little worse.

    K + a w + b x with w = p + q x becomes (K + a p) + (b + a q) x. What is rounded grows by |a p| and |a q x|, of which
    each is at most the other plus |a w|; so it is enough that one of them is no more than the number or the multiple of
    x that are there anyway. A difference such as w alone is kept: it may be exact where its terms nearly cancel.
    """
    for factor, coefficient in tuple(total.terms.items()):
        line = line_of(factor)
        if line is None:
            continue
        beside = abs(total.terms.get(line.variable, 0.0))
        own_number, own_slope = coefficient * line.number, coefficient * line.slope
        if abs(own_slope) <= beside or abs(own_number) <= abs(total.constant):
            total = total.plus(Sum(own_number, {line.variable: own_slope, factor: -coefficient}))
    return total
