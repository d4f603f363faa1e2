"""Taylor mode of high order for the gamma functions.

They have no recurrence: Gamma satisfies no algebraic differential equation (O. Hölder, 1887), so that no finite number
of series is closed under differentiation. The coefficients of the outer function at the point are polygamma functions;
these are composed with the inner series.
"""

from __future__ import annotations

from collections.abc import Callable

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Eqn
from difflang.core.ops import integer
from difflang.derive.refuse import order_too_high
from difflang.derive.truncated import Truncated

MOST_FACTORIALS = 150
"""The order up to which the polygamma functions and the factorials are floats."""


def gamma_series(b: Builder, eqn: Eqn, inner: Atom, order: int) -> Atom:
    """The coefficients of lgamma, digamma and polygamma along a curve. Raises E0507 for too high an order."""
    if order > MOST_FACTORIALS:
        raise order_too_high(eqn, MOST_FACTORIALS)
    dtype = inner.type.dtype
    series, point = Truncated(b, "f64", order), b.prim("convert", eqn.args[-1], dtype="f64")
    outer = _outer_coefficients(series, GAMMA_FUNCTIONS[eqn.op](eqn), point)
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


GAMMA_FUNCTIONS: dict[str, Callable[[Eqn], Atom]] = {
    "lgamma": lambda eqn: integer(-1),
    "digamma": lambda eqn: integer(0),
    "polygamma": lambda eqn: eqn.args[0],
}
"""Which derivative of digamma each of them is."""
