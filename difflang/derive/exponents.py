"""Taylor mode of high order for powers: the texts of their derivatives lead to powers with other exponents without end.

A whole exponent that is not negative means products, which are right at 0 and near it. Any other has the recurrence
of a y' = c y a', which divides by a. Where the exponent moves as well, the power is exp(c log a).
"""

from __future__ import annotations

from dataclasses import dataclass

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Eqn, Literal
from difflang.core.ops import integer
from difflang.derive.counted import MOST_FACTORS, Counted, counted_series
from difflang.derive.power import Power
from difflang.derive.truncated import Truncated


def power_series(b: Builder, eqn: Eqn, base: Atom, exponent: Atom | None, order: int) -> Atom:
    """The coefficients of `pow` and `powi` along a curve on which the base moves, and the exponent if it is given."""
    value, first = eqn.args
    power = _Power(Truncated(b, value.type.dtype, order), value, base, first, eqn.outs[0])
    if exponent is None:
        return power.of_constant_exponent()
    at_zero = b.prim("eq", value, power.series.real(0))
    return b.cond(at_zero, lambda: [power.of_constant_exponent()], lambda: [power.by_exponential(exponent)])[0]


@dataclass(frozen=True, slots=True)
class _Power:
    """A power of a series, `value` followed by `base`; `result` is the power of the value."""

    series: Truncated
    value: Atom
    base: Atom
    exponent: Atom
    result: Atom

    def of_constant_exponent(self) -> Atom:
        if isinstance(self.exponent, Literal):
            return self.by_recurrence()
        products = self.by_real_products if self.exponent.type.is_float else lambda: self.by_products(self.exponent)[1]
        return self.series.b.cond(self._is_product(), lambda: [products()], lambda: [self.by_recurrence()])[0]

    def by_exponential(self, exponent: Atom) -> Atom:
        """exp(c log a), from which the value is not computed anew."""

        def formula(algebra: Counted) -> Power:
            logarithm = algebra.apply("log", [algebra.given(self.value, self.base)])
            product = algebra.apply("mul", [algebra.given(self.exponent, exponent), logarithm])
            return algebra.apply("exp", [product], self.result)

        return counted_series(self.series.b, self.series.dtype, self.series.order, formula)

    # --- products ---

    def _is_product(self) -> Atom:
        """Whether the exponent is whole, not negative, and not too large."""
        b, n, series = self.series.b, self._real_exponent, self.series
        most = series.real(max(MOST_FACTORS, series.order))
        inside = b.prim("and", b.prim("ge", n, series.real(0)), b.prim("le", n, most))
        return b.prim("and", inside, b.prim("eq", b.prim("floor", n), n)) if self.exponent.type.is_float else inside

    @property
    def _real_exponent(self) -> Atom:
        if self.exponent.type.is_float:
            return self.exponent
        return self.series.b.prim("convert", self.exponent, dtype=self.series.dtype)

    def by_products(self, exponent: Atom) -> tuple[Atom, Atom]:
        """By squares: 6 is 110 in binary, so x^6 is x^2 x^4. The value, and its coefficients."""
        b, one = self.series.b, integer(1)

        def product(total: Atom, totals: Atom, square: Atom, squares: Atom) -> list[Atom]:
            return self.series.product((total, totals), (square, squares))

        def step(left: Atom, total: Atom, totals: Atom, square: Atom, squares: Atom) -> list[Atom]:
            odd = b.prim("eq", b.prim("mod", left, integer(2)), one)
            made = b.cond(odd, lambda: product(total, totals, square, squares), lambda: [total, totals])
            # No square is made in vain: it might overflow, and its derivative would be NaN.
            more = b.prim("gt", left, one)
            following = b.cond(more, lambda: product(square, squares, square, squares), lambda: [square, squares])
            return [b.prim("floordiv", left, integer(2)), *made, *following]

        start = [exponent, self.series.real(1), self.series.zeros, self.value, self.base]
        _, total, totals, *_ = b.while_(start, lambda left, *_: b.prim("gt", left, integer(0)), step)
        return total, totals

    def by_real_products(self) -> Atom:
        """a^c = a^n a^d for a real c of which n is the whole part and d, here 0, keeps the derivatives by c."""
        b = self.series.b
        whole = b.prim("floor", self.exponent)
        total, totals = self.by_products(b.prim("convert", whole, dtype="i64"))
        rest = b.prim("sub", self.exponent, whole)
        factor = b.prim("pow", self.value, rest)

        def formula(algebra: Counted) -> Power:
            logarithm = algebra.apply("log", [algebra.given(self.value, self.base)])
            exponential = algebra.apply("exp", [algebra.apply("mul", [algebra.given(rest, None), logarithm])], factor)
            return algebra.apply("mul", [algebra.given(total, totals), exponential])

        return b.cond(
            b.prim("gt", self.value, self.series.real(0)),
            lambda: [counted_series(b, self.series.dtype, self.series.order, formula)],
            lambda: [b.map(lambda x: b.prim("mul", x, factor), totals)],
        )[0]

    # --- quotients ---

    def by_recurrence(self) -> Atom:
        """j a_0 y_j = sum_{i=1..j} (i (c + 1) - j) a_i y_{j-i};  at 0 as along a line."""
        b = self.series.b
        at_zero = b.prim("eq", self.value, self.series.real(0))
        return b.cond(at_zero, lambda: [self._at_zero()], lambda: [self._recurrence()])[0]

    def _recurrence(self) -> Atom:
        b, series, c = self.series.b, self.series, self._real_exponent
        above = b.prim("add", c, series.real(1))

        def step(place: Atom, known: Atom) -> list[Atom]:
            order = series.number(place)

            def factor(i: Atom) -> Atom:
                return b.prim("sub", b.prim("mul", series.number(i), above), order)

            own = b.prim("mul", b.prim("mul", c, order), b.get(self.base, place, inbounds=True))
            total = b.prim("mul", own, self.result)
            total = b.prim("add", total, series.convolved(self.base, known, place, place, factor))
            return [b.set(known, place, b.prim("div", total, b.prim("mul", order, self.value)), inbounds=True)]

        return b.fold(integer(series.order), [series.zeros], step)[0]

    def _at_zero(self) -> Atom:
        """binomial(c, j) a^(c-j) a_1^j, which is 0 for j < c and infinite for j > c."""
        b, series, c = self.series.b, self.series, self._real_exponent
        slope = b.get(self.base, integer(0), inbounds=True)

        def step(place: Atom, factor: Atom) -> list[Atom]:
            order = series.number(place)
            left = b.prim("sub", c, b.prim("convert", place, dtype=series.dtype))
            factor = b.prim("mul", b.prim("mul", factor, b.prim("div", left, order)), slope)
            power = b.prim("pow", self.value, b.prim("sub", c, order))
            return [factor, b.prim("mul", factor, power)]

        return b.fold(integer(series.order), [series.real(1)], step)[1]
