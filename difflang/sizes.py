"""Symbolic sizes: polynomials with rational coefficients over named atoms.

Two sizes are equal for the checker when their polynomials are. `n*(n+1)/2` is n²/2 + n/2. What is no
polynomial (`n // 2`, `n % 3`, a size read from a variable) is an atom of its own, named by its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm

Monomial = tuple[str, ...]
Coefficient = int | Fraction
"""A whole one is an int (so that almost all arithmetic is on ints); all others are Fractions."""


@dataclass(frozen=True, slots=True)
class Size:
    """Terms map sorted tuples of atom names (with repetition) to non-zero coefficients, sorted by monomial."""

    terms: tuple[tuple[Monomial, Coefficient], ...]

    @staticmethod
    def of(terms: Mapping[Monomial, Coefficient]) -> Size:
        kept = [(m, _whole(c)) for m, c in terms.items() if c]
        return Size(tuple(sorted(kept) if len(kept) > 1 else kept))

    @staticmethod
    @lru_cache(4096)
    def literal(value: Coefficient) -> Size:
        return Size.of({(): value})

    @staticmethod
    def name(name: str) -> Size:
        return Size((((name,), 1),))

    def __add__(self, other: Size) -> Size:
        if not other.terms:
            return self
        if not self.terms:
            return other
        terms = dict(self.terms)
        for monomial, coefficient in other.terms:
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return Size.of(terms)

    def __neg__(self) -> Size:
        return Size(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __mul__(self, other: Size) -> Size:
        terms: dict[Monomial, Coefficient] = {}
        for m1, c1 in self.terms:
            for m2, c2 in other.terms:
                monomial = tuple(sorted(m1 + m2))
                terms[monomial] = terms.get(monomial, 0) + c1 * c2
        return Size.of(terms)

    @staticmethod
    def product(sizes: Iterable[Size]) -> Size:
        """The number of elements of an array with these dimensions."""
        total = Size.literal(1)
        for size in sizes:
            total = total * size
        return total

    def divided(self, divisor: Coefficient) -> Size:
        """Exact division by a number; `evaluate` fails where the result is no integer."""
        return Size(tuple((m, _whole(Fraction(c) / divisor)) for m, c in self.terms))

    @property
    def constant(self) -> int | None:
        """The value, if the size mentions no atom and is an integer."""
        if not self.terms:
            return 0
        monomial, coefficient = self.terms[0]
        return coefficient if len(self.terms) == 1 and not monomial and isinstance(coefficient, int) else None

    @property
    def denominator(self) -> int:
        """The least number by which the size must be multiplied to have whole coefficients."""
        return lcm(*(coefficient.denominator for _, coefficient in self.terms))

    @property
    def atoms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for monomial, _ in self.terms for name in monomial))

    def substitute(self, values: Mapping[str, Size]) -> Size:
        """Replaces atoms; atoms that `values` does not name stay."""
        total = Size.literal(0)
        for monomial, coefficient in self.terms:
            product = Size.literal(coefficient)
            for name in monomial:
                product = product * values.get(name, Size.name(name))
            total = total + product
        return total

    def evaluate(self, value_of: Callable[[str], int]) -> int:
        """The integer value. Raises ValueError when a division is not exact."""
        total: Coefficient = 0
        for monomial, coefficient in self.terms:
            product = coefficient
            for name in monomial:
                product *= value_of(name)
            total += product
        if total.denominator != 1:
            raise ValueError(f"{self} is not a whole number here")
        return int(total)

    def solve_for(self, name: str) -> tuple[Coefficient, Size] | None:
        """(c, rest) with self = c*name + rest, if `name` occurs linearly and alone; else None."""
        coefficient: Coefficient = 0
        rest: dict[Monomial, Coefficient] = {}
        for monomial, c in self.terms:
            if monomial == (name,):
                coefficient = c
            elif name in monomial:
                return None
            else:
                rest[monomial] = c
        return (coefficient, Size.of(rest)) if coefficient else None

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        ordered = sorted(self.terms, key=lambda term: (-len(term[0]), term[0]))
        text = " + ".join(_term_text(m, c) for m, c in ordered)
        return text.replace("+ -", "- ")


def _whole(coefficient: Coefficient) -> Coefficient:
    return coefficient if isinstance(coefficient, int) or coefficient.denominator != 1 else coefficient.numerator


def _term_text(monomial: Monomial, coefficient: Coefficient) -> str:
    if not monomial:
        return str(coefficient)
    product = "*".join(monomial)
    if coefficient == 1:
        return product
    if coefficient == -1:
        return f"-{product}"
    if coefficient.numerator == 1:
        return f"{product}/{coefficient.denominator}"
    return (
        f"{coefficient}*{product}"
        if coefficient.denominator == 1
        else f"{coefficient.numerator}*{product}/{coefficient.denominator}"
    )
