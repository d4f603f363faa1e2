"""The tangent rules of linear algebra; reverse mode transposes them (`difflang.derive.transpose`).

Sources: M. Giles, Collected matrix derivative results for forward and reverse mode (2008); S. Walter and L. Lehmann,
Algorithmic differentiation of linear algebra functions (2010); M. Seeger et al., Auto-differentiating linear
algebra (2017); D. Roberts and L. Roberts, QR and LQ decomposition matrix backpropagation (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Attribute, Eqn
from difflang.derive import matrices as m
from difflang.derive.factors import solved_again

Tangent = Atom | None
Tangents = Sequence[Tangent]
Rule = Callable[[Builder, Eqn, Tangents], list[Tangent]]
"""From the equation, as it stands in the emitted program, and the tangents of its arguments."""


def _solve(b: Builder, eqn: Eqn, tangents: Tangents) -> list[Tangent]:
    """dx = op(A)^-1 (db - op(dA) x), where of a triangular matrix only the triangle that is read counts."""
    matrix, right = tangents[:2]
    moved = None if matrix is None else m.contract(b, product_spec(eqn), read_part(b, eqn, matrix), eqn.outs[0])
    return [solved_again(b, eqn, _difference(b, right, moved))]


def read_part(b: Builder, eqn: Eqn, matrix: Atom) -> Atom:
    """Zeros in place of what a `triangular_solve` does not read; all of the matrix of a `solve`."""
    return m.where(b, triangle_test(eqn), matrix) if eqn.op == "triangular_solve" else matrix


def product_spec(eqn: Eqn) -> str:
    """op(A) times the solution of a `solve` or `triangular_solve`."""
    return ("ji" if eqn.attrs.get("transpose") else "ij") + (",jk->ik" if eqn.args[1].type.rank == 2 else ",j->i")


def triangle_test(eqn: Eqn) -> str:
    """The comparison of row with column that holds in the triangle that a `triangular_solve` reads."""
    if eqn.attrs.get("lower", True):
        return "gt" if eqn.attrs.get("unit") else "ge"
    return "lt" if eqn.attrs.get("unit") else "le"


def _difference(b: Builder, left: Tangent, right: Tangent) -> Atom:
    if right is None:
        assert left is not None
        return left
    return m.negate(b, right) if left is None else m.subtract(b, left, right)


def _cholesky(b: Builder, eqn: Eqn, tangents: Tangents) -> list[Tangent]:
    """dL = L Phi(L^-1 dA L^-T), Phi the lower triangle with half the diagonal; dA symmetric from its lower triangle."""
    (factor,), (change,) = eqn.outs, tangents
    assert change is not None
    half = m.solve_triangular(b, factor, m.symmetric(b, change), lower=True)
    inner = m.solve_triangular(b, factor, m.transpose(b, half), lower=True)
    lower = _half_diagonal(b, m.where(b, "ge", inner))
    return [m.product(b, factor, lower)]


def _half_diagonal(b: Builder, a: Atom) -> Atom:
    one, half = literal(1, a.type.dtype), literal(0.5, a.type.dtype)
    return m.elementwise(b, a, lambda x, i, j: b.prim("mul", x, b.prim("select", b.prim("eq", i, j), half, one)))


def _lu(b: Builder, eqn: Eqn, tangents: Tangents) -> list[Tangent]:
    """M = L^-1 dA[p] U^-1; dL = L stril(M), dU = triu(M) U. L and U are completed to squares by a unit diagonal,
    so that the formula holds for any shape."""
    (packed, order), (change,) = eqn.outs, tangents
    assert change is not None
    rows, columns = packed.type.shape
    lower, upper = _completed(b, packed, rows, "gt"), _completed(b, packed, columns, "le")
    permuted = b.build(
        packed.type.shape, lambda i, j: [b.get(change, b.get(order, i, inbounds=True), j, inbounds=True)]
    )[0]
    left = m.solve_triangular(b, lower, permuted, lower=True, unit=True)
    middle = m.divided_by_upper(b, left, upper)
    below = m.product(b, lower, m.where(b, "gt", middle))
    return [m.add(b, below, m.product(b, m.where(b, "le", middle), upper)), None]


def _completed(b: Builder, packed: Atom, size: Atom, comparison: str) -> Atom:
    """A square triangular factor out of a packed LU: `gt` gives L with its unit diagonal, `le` gives U.

    Outside the packed matrix it is the identity.
    """
    rows, columns = packed.type.shape
    one, zero = literal(1, packed.type.dtype), literal(0, packed.type.dtype)

    def entry(i: Atom, j: Atom) -> list[Atom]:
        inside = b.prim("and", b.prim("lt", i, rows), b.prim("lt", j, columns))
        stored = b.prim("and", inside, b.prim(comparison, i, j))
        unit = b.prim("select", b.prim("eq", i, j), one, zero)
        return list(b.cond(stored, lambda: [b.get(packed, i, j, inbounds=True)], lambda: [unit]))

    return b.build([size, size], entry)[0]


def _qr(b: Builder, eqn: Eqn, tangents: Tangents) -> list[Tangent]:
    """With A1, R1 the leading k = min(m, n) columns: M = Q^T dA1 R1^-1, W = stril(M) - stril(M)^T,
    dQ = dA1 R1^-1 + Q (W - M), dR = Q^T dA - W R."""
    (q, r), change, k = eqn.outs, tangents[0], eqn.args[1]
    assert change is not None
    rows = q.type.shape[0]
    quotient = m.divided_by_upper(b, m.block(b, change, rows, k), m.block(b, r, k, k))
    middle = m.contract(b, "ji,jk->ik", q, quotient)
    below = m.where(b, "gt", middle)
    turn = m.subtract(b, below, m.transpose(b, below))
    dq = m.add(b, quotient, m.product(b, q, m.subtract(b, turn, middle)))
    dr = m.subtract(b, m.contract(b, "ji,jk->ik", q, change), m.product(b, turn, r))
    return [dq, dr]


def _eigh(b: Builder, eqn: Eqn, tangents: Tangents) -> list[Tangent]:
    """P = V^T dA V; dw = diag(P), dV = V (E * P), E_ij = 1 / (w_j - w_i), 0 on the diagonal.

    Where two eigenvalues are equal, V is not a function of A: what needs dV fails then with E0813.
    """
    (w, v), (change,) = eqn.outs, tangents
    assert change is not None
    inner = m.contract(b, "ji,jk->ik", v, m.product(b, m.symmetric(b, change), v))

    def turned(x: Atom, i: Atom, j: Atom) -> Atom:
        gap = b.prim("sub", b.get(w, j, inbounds=True), b.get(w, i, inbounds=True))
        return b.prim("mul", x, _off_diagonal(b, i, j, gap, EQUAL_EIGENVALUES))

    return [m.diagonal(b, inner), m.product(b, v, m.elementwise(b, inner, turned))]


EQUAL_EIGENVALUES = "two eigenvalues are equal, so the eigenvectors have no derivative"
EQUAL_SINGULAR_VALUES = "two singular values are equal, so the singular vectors have no derivative"
ZERO_SINGULAR_VALUE = "a singular value is zero, so its singular vectors have no derivative"


def _off_diagonal(b: Builder, i: Atom, j: Atom, gap: Atom, message: str) -> Atom:
    """1 / gap, 0 on the diagonal. Fails where another gap is zero."""
    zero, one = literal(0, gap.type.dtype), literal(1, gap.type.dtype)
    return b.cond(b.prim("eq", i, j), lambda: [zero], lambda: [b.prim("div", one, _nonzero(b, gap, gap, message))])[0]


def _nonzero(b: Builder, tested: Atom, value: Atom, message: str) -> Atom:
    """The value. Fails with E0813 where `tested` is zero."""
    attrs: dict[str, Attribute] = {"code": "E0813", "message": message}
    return b.emit("require", [b.prim("ne", tested, literal(0, tested.type.dtype)), value], attrs)[0]


def _svd(b: Builder, eqn: Eqn, tangents: Tangents) -> list[Tangent]:
    """P = U^T dA V; ds = diag(P); with F_ij = 1 / (s_j^2 - s_i^2), 0 on the diagonal:
    dU = U (F * (P S + S P^T)) + (I - U U^T) dA V S^-1, dV = V (F * (S P + P^T S)) + (I - V V^T) dA^T U S^-1.

    What needs dU or dV fails with E0813 where two singular values are equal, or one is zero that has directions outside
    of the span of the vectors.
    """
    (u, s, vt), change = eqn.outs, tangents[0]
    assert change is not None
    left = m.contract(b, "ij,kj->ik", change, vt)
    right = m.contract(b, "ji,jk->ik", change, u)
    p = m.contract(b, "ji,jk->ik", u, left)
    du = m.add(b, m.product(b, u, _turn(b, p, s, False)), _outside(b, left, u, p, s))
    v = m.transpose(b, vt)
    dv = m.add(b, m.product(b, v, _turn(b, p, s, True)), _outside(b, right, v, m.transpose(b, p), s))
    return [du, m.diagonal(b, p), m.transpose(b, dv)]


def _turn(b: Builder, p: Atom, s: Atom, of_right: bool) -> Atom:
    """F * (P S + S P^T), or F * (S P + P^T S) for the right vectors."""

    def entry(x: Atom, i: Atom, j: Atom) -> Atom:
        si, sj = b.get(s, i, inbounds=True), b.get(s, j, inbounds=True)
        other = b.get(p, j, i, inbounds=True)
        first, second = (si, sj) if of_right else (sj, si)
        total = b.prim("add", b.prim("mul", x, first), b.prim("mul", other, second))
        gap = b.prim("mul", b.prim("sub", sj, si), b.prim("add", sj, si))
        return b.prim("mul", total, _off_diagonal(b, i, j, gap, EQUAL_SINGULAR_VALUES))

    return m.elementwise(b, p, entry)


def _outside(b: Builder, moved: Atom, basis: Atom, inside: Atom, s: Atom) -> Atom:
    """(moved - basis inside) S^-1: the part of the change outside the span of the vectors; none of a square basis."""
    rows, columns = basis.type.shape
    square = b.prim("eq", rows, columns)
    rest = m.subtract(b, moved, m.product(b, basis, inside))

    def entry(x: Atom, i: Atom, j: Atom) -> Atom:
        sj, zero = b.get(s, j, inbounds=True), literal(0, x.type.dtype)
        return b.cond(square, lambda: [zero], lambda: [b.prim("div", x, _nonzero(b, sj, sj, ZERO_SINGULAR_VALUE))])[0]

    return m.elementwise(b, rest, entry)


LINEAR_ALGEBRA: dict[str, Rule] = {
    "solve": _solve,
    "triangular_solve": _solve,
    "cholesky": _cholesky,
    "lu": _lu,
    "qr": _qr,
    "eigh": _eigh,
    "svd": _svd,
}
