"""Products of one matrix with several vectors as one loop, which reads the matrix once.

    p = contract["ij,j->i"] a v          p, q = build n { i: s, t = reduce[sum] m { j: a i j * v j, a i j * w j }
    q = contract["ij,j->i"] a w    ->                       yield s, t }

By columns (`contract["ji,j->i"]`) it is a sum over the rows of the matrix. The coefficients of a Taylor series and the
directions of a derivative come in this way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Type, Var


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """A contraction of a matrix and a vector; `by_rows`: the vector meets the rows of the matrix."""

    matrix: Atom
    vector: Atom
    by_rows: bool


def matrix_product(eqn: Eqn) -> MatrixProduct | None:
    """What a contraction is, if it is one of a matrix and a vector."""
    inputs, output = str(eqn.attrs["spec"]).split("->")
    operands = sorted(zip(map(len, inputs.split(",")), inputs.split(","), eqn.args, strict=True), key=lambda o: -o[0])
    (rank, letters, matrix), (other, summed, vector) = operands
    if (rank, other, len(output)) != (2, 1, 1) or letters not in (output + summed, summed + output):
        return None
    return MatrixProduct(matrix, vector, letters == output + summed)


def stacked(members: Sequence[Eqn]) -> Eqn:
    """Products of the same matrix, all by rows or all by columns, as one loop."""
    products = [product for member in members if (product := matrix_product(member)) is not None]
    matrix, vectors, like = products[0].matrix, [product.vector for product in products], members[0]
    outs = tuple(out for member in members for out in member.outs)
    element = Type(matrix.type.dtype)
    row, column = Var(Type("i64"), "i"), Var(Type("i64"), "j")
    entry = Var(element)
    weights, terms, totals = ([Var(element) for _ in vectors] for _ in range(3))
    by_rows = products[0].by_rows
    reads = [_read(w, v, column if by_rows else row) for w, v in zip(weights, vectors, strict=True)]
    matrix_read = _read(entry, matrix, row, column)
    times = [Eqn((t,), "mul", (entry, w), {}, (), like.span) for t, w in zip(terms, weights, strict=True)]
    rows, columns = matrix.type.shape
    if by_rows:
        body = Block((column,), (matrix_read, *reads, *times), tuple(terms))
        inner = Eqn(tuple(totals), "reduce", (columns,), {"op": "sum"}, (body,), like.span)
        return Eqn(outs, "build", (rows,), {}, (Block((row,), (inner,), tuple(totals)),), like.span)
    lines = tuple(Var(Type(element.dtype, (columns,))) for _ in vectors)
    body = Block((column,), (matrix_read, *times), tuple(terms))
    inner = Eqn(lines, "build", (columns,), {}, (body,), like.span)
    return Eqn(outs, "reduce", (rows,), {"op": "sum"}, (Block((row,), (*reads, inner), lines),), like.span)


def _read(out: Var, array: Atom, *indices: Var) -> Eqn:
    return Eqn((out,), "get", (array, *indices), {"inbounds": True}, (), None)
