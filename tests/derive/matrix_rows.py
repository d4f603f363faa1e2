"""The rows of the derivative matrix: for each operation a tiny program, the same in NumPy, and a point.

The program receives the cubes of its float parameters, so that third derivatives of linear operations speak too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import linalg, special

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Attribute, Func, Type, Var
from difflang.core.ops import integer
from tests.derive.toolkit import function

Body = Callable[..., Sequence[Atom]]
F64 = Type("f64")


@dataclass(frozen=True)
class Row:
    """`closed` takes the cubed arguments and gives the float results, one or a tuple of them."""

    name: str
    signature: str
    body: Body
    closed: Callable[..., Any]
    at: tuple[Any, ...]
    rtol: float = 1e-11

    @property
    def operation(self) -> str:
        return self.name.split()[0]

    def program(self) -> Func:
        def body(b: Builder, *params: Atom) -> Sequence[Atom]:
            return self.body(b, *(cubed(b, p) if p.type.is_float else p for p in params))

        return function(self.signature, body)


def cubed(b: Builder, x: Atom) -> Atom:
    return b.map(lambda v: times(b, v, times(b, v, v)), x)


def times(b: Builder, x: Atom, y: Atom) -> Atom:
    return b.prim("mul", x, y)


def plus(b: Builder, x: Atom, y: Atom) -> Atom:
    return b.prim("add", x, y)


def real(value: float) -> Atom:
    return literal(value, "f64")


# --- scalar primitives ---


def primitive(name: str, signature: str, closed: Callable[..., Any], *at: Any, **attrs: Attribute) -> Row:
    return Row(name, signature, lambda b, *args: [b.prim(name, *args, **attrs)], closed, at)


def identity(x: Any) -> Any:
    return x


UNARY: dict[str, tuple[Callable[[Any], Any], float]] = {
    "neg": (lambda x: -x, 0.9),
    "abs": (np.abs, -0.9),
    "relu": (identity, 0.9),
    "sqrt": (np.sqrt, 0.9),
    "exp": (np.exp, 0.9),
    "exp2": (np.exp2, 0.9),
    "expm1": (np.expm1, 0.9),
    "log": (np.log, 0.9),
    "log2": (np.log2, 0.9),
    "log10": (np.log10, 0.9),
    "log1p": (np.log1p, 0.9),
    "sin": (np.sin, 0.9),
    "cos": (np.cos, 0.9),
    "tan": (np.tan, 0.7),
    "asin": (np.arcsin, 0.6),
    "acos": (np.arccos, 0.6),
    "atan": (np.arctan, 0.9),
    "sinh": (np.sinh, 0.9),
    "cosh": (np.cosh, 0.9),
    "tanh": (np.tanh, 0.9),
    "asinh": (np.arcsinh, 0.9),
    "acosh": (np.arccosh, 1.4),
    "atanh": (np.arctanh, 0.6),
    "erf": (special.erf, 0.9),
    "erfc": (special.erfc, 0.9),
    "gaussian": (lambda x: np.exp(-x * x), 0.9),
    "lgamma": (special.gammaln, 1.3),
    "digamma": (special.digamma, 1.3),
    "sigmoid": (special.expit, 0.9),
    "softplus": (lambda x: np.log1p(np.exp(x)), 0.9),
    "floor": (np.floor, 1.2),
    "ceil": (np.ceil, 1.2),
    "round": (np.round, 1.2),
    "sign": (np.sign, 0.9),
    "stop_grad": (identity, 0.9),
    "kept": (identity, 0.9),
    "isnan": (np.isnan, 0.9),
    "isfinite": (np.isfinite, 0.9),
}
BINARY: dict[str, tuple[Callable[[Any, Any], Any], float, float]] = {
    "add": (np.add, 0.9, 1.1),
    "sub": (np.subtract, 0.9, 1.1),
    "mul": (np.multiply, 0.9, 1.1),
    "div": (np.divide, 0.9, 1.1),
    "pow": (np.power, 0.9, 1.1),
    "atan2": (np.arctan2, 0.9, 1.1),
    "hypot": (np.hypot, 0.9, 1.1),
    "max": (np.maximum, 0.9, 1.1),
    "min": (np.minimum, 0.9, 1.1),
    "mod": (lambda x, y: x - 2 * y, 1.5, 1.1),
    "floordiv": (np.floor_divide, 1.5, 1.1),
    "eq": (np.equal, 0.9, 1.1),
    "ne": (np.not_equal, 0.9, 1.1),
    "lt": (np.less, 0.9, 1.1),
    "le": (np.less_equal, 0.9, 1.1),
    "gt": (np.greater, 0.9, 1.1),
    "ge": (np.greater_equal, 0.9, 1.1),
}
THREEFRY_OF_ZERO = 0x6B20015999BA4EFE
"""The known answer of Threefry-2x32-20 for key and counter 0 (Random123)."""


def through_single_precision(b: Builder, x: Atom) -> list[Atom]:
    return [b.prim("convert", b.prim("convert", x, dtype="f32"), dtype="f64")]


def root_numbers(x: Any) -> Any:
    return np.cbrt(1 + x)


PRIMITIVE_ROWS = (
    *(primitive(name, "x", closed, at) for name, (closed, at) in UNARY.items()),
    *(primitive(name, "x y", closed, x, y) for name, (closed, x, y) in BINARY.items()),
    primitive("clip", "x y z", lambda x, y, z: x, 0.9, 0.5, 1.1),
    primitive("select", "c:bool x y", lambda c, x, y: x if c else y, True, 0.9, 1.1),
    primitive("powi", "x n:i64", lambda x, n: x**n, 0.9, 3),
    primitive("polygamma", "n:i64 x", special.polygamma, 1, 1.1),
    primitive("and", "p:bool q:bool", lambda p, q: p and q, True, False),
    primitive("or", "p:bool q:bool", lambda p, q: p or q, True, False),
    primitive("not", "p:bool", lambda p: not p, True),
    primitive("random_bits", "k:i64 i:i64", lambda k, i: THREEFRY_OF_ZERO, 0, 0),
    primitive("bits_to_unit", "k:i64", lambda k: 0.25, 1 << 62, dtype="f64"),
    Row("cbrt", "x", lambda b, x: [b.prim("cbrt", plus(b, real(1), x))], root_numbers, (0.9,)),
    Row("convert", "x", through_single_precision, identity, (0.9,), rtol=3e-6),
)

# --- structural operations ---


def elements(b: Builder, op: str, n: Atom, x: Atom) -> list[Atom]:
    return list(b.reduce(op, [n], lambda i: [b.get(x, i)]))


def tests(b: Builder, op: str, n: Atom, x: Atom) -> list[Atom]:
    return list(b.reduce(op, [n], lambda i: [b.prim("gt", b.get(x, i), real(0.5))]))


def built(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    return b.build([n], lambda i: [times(b, b.get(x, i), b.get(x, integer(0)))])


def folded(b: Builder, n: Atom, x: Atom, *, reverse: bool = False) -> Sequence[Atom]:
    """c <- c^2 / 2 + x_i, with the carries before each step."""

    def step(i: Atom, c: Atom) -> list[Atom]:
        return [plus(b, times(b, real(0.5), times(b, c, c)), b.get(x, i)), c]

    return b.fold(n, [real(0.3)], step, reverse=reverse)


def folded_numbers(x: np.ndarray) -> tuple[Any, np.ndarray]:
    c, seen = 0.3, []
    for v in x:
        seen.append(c)
        c = c * c / 2 + v
    return c, np.array(seen)


def while_doubling(b: Builder, x: Atom) -> Sequence[Atom]:
    """x <- x^2 + x until it exceeds 5: three steps from 0.9^3."""
    below = partial(b.prim, "lt")
    found = b.while_([x], lambda x: below(x, real(5)), lambda x: [plus(b, times(b, x, x), x)])
    return found[:1]


def doubled_numbers(x: float) -> float:
    while x < 5:
        x = x * x + x
    return x


def branches(b: Builder, x: Atom, y: Atom) -> Sequence[Atom]:
    return b.cond(b.prim("lt", x, y), lambda: [times(b, x, y)], lambda: [b.prim("log", b.prim("neg", y))])


def taken(b: Builder, n: Atom, x: Atom) -> list[Atom]:
    return [times(b, b.get(x, integer(1)), b.get(x, integer(2)))]


def weighed(b: Builder, x: Atom) -> Sequence[Atom]:
    weights = b.emit("table", [real(2), times(b, x, x), x, real(5)], {"shape": (2, 2)})[0]
    return [b.map(partial(times, b, x), weights)]


def replaced(b: Builder, n: Atom, x: Atom, v: Atom) -> list[Atom]:
    changed = b.set(x, integer(1), v)
    return [b.map(partial(times, b), changed, changed)]


def replaced_numbers(n: int, x: np.ndarray, v: float) -> np.ndarray:
    return np.array([x[0], v, *x[2:]]) ** 2


def accumulated(b: Builder, n: Atom, x: Atom, s: Atom) -> Sequence[Atom]:
    """s plus the squares of x, added by a parallel loop."""

    def region(ref: Atom) -> list[Atom]:
        def one(i: Atom) -> list[Atom]:
            b.add_to(ref, times(b, b.get(x, i), b.get(x, i)))
            return []

        b.build([n], one)
        return []

    return b.accum([s], region)


def kernel(op: str, *extra: int, **attrs: Attribute) -> Body:
    """An operation of linear algebra applied to the parameters after the sizes, with their cubes plus 3 I."""

    def body(b: Builder, n: Atom, a: Atom, *right: Atom) -> Sequence[Atom]:
        return b.emit(op, [dominant(b, n, a), *right, *(integer(k) for k in extra)], dict(attrs))

    return body


def dominant(b: Builder, n: Atom, a: Atom) -> Atom:
    def entry(i: Atom, j: Atom) -> list[Atom]:
        lift = b.prim("select", b.prim("eq", i, j), plus(b, real(3), b.prim("convert", i, dtype="f64")), real(0))
        return [plus(b, b.get(a, i, j), lift)]

    return b.build([n, n], entry)[0]


def lifted(a: np.ndarray) -> np.ndarray:
    return a + np.diag(3.0 + np.arange(len(a)))


def lower(a: np.ndarray) -> np.ndarray:
    """The symmetric matrix whose lower triangle is read."""
    return np.tril(lifted(a)) + np.tril(lifted(a), -1).T


def without_signs(b: Builder, values: Sequence[Atom]) -> list[Atom]:
    """The squares of the entries: vectors are determined up to a sign."""
    return [b.map(lambda v: times(b, v, v), value) for value in values]


def squared_vectors(op: str, *extra: int) -> Body:
    return lambda b, n, a: without_signs(b, kernel(op, *extra)(b, n, a))


def packed_lu(a: np.ndarray) -> np.ndarray:
    return linalg.lu_factor(lifted(a))[0]


def squares(found: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(f**2 for f in found)


def checkpointed(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    return b.emit("checkpoint", [], {"levels": 1}, [b.block([], lambda: folded(b, n, x))])


def ruled(b: Builder, x: Atom) -> Sequence[Atom]:
    """sin with an opaque body and the stated tangent cos(x) dx."""
    primal = b.block([F64], lambda x: [b.prim("sin", b.prim("stop_grad", x))])
    tangent = b.block([F64, F64], lambda x, d: [times(b, b.prim("cos", x), d)])
    return b.emit("rule", [x], {"name": "f", "modes": ("jvp",)}, [primal, tangent], [F64])


def implicit(b: Builder, a: Atom, *, solver: bool) -> Sequence[Atom]:
    """w with w^3 = 1 + a: an opaque cube root; `solver` states the linear solver, one step of w = r / (operator 1)."""
    first = b.block([F64], lambda a: [b.prim("cbrt", plus(b, real(1), b.prim("stop_grad", a)))])
    residual = b.block([F64, F64], lambda w, a: [b.prim("sub", cubed(b, w), plus(b, real(1), a))])

    def solve(r: Atom, a: Atom) -> list[Atom]:
        slope: Var = b.emit("operator", [real(1)], {}, (), [F64])[0]
        return [b.prim("div", r, slope)]

    regions = [first, residual, *([b.block([F64, F64], solve)] if solver else [])]
    return b.emit("implicit", [a], {}, regions, [F64])


def with_effect(op: str, **attrs: Attribute) -> Body:
    """The square of x, after an effect that mentions x."""

    def body(b: Builder, x: Atom) -> list[Atom]:
        b.emit(op, [b.prim("gt", x, real(0)), x] if op == "assert" else [x], dict(attrs))
        return [times(b, x, x)]

    return body


def required(b: Builder, x: Atom) -> Sequence[Atom]:
    """The square of x, which is required to be positive."""
    attrs: dict[str, Attribute] = {"code": "E0803", "message": "x is not positive"}
    return [times(b, x, b.emit("require", [b.prim("gt", x, real(0)), x], attrs)[0])]


def within_room(b: Builder, x: Atom) -> Sequence[Atom]:
    """The square of x where there is room for 8 bytes in a budget, which there is."""
    room = b.emit("room", [integer(8), integer(1)], {"memory": 100_000, "share": 1})[0]
    return [b.prim("select", b.prim("le", integer(8), room), times(b, x, x), real(0))]


def measured(b: Builder, x: Atom) -> Sequence[Atom]:
    return b.emit("extern", [x], {"name": "measure"}, (), [F64])


VECTOR = np.array([0.9, 1.2, 0.7])
MATRIX = np.array([[0.5, -0.8, 0.6], [0.9, 0.7, -0.4], [-0.6, 0.8, 0.9]])
OTHER = np.array([1.1, -0.6, 0.8])


def of_array(name: str, body: Body, closed: Callable[[Any], Any]) -> Row:
    return Row(name, "n x[n]", body, lambda n, x: closed(x), (3, VECTOR))


def of_matrix(name: str, body: Body, closed: Callable[[Any], Any]) -> Row:
    return Row(name, "n A[n,n]", body, lambda n, a: closed(a), (3, MATRIX))


STRUCTURAL_ROWS = (
    of_array("build", built, lambda x: x * x[0]),
    *(
        of_array(f"reduce {op}", lambda b, n, x, op=op: elements(b, op, n, x), getattr(np, op))
        for op in ("sum", "prod", "max", "min", "argmax", "argmin")
    ),
    *(
        of_array(f"reduce {op}", lambda b, n, x, op=op: tests(b, op, n, x), lambda x, op=op: getattr(np, op)(x > 0.5))
        for op in ("all", "any")
    ),
    of_array("fold", folded, folded_numbers),
    of_array(
        "fold reverse",
        partial(folded, reverse=True),
        lambda x: (folded_numbers(x[::-1])[0], folded_numbers(x[::-1])[1][::-1]),
    ),
    Row("while", "x", while_doubling, doubled_numbers, (0.9,)),
    Row("cond", "x y", branches, np.multiply, (0.9, 1.1)),
    Row("table", "x", weighed, lambda x: x * np.array([[2.0, x * x], [x, 5.0]]), (0.9,)),
    of_array("get", taken, lambda x: x[1] * x[2]),
    Row("set", "n x[n] v", replaced, replaced_numbers, (3, VECTOR, 1.1)),
    Row("accum", "n x[n] s", accumulated, lambda n, x, s: s + x @ x, (3, VECTOR, 1.1)),
    Row("add_to", "n x[n] s", accumulated, lambda n, x, s: s + x @ x, (3, VECTOR, 1.1)),
    of_array("reshape", lambda b, n, x: b.emit("reshape", [x, integer(1), n]), lambda x: x[None, :]),
    Row(
        "contract",
        "n A[n,n] x[n]",
        lambda b, n, a, x: b.emit("contract", [a, x], {"spec": "ij,j->i"}),
        lambda n, a, x: a @ x,
        (3, MATRIX, VECTOR),
    ),
    of_array("argsort", lambda b, n, x: b.emit("argsort", [x]), np.argsort),
    of_matrix("cholesky", kernel("cholesky"), lambda a: np.linalg.cholesky(lower(a))),
    of_matrix("lu", kernel("lu"), packed_lu),
    Row(
        "triangular_solve",
        "n A[n,n] y[n]",
        kernel("triangular_solve", lower=True, transpose=False, unit=False),
        lambda n, a, y: linalg.solve_triangular(lifted(a), y, lower=True),
        (3, MATRIX, OTHER),
    ),
    Row("solve", "n A[n,n] y[n]", kernel("solve"), lambda n, a, y: np.linalg.solve(lifted(a), y), (3, MATRIX, OTHER)),
    of_matrix("qr", squared_vectors("qr", 3), lambda a: squares(np.linalg.qr(lifted(a)))),
    of_matrix("eigh", squared_vectors("eigh"), lambda a: squares(np.linalg.eigh(lower(a)))),
    of_matrix("svd", squared_vectors("svd", 3), lambda a: squares(np.linalg.svd(lifted(a)))),
    of_array("checkpoint", checkpointed, folded_numbers),
    Row("rule", "x", ruled, np.sin, (0.9,)),
    Row("implicit", "x", partial(implicit, solver=False), root_numbers, (0.9,)),
    Row("operator", "x", partial(implicit, solver=True), root_numbers, (0.9,)),
    Row("assert", "x", with_effect("assert", code="E0806", message="{0}"), np.square, (0.9,)),
    Row("require", "x", required, np.square, (0.9,)),
    Row("room", "x", within_room, np.square, (0.9,)),
    Row("print", "x", with_effect("print", template="{0}"), np.square, (0.9,)),
    Row("report", "x", with_effect("report", names=("x",)), np.square, (0.9,)),
    Row("extern", "x", measured, np.square, (0.9,)),
)

ROWS = {row.name: row for row in (*PRIMITIVE_ROWS, *STRUCTURAL_ROWS)}
