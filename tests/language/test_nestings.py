"""The sixteen nestings of two of {jvp, vjp, grad, jet} on programs of every kind.

Each nesting gives the same number, the second derivative u'Hv of a program along two directions. The oracle is the
program written once more for mpmath, differentiated by differences with 40 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp

import difflang as dl

MODES = ("jvp", "vjp", "grad", "jet")
TEMPLATE = """
fn by_jvp[T](f: fn(T) -> real, x: T, v: T) -> real = jvp(f)(x, v)[1]
fn by_vjp[T](f: fn(T) -> real, x: T, v: T) -> real = dot(vjp(f)(x, 1.0)[1], v)
fn by_grad[T](f: fn(T) -> real, x: T, v: T) -> real = dot(grad(f)(x), v)
fn by_jet[T](f: fn(T) -> real, x: T, v: T) -> real = jet(f, order = 1)(x, v)[1]
"""


@dataclass(frozen=True)
class Program:
    """`f` of one parameter of the type `of`; `mpmath` computes the same from the list of its numbers."""

    text: str
    mpmath: Callable[[Sequence[Any]], Any]
    at: tuple[float, ...]
    of: str = "real[n]"
    pack: Callable[[np.ndarray], Any] = field(default=lambda numbers: numbers)

    def module(self) -> Any:
        """A module with a function `all` of the point and two directions."""
        nested = ", ".join(
            f"by_{outer}(fn(y: {self.of}) = by_{inner}(f, y, v), x, u)" for outer in MODES for inner in MODES
        )
        return dl.loads(f"{self.text}{TEMPLATE}fn all(x: {self.of}, v: {self.of}, u: {self.of}) = [{nested}]\n")


SCALAR = Program(
    "fn f(x: real) -> real = exp(sin(x)) * log(1.0 + x * x) / (2.0 + erf(x)) + atan2(x, 2.0) ** 3\n",
    lambda x: (
        mpmath.exp(mpmath.sin(x[0])) * mpmath.log(1 + x[0] ** 2) / (2 + mpmath.erf(x[0])) + mpmath.atan2(x[0], 2) ** 3
    ),
    (0.7,),
    "real",
    lambda numbers: float(numbers[0]),
)

WHILE = Program(
    """
## Kepler's equation y - e sin y = x by Newton's method, two steps more than the value needs.
fn f(x: real[2]) -> real:
    var y = x[0]
    var left = 2
    while left > 0:
        let r = y - x[1] * sin(y) - x[0]
        if abs(r) < 1e-15:
            left -= 1
        y -= r / (1.0 - x[1] * cos(y))
    return y * cos(y)
""",
    lambda x: (lambda y: y * mpmath.cos(y))(mpmath.findroot(lambda y: y - x[1] * mpmath.sin(y) - x[0], x[0])),
    (1.3, 0.4),
    "real[2]",
)


def substituted(x: Sequence[Any]) -> Any:
    """What ELEMENTS computes."""
    n, a = len(x), list(x)
    for i in range(n):
        for j in range(i):
            a[i] = a[i] - mpmath.sin(a[j]) * x[i - j]
        a[i] = a[i] / (2 + x[i] ** 2) if a[i] > 0 else 2 * a[i] ** 3
    shares = [mpmath.exp(v) for v in a]
    return mpmath.log(sum(shares)) + max(v * w for v, w in zip(a, x, strict=True)) + mpmath.fprod(a)


ELEMENTS = Program(
    """
## Forward substitution in place, with branches, a maximum and a product.
fn f(x: real[n]) -> real:
    var a = x
    for i in 0..n:
        for j in 0..i:
            a[i] -= sin(a[j]) * x[i - j]
        a[i] = a[i] / (2.0 + x[i] ** 2) if a[i] > 0.0 else 2.0 * a[i] ** 3
    return logsumexp(a) + max(a[i] * x[i] for i) + prod(a)
""",
    substituted,
    (0.9, -0.6, 1.4, 0.3),
)


def positive(x: Sequence[Any]) -> Any:
    n = len(x)
    return mpmath.matrix(n, n) + mpmath.matrix(
        [[(mpmath.exp(x[i]) + 1 if i == j else mpmath.sin(x[i] * x[j]) / 2) for j in range(n)] for i in range(n)]
    )


def factorised(x: Sequence[Any]) -> Any:
    a, b = positive(x), mpmath.matrix(list(x))
    spectrum = sum(mpmath.sin(w) for w in mpmath.eigsy(a, eigvals_only=True))
    return mpmath.log(mpmath.det(a)) + (b.T * mpmath.lu_solve(a, b))[0] + spectrum


LINALG = Program(
    """
import linalg
fn f(x: real[n]) -> real:
    let a = [exp(x[i]) + 1.0 if i == j else 0.5 * sin(x[i] * x[j]) for i in 0..n, j in 0..n]
    let factor = linalg.cholesky(a)
    let y = linalg.triangular_solve(factor, x, lower = true)
    return 2.0 * sum(log(factor[i, i]) for i in 0..n) + dot(y, y) + sum(sin(linalg.eigvalsh(a)))
""",
    factorised,
    (0.3, -0.5, 0.8),
)


def balanced(x: Sequence[Any]) -> Any:
    """The sum of sin(w) with w_i^3 + 2 w_i + sum(w) / 2 = x_i."""

    def residual(*w: Any) -> list[Any]:
        return [v**3 + 2 * v + sum(w) / 2 - right for v, right in zip(w, x, strict=True)]

    return sum(mpmath.sin(w) for w in mpmath.findroot(residual, [0.1] * len(x)))


IMPLICIT = Program(
    """
import linalg
implicit fn balance(x: real[n]) -> w: real[n]:
    where w * w * w + 2.0 * w + 0.5 * sum(w) * ones(n) == x via linalg.cg
    var w = zeros(n)
    for t in 0..60:
        let r = w * w * w + 2.0 * w + 0.5 * sum(w) * ones(n) - x
        w = [w[i] - r[i] / (3.0 * w[i] ** 2 + 3.5) for i in 0..n]
    return w
fn f(x: real[n]) -> real = sum(sin(balance(x)))
""",
    balanced,
    (0.9, -0.4, 1.6),
)


def ruled(mode: str) -> Program:
    """The rule is the only source of the derivative: the body hides its argument."""
    rules = {
        "jvp": "rule jvp cube(x, dx) = [3.0 * x[i] ** 2 * dx[i] + dx[0] for i in 0..len(x)]\n",
        "vjp": "rule vjp cube(x, y, ybar) = "
        "[3.0 * x[i] ** 2 * ybar[i] + (sum(ybar) if i == 0 else 0.0) for i in 0..len(x)]\n",
    }
    text = "fn cube(x: real[n]) -> real[n]:\n    let s = stop_grad(x)\n    return [s[i] ** 3 + s[0] for i in 0..n]\n"
    chosen = "".join(rule for name, rule in rules.items() if name in mode)
    return Program(
        f"{text}{chosen}fn f(x: real[n]) -> real = prod(sin(cube(x)))\n",
        lambda x: mpmath.fprod(mpmath.sin(v**3 + x[0]) for v in x),
        (0.5, 0.8, 0.4),
    )


STRUCT = Program(
    """
struct Net[n, m]: w: real[n, m]; b: real[m]; scale: real
fn f(p: Net[2, 3]) -> real:
    let x = [0.4, -0.9]
    let hidden = [tanh(sum(p.w[i, j] * x[i] for i in 0..2) + p.b[j]) for j in 0..3]
    return softplus(p.scale * sum(hidden)) + norm(p) ** 3
""",
    lambda x: (
        mpmath.log1p(
            mpmath.exp(
                x[9]
                * sum(mpmath.tanh(x[j] * mpmath.mpf(0.4) - x[3 + j] * mpmath.mpf(0.9) + x[6 + j]) for j in range(3))
            )
        )
        + mpmath.sqrt(sum(v * v for v in x)) ** 3
    ),
    (0.3, -0.2, 0.9, 0.1, 0.8, -0.7, 0.2, 0.5, -0.4, 1.1),
    "Net[2, 3]",
    lambda numbers: {"w": numbers[:6].reshape(2, 3), "b": numbers[6:9], "scale": float(numbers[9])},
)

PROGRAMS = {
    "scalar": SCALAR,
    "while": WHILE,
    "elements": ELEMENTS,
    "linalg": LINALG,
    "implicit": IMPLICIT,
    "rule jvp": ruled("jvp"),
    "rule vjp": ruled("vjp"),
    "both rules": ruled("jvp vjp"),
    "struct": STRUCT,
}


def curvature(program: Program, u: np.ndarray, v: np.ndarray) -> float:
    """u'Hv of the program in mpmath."""
    with mp.workdps(40):

        def moved(s: Any, t: Any) -> Any:
            along = zip(program.at, u, v, strict=True)
            return program.mpmath([mp.mpf(x) + s * mp.mpf(a) + t * mp.mpf(b) for x, a, b in along])

        return float(mp.diff(moved, (0, 0), (1, 1)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_sixteen_nestings(name: str) -> None:
    program = PROGRAMS[name]
    module, random = program.module(), np.random.default_rng(len(name))
    u, v = random.uniform(-1, 1, (2, len(program.at)))
    point = [program.pack(numbers) for numbers in (np.array(program.at), v, u)]
    expected = curvature(program, u, v)
    for backend in ("reference", "llvm"):
        found = module.all.on(backend=backend)(*point)
        np.testing.assert_allclose(found, [expected] * 16, rtol=1e-11, err_msg=backend)
