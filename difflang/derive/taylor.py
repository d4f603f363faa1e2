"""Taylor mode: the coefficients of a program's results along a curve of its arguments, in O(order^2) operations.

No recurrence is written by hand. With y = f(a, b, ..) and p_k the partial derivative in the k-th argument, y' is the
sum of p_k a_k', so that  j y_j = sum_k sum_{i=1..j} i (a_k)_i (p_k)_{j-i}.  The series of p_k is that of the partial's
text, an expression of the arguments and of y itself, of which lower coefficients are known by then. (The exceptions are
powers and gamma functions of high order, whose texts lead to others without end: `exponents`, `gammas`.)
Reference: A. Griewank and A. Walther, Evaluating Derivatives (2008), chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn
from difflang.derive import matrices as m
from difflang.derive import values
from difflang.derive.factors import solved_again
from difflang.derive.forward import TANGENTS, Series, Tangent, pushed
from difflang.derive.linalg import LINEAR_ALGEBRA, product_spec, read_part
from difflang.derive.power import primitive_series
from difflang.derive.rates import rate_block
from difflang.derive.refuse import no_derivative
from difflang.derive.rolled import rolled_jet, rolled_series
from difflang.derive.stated import is_formula, stated_series
from difflang.prims import PRIMITIVES

WRITTEN_OUT = 12
"""The order up to which every coefficient is a value of its own; beyond it they stand in arrays, and the program does
not grow with the order."""


FACTORS_WRITTEN_OUT = 3
"""The same for factorisations and rules of arrays, whose tangents are long and are differentiated anew for every
order."""


def jet(
    builder: Builder, block: Block, args: Sequence[Atom], coefficients: Sequence[Series], order: int
) -> tuple[list[Atom], list[Series]]:
    """Emits the block's code at the builder's position, with the Taylor coefficients of its results.

    `coefficients` gives for each argument its coefficients of orders 1 to `order` (divided by j!), None being zero;
    so do the series that are returned beside the results. Raises E0501 like `jvp`.
    """
    if order > WRITTEN_OUT:
        return rolled_jet(builder, block, args, coefficients, order, _written_out)
    return pushed(builder, block, args, coefficients, order, _series_rule)


def _series_rule(b: Builder, eqn: Eqn, series: list[Series]) -> Sequence[Series]:
    has_long_rate = eqn.op in LINEAR_ALGEBRA or (eqn.op == "rule" and not is_formula(eqn))
    if has_long_rate and len(series[0]) > FACTORS_WRITTEN_OUT:
        return rolled_series(b, eqn, series, _written_out)
    return _written_out(b, eqn, series)


def _written_out(b: Builder, eqn: Eqn, series: list[Series]) -> Sequence[Series]:
    if eqn.op in PRIMITIVES:
        return [primitive_series(b, eqn, series)]
    if eqn.op in SERIES:
        return SERIES[eqn.op](b, eqn, series)
    if eqn.op == "rule" and is_formula(eqn):
        return stated_series(b, eqn, series)
    if eqn.op not in TANGENTS:
        raise no_derivative(eqn)
    return _integrated(b, eqn, series)


def _linear(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    """Operations that are linear in all their float arguments together: each order by itself."""
    orders = zip(*series, strict=True)
    return [tuple(TANGENTS[eqn.op](b, eqn, tangents)[0] for tangents in orders)]


def _contract(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    """The coefficients of a product are convolutions."""
    left, right = ((arg, *s) for arg, s in zip(eqn.args, series, strict=True))

    def coefficient(order: int) -> Tangent:
        total: Tangent = None
        for x, y in zip(left[: order + 1], reversed(right[: order + 1]), strict=True):
            if x is not None and y is not None:
                total = values.added(b, total, b.emit("contract", [x, y], dict(eqn.attrs))[0])
        return total

    return [tuple(coefficient(j) for j in range(1, len(left)))]


def _solve(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    """A_0 x_j = b_j - sum_{i=1..j} A_i x_{j-i}, for `solve` and `triangular_solve`."""
    matrix = [None if a is None else read_part(b, eqn, a) for a in series[0]]
    spec = product_spec(eqn)
    found: list[Tangent] = [eqn.outs[0]]
    for right in series[1]:
        for factor, solution in zip(matrix, reversed(found), strict=False):
            if factor is not None and solution is not None:
                moved = m.contract(b, spec, factor, solution)
                right = m.negate(b, moved) if right is None else m.subtract(b, right, moved)
        found.append(None if right is None else solved_again(b, eqn, right))
    return [tuple(found[1:])]


def _integrated(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    """From a tangent rule dy = G(a, y, da): j y_j is the coefficient j - 1 of G along the known part of the curve."""
    moving = [k for k, s in enumerate(series) if any(c is not None for c in s)]
    floats = [k for k, out in enumerate(eqn.outs) if out.type.is_float]
    args, outs = [eqn.args[k] for k in moving], [eqn.outs[k] for k in floats]
    slope = rate_block(b, eqn, moving, floats)
    curves: list[Series] = [series[k] for k in moving]
    rates = [tuple(_times(b, c, j + 1) for j, c in enumerate(curve)) for curve in curves]
    firsts = [values.instantiated(b, r[0], a.type) for r, a in zip(rates, args, strict=True)]
    found: list[Series] = [() for _ in floats]
    for order in range(len(series[0])):
        known = [*(c[:order] for c in curves), *found, *(r[1 : order + 1] for r in rates)]
        results, slopes = jet(b, slope, [*args, *outs, *firsts], known, order)
        last = [s[-1] if order else r for r, s in zip(results, slopes, strict=True)]
        found = [(*f, _divided(b, c, order + 1)) for f, c in zip(found, last, strict=True)]
    zero: Series = (None,) * len(series[0])
    return [found[floats.index(k)] if k in floats else zero for k in range(len(eqn.outs))]


def _times(b: Builder, value: Tangent, factor: int) -> Tangent:
    if value is None or factor == 1:
        return value
    return b.map(lambda x: b.prim("mul", x, literal(factor, x.type.dtype)), value)


def _divided(b: Builder, value: Tangent, divisor: int) -> Tangent:
    if value is None or divisor == 1:
        return value
    return b.map(lambda x: b.prim("div", x, literal(divisor, x.type.dtype)), value)


SeriesRule = Callable[[Builder, Eqn, list[Series]], list[Series]]

SERIES: dict[str, SeriesRule] = {
    **dict.fromkeys(("get", "set", "reshape", "table", "require"), _linear),
    "contract": _contract,
    "solve": _solve,
    "triangular_solve": _solve,
}
"""By operation; `implicit` adds its own. Others are integrated from their tangent rule."""
