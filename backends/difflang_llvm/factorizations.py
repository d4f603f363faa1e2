"""Matrix products and factorisations by BLAS and LAPACK.

These read matrices by columns, ours stand by rows: what is M to us is the transpose of M to them, which most calls
below take into account instead of moving elements. The factors of small matrices, and what they give for a vector,
are found without LAPACK (`elimination.ll`).
"""

from __future__ import annotations

from difflang_llvm.elimination import LARGEST
from difflang_llvm.routine import Routine


def gemm(r: Routine, flags: tuple[str, ...]) -> None:
    """C = op(A) op(B), as C^T = op(B)^T op(A)^T."""
    a, b, c = r.arrays
    (_, a_width), (_, b_width), (rows, columns) = r.dims
    inner = r.dims[0][0] if "transpose_a" in flags else r.dims[0][1]
    one, zero = r.number("1.0"), r.number("0.0")
    sizes = [r.integer(columns), r.integer(rows), r.integer(inner)]
    widths = [r.integer(r.larger(width, "1")) for width in (a_width, b_width, columns)]
    letters = [r.letter("T" if flag in flags else "N") for flag in ("transpose_b", "transpose_a")]
    r.fortran("blas", "gemm", *letters, *sizes, one, b, widths[1], a, widths[0], zero, c, widths[2])


def cholesky(r: Routine, flags: tuple[str, ...]) -> None:
    """Our lower triangle is LAPACK's upper one: U^T U = A with U = L^T."""
    (a, out), n = r.arrays, r.dims[0][0]
    zero = "0.0"
    with r.emitter.counted(n) as i, r.emitter.counted(n) as j:
        place = r.at(i, j, n)
        above = r.emit(f"icmp sgt i64 {j}, {i}")
        value = r.emit(f"select i1 {above}, {r.type} {zero}, {r.type} {r.load(a, place)}")
        r.store(value, out, place)
    _refuse_empty(r, n)
    info = r.lapack("potrf", r.letter("U"), r.integer(n), out, r.integer(n))
    _fail(r, info)


def _refuse_empty(r: Routine, *sizes: str) -> None:
    """Nothing is left to do for an empty matrix."""
    for size in sizes:
        r.leave_if(r.emit(f"icmp sle i64 {size}, 0"), "0")


def _fail(r: Routine, info: str) -> None:
    r.leave_if(r.emit(f"icmp ne i64 {info}, 0"), info)


def _factored(r: Routine, matrix: str, n: str) -> tuple[str, str]:
    """LU factors in place, of the matrix as LAPACK reads it; the row exchanges (32-bit, from 1) and `info`."""
    exchanges = r.allocate(n, "i32")
    size = r.integer(n)
    return exchanges, r.lapack("getrf", size, size, matrix, size, exchanges)


def _is_small(r: Routine, n: str) -> str:
    return r.emit(f"icmp sle i64 {n}, {LARGEST}")


def _eliminate(r: Routine, a: str, out: str, n: str, rows: str) -> None:
    """LU factors of a small matrix by rows, and the numbers of the rows in their order."""
    r.copy(out, a, r.product(n, n))
    r.elimination("lu", f"ptr {out}", f"i64 {n}", f"ptr {rows}")


def _solve_triangle(r: Routine, a: str, n: str, vector: str, *, lower: bool, transpose: bool, unit: bool) -> None:
    flags = (f"i1 {str(flag).lower()}" for flag in (lower, transpose, unit))
    r.elimination("triangle", f"ptr {a}", f"i64 {n}", f"ptr {vector}", *flags)


def _refuse_zeros(r: Routine, a: str, n: str) -> None:
    """Fails with the number, from 1, of the first zero on the diagonal."""
    with r.emitter.counted(n) as i:
        zero = r.emit(f"fcmp oeq {r.type} {r.load(a, r.at(i, i, n))}, 0.0")
        r.leave_if(zero, r.emit(f"add i64 {i}, 1"))


def lu(r: Routine, flags: tuple[str, ...]) -> None:
    """A zero pivot is no failure here: the factors exist."""
    (a, out, permutation), n = r.arrays, r.dims[0][0]
    _refuse_empty(r, n)
    small = _is_small(r, n)
    r.when(small, lambda: _eliminate(r, a, out, n, permutation))
    r.leave_if(small, "0")
    columns = r.allocate(r.product(n, n))
    r.transpose(columns, a, n, n)
    exchanges, _ = _factored(r, columns, n)
    r.transpose(out, columns, n, n)
    with r.emitter.counted(n) as i:
        r.store(i, permutation, i, "i64")
    with r.emitter.counted(n) as i:
        exchange = r.load(exchanges, i, "i32")
        other = r.emit(f"sub i64 {r.emit(f'sext i32 {exchange} to i64')}, 1")
        one, two = r.load(permutation, i, "i64"), r.load(permutation, other, "i64")
        r.store(two, permutation, i, "i64")
        r.store(one, permutation, other, "i64")


def triangular_solve(r: Routine, flags: tuple[str, ...]) -> None:
    """op(A) X = B, which LAPACK sees as X^T op(A)^T = B^T: a solve from the right with the triangle that it reads."""
    a, b, out = r.arrays
    n, columns = r.dims[0][0], r.dims[1][1] if r.ranks[1] == 2 else "1"
    _refuse_empty(r, n, columns)
    if "unit" not in flags:
        _refuse_zeros(r, a, n)
    r.copy(out, b, r.product(n, columns))
    if r.ranks[1] == 1:
        lower, transpose, unit = (flag in flags for flag in ("lower", "transpose", "unit"))
        _solve_triangle(r, a, n, out, lower=lower, transpose=transpose, unit=unit)
        return
    triangle = r.letter("U" if "lower" in flags else "L")
    transposed = r.letter("T" if "transpose" in flags else "N")
    letters = [r.letter("R"), triangle, transposed, r.letter("U" if "unit" in flags else "N")]
    sizes = [r.integer(columns), r.integer(n)]
    r.fortran("blas", "trsm", *letters, *sizes, r.number("1.0"), a, r.integer(n), out, r.integer(columns))


def solve(r: Routine, flags: tuple[str, ...]) -> None:
    """Beyond small matrices the factors of A^T serve A x = b through a transposed solve."""
    a, b, out = r.arrays
    n, columns = r.dims[0][0], r.dims[1][1] if r.ranks[1] == 2 else "1"
    _refuse_empty(r, n)
    matrix = r.allocate(r.product(n, n))
    if r.ranks[1] == 1:
        small = _is_small(r, n)
        r.when(small, lambda: _solve_small(r, matrix, n))
        r.leave_if(small, "0")
    r.copy(matrix, a, r.product(n, n))
    exchanges, info = _factored(r, matrix, n)
    _fail(r, info)
    _refuse_empty(r, columns)
    right = out
    if r.ranks[1] == 2:
        right = r.allocate(r.product(n, columns))
        r.transpose(right, b, n, columns)
    else:
        r.copy(out, b, n)
    size = r.integer(n)
    _fail(r, r.lapack("getrs", r.letter("T"), size, r.integer(columns), matrix, size, exchanges, right, size))
    if r.ranks[1] == 2:
        r.transpose(out, right, columns, n)


def _solve_small(r: Routine, matrix: str, n: str) -> None:
    """A x = b for a vector, with memory for the factors."""
    a, b, out = r.arrays
    rows = r.allocate(n, "i64")
    _eliminate(r, a, matrix, n, rows)
    _refuse_zeros(r, matrix, n)
    with r.emitter.counted(n) as i:
        r.store(r.load(b, r.load(rows, i, "i64")), out, i)
    _solve_triangle(r, matrix, n, out, lower=True, transpose=False, unit=True)
    _solve_triangle(r, matrix, n, out, lower=False, transpose=False, unit=False)


def qr(r: Routine, flags: tuple[str, ...]) -> None:
    """Householder vectors and R by `geqrf`, then the first k columns of Q by `orgqr`."""
    (a, q, upper), (rows, columns) = r.arrays, r.dims[0]
    k = r.smaller(rows, columns)
    _refuse_empty(r, k)
    matrix, scales = r.allocate(r.product(rows, columns)), r.allocate(k)
    r.transpose(matrix, a, rows, columns)
    m, n, kk = r.integer(rows), r.integer(columns), r.integer(k)
    _fail(r, r.with_workspace("geqrf", (m, n, matrix, m, scales)))
    with r.emitter.counted(k) as i, r.emitter.counted(columns) as j:
        below = r.emit(f"icmp slt i64 {j}, {i}")
        value = r.load(matrix, r.at(j, i, rows))
        r.store(r.emit(f"select i1 {below}, {r.type} 0.0, {r.type} {value}"), upper, r.at(i, j, columns))
    _fail(r, r.with_workspace("orgqr", (m, kk, kk, matrix, m, scales)))
    r.transpose(q, matrix, k, rows)


def _refuse_unbounded(r: Routine, matrix: str, count: str) -> None:
    """The iterations below need not end for NaN or inf."""
    with r.emitter.counted(count) as i:
        size = r.emitter.intrinsic(f"fabs.{r.dtype}", r.type, (r.type, r.load(matrix, i)))
        finite = r.emit(f"fcmp olt {r.type} {size}, 0x7FF0000000000000")
        _fail(r, r.emit(f"zext i1 {r.emit(f'xor i1 {finite}, true')} to i64"))


def eigh(r: Routine, flags: tuple[str, ...]) -> None:
    """`syevd` on the triangle that is our lower one; it gives the vectors as its columns, our rows."""
    (a, values, vectors), n = r.arrays, r.dims[0][0]
    _refuse_empty(r, n)
    square = r.product(n, n)
    matrix = r.allocate(square)
    r.copy(matrix, a, square)
    with r.emitter.counted(n) as i, r.emitter.counted(r.emit(f"add i64 {i}, 1")) as j:
        r.store(r.load(a, r.at(i, j, n)), matrix, r.at(j, i, n))
    _refuse_unbounded(r, matrix, square)
    size = r.integer(n)
    _fail(r, r.with_workspace("syevd", (r.letter("V"), r.letter("L"), size, matrix, size, values), integers=True))
    r.transpose(vectors, matrix, n, n)


def svd(r: Routine, flags: tuple[str, ...]) -> None:
    """`gesdd` of A^T = V S U^T: its left vectors are our right ones, and each lies in memory as we want it."""
    (a, left, values, right), (rows, columns) = r.arrays, r.dims[0]
    k = r.smaller(rows, columns)
    _refuse_empty(r, k)
    count = r.product(rows, columns)
    _refuse_unbounded(r, a, count)
    matrix = r.allocate(count)
    r.copy(matrix, a, count)
    integers = r.allocate(r.product(k, "8"), "i32")
    m, n, kk = r.integer(columns), r.integer(rows), r.integer(k)
    args = [r.letter("S"), m, n, matrix, m, values, right, m, left, kk]
    _fail(r, _gesdd(r, args, integers))


def _gesdd(r: Routine, args: list[str], integers: str) -> str:
    """`gesdd` takes its integer workspace (8 k) behind `lwork`, without a length of its own."""
    answer, ask = r.number("0.0"), r.integer("-1")
    r.lapack("gesdd", *args, answer, ask, integers)
    wanted = r.emit(f"fptosi {r.type} {r.emit(f'load {r.type}, ptr {answer}')} to i64")
    size = r.emit(f"add i64 {wanted}, {r.emit(f'lshr i64 {wanted}, 20')}")
    return r.lapack("gesdd", *args, r.allocate(size), r.integer(size), integers)
