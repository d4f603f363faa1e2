"""Taylor coefficients of high order: the same code for every order, against mpmath and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.special import binom

import difflang as dl
from difflang.core.ir import walk
from tests.derive.matrix_rows import ROWS
from tests.derive.toolkit import jet_function

SCALARS = """
fn nested(x: real) -> real = tanh(exp(sin(x)) / (1.0 + x * x)) * sqrt(1.0 + x * x)
fn inverses(x: real) -> real = asin(0.5 * x) + atan(x) * log(2.0 + x) - erf(x)
fn powers(x: real) -> real = (1.0 + x) ** 1.5 + x ** 3 + 2.0 ** x
fn choice(x: real) -> real = sin(x) if x > 0 else sqrt(x)
fn twice(x: real) -> real:
    var y = x
    while y < 1.0:
        y = y + sin(y) * 0.5
    return y
"""
PLAIN = {
    "nested": lambda x: mpmath.tanh(mpmath.exp(mpmath.sin(x)) / (1 + x * x)) * mpmath.sqrt(1 + x * x),
    "inverses": lambda x: mpmath.asin(x / 2) + mpmath.atan(x) * mpmath.log(2 + x) - mpmath.erf(x),
    "powers": lambda x: (1 + x) ** 1.5 + x**3 + mpmath.mpf(2) ** x,
    "choice": mpmath.sin,
    "twice": lambda x: (lambda y: y + mpmath.sin(y) / 2)(x + mpmath.sin(x) / 2),
}


def coefficients(plain: Callable[[Any], Any], at: float, order: int) -> list[float]:
    """By Cauchy's formula on a circle well inside of that of convergence; what it leaves out is 1e-35 of the first."""
    points, radius = 64, mpmath.mpf("0.3")
    with mpmath.workdps(60):
        turns = [mpmath.expjpi(mpmath.mpf(2) * j / points) for j in range(points)]
        values = [plain(mpmath.mpf(at) + radius * turn) for turn in turns]
        sums = [mpmath.fsum(v / turn**k for v, turn in zip(values, turns, strict=True)) for k in range(order + 1)]
        return [float(mpmath.re(total / points / radius**k)) for k, total in enumerate(sums)]


def interpreted(function: dl.Function) -> dl.Function:
    """Without the time that LLVM takes, where what is tested is the recurrence."""
    return function.on(backend="reference")


@pytest.mark.parametrize("name", PLAIN)
def test_functions_of_a_number(name: str) -> None:
    """An error is measured by its coefficient and those that follow: all of them grow like 1 / radius^k."""
    order, at = 20, 0.6
    found = dl.jet(getattr(dl.loads(SCALARS), name), order=order)(at, 1.0)
    expected = np.array(coefficients(PLAIN[name], at, order))
    scale = np.maximum.accumulate(np.abs(expected[::-1]))[::-1]
    assert np.all(np.abs(np.array(found) - expected) <= 1e-13 * scale)


GAMMAS = """
fn f(x: real) -> real = lgamma(x)
fn curve(x: real) -> real = lgamma(1.5 + sin(x))
fn last(x: real) -> real = jet(f, order = 13)(x, 1.0)[13]
fn g(x: real, n: int) -> real = polygamma(n, x)
"""


def test_gamma_functions() -> None:
    """Their derivatives are the polygamma functions, without end."""
    m, order = dl.loads(GAMMAS), 2
    for at in (0.6, 17.3, -1.3):
        found = dl.jet(m.f, order=40)(at, 1.0)
        expected = [float(mpmath.polygamma(k - 1, at) / mpmath.factorial(k)) for k in range(1, 41)]
        np.testing.assert_allclose(np.array(found[1:]), expected, rtol=2e-14)
    found = interpreted(dl.jet(m.curve, order=20))(0.3, 1.0)
    expected = coefficients(lambda x: mpmath.loggamma(mpmath.sin(x) + 1.5), 0.3, 20)
    np.testing.assert_allclose(np.array(found), expected, rtol=1e-13)
    assert interpreted(dl.grad(m.last))(0.6) == pytest.approx(
        float(mpmath.polygamma(13, 0.6) / mpmath.factorial(13)), rel=1e-13
    )
    found = dl.jet(m.g, order=20, wrt="x")(0.6, order, 1.0)
    expected = [float(mpmath.polygamma(k + order, 0.6) / mpmath.factorial(k)) for k in range(21)]
    np.testing.assert_allclose(np.array(found), expected, rtol=1e-13)


def test_the_highest_order_of_polygamma() -> None:
    with pytest.raises(dl.DiffLangError, match="E0507: The Taylor coefficients of `polygamma` can be computed up to"):
        dl.jet(dl.loads(GAMMAS).g, order=151, wrt="x")(0.6, 1, 1.0)


POWERS = """
fn whole(x: real, n: int) -> real = x ** n
fn power(x: real, p: real) -> real = x ** p
fn along(x: real, p: real) -> real = (1.0 + exp(x)) ** p
fn moving(x: real) -> real = (1.0 + x) ** (0.5 + sin(x))
fn literals(x: real) -> real = (x * x - 2.0) ** 7 + (x * x - 2.0) ** (-3) + (x * x + 2.0) ** 1.7
fn fourth(x: real, p: real) -> real = jet(power, order = 13, wrt = x)(x, p, 1.0)[4]
"""


@pytest.mark.parametrize("at", [-1.5, 0.0, 1e-6, 1.3])
@pytest.mark.parametrize("exponent", [-18, 0, 7, 1001])
def test_powers_with_whole_exponents(at: float, exponent: int) -> None:
    """The binomial coefficients; products are exact where nothing is left of them, at 0 and beside it."""
    m, order = dl.loads(POWERS), 30
    if at == 0 and exponent < 0:
        infinities = [(-1) ** k * np.inf for k in range(order + 1)]
        np.testing.assert_array_equal(dl.jet(m.whole, order=order, wrt="x")(at, exponent, 1.0), infinities)
        return
    expected = [
        float(mpmath.binomial(exponent, k) * (mpmath.mpf(at) ** (exponent - k) if 0 <= k <= exponent or at else 0))
        for k in range(order + 1)
    ]
    for f, n in ((m.whole, exponent), (m.power, float(exponent))):
        np.testing.assert_allclose(
            np.array(interpreted(dl.jet(f, order=order, wrt="x"))(at, n, 1.0)), expected, rtol=2e-14
        )


def test_powers_along_a_curve() -> None:
    m, order, at = dl.loads(POWERS), 20, 0.3
    for exponent in (-1.7, -2.0, 0.5, 3.0, 12.0):
        found = interpreted(dl.jet(m.along, order=order, wrt="x"))(at, exponent, 1.0)
        expected = coefficients(lambda x, p=exponent: (1 + mpmath.exp(x)) ** mpmath.mpf(p), at, order)
        np.testing.assert_allclose(np.array(found), expected, rtol=1e-12)
    for name, plain in {
        "moving": lambda x: (1 + x) ** (mpmath.sin(x) + 0.5),
        "literals": lambda x: (x * x - 2) ** 7 + (x * x - 2) ** -3 + (x * x + 2) ** mpmath.mpf(1.7),
    }.items():
        found = dl.jet(getattr(m, name), order=order)(at, 1.0)
        np.testing.assert_allclose(np.array(found), coefficients(plain, at, order), rtol=1e-12)


@pytest.mark.parametrize(("at", "exponent"), [(1.3, 2.0), (0.7, 2.5), (1.3, 0.0)])
def test_a_whole_exponent_has_derivatives_too(at: float, exponent: float) -> None:
    """Of the coefficient binomial(p, 4) x^(p-4)."""
    m = dl.loads(POWERS)

    def plain(x: Any, p: Any) -> Any:
        return mpmath.binomial(p, 4) * mpmath.mpf(x) ** (p - 4)

    by_base, by_exponent = interpreted(dl.grad(m.fourth, wrt=("x", "p")))(at, exponent)
    assert by_base == pytest.approx(float(mpmath.diff(lambda x: plain(x, exponent), at)), rel=1e-13, abs=1e-15)
    assert by_exponent == pytest.approx(float(mpmath.diff(lambda p: plain(at, p), exponent)), rel=1e-13)
    second = float(mpmath.diff(lambda p: plain(at, p), exponent, 2))
    assert interpreted(dl.hessian(m.fourth, wrt="p"))(at, exponent) == pytest.approx(second, rel=1e-12)


def test_powers_at_the_edges() -> None:
    """Of 0 with a broken exponent the coefficients beyond it are infinite; a negative base has no slope in it."""
    m = dl.loads(POWERS)
    found = dl.jet(m.power, order=13, wrt="x")(0.0, 2.5, 1.0)
    np.testing.assert_array_equal(found, [0, 0, 0, *[np.inf, -np.inf] * 5, np.inf])
    assert interpreted(dl.grad(m.fourth, wrt="x"))(-1.3, 6.0) == pytest.approx(-39.0, rel=1e-14)
    assert np.isnan(interpreted(dl.grad(m.fourth, wrt="p"))(-1.3, 6.0))


def test_along_a_curve() -> None:
    """exp of a polynomial, by its logarithmic derivative in whole fractions."""
    m = dl.loads("fn f(x: real) -> real = exp(x)")
    order = 30
    curve = (0.0, *(1.0 / (k * k) for k in range(1, order + 1)))
    found = dl.jet(m.f)(curve)
    expected = [mpmath.mpf(1)]
    for j in range(1, order + 1):
        expected.append(sum(mpmath.mpf(1) / i * expected[j - i] for i in range(1, j + 1)) / j)
    np.testing.assert_allclose(np.array(found), np.array(expected, float), rtol=1e-14)


ARRAYS = """
import linalg
fn layer(W: real[m, n], x: real[n]) -> real[m] = tanh(W @ x)
fn products(x: real[n, n], k: int) -> real[n, n]:
    var p = x
    for t in 0..k:
        p = p @ x
    return p
fn largest(x: real[n]) -> real = max(x[i] * x[i] for i)
fn solved(t: real, A: real[n, n], B: real[n, n], b: real[n]) -> real[n] = linalg.solve(A + t * B, b)
fn logdet(t: real, A: real[n, n], B: real[n, n]) -> real = linalg.slogdet(A + t * B)[1]
implicit fn root(a: real) -> x: real:
    where x * x == a
    return sqrt(a)
implicit fn pair(a: real, M: real[n, n]) -> x: real[n]:
    where M @ x + x * x * x == a
    var x = [0.0 for i in 0..n]
    for k in 0..100:
        x = x - 0.2 * (M @ x + x * x * x - a)
    return x
"""
RANDOM = np.random.default_rng(3)
A, B = RANDOM.normal(size=(3, 3)) + 3 * np.eye(3), RANDOM.normal(size=(3, 3))


def test_products_and_elements() -> None:
    m, order = dl.loads(ARRAYS), 16
    W, x, v = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=3), RANDOM.normal(size=3)
    found = np.array(dl.jet(m.layer, order=order, wrt="x")(W, x, v))
    expected = [
        [float(c) for c in mpmath.taylor(lambda t, k=k: mpmath.tanh((W @ x)[k] + t * (W @ v)[k]), 0, order)]
        for k in range(4)
    ]
    scale = np.abs(expected).max(axis=1)
    assert np.all(np.abs(found.T - expected) <= 1e-13 * scale[:, None])


def test_powers_of_a_matrix_in_a_loop() -> None:
    """(A + t B)^15 by multiplying polynomials whose coefficients are matrices."""
    m, order = dl.loads(ARRAYS), 18
    found = dl.jet(m.products, order=order)(A, 14, B)
    expected = [A, B]
    for _ in range(14):
        longer = [A @ c for c in expected] + [np.zeros((3, 3))]
        expected = [a + (B @ c) for a, c in zip(longer, [np.zeros((3, 3)), *expected], strict=True)]
    largest = max(np.abs(c).max() for c in expected)
    for k in range(order + 1):
        wanted = expected[k] if k < len(expected) else np.zeros((3, 3))
        np.testing.assert_allclose(found[k], wanted, rtol=1e-12, atol=1e-14 * largest)


def test_the_largest_element() -> None:
    found = dl.jet(dl.loads(ARRAYS).largest, order=14)(np.array([1.0, -3.0, 2.0]), np.array([5.0, 7.0, 1.0]))
    np.testing.assert_array_equal(found, [9.0, -42.0, 49.0, *[0.0] * 12])


def test_linear_systems_and_determinants() -> None:
    m, order, b = dl.loads(ARRAYS), 20, np.array([1.0, -2.0, 0.5])
    found = dl.jet(m.solved, order=order, wrt="t")(0.0, A, B, b, 1.0)
    step, expected = np.linalg.solve(A, B), np.linalg.solve(A, b)
    for k in range(order + 1):
        np.testing.assert_allclose(found[k], expected, rtol=0, atol=1e-13 * np.abs(expected).max())
        expected = -step @ expected
    found = dl.jet(m.logdet, order=order, wrt="t")(0.0, A, B, 1.0)
    for k in range(1, order + 1):
        wanted = (-1) ** (k + 1) * np.trace(np.linalg.matrix_power(step, k)) / k
        assert found[k] == pytest.approx(wanted, rel=1e-12, abs=1e-14)


def test_implicit_functions_and_gradients() -> None:
    m = dl.loads(ARRAYS + "fn last(a: real) -> real = jet(root, order = 20)(a, 1.0)[20]\n")
    expected = [binom(0.5, k) * 2.0 ** (0.5 - k) for k in range(22)]
    np.testing.assert_allclose(dl.jet(m.root, order=20)(2.0, 1.0), expected[:21], rtol=1e-13)
    assert dl.grad(m.last)(2.0) == pytest.approx(21 * expected[21], rel=1e-13)


RULES = """
fn wave(x: real) -> real = sin(x)
rule jvp wave(x, dx) = cos(x) * dx
fn itself(x: real) -> real = exp(x)
rule jvp itself(x, dx) = itself(x) * dx
fn one(x: real) -> real = sin(x)
rule jvp one(x, dx) = other(x) * dx
fn other(x: real) -> real = cos(x)
rule vjp other(x, y, ybar) = -one(x) * ybar
fn two(x: real, y: real) -> real = x * sin(y)
rule jvp two(x, y, dx, dy) = sin(y) * dx + x * cos(y) * dy
fn product(x: real) -> real = two(x * x, x)
fn branch(x: real) -> real = exp(x) if x > 0 else x
rule jvp branch(x, dx) = branch(x) * dx if x > 0 else dx
fn root(x: real) -> real = sqrt(x)
rule jvp root(x, dx) = 0.5 * x ** (-0.5) * dx
fn bessel(x: real, n: int) -> real = sin(x + real(n) * pi / 2.0)
rule jvp bessel(x, n, dx) = 0.5 * (bessel(x, n + 1) - bessel(x, n - 1)) * dx
fn first(x: real) -> real = bessel(x, 0)
fn sines(x: real[n]) -> real[n] = sin(x)
rule jvp sines(x, dx) = cosines(x) * dx
fn cosines(x: real[n]) -> real[n] = cos(x)
rule jvp cosines(x, dx) = -sines(x) * dx
fn element(x: real) -> real:
    let all = sines([x, 2.0 * x])
    return all[1]
fn last(x: real) -> real = jet(one, order = 13)(x, 1.0)[13]
"""


@pytest.mark.parametrize("order", [10, 20])
def test_rules(order: int) -> None:
    """One that mentions its function, two that mention each other, and one that leads to others without end."""
    m, at = dl.loads(RULES), 0.7
    plain: dict[str, Callable[[Any], Any]] = {
        **dict.fromkeys(("wave", "one") if order > 10 else ("wave", "one", "first"), mpmath.sin),
        **dict.fromkeys(("itself", "branch"), mpmath.exp),
        "product": lambda x: x * x * mpmath.sin(x),
        "root": mpmath.sqrt,
        "element": lambda x: mpmath.sin(2 * x),
    }
    for name, function in plain.items():
        found = interpreted(dl.jet(getattr(m, name), order=order))(at, 1.0)
        np.testing.assert_allclose(np.array(found), coefficients(function, at, order), rtol=1e-14)


def test_gradients_of_series_by_rules() -> None:
    assert dl.grad(dl.loads(RULES).last)(0.7) == pytest.approx(-np.sin(0.7) / math.factorial(13), rel=1e-14)


def test_no_operation_grows_with_the_order() -> None:
    """But for reading the coefficients of its arguments and those of its results: four lines for each, at most."""
    for row in ROWS.values():
        if row.name == "extern":
            continue
        few, more = (jet_function(row.program(), order) for order in (14, 22))
        added = len(more.params) - len(few.params) + len(more.block.results) - len(few.block.results)
        lines = [sum(1 for _ in walk(f.block)) for f in (few, more)]
        assert lines[1] - lines[0] <= 4 * added, row.name


def test_several_unknowns() -> None:
    """The series satisfies the condition: its powers by convolution of polynomials."""
    order, matrix = 16, np.array([[2.0, 0.3], [0.1, 1.5]])
    found = np.array(dl.jet(dl.loads(ARRAYS).pair, order=order, wrt="a")(0.7, matrix, 1.0))
    cubes = [np.convolve(np.convolve(x, x), x)[: order + 1] for x in found.T]
    sums = found @ matrix.T + np.transpose(cubes)
    np.testing.assert_allclose(sums[:2], [[0.7, 0.7], [1, 1]], rtol=1e-14)
    np.testing.assert_allclose(sums[2:], 0, atol=1e-14)


def test_the_program_does_not_grow_with_the_order() -> None:
    """But for its results: a line to read each of them, or two."""
    rules, powers = dl.loads(RULES), dl.loads(POWERS)
    for f in (dl.loads(SCALARS).nested, rules.one, rules.element, powers.literals, powers.power, powers.moving):
        lines = [len(dl.jet(f, order=order, wrt="x").emit("core").splitlines()) for order in (20, 40, 80)]
        assert lines[1] - lines[0] <= 60
        assert lines[2] - lines[1] <= 120
