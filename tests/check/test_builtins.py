"""The builtin functions of the prelude against NumPy and SciPy, and their gradients against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import difflang as dl

X = np.array([3.0, 1.0, 2.0, 1.0])
Y = np.array([0.5, 0.25, 0.125, 4.0])
A = np.arange(6.0).reshape(2, 3)
B = np.arange(12.0).reshape(4, 3)
C = np.arange(24.0).reshape(2, 3, 4)
VECTOR, TWO, MATRIX, CUBE = "x: real[n]", "x: real[n], y: real[n]", "x: real[n, m]", "x: real[n, m, k]"


def run(parameters: str, expression: str, *arguments: object) -> object:
    """The value of an expression, by the reference interpreter."""
    return dl.loads(f"fn f({parameters}) = {expression}").f.on(backend="reference")(*arguments)


ARRAY_CASES = [
    (VECTOR, "concat(x, x, x)", [X], np.concatenate([X, X, X])),
    ("x: real[n], y: real[m]", "concat((x, y))", [X, Y[:2]], np.concatenate([X, Y[:2]])),
    ("x: real[n, m], y: real[k, m]", "concat(x, y)", [A, B], np.concatenate([A, B])),
    (MATRIX, "concat(x, x, axis = 1)", [A], np.concatenate([A, A], axis=1)),
    ("x: int[n], y: real[m]", "concat(x, y)", [np.array([1, 2]), X], np.concatenate([[1.0, 2.0], X])),
    (TWO, "stack(x, y)", [X, Y], np.stack([X, Y])),
    (TWO, "stack((x, y), axis = -1)", [X, Y], np.stack([X, Y], axis=-1)),
    (MATRIX, "stack((x, x, x), axis = 1)", [A], np.stack([A, A, A], axis=1)),
    ("a: real, b: real", "stack(a, b)", [1.0, 2.0], np.array([1.0, 2.0])),
    (VECTOR, "sort(x)", [X], np.sort(X)),
    (VECTOR, "argsort(x)", [X], np.argsort(X, kind="stable")),
    ("x: int[n]", "sort(x)", [np.array([3, -1, 2])], np.array([-1, 2, 3])),
    (MATRIX, "sort(-x)", [A], np.sort(-A)),
    (CUBE, "argsort(sin(x))", [C], np.argsort(np.sin(C))),
    (MATRIX, "reshape(x, m, n)", [A], A.reshape(3, 2)),
    (MATRIX, "reshape(x, -1)", [A], A.reshape(-1)),
    (MATRIX, "reshape(x, 3, -1)", [A], A.reshape(3, -1)),
    (MATRIX, "transpose(x)", [A], A.T),
    (CUBE, "transpose(x)", [C], C.transpose()),
    (CUBE, "transpose(x, 1, 2, 0)", [C], C.transpose(1, 2, 0)),
    ("n: int", "arange(n)", [4], np.arange(4)),
    ("a: int, b: int", "arange(a, b)", [2, 7], np.arange(2, 7)),
    ("a: int, b: int", "arange(a, b)", [7, 2], np.arange(7, 2)),
    ("a: int, b: int, c: int", "arange(a, b, c)", [2, 8, 3], np.arange(2, 8, 3)),
    ("a: int, b: int, c: int", "arange(a, b, c)", [7, 2, -2], np.arange(7, 2, -2)),
    ("n: int, m: int", "zeros(n, m)", [2, 3], np.zeros((2, 3))),
    ("n: int", "ones(n)", [0], np.ones(0)),
    ("n: int, v: real", "full(n, 2, v)", [3, 7.0], np.full((3, 2), 7.0)),
    (MATRIX, "zeros_like(x) + ones_like(x)", [A], np.ones_like(A)),
    ("n: int", "eye(n)", [3], np.eye(3)),
    ("n: int", "linspace(-1, 2, n)", [7], np.linspace(-1, 2, 7)),
    (VECTOR, "cumsum(x)", [X], np.cumsum(X)),
    (VECTOR, "flip(x)", [X], np.flip(X)),
    (VECTOR, "roll(x, -3)", [X], np.roll(X, -3)),
    (VECTOR, "pad(x, (1, 2), 9.0)", [X], np.pad(X, (1, 2), constant_values=9.0)),
    (VECTOR, "softmax(x)", [X], special.softmax(X)),
    (TWO, "outer(x, y)", [X, Y], np.outer(X, Y)),
    ("x: real[3], y: real[3]", "cross(x, y)", [X[:3], Y[:3]], np.cross(X[:3], Y[:3])),
]


@pytest.mark.parametrize(("parameters", "expression", "arguments", "expected"), ARRAY_CASES)
def test_arrays_are_those_of_numpy(parameters, expression, arguments, expected):
    result = np.asarray(run(parameters, expression, *arguments))
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-14)


REAL_FUNCTIONS = {
    "floor": np.floor, "ceil": np.ceil, "round": np.round, "sqrt": np.sqrt, "cbrt": np.cbrt, "square": np.square,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan, "atan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "erf": special.erf, "erfc": special.erfc,
    "lgamma": special.gammaln, "digamma": special.digamma, "sigmoid": special.expit, "abs": np.abs, "sign": np.sign,
    "softplus": lambda x: np.logaddexp(x, 0), "relu": lambda x: np.maximum(x, 0),
    "asin": np.arcsin, "acos": np.arccos, "atanh": np.arctanh, "acosh": lambda x: np.arccosh(x + 1),
}  # fmt: skip
EVERY_LEAF = """
struct P[n]: a: real[n]; b: real
fn f(y: real[n, m], a: real[n], b: real):
    let (p, z) = NAME((P(a, b), y))
    return (p.a, p.b, z, NAME(b))
"""


@pytest.mark.parametrize("name", REAL_FUNCTIONS)
def test_elementwise_functions_reach_every_leaf(name):
    """Of a number, of a matrix, and of a struct in a tuple; the arguments lie in the domain of every function."""
    shift = 1.0 if name == "acosh" else 0.0
    y, a, b = (A + 0.5) / 9, np.array([0.2, 0.7]), 0.4
    results = dl.loads(EVERY_LEAF.replace("NAME", name)).f.on(backend="reference")(y + shift, a + shift, b + shift)
    for found, argument in zip(results, (a, b, y, b), strict=True):
        np.testing.assert_allclose(found, REAL_FUNCTIONS[name](argument), rtol=2e-14)


def test_functions_of_two_and_three_numbers():
    np.testing.assert_allclose(run(TWO, "atan2(x, y)", X, Y), np.arctan2(X, Y))
    np.testing.assert_allclose(run(TWO, "hypot(x, 2)", X, Y), np.hypot(X, 2))
    np.testing.assert_allclose(run(TWO, "pow(x, y)", X, Y), X**Y)
    np.testing.assert_allclose(run(VECTOR, "clip(x, 1.5, 2.5)", X), np.clip(X, 1.5, 2.5))
    np.testing.assert_allclose(run(TWO, "max(x, y) - min(x, 2)", X, Y), np.maximum(X, Y) - np.minimum(X, 2))
    np.testing.assert_allclose(run(VECTOR, "polygamma(2, x)", X), special.polygamma(2, X))
    assert run("n: int", "abs(n) + clip(n, -1, 1) + sign(n)", -3) == 1


def test_predicates_give_bools():
    values = np.array([1.0, np.inf, np.nan])
    np.testing.assert_array_equal(run(VECTOR, "isfinite(x)", values), np.isfinite(values))
    np.testing.assert_array_equal(run(VECTOR, "isnan(x)", values), np.isnan(values))


def test_constants_follow_the_precision():
    module = dl.loads("fn f() = (eps, real(pi))")
    assert module.f()[0] == np.finfo(np.float64).eps
    assert module.f.on(precision="f32")()[0] == np.finfo(np.float32).eps


STRUCTURES = """
struct P[n, m]: w: real[n, m]; b: real; c: (real[n], real)
fn inner(p: P[n, m], q: P[n, m]) = dot(p, q)
fn length(p: P[n, m]) = norm(p)
fn flat(p: P[n, m]) = ravel(p)
fn back(v: real[k], p: P[n, m]) = unravel(v, p)
fn larger(p: P[n, m], q: P[n, m]) = max(p, q)
"""
P = {"w": A, "b": -2.0, "c": (X[:2], 7.0)}
FLAT = np.concatenate([A.ravel(), [-2.0], X[:2], [7.0]])


def test_vector_types_as_flat_vectors():
    module = dl.loads(STRUCTURES)
    assert module.inner(P, P) == pytest.approx(FLAT @ FLAT, rel=1e-15)
    assert module.length(P) == pytest.approx(np.linalg.norm(FLAT), rel=1e-15)
    np.testing.assert_array_equal(module.flat(P), FLAT)
    back = module.back(2 * FLAT, P)
    np.testing.assert_array_equal(np.asarray(back["w"]), 2 * A)
    assert (back["b"], back["c"][1]) == (-4.0, 14.0)
    np.testing.assert_array_equal(back["c"][0], 2 * X[:2])
    larger = module.larger(P, module.back(np.zeros(10), P))
    np.testing.assert_array_equal(module.flat(larger), np.maximum(FLAT, 0))


def test_unravel_needs_as_many_numbers():
    with pytest.raises(dl.DiffLangError) as failure:
        dl.loads(STRUCTURES).back(np.zeros(9), P)
    assert failure.value.code == "E0809"


GRADIENTS = [
    ("norm(x)", X / np.linalg.norm(X)),
    ("norm(0 * x)", np.zeros(4)),
    ("dot(x, x)", 2 * X),
    ("sum(sort(x) * arange(len(x)))", np.array([3.0, 0.0, 2.0, 1.0])),
    ("dot(sort(reshape(x, 2, 2)), [[1.0, 2.0], [3.0, 4.0]])", np.array([2.0, 1.0, 4.0, 3.0])),
    ("sum(square(concat(x, 2 * x)))", 10 * X),
    ("sum(square(stack(x, 3 * x)))", 20 * X),
    ("sum(square(reshape(x, 2, -1)))", 2 * X),
    ("dot(transpose(reshape(x, 2, 2)), reshape(x, 2, 2))", 2 * X[[0, 2, 1, 3]]),
    ("dot(unravel(x, (1.0, [1.0, 1.0, 1.0])), unravel(x, (1.0, [1.0, 1.0, 1.0])))", 2 * X),
    ("dot(ravel((x, 2 * x)), ravel((x, x)))", 6 * X),
    ("sum(clip(x, 1.0, 2.0))", np.array([0.0, 1.0, 1.0, 1.0])),
    ("sum(stop_grad(x) * x)", X),
]


@pytest.mark.parametrize(("expression", "expected"), GRADIENTS)
@pytest.mark.parametrize("backend", ["reference", "llvm"])
def test_gradients(expression, expected, backend):
    function = dl.loads(f"fn f(x: real[n]) = {expression}").f
    np.testing.assert_allclose(dl.grad(function).on(backend=backend)(X), expected, rtol=1e-13, atol=1e-15)


def test_the_norm_is_smooth_enough_at_zero_at_every_order():
    function = dl.loads("fn f(x: real[n]) = norm(x)").f
    np.testing.assert_array_equal(dl.hessian(function)(np.zeros(2)), np.zeros((2, 2)))
    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(dl.hessian(function)(x), (np.eye(2) - np.outer(x, x) / 25) / 5, rtol=1e-13)


ERRORS = [
    ("x: real", "zeros()", "E0302"),
    ("x: real", "zeros((2, 3))", "E0302"),
    ("x: real", "arange(x)", "E0305"),
    (VECTOR, "transpose(x, 1)", "E0302"),
    (VECTOR, "reshape(x, -1, -1)", "E0302"),
    ("x: real[6]", "reshape(x, 4)", "E0401"),
    ("x: bool[n]", "sort(x)", "E0305"),
    (MATRIX, "concat(x, x[0])", "E0401"),
    (VECTOR, "concat(x, x, axis = 1)", "E0302"),
    ("x: real[n], y: real[m]", "stack(x, y)", "E0401"),
    ("x: real[n], y: real[m]", "dot(x, y)", "E0401"),
    ("x: real[n, m], y: real[m]", "dot(x, y)", "E0401"),
    ("x: bool", "sqrt(x)", "E0305"),
    ("x: f32, y: f64", "atan2(x, y)", "E0305"),
    ("x: f32[n], y: f64[n]", "norm((x, y))", "E0305"),
    ("x: real", "len(x)", "E0305"),
    (VECTOR, "exp(x, x)", "E0302"),
    (VECTOR, "clip(x, 1)", "E0302"),
]


@pytest.mark.parametrize(("parameters", "expression", "code"), ERRORS)
def test_mistakes_have_a_code_and_a_place(parameters, expression, code):
    found = dl.loads(f"fn f({parameters}) = {expression}").check()
    assert [diagnostic.code for diagnostic in found] == [code]
    assert found[0].span is not None


@pytest.mark.parametrize("shape", [(3, 4), (1, 2), (0, 3), (3, 0)])
def test_cumsum_and_flip_along_an_axis(run, shape):
    a = np.random.default_rng(3).standard_normal(shape)
    for axis in (0, 1, -1):
        for name, oracle in (("cumsum", np.cumsum), ("flip", np.flip)):
            found = run(f"fn main(a: real[n, m]) -> real[n, m] = {name}(a, axis = {axis})", "main", a)
            np.testing.assert_allclose(found, oracle(a, axis), rtol=1e-14)
