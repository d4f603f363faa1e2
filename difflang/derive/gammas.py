"""Taylor mode of high order for the gamma functions.

They have no recurrence: Gamma satisfies no algebraic differential equation (O. Hölder, 1887), so that no finite number
of series is closed under differentiation. But digamma has formulas that are as good as exact, with all their
derivatives, and lgamma follows from it. For polygamma the coefficients of the outer function at the point, which are
polygamma functions again, are composed with the inner series.
"""

from __future__ import annotations

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Eqn
from difflang.core.ops import integer
from difflang.derive.refuse import order_too_high
from difflang.derive.truncated import Truncated

DIGAMMA = {
    # digamma(x) = digamma(1 - x) - pi cot(pi x); the cotangent is constant where it is not wanted.
    "p": "where(a > 0, a, 1 - a)",
    "u": "3.141592653589793 * where(a > 0, 0.5, a - round(a))",
    # digamma(x) = digamma(x + 12) - 1/x - .. - 1/(x + 11), of which two and two have the denominators s + j (11 - j).
    "s": "p * (p + 11)",
    "f": "1 / s + 1 / (s + 10) + 1 / (s + 18) + 1 / (s + 24) + 1 / (s + 28) + 1 / (s + 30)",
    # Stirling's series; at 12 and beyond what it leaves out is less than 3e-18.
    "z": "p + 12",
    "w": "1 / z",
    "v": "w * w",
    "t": "1/12 - v * (1/120 - v * (1/252 - v * (1/240 - v * (1/132 - v * (691/32760 - v * (1/12))))))",
    "y": "log(z) - 0.5 * w - v * t - (p + p + 11) * f - 3.141592653589793 * (cos(u) / sin(u))",
}
"""digamma(a) in texts like those of partial derivatives, each with the names of those before it. A curve whose nearest
singularity is a pole of digamma stays as far from the branch point of the logarithm as Stirling's series needs."""

MOST_FACTORIALS = 150
"""The order up to which the polygamma functions and the factorials are floats."""


def polygamma_series(b: Builder, eqn: Eqn, inner: Atom, order: int) -> Atom:
    """The coefficients of polygamma along a curve. Raises E0507 for too high an order."""
    if order > MOST_FACTORIALS:
        raise order_too_high(eqn, MOST_FACTORIALS)
    dtype = inner.type.dtype
    series, point = Truncated(b, "f64", order), b.prim("convert", eqn.args[-1], dtype="f64")
    outer = _outer_coefficients(series, eqn.args[0], point)
    found = _composed(series, outer, b.map(lambda x: b.prim("convert", x, dtype="f64"), inner))
    return b.map(lambda x: b.prim("convert", x, dtype=dtype), found)


def _outer_coefficients(series: Truncated, before: Atom, point: Atom) -> Atom:
    """polygamma(before + j, x) / j!"""
    b = series.b

    def factorial(place: Atom, last: Atom) -> list[Atom]:
        found = b.prim("mul", last, series.number(place))
        return [found, found]

    factorials = b.fold(integer(series.order), [series.real(1)], factorial)[1]

    def coefficient(place: Atom) -> Atom:
        index = b.prim("add", b.prim("add", place, integer(1)), before)
        return b.prim("div", b.prim("polygamma", index, point), b.get(factorials, place, inbounds=True))

    return series.array(coefficient)


def _composed(series: Truncated, outer: Atom, inner: Atom) -> Atom:
    """The sum of c_i u^i by Horner's scheme.

    What c_i is added to is multiplied by u, which begins with order 1, i times more; so only its first k - i
    coefficients count, and all products together cost k^3 / 6.
    """
    b, order = series.b, integer(series.order)

    def step(i: Atom, known: Atom) -> list[Atom]:
        factor, needed = b.get(outer, i, inbounds=True), b.prim("sub", order, i)

        def coefficient(j: Atom) -> Atom:
            terms = b.prim("select", b.prim("lt", j, needed), j, integer(0))
            own = b.prim("mul", b.get(inner, j, inbounds=True), factor)
            return b.prim("add", own, series.convolved(inner, known, j, terms))

        return [series.array(coefficient)]

    return b.fold(order, [series.zeros], step, reverse=True)[0]
