"""`jet` and `derivative`: Taylor coefficients of a function along a line or a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import exp, factorial, lgamma

from difflang.check.context import Context
from difflang.check.derivatives import LinearDerivative
from difflang.check.differentiated import Linear, Wrt, filled, fitted
from difflang.check.leaves import atoms, materialize, rebuild, rewrap
from difflang.check.specimens import SpecimenMaker
from difflang.check.values import Arguments, FunctionValue, Scalar, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom
from difflang.diagnostics.model import Span

Named = list[tuple[str, Value]]

MAXIMUM_ORDER = 1000
"""The order k of a series whose k^2 operations are still written out."""

PLAIN_ORDER = 20
"""Up to here the factorial is a whole number of double precision, and well inside the range of single precision."""


class Jet(LinearDerivative):
    """`jet(f, order = k)(x, v)`: the coefficients of orders 0 to k of f(x + t v), divided by j!, as a tuple."""

    operator = "jet"

    def __init__(self, inner: FunctionValue, wrt: Wrt, order: int) -> None:
        super().__init__(inner, wrt)
        self.order = order

    def extra(self) -> list[str]:
        return self.directions("v", "v_")

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        flat = [a for d in directions for a in atoms(d)]
        rest: tuple[None, ...] = (None,) * (self.order - 1)
        return coefficients(context, linear, [(a, *rest)[: self.order] for a in flat], self.order)


class CurveJet(LinearDerivative):
    """`jet(f)((x0, x1, ..., xk))`: the coefficients of f along the curve with these coefficients."""

    operator = "jet"

    def call(self, context: Context, arguments: Arguments) -> Value:
        first = materialize(context, arguments.positional[0]) if arguments.positional else None
        if not isinstance(first, TupleValue) or len(first.elements) < 1:
            message = f"`jet({self.inner.name})` without an order takes the tuple of the coefficients of a curve first"
            f = self.inner.name
            hint = f"write jet({f})((x0, x1, x2)), or give the order: jet({f}, order = 2)(x, v)"
            raise context.error("E0507", message, arguments.span, hint=hint)
        self.curve = first.elements
        return super().call(context, replace(arguments, positional=(self.curve[0], *arguments.positional[1:])))

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        place = linear.values[0]
        moved = [atoms(fitted(context, c, place, span, "a coefficient of the curve")) for c in self.curve[1:]]
        series = [tuple(column) for column in zip(*moved, strict=True)] if moved else [() for _ in atoms(place)]
        return coefficients(context, linear, series, len(moved))

    def specimens(self, context: Context, maker: SpecimenMaker) -> Named:
        message = f"`jet({self.inner.name})` takes as many coefficients as it is given: it has no signature of its own"
        hint = "give the order, jet(f, order = 2)(x, v), or call it in a function of the program: jet(f)((x0, x1))"
        raise context.error("E0507", message, self.wrt.span, hint=hint)


def coefficients(context: Context, linear: Linear, series: Sequence[tuple[Atom | None, ...]], order: int) -> Value:
    """The tuple of the coefficients of a function's result."""
    outs, found = linear.calculus.jet(context.builder, linear.differentiated, linear.args, series, order)
    value = rewrap(context, linear.result, outs)
    return TupleValue((value, *(filled(context, value, [s[j] for s in found]) for j in range(order))))


class ScalarDerivative(LinearDerivative):
    """The derivative of a function of one real: a Taylor coefficient times the factorial of the order."""

    operator = "derivative"

    def __init__(self, inner: FunctionValue, wrt: Wrt, order: int) -> None:
        super().__init__(inner, wrt)
        self.order = order

    def apply(self, context: Context, linear: Linear, directions: list[Value], span: Span) -> Value:
        point = linear.values[0]
        if len(linear.values) != 1 or not isinstance(point, Scalar):
            message = "`derivative` is for functions of one real number"
            raise context.error("E0503", message, span, hint="use grad or jacobian for arrays")
        speed = speed_for(self.order)
        rest: tuple[None, ...] = (None,) * (self.order - 1)
        series = (literal(speed, point.atom.type.dtype), *rest)[: self.order]
        found = coefficients(context, linear, [series], self.order)
        assert isinstance(found, TupleValue)
        return scaled(context, found.elements[-1], factorial(self.order) / Fraction(speed) ** self.order)


def speed_for(order: int) -> float:
    """How fast t runs along the curve x(t) whose last coefficient is to be found: 1, or faster for high orders.

    The k-th coefficient at the speed c is c^k f^(k) / k!. From about k = 30 on k! is too large for single precision,
    and from 171 on for double precision; with c near the k-th root of k!, in sixteenths so that it is exact, neither
    the coefficient nor its factor leaves the range.
    """
    if order <= PLAIN_ORDER:
        return 1.0
    return round(16 * exp(lgamma(order + 1) / order)) / 16


def scaled(context: Context, value: Value, factor: Fraction) -> Value:
    """A value of a vector type times a number."""
    if factor == 1:
        return value
    b = context.builder
    number = float(factor)
    return rebuild(value, [b.map(lambda x: b.prim("mul", x, literal(number, x.type.dtype)), a) for a in atoms(value)])
