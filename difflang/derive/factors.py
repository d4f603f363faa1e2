"""Linear systems whose matrix is factorised once, for all solutions that derivatives ask for.

`solve a b packed order` is `solve a b` with the LU factors of `a` at hand: of `a` itself only the derivative makes use,
and the factors are constants. The tangent, the cotangent and the Taylor coefficients of a solution are solutions with
the same matrix, or its transpose, and take the same factors; so do their own derivatives.
"""

from __future__ import annotations

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Attribute, Eqn
from difflang.derive import matrices as m
from difflang.derive import values


def is_factored(eqn: Eqn) -> bool:
    """Whether a `solve` has the factors of its matrix."""
    return len(eqn.args) > 2


def factored_solve(b: Builder, eqn: Eqn) -> None:
    """Emits a `solve` by the factors of its matrix, which it makes."""
    a, right = eqn.args
    factors = b.emit("lu", [values.constant(b, a)])
    b.append(Eqn(eqn.outs, "solve", (a, right, *factors), eqn.attrs, (), eqn.span))


def solved_again(b: Builder, eqn: Eqn, right: Atom, *, transposed: bool = False) -> Atom:
    """The solution of the system of a `solve` or `triangular_solve`, or of its transpose, for another right side."""
    attrs: dict[str, Attribute] = dict(eqn.attrs)
    if transposed:
        attrs["transpose"] = not attrs.get("transpose")
    return b.emit(eqn.op, [eqn.args[0], right, *eqn.args[2:]], attrs)[0]


def solved_by_factors(b: Builder, packed: Atom, order: Atom, right: Atom, *, transposed: bool) -> Atom:
    """x with a x = right, or a^T x = right, from a[order] = L U; `right` is a vector or the columns of a matrix."""
    if transposed:
        upper = m.solve_triangular(b, packed, right, lower=False, transposed=True)
        whole = m.solve_triangular(b, packed, upper, lower=True, transposed=True, unit=True)
        return m.rows_taken(b, whole, m.inverse_permutation(b, order))
    permuted = m.rows_taken(b, right, order)
    lower = m.solve_triangular(b, packed, permuted, lower=True, unit=True)
    return m.solve_triangular(b, packed, lower, lower=False)
