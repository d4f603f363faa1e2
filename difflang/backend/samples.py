"""The cases of the conformance suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from difflang.backend.protocol import Value
from difflang.core.ir import DType
from difflang.prims import PRIMITIVES
from difflang.prims.arithmetic import NUMPY_DTYPES
from difflang.prims.model import Primitive


@dataclass(frozen=True, eq=False)
class Case:
    """`tolerance` counts machine epsilons, relative to the value and (with `scale`) absolute."""

    name: str
    text: str
    args: tuple[Value, ...] = ()
    expected: tuple[Any, ...] = ()
    failure: str | None = None
    lines: tuple[str, ...] = ()
    figures: tuple[Mapping[str, Any], ...] = ()
    tolerance: float = 8.0
    scale: float = 1.0
    check_nan: bool = False


# --- primitives: each on a grid of arguments, elementwise over an array ---

ANYWHERE = (-2.5, -1.0, -0.5, -0.0, 0.0, 0.3, 1.0, 2.0, 7.25, np.inf, -np.inf, np.nan)
POSITIVE = (0.0, 1e-300, 0.1, 0.5, 1.0, 3.0, 1e6, np.inf, np.nan)
UNIT = (-1.0, -0.7, -0.0, 0.0, 0.2, 1.0, 1.5, np.nan)
ABOVE_ONE = (1.0, 1.5, 20.0, np.inf, np.nan)
INTEGERS = (-7, -2, -1, 0, 1, 2, 3, 9)

DOMAINS: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt"), POSITIVE),
    **dict.fromkeys(("asin", "acos", "atanh"), UNIT),
    "log1p": (-0.9, -0.0, 1e-20, 0.5, 10.0, np.inf, np.nan),
    "acosh": ABOVE_ONE,
    **dict.fromkeys(("lgamma", "digamma"), (0.1, 0.5, 1.0, 1.5, 2.0, 3.5, 20.0, -0.5, -1.5, np.nan)),
    **dict.fromkeys(("sin", "cos", "tan"), (-3.0, -0.5, -0.0, 0.0, 1.0, 2.0, 50.0, np.inf, np.nan)),
}

SPECIAL_TOLERANCE = 64.0
"""For functions without an exact reference within an ulp, and near their zeros."""

LOOSE = frozenset({"lgamma", "digamma", "polygamma", "erfc", "pow", "powi", "tan"})


def primitives() -> Iterator[Case]:
    """One case for each primitive and each type of its arguments."""
    for record in PRIMITIVES.values():
        for dtypes in product(NUMPY_DTYPES, repeat=record.arity):
            for attrs in _attributes(record):
                try:
                    out = record.result_dtype(dtypes, attrs)
                except ValueError:
                    continue
                yield _primitive(record, dtypes, attrs, out)


def _attributes(record: Primitive) -> list[dict[str, str]]:
    return [{"dtype": dtype} for dtype in NUMPY_DTYPES] if record.name in ("convert", "bits_to_unit") else [{}]


def _primitive(record: Primitive, dtypes: Sequence[DType], attrs: dict[str, str], out: DType) -> Case:
    columns = _grid(record, dtypes)
    with np.errstate(all="ignore"):
        expected = np.asarray(record.evaluate(*columns, **attrs)).astype(NUMPY_DTYPES[out])
    params = ", ".join(f"x{k}: {dtype}[n]" for k, dtype in enumerate(dtypes))
    reads = "".join(f"    a{k}: {dtype} = get x{k} i\n" for k, dtype in enumerate(dtypes))
    written = "".join(f'[{key}="{text}"]' for key, text in attrs.items())
    operands = " ".join(f"a{k}" for k in range(record.arity))
    text = (
        f"func f(n: i64, {params}) {{\n  y: {out}[n] = build n {{ i: i64\n{reads}"
        f"    v: {out} = {record.name}{written} {operands}\n    yield v\n  }}\n  yield y\n}}\n"
    )
    name = "-".join([record.name, *dtypes, *attrs.values()])
    tolerance = SPECIAL_TOLERANCE if record.name in LOOSE else 8.0
    return Case(name, text, (len(columns[0]), *columns), (expected,), tolerance=tolerance, scale=0.5)


def _grid(record: Primitive, dtypes: Sequence[DType]) -> list[Any]:
    """All combinations of the sample values of each argument."""
    axes = [_samples(record, k, dtype) for k, dtype in enumerate(dtypes)]
    rows = [row for row in product(*axes) if not _undefined(record, dtypes, row)]
    return [
        np.array(column, NUMPY_DTYPES[dtype]) for column, dtype in zip(zip(*rows, strict=True), dtypes, strict=True)
    ]


def _samples(record: Primitive, k: int, dtype: DType) -> tuple[Any, ...]:
    if dtype == "bool":
        return (False, True)
    if record.name == "polygamma":
        return (1, 2, 3) if k == 0 else (0.5, 1.0, 4.0)
    if record.name in ("random_bits", "bits_to_unit"):
        return (0, -1, 1, 2**63 - 1, 0x13198A2E03707344)
    if dtype in ("i64", "i32"):
        return INTEGERS
    return DOMAINS.get(record.name, ANYWHERE)


def _undefined(record: Primitive, dtypes: Sequence[DType], row: Sequence[Any]) -> bool:
    """Integer division by 0 fails; the truncation of what no integer can hold is tested by itself."""
    return record.name in ("floordiv", "mod") and dtypes[1] in ("i64", "i32") and row[1] == 0


# --- structures ---

X = np.array([3.0, -1.0, 2.0, 0.5])
A = np.arange(12.0).reshape(3, 4) - 5
S = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
HEAD = "n: i64, x: f64[n]"


def _case(name: str, params: str, body: str, args: Sequence[Value], *expected: Any, **options: Any) -> Case:
    return Case(name, f"func f({params}) {{\n{body}\n}}\n", tuple(args), expected, **options)


def structures() -> Iterator[Case]:
    """Loops, reads and updates, accumulators, matrices, sorting."""
    yield from _loops()
    yield from _arrays()
    yield from _matrices()
    for operation, expected in REDUCTIONS.items():
        yield _reduction(operation, X, expected)
        yield _reduction(operation, X[:0], EMPTY[operation])


REDUCTIONS: dict[str, Any] = {
    "sum": 4.5, "prod": -3.0, "max": 3.0, "min": -1.0, "argmax": 0, "argmin": 1, "all": False, "any": True,
}  # fmt: skip
EMPTY: dict[str, Any] = {
    "sum": 0.0, "prod": 1.0, "max": -np.inf, "min": np.inf, "argmax": 0, "argmin": 0, "all": True, "any": False,
}  # fmt: skip


def _reduction(operation: str, x: Any, expected: Any) -> Case:
    logical = operation in ("all", "any")
    dtype = "bool" if logical else "i64" if operation.startswith("arg") else "f64"
    test = "p: bool = gt v 0.0\nyield p" if logical else "yield v"
    lines = f'r: {dtype} = reduce[op="{operation}"] n {{ i: i64\nv: f64 = get x i\n{test}\n}}\nyield r'
    return _case(f"reduce-{operation}-{len(x)}", HEAD, lines, (len(x), x), np.dtype(NUMPY_DTYPES[dtype]).type(expected))


def _loops() -> Iterator[Case]:
    yield _case(
        "build-two-results", HEAD, "a: f64[n], b: i64[n, n] = build n { i: i64\nv: f64 = get x i\n"
        "r: i64[n] = build n { j: i64\nk: i64 = mul i j\nyield k\n}\nyield v, r\n}\nyield a, b",
        (4, X), X, np.outer(np.arange(4), np.arange(4)),
    )  # fmt: skip
    yield _case(
        "reduce-of-a-negative-extent", "m: i64",
        's: f64 = reduce[op="sum"] m { i: i64\nyield 1.0\n}\nyield s', (-3,), np.float64(0),
    )  # fmt: skip
    yield _case(
        "reduce-triangle", "n: i64", 'r: i64 = reduce[op="sum"] n { i: i64\nk: i64 = add i 1\n'
        's: i64 = reduce[op="sum"] k { j: i64\nyield j\n}\nyield s\n}\nyield r', (5,), np.int64(20),
    )  # fmt: skip
    yield _case(
        "reduce-of-arrays", "a: f64[3, 4]",
        'r: f64[4] = reduce[op="sum"] 3 { i: i64\nv: f64[4] = get a i\nyield v\n}\nyield r', (A,), A.sum(0),
    )  # fmt: skip
    for reverse in (False, True):
        order = X[::-1] if reverse else X
        sums = np.cumsum(order)
        yield _case(
            f"fold-{'reverse' if reverse else 'forward'}", HEAD,
            f"s: f64, t: f64[n] = fold[carries=1, reverse={str(reverse).lower()}] n 0.0 {{ i: i64, c: f64\n"
            "v: f64 = get x i\nd: f64 = add c v\nyield d, d\n}\nyield s, t",
            (4, X), np.float64(sums[-1]), sums[::-1] if reverse else sums,
        )  # fmt: skip
    yield _case(
        "fold-exchanges-its-carries", "n: i64",
        "a: i64, b: i64 = fold[carries=2] n 0 1 { i: i64, p: i64, q: i64\nr: i64 = add p q\nyield q, r\n}\nyield a, b",
        (10,), np.int64(55), np.int64(89),
    )  # fmt: skip
    yield _case(
        "while", "m: i64",
        "a: i64, k: i64, s: i64[k] = while[carries=1] m { p: i64\nt: bool = ne p 1\nyield t\n} { q: i64\n"
        "r: i64 = mod q 2\no: bool = eq r 1\nc: i64 = cond o {\nu: i64 = mul q 3\nw: i64 = add u 1\nyield w\n} {\n"
        "h: i64 = floordiv q 2\nyield h\n}\nyield c, q\n}\nyield a, k, s",
        (6,), np.int64(1), np.int64(8), np.array([6, 3, 10, 5, 16, 8, 4, 2]),
    )  # fmt: skip
    yield _case(
        "cond-evaluates-one-branch", f"{HEAD}, k: i64",
        "p: bool = lt k n\nv: f64 = cond p {\na: f64 = get x k\nyield a\n} {\nyield -1.0\n}\nyield v",
        (4, X, 9), np.float64(-1),
    )  # fmt: skip


def _arrays() -> Iterator[Case]:
    changed = X.copy()
    changed[2] = 9.0
    yield _case("set-leaves-its-argument", HEAD, "y: f64[n] = set x 2 9.0\nyield y, x", (4, X), changed, X)
    row = A.copy()
    row[1] = X
    yield _case(
        "rows",
        "a: f64[3, 4], x: f64[4]",
        "b: f64[3, 4] = set a 1 x\nr: f64[4] = get a 2\nyield b, r",
        (A, X),
        row,
        A[2],
    )
    yield _case(
        "table",
        "k: i64",
        "t: f64[2, 2] = table[shape=(2, 2)] 0.1 -0.0 inf 4.0\nv: f64 = get t 1 k\nu: f64[2, 2] = set t 0 0 v\n"
        "m: bool[2] = table[shape=(2)] true false\nyield t, u, v, m",
        (1,), np.array([[0.1, -0.0], [np.inf, 4.0]]), np.array([[4.0, -0.0], [np.inf, 4.0]]), np.float64(4),
        np.array([True, False]),
    )  # fmt: skip
    yield _case("reshape", "a: f64[3, 4]", "b: f64[2, 6] = reshape a 2 6\nyield b", (A,), A.reshape(2, 6))
    unsorted = np.array([2.0, np.nan, -1.0, 2.0, -np.inf])
    yield _case(
        "argsort-is-stable", "x: f64[5]", "p: i64[5] = argsort x\nyield p", (unsorted,), np.array([4, 2, 0, 3, 1])
    )
    counts = np.array([1.0, 0.0, 3.0])
    yield _case(
        "accum", "n: i64, k: i64[n], z: f64[3]",
        "r: f64[3], s: f64, m: i64 = accum z 1.0 { t: &f64[3], u: &f64\nbuild n { i: i64\n"
        "j: i64 = get k i\nadd_to t j 1.0\n"
        "v: f64 = convert[dtype=\"f64\"] i\nadd_to u v\nyield\n}\nadd_to t z\nyield n\n}\nyield r, s, m",
        (4, np.array([0, 2, 2, 2]), counts), counts * 2 + [1, 0, 3], np.float64(7), np.int64(4),
    )  # fmt: skip


def _matrices() -> Iterator[Case]:
    b = A[:, :3]
    yield _case(
        "contract",
        "a: f64[3, 4], b: f64[3, 3]",
        'c: f64[4, 3] = contract[spec="ij,ik->jk"] a b\nyield c',
        (A, b),
        A.T @ b,
    )
    lower = np.linalg.cholesky(S)
    yield _case("cholesky", "a: f64[3, 3]", "l: f64[3, 3] = cholesky a\nyield l", (S,), lower, tolerance=64)
    right = np.array([1.0, -2.0, 0.5])
    yield _case(
        "solve",
        "a: f64[3, 3], b: f64[3]",
        "x: f64[3] = solve a b\nyield x",
        (S, right),
        np.linalg.solve(S, right),
        tolerance=64,
    )
    yield _case(
        "triangular-solve", "a: f64[3, 3], b: f64[3]",
        "x: f64[3] = triangular_solve[lower, transpose=true, unit=false] a b\nyield x", (lower, right),
        np.linalg.solve(lower.T, right), tolerance=64,
    )  # fmt: skip
    yield _case(
        "eigenvalues",
        "a: f64[3, 3]",
        "w: f64[3], v: f64[3, 3] = eigh a\nyield w",
        (S,),
        np.linalg.eigvalsh(S),
        tolerance=64,
    )
    yield _case(
        "singular-values", "a: f64[3, 4]", "u: f64[3, 3], s: f64[3], v: f64[3, 4] = svd a 3\nyield s", (A,),
        np.linalg.svd(A, compute_uv=False), tolerance=256, scale=16.0,
    )  # fmt: skip


# --- effects and failures ---


def effects() -> Iterator[Case]:
    """What a program asks of its host, in order."""
    yield _case(
        "print-in-order", HEAD,
        'print[template="start {0}"] n\ns: i64 = fold[carries=1] 2 7 { i: i64, c: i64\n'
        'print[template="{0}: {1}"] i c\nd: i64 = add c 1\nyield d\n}\nprint[template="x = {0}"] x\nyield s',
        (2, np.array([1.0, 2.5])), np.int64(9), lines=("start 2", "0: 7", "1: 8", "x = [1. , 2.5]"),
    )  # fmt: skip
    yield _case(
        "report", "s: f64", 'report[names=("loss", "step")] s 3\nyield s', (0.5,), np.float64(0.5),
        figures=({"loss": 0.5, "step": 3},),
    )  # fmt: skip
    yield _case(
        "extern", HEAD, 'y: f64[n], t: f64 = extern[name="twice"] x 4.0\nyield y, t', (4, X), 2 * X, np.float64(8),
    )  # fmt: skip
    yield _case(
        "assert-holds", HEAD, 'p: bool = gt n 0\nassert[code="E0803", message="no"] p\nyield n', (4, X), np.int64(4),
    )  # fmt: skip


def failures() -> Iterator[Case]:
    """Programs that must fail, and with which code."""
    yield _case("index-too-large", HEAD, "v: f64 = get x n\nyield v", (4, X), failure="E0801")
    yield _case("index-negative", HEAD, "y: f64[n] = set x -1 0.0\nyield y", (4, X), failure="E0801")
    for op, dtype in product(("floordiv", "mod"), ("i64", "i32")):
        argument = np.dtype(NUMPY_DTYPES[dtype]).type(0)
        lines = f"v: {dtype} = {op} k k\nyield v"
        yield _case(f"{op}-by-zero-{dtype}", f"k: {dtype}", lines, (argument,), failure="E0802")
    lines = 'p: bool = gt n 9\nassert[code="E0803", message="{0} is too few"] p n\nyield n'
    yield _case("assert-fails", HEAD, lines, (4, X), failure="E0803")
    lines = 'p: bool = gt n 9\nassert[code="E0803", message="{0} has {1} elements"] p x n\nyield n'
    yield _case("assert-shows-array", HEAD, lines, (4, X), failure="E0803")
    yield _case(
        "cholesky-of-an-indefinite-matrix", "a: f64[3, 3]", "l: f64[3, 3] = cholesky a\nyield l", (-S,), failure="E0805"
    )
    singular = np.ones((2, 2))
    yield _case(
        "solve-singular",
        "a: f64[2, 2], b: f64[2]",
        "x: f64[2] = solve a b\nyield x",
        (singular, singular[0]),
        failure="E0805",
    )
    yield _case("nan-is-noticed", "s: f64", "r: f64 = sqrt s\nyield r", (-1.0,), failure="E0806", check_nan=True)
    yield _case(
        "nan-may-pass-through", "s: f64", "r: f64 = sqrt s\nyield r", (np.nan,), np.float64(np.nan), check_nan=True
    )
