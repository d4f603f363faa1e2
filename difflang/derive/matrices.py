"""Emitters for the matrix algebra in which the rules of linear algebra are written."""

from __future__ import annotations

from collections.abc import Callable

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Attribute
from difflang.core.ops import integer


def contract(b: Builder, spec: str, left: Atom, right: Atom) -> Atom:
    return b.emit("contract", [left, right], {"spec": spec})[0]


def product(b: Builder, left: Atom, right: Atom) -> Atom:
    """left @ right, right a matrix or a vector."""
    return contract(b, "ij,jk->ik" if right.type.rank == 2 else "ij,j->i", left, right)


def transpose(b: Builder, a: Atom) -> Atom:
    m, n = a.type.shape
    return b.build([n, m], lambda i, j: [b.get(a, j, i, inbounds=True)])[0]


def subtract(b: Builder, left: Atom, right: Atom) -> Atom:
    return b.map(lambda x, y: b.prim("sub", x, y), left, right)


def add(b: Builder, left: Atom, right: Atom) -> Atom:
    return b.map(lambda x, y: b.prim("add", x, y), left, right)


def negate(b: Builder, a: Atom) -> Atom:
    return b.map(lambda x: b.prim("neg", x), a)


def where(b: Builder, comparison: str, a: Atom) -> Atom:
    """The elements a[i, j] for which `i comparison j` holds, zeros elsewhere: `gt` is the strict lower triangle."""
    zero = literal(0, a.type.dtype)

    def kept(i: Atom, j: Atom) -> list[Atom]:
        return [b.prim("select", b.prim(comparison, i, j), b.get(a, i, j, inbounds=True), zero)]

    return b.build(a.type.shape, kept)[0]


def symmetric(b: Builder, a: Atom) -> Atom:
    """The symmetric matrix with the lower triangle of `a`."""

    def read(i: Atom, j: Atom) -> list[Atom]:
        return [b.get(a, b.prim("max", i, j), b.prim("min", i, j), inbounds=True)]

    return b.build(a.type.shape, read)[0]


def block(b: Builder, a: Atom, rows: Atom, columns: Atom) -> Atom:
    """The leading rows and columns of a matrix."""
    return b.build([rows, columns], lambda i, j: [b.get(a, i, j, inbounds=True)])[0]


def diagonal(b: Builder, a: Atom) -> Atom:
    return b.build(a.type.shape[:1], lambda i: [b.get(a, i, i, inbounds=True)])[0]


def rows_taken(b: Builder, a: Atom, order: Atom) -> Atom:
    """The rows a[order] of a matrix, or the elements of a vector."""

    def read(i: Atom, *column: Atom) -> list[Atom]:
        return [b.get(a, b.get(order, i, inbounds=True), *column, inbounds=True)]

    return b.build(a.type.shape, read)[0]


def inverse_permutation(b: Builder, order: Atom) -> Atom:
    """The permutation p with p[order[i]] = i."""
    (n,) = order.type.shape

    def step(i: Atom, inverse: Atom) -> list[Atom]:
        return [b.set(inverse, b.get(order, i, inbounds=True), i, inbounds=True)]

    return b.fold(n, [b.full(integer(0), [n])], step)[0]


def elementwise(b: Builder, a: Atom, body: Callable[[Atom, Atom, Atom], Atom]) -> Atom:
    """The matrix of body(a[i, j], i, j)."""
    return b.build(a.type.shape, lambda i, j: [body(b.get(a, i, j, inbounds=True), i, j)])[0]


def solve_triangular(
    b: Builder, a: Atom, right: Atom, *, lower: bool, transposed: bool = False, unit: bool = False
) -> Atom:
    attrs: dict[str, Attribute] = {"lower": lower, "transpose": transposed, "unit": unit}
    return b.emit("triangular_solve", [a, right], attrs)[0]


def divided_by_upper(b: Builder, a: Atom, upper: Atom) -> Atom:
    """a U^-1, from the solution of U^T x = a^T."""
    return transpose(b, solve_triangular(b, upper, transpose(b, a), lower=False, transposed=True))
