"""Polynomials in sizes: what a loop has to do, before it is known how large they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Monomial = tuple[int, ...]
"""The numbers of the sizes that are multiplied, in ascending order."""

SLACK = 4.0
"""How many times larger than another a polynomial may be that counts as covered by it: all this is guesswork."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A sum of products of sizes, each with a coefficient."""

    terms: Mapping[Monomial, float]

    @property
    def constant(self) -> float | None:
        """The value, if no size decides about it."""
        return self.terms.get((), 0.0) if not any(self.terms) else None

    def __add__(self, other: Polynomial) -> Polynomial:
        return total((self, other))

    def __mul__(self, other: Polynomial) -> Polynomial:
        terms: dict[Monomial, float] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = tuple(sorted((*left, *right)))
                terms[monomial] = terms.get(monomial, 0.0) + a * b
        return Polynomial(terms)

    def at_least(self, other: Polynomial) -> Polynomial:
        """One that is nowhere below either of the two."""
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            terms[monomial] = max(terms.get(monomial, 0.0), coefficient)
        return Polynomial(terms)

    def value(self, size: float) -> float:
        """The value where all sizes are the same."""
        return sum(coefficient * size ** len(monomial) for monomial, coefficient in self.terms.items())

    def covers(self, other: Polynomial) -> bool:
        """Whether it is no less than a `SLACK`th of the other, for all sizes from 1 on, as far as this is easily seen.

        Each term of the other takes its share of terms of this one that it divides.
        """
        left = {monomial: SLACK * coefficient for monomial, coefficient in self.terms.items()}
        for monomial in sorted(other.terms, key=len, reverse=True):
            needed = other.terms[monomial]
            for multiple in left:
                if _divides(monomial, multiple):
                    taken = min(needed, left[multiple])
                    left[multiple] -= taken
                    needed -= taken
            if needed > 0.0:
                return False
        return True


def total(parts: Iterable[Polynomial]) -> Polynomial:
    """The sum."""
    terms: dict[Monomial, float] = {}
    for part in parts:
        for monomial, coefficient in part.terms.items():
            terms[monomial] = terms.get(monomial, 0.0) + coefficient
    return Polynomial(terms)


def constant(value: float) -> Polynomial:
    return Polynomial({(): value} if value else {})


def _divides(monomial: Monomial, other: Monomial) -> bool:
    return all(monomial.count(factor) <= other.count(factor) for factor in monomial)
