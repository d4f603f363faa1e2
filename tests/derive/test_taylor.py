"""Taylor coefficients of every primitive and construct against mpmath, closed forms and nested forward mode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Func, walk
from difflang.core.ops import integer
from difflang.derive import erased, taylor
from difflang.prims import PRIMITIVES
from tests.core.generators import arguments, functions
from tests.derive.test_custom import cube_with, root
from tests.derive.toolkit import (
    check_modes,
    flat,
    floats_of,
    function,
    jet_function,
    random_like,
    run,
    tangent_function,
)

ORDER = 5


@pytest.fixture(autouse=True, params=["values", "arrays"])
def kept_as(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Coefficients are values of their own, or stand in arrays as those of high order do."""
    if request.param == "arrays":
        monkeypatch.setattr(taylor, "WRITTEN_OUT", 0)


def real(value: float) -> Atom:
    return literal(value, "f64")


UNARY: dict[str, tuple[Callable[[Any], Any], float]] = {
    "neg": (lambda x: -x, 0.7),
    "sqrt": (mpmath.sqrt, 0.7),
    "cbrt": (mpmath.cbrt, 0.7),
    "exp": (mpmath.exp, 0.7),
    "exp2": (lambda x: mpmath.power(2, x), 0.7),
    "expm1": (mpmath.expm1, 0.7),
    "log": (mpmath.log, 0.7),
    "log2": (lambda x: mpmath.log(x, 2), 0.7),
    "log10": (mpmath.log10, 0.7),
    "log1p": (mpmath.log1p, 0.7),
    "sin": (mpmath.sin, 0.7),
    "cos": (mpmath.cos, 0.7),
    "tan": (mpmath.tan, 0.7),
    "asin": (mpmath.asin, 0.3),
    "acos": (mpmath.acos, 0.3),
    "atan": (mpmath.atan, 0.7),
    "sinh": (mpmath.sinh, 0.7),
    "cosh": (mpmath.cosh, 0.7),
    "tanh": (mpmath.tanh, 0.7),
    "asinh": (mpmath.asinh, 0.7),
    "acosh": (mpmath.acosh, 1.7),
    "atanh": (mpmath.atanh, 0.3),
    "erf": (mpmath.erf, 0.7),
    "erfc": (mpmath.erfc, 0.7),
    "lgamma": (mpmath.loggamma, 1.7),
    "digamma": (mpmath.digamma, 1.7),
    "gaussian": (lambda x: mpmath.exp(-x * x), 0.7),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), 0.7),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), 0.7),
    "abs": (lambda x: -x, -0.7),
    "relu": (lambda x: x, 0.7),
    "stop_grad": (lambda x: mpmath.mpf(0.7), 0.7),
    "kept": (lambda x: x, 0.7),
    "floor": (lambda x: mpmath.mpf(0), 0.7),
    "ceil": (lambda x: mpmath.mpf(1), 0.7),
    "round": (lambda x: mpmath.mpf(1), 0.7),
    "sign": (lambda x: mpmath.mpf(1), 0.7),
}
BINARY: dict[str, tuple[Callable[[Any, Any], Any], float, float]] = {
    "add": (lambda x, y: x + y, 0.7, 1.3),
    "sub": (lambda x, y: x - y, 0.7, 1.3),
    "mul": (lambda x, y: x * y, 0.7, 1.3),
    "div": (lambda x, y: x / y, 0.7, 1.3),
    "pow": (mpmath.power, 0.7, 1.3),
    "atan2": (lambda x, y: mpmath.atan(x / y), 0.7, 1.3),
    "hypot": (mpmath.hypot, 0.7, 1.3),
    "max": (lambda x, y: y, 0.7, 1.3),
    "min": (lambda x, y: x, 0.7, 1.3),
    "mod": (lambda x, y: x - 2 * y, 3.1, 1.3),
    "floordiv": (lambda x, y: mpmath.mpf(2), 3.1, 1.3),
}
CURVE_A = (1.0, -0.4, 0.3, 0.1, -0.2)
CURVE_B = (0.6, 0.2, -0.5, 0.3, 0.4)


def curve(first: float, coefficients: Sequence[float]) -> Callable[[Any], Any]:
    return lambda t: first + sum(c * t ** (j + 1) for j, c in enumerate(coefficients))


def expected_series(function_of_t: Callable[[Any], Any]) -> list[float]:
    with mpmath.workdps(40):
        return [float(c.real) for c in mpmath.taylor(function_of_t, 0, ORDER)]


@pytest.mark.parametrize("name", UNARY)
def test_unary_primitives(name: str) -> None:
    plain, at = UNARY[name]
    f = function("x", lambda b, x: [b.prim(name, x)])
    found = run(jet_function(f, ORDER), at, *CURVE_A)
    np.testing.assert_allclose(found, expected_series(lambda t: plain(curve(at, CURVE_A)(t))), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", BINARY)
def test_binary_primitives(name: str) -> None:
    plain, a, b_ = BINARY[name]
    f = function("x y", lambda b, x, y: [b.prim(name, x, y)])
    found = run(jet_function(f, ORDER), a, b_, *CURVE_A, *CURVE_B)
    expected = expected_series(lambda t: plain(curve(a, CURVE_A)(t), curve(b_, CURVE_B)(t)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_every_primitive_over_floats_is_covered() -> None:
    others = {"clip", "select", "convert", "powi", "polygamma", "eq", "ne", "lt", "le", "gt", "ge"}
    others |= {"and", "or", "not", "isnan", "isfinite", "random_bits", "bits_to_unit"}
    assert set(PRIMITIVES) == set(UNARY) | set(BINARY) | others


@pytest.mark.parametrize("exponent", [-2, 0, 1, 2, 3, 7])
@pytest.mark.parametrize("at", [0.0, 1.4])
def test_integer_powers(exponent: int, at: float) -> None:
    if exponent < 0 and at == 0:
        pytest.skip("a pole")
    powers = {
        "literal": function("x", lambda b, x: [b.prim("powi", x, integer(exponent))]),
        "variable": function("n:i64 x", lambda b, n, x: [b.prim("powi", x, n)]),
        "float": function("x", lambda b, x: [b.prim("pow", x, real(exponent))]),
    }
    expected = expected_series(lambda t: curve(at, CURVE_A)(t) ** exponent)
    for kind, f in powers.items():
        extra = [exponent] if kind == "variable" else []
        np.testing.assert_allclose(run(jet_function(f, ORDER), *extra, at, *CURVE_A), expected, rtol=1e-12, atol=1e-14)


def test_clip_select_convert_and_polygamma() -> None:
    def body(b: Builder, x: Atom) -> list[Atom]:
        inside = b.prim("clip", x, real(0), real(1))
        outside = b.prim("clip", x, real(0), real(0.5))
        chosen = b.prim("select", b.prim("lt", x, real(1)), b.prim("sin", x), b.prim("cos", x))
        narrow = b.prim("convert", b.prim("convert", x, dtype="f32"), dtype="f64")
        return [inside, outside, chosen, narrow, b.prim("polygamma", integer(2), b.prim("add", x, real(1)))]

    found = run(jet_function(function("x", body), ORDER), 0.75, *CURVE_A)
    values, series = found[:5], np.reshape(found[5:], (5, ORDER))
    x = curve(0.75, CURVE_A)
    np.testing.assert_allclose([values[0], *series[0]], [0.75, *CURVE_A])
    assert [values[1], *series[1]] == [0.5, 0, 0, 0, 0, 0]
    np.testing.assert_allclose([values[2], *series[2]], expected_series(lambda t: mpmath.sin(x(t))), rtol=1e-13)
    np.testing.assert_allclose(series[3], CURVE_A, rtol=1e-6)
    expected = expected_series(lambda t: mpmath.polygamma(2, x(t) + 1))
    np.testing.assert_allclose([values[4], *series[4]], expected, rtol=1e-11)


def test_ties_give_the_mean_of_the_tied_jets() -> None:
    f = function("x y", lambda b, x, y: [b.prim("max", x, y)])
    assert run(jet_function(f, 2), 1.0, 1.0, 2.0, 6.0, 4.0, -2.0) == [1, 3, 2]
    g = function("n x[n]", lambda b, n, x: b.reduce("max", [n], lambda i: [b.get(x, i)]))
    found = run(jet_function(g, 2), 3, np.array([1.0, 0, 1]), np.array([2.0, 9, 4]), np.array([6.0, 9, -2]))
    assert found == [1, 3, 2]


def composed(b: Builder, x: Atom) -> list[Atom]:
    """A chain through a division, an exponential and a root, each of the others' results."""
    u = b.prim("exp", b.prim("sin", x))
    v = b.prim("div", u, b.prim("add", real(1), b.prim("mul", x, x)))
    return [b.prim("mul", b.prim("sqrt", v), b.prim("tanh", b.prim("sub", u, v)))]


def test_a_composition_at_order_eight() -> None:
    def plain(x: Any) -> Any:
        u = mpmath.exp(mpmath.sin(x))
        v = u / (1 + x * x)
        return mpmath.sqrt(v) * mpmath.tanh(u - v)

    found = run(jet_function(function("x", composed), 8), 0.6, 1.0, *[0.0] * 7)
    with mpmath.workdps(40):
        expected = [float(c) for c in mpmath.taylor(plain, 0.6, 8)]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_the_cost_is_quadratic_in_the_order() -> None:
    """Operations that an order adds grow linearly: the second differences of the counts do not grow."""
    counts = [sum(1 for _ in walk(jet_function(function("x", composed), k).block)) for k in range(1, 13)]
    second = np.diff(counts, 2)
    assert second.max() <= second[:3].max() + 1


def dense_curve(shape: tuple[int, ...], order: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, shape) for _ in range(order)]


def at_time(first: np.ndarray, coefficients: Sequence[np.ndarray], t: float) -> np.ndarray:
    return first + sum(c * t ** (j + 1) for j, c in enumerate(coefficients))


def series_by_roots(evaluate: Callable[[complex], np.ndarray], order: int) -> list[np.ndarray]:
    """Coefficients of an analytic function by the trapezoidal rule on a circle (Lyness and Moler 1967)."""
    count, radius = 32, 0.1
    points = radius * np.exp(2j * np.pi * np.arange(count) / count)
    samples = np.array([evaluate(t) for t in points])
    return [np.tensordot(points ** -float(j), samples, 1).real / count for j in range(order + 1)]


def test_solve_and_contract_and_loops() -> None:
    """y <- A(t)^-1 (y * x(t)), three times; then the sum of A_ij y_j."""

    def body(b: Builder, n: Atom, a: Atom, x: Atom) -> Sequence[Atom]:
        def step(_: Atom, y: Atom) -> list[Atom]:
            return [b.emit("solve", [a, b.map(lambda p, q: b.prim("mul", p, q), y, x)])[0]]

        y = b.fold(integer(3), [x], step)[0]
        return [b.emit("contract", [a, y], {"spec": "ij,j->i"})[0]]

    order = 4
    a, x = np.eye(3) * 3 + np.arange(9).reshape(3, 3) / 9, np.array([0.4, -0.7, 1.1])
    da, dx = dense_curve((3, 3), order, 0), dense_curve((3,), order, 1)

    def plain(t: complex) -> np.ndarray:
        matrix, vector = at_time(a, da, t), at_time(x, dx, t)
        y = vector
        for _ in range(3):
            y = np.linalg.solve(matrix, y * vector)
        return matrix @ y

    found = run(jet_function(function("n A[n,n] x[n]", body), order), 3, a, x, *da, *dx)
    np.testing.assert_allclose(found, series_by_roots(plain, order), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", ["cholesky", "lu", "qr", "eigh", "svd"])
def test_factorisations_multiply_back(op: str) -> None:
    """The products of the factors' series are the series of the matrix."""
    order = 3
    rng = np.random.default_rng(2)
    a = rng.uniform(-1, 1, (3, 3)) + 3 * np.eye(3)
    changes = dense_curve((3, 3), order, 4)
    if op in ("cholesky", "eigh"):
        a, changes = a @ a.T, [c + c.T for c in changes]

    def body(b: Builder, n: Atom, m: Atom) -> Sequence[Atom]:
        return b.emit(op, [m, n] if op in ("qr", "svd") else [m])

    found = run(jet_function(function("n A[n,n]", body), order), 3, a, *changes)
    outs = found[: {"cholesky": 1, "lu": 1, "qr": 2, "eigh": 2, "svd": 3}[op]]
    start = len(found) - order * len(outs)
    series = [[out, *found[start + k * order : start + (k + 1) * order]] for k, out in enumerate(outs)]

    def convolved(left: list[Any], right: list[Any], product: Callable[[Any, Any], Any]) -> list[Any]:
        return [sum(product(left[i], right[j - i]) for i in range(j + 1)) for j in range(order + 1)]

    def transposed(s: list[Any]) -> list[Any]:
        return [x.T for x in s]

    if op == "cholesky":
        back = convolved(series[0], transposed(series[0]), np.matmul)
    elif op == "lu":
        lower = [np.tril(p, -1) + (np.eye(3) if j == 0 else 0) for j, p in enumerate(series[0])]
        back = convolved(lower, [np.triu(p) for p in series[0]], np.matmul)
        rows = found[1]
        a, changes = a[rows], [c[rows] for c in changes]
    elif op == "qr":
        back = convolved(series[0], series[1], np.matmul)
    elif op == "eigh":
        scaled = convolved(series[1], series[0], np.multiply)
        back = convolved(scaled, transposed(series[1]), np.matmul)
    else:
        back = convolved(convolved(series[0], series[1], np.multiply), series[2], np.matmul)
    np.testing.assert_allclose(back, [a, *changes], atol=1e-11)
    for orthogonal in {"qr": series[:1], "eigh": series[1:2], "svd": series[:1]}.get(op, []):
        identity = convolved(transposed(orthogonal), orthogonal, np.matmul)
        np.testing.assert_allclose(identity, [np.eye(3), *[np.zeros((3, 3))] * order], atol=1e-11)


def test_implicit_functions_and_rules() -> None:
    expected = expected_series(lambda t: mpmath.cbrt(curve(2.7, CURVE_A)(t)))
    found = run(erased(jet_function(function("a", root), ORDER)), 2.7, *CURVE_A)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    expected = expected_series(lambda t: curve(1.2, CURVE_A)(t) ** 3)
    for modes in (("jvp",), ("vjp",)):
        found = run(erased(jet_function(cube_with(*modes), ORDER)), 1, 1.2, *CURVE_A)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_newton_iteration_has_the_series_of_the_root() -> None:
    from tests.derive.test_structures import newton

    expected = expected_series(lambda t: mpmath.sqrt(curve(2.0, CURVE_A)(t)))
    np.testing.assert_allclose(run(jet_function(function("a", newton), ORDER), 2.0, *CURVE_A), expected, rtol=1e-12)


def test_products_and_arrays_of_series() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> list[Atom]:
        (product,) = b.reduce("prod", [n], lambda i: [b.get(x, i)])
        changed = b.set(x, integer(0), product)
        return [b.emit("reshape", [changed, n])[0], product]

    x = np.array([0.0, 0.0, 2.0])
    slope = np.array([1.0, 3.0, 5.0])
    zero = np.zeros(3)
    found = run(jet_function(function("n x[n]", body), 3), 3, x, slope, zero, zero)
    assert found[1] == 0
    assert found[5:] == [0, 6, 15]
    assert found[3].tolist() == [6, 0, 0]


def second_by_nesting(func: Func, args: Sequence[Any], direction: Sequence[Any]) -> np.ndarray:
    twice = tangent_function(tangent_function(func))
    still = [0 * d for d in direction]
    return flat(run(twice, *args, *direction, *direction, *still)[-len(floats_of(run(func, *args))) :])


@settings(max_examples=40, deadline=None)
@given(functions(size=12, smooth=False))
def test_random_programs_against_nested_forward_mode(func: Func) -> None:
    args = arguments(func, 3)
    direction = random_like(floats_of(args), 1)
    zeros = [[d, 0 * d] for d in direction]
    found = run(jet_function(func, 2), *args, *(c for pair in zeros for c in pair))
    count = len(found) // 3
    first = flat(run(tangent_function(func), *args, *direction)[count:])
    np.testing.assert_allclose(flat(found[count::2]), first, rtol=1e-12, atol=1e-13)
    second = second_by_nesting(func, args, direction) / 2
    np.testing.assert_allclose(flat(found[count + 1 :: 2]), second, rtol=1e-11, atol=1e-12 * (1 + np.abs(second).max()))


@settings(max_examples=10, deadline=None)
@given(functions(size=8, smooth=True))
def test_jets_can_be_differentiated(func: Func) -> None:
    args = arguments(func, 2)
    coefficients = [c for a in floats_of(args) for c in random_like([a, a], 3)]
    check_modes(jet_function(func, 2), [*args, *coefficients])


def test_long_loops_of_series() -> None:
    """x <- x + h x: (1 + h)^n times the curve."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        return b.fold(n, [x], lambda i, x: [b.prim("add", x, b.prim("mul", real(0.125), x))])

    found = run(jet_function(function("n:i64 x", body), 2), 10, 1.0, 2.0, 4.0)
    np.testing.assert_allclose(found, np.array([1, 2, 4]) * math.pow(1.125, 10), rtol=1e-14)
