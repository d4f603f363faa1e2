"""Values of expressions and statements, against NumPy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

X = np.array([0.5, -1.25, 2.0, 0.75])
Y = np.array([1.5, 0.25, -0.5, 3.0])
A = np.array([[2.0, -1.0, 0.5], [0.25, 3.0, -0.75]])
B = np.array([[1.0, 0.5], [-2.0, 1.5], [0.75, -1.0]])
S = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]])

EXPRESSIONS = [
    ("x + y", X + Y),
    ("2 * x - y / 4", 2 * X - Y / 4),
    ("-x ** 2", -(X**2)),
    ("abs(x) ** 0.5", np.abs(X) ** 0.5),
    ("exp(x) + tanh(y)", np.exp(X) + np.tanh(Y)),
    ("sum(x)", X.sum()),
    ("sum(x[i] * y[i] for i)", X @ Y),
    ("sum(x[i] * y[j] for i, j)", np.outer(X, Y).sum()),
    ("sum(x[i] for i if x[i] > 0)", X[X > 0].sum()),
    ("prod(x)", X.prod()),
    ("max(x)", X.max()),
    ("min(x[i] * i for i)", (X * np.arange(4)).min()),
    ("mean(x)", X.mean()),
    ("any(x > 1.9)", True),
    ("all(x > 1.9)", False),
    ("argmax(x)", 2),
    ("argmin(y[i] for i)", 2),
    ("logsumexp(x)", np.log(np.exp(X).sum())),
    ("logsumexp(1000 * x)", 2000.0),
    ("[x[i] * x[j] for i, j in 0..2]", np.outer(X, X[:2])),
    ("[x[i + 1] - x[i] for i in 0..n - 1]", np.diff(X)),
    ("[i for i in 0..7 by 3]", np.array([0, 3, 6])),
    ("[x[i] if i % 2 == 0 else y[i] for i]", np.where(np.arange(4) % 2 == 0, X, Y)),
    ("[sum(x[j] for j in 0..i + 1) for i in 0..n]", np.cumsum(X)),
    ("x[1:3]", X[1:3]),
    ("x[:2]", X[:2]),
    ("x[2:]", X[2:]),
    ("x[-1]", 0.75),
    ("x @ y", X @ Y),
    ("dot(x, y)", X @ Y),
    ("norm(x)", np.linalg.norm(X)),
    ("outer(x, y)", np.outer(X, Y)),
    ("softmax(x)", np.exp(X) / np.exp(X).sum()),
    ("cumsum(x)", np.cumsum(X)),
    ("sort(x)", np.sort(X)),
    ("argsort(x)", np.argsort(X)),
    ("concat(x, y)", np.concatenate([X, Y])),
    ("stack(x, y)", np.stack([X, Y])),
    ("flip(x)", X[::-1]),
    ("roll(x, 1)", np.roll(X, 1)),
    ("reshape(x, 2, 2)", X.reshape(2, 2)),
    ("linspace(0.0, 1.0, 5)", np.linspace(0, 1, 5)),
    ("arange(4)", np.arange(4)),
    ("eye(3)", np.eye(3)),
    ("zeros(2, 3)", np.zeros((2, 3))),
    ("full(2, 2, 7.5)", np.full((2, 2), 7.5)),
    ("ones_like(x)", np.ones(4)),
    ("len(x)", 4),
    ("min(x[0], y[0])", 0.5),
    ("max(x, y)", np.maximum(X, Y)),
    ("clip(x, -1, 1)", np.clip(X, -1, 1)),
    ("7 // 2 + 7 % 4", 6),
    ("-7 // 2", -4),
    ("-7 % 3", 2),
    ("7 / 2", 3.5),
    ("2 ** 10", 1024),
    ("2 ** 3 ** 2", 512),
    ("int(-2.7)", -2),
    ("real(3) / 2", 1.5),
    ("1 if 0 < x[0] < 1 else 2", 1),
    ("not (1 < 2) or 2 < 3 and true", True),
    ("(1, 2.5)[1]", 2.5),
    ("hypot(3.0, 4.0)", 5.0),
    ("atan2(1.0, -1.0)", np.arctan2(1, -1)),
    ("floor(-0.5) + ceil(0.5) + round(2.5)", 2.0),
    ("isfinite(inf) or isnan(nan)", True),
    ("x[5] if n > 5 else 0.25", 0.25),
    ("[[1, 2], [3, 4.5]]", np.array([[1, 2], [3, 4.5]])),
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS, ids=[e for e, _ in EXPRESSIONS])
def test_expression(run, expression, expected):
    text = f"fn f(x: real[n], y: real[n]) = {expression}"
    result = run(text, "f", X, Y)
    assert np.shape(result) == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=1e-14, atol=1e-15)


MATRICES = [
    ("A @ B", A @ B),
    ("A.T", A.T),
    ("transpose(A)", A.T),
    ("A @ x", A @ X[:3]),
    ("x @ B", X[:3] @ B),
    ("A[1]", A[1]),
    ("A[:, 1]", A[:, 1]),
    ("A[0, 1:3]", A[0, 1:3]),
    ("sum(A)", A.sum()),
    ("sum(A[i] for i)", A.sum(axis=0)),
    ("[sum(A[i, j] for j) for i]", A.sum(axis=1)),
    ("[A[i] * 2 for i]", 2 * A),
    ("reshape(A, 3, 2)", A.reshape(3, 2)),
    ("cross(A[0], A[1])", np.cross(A[0], A[1])),
    ("max(A)", A.max()),
    ("linalg.solve(S, x)", np.linalg.solve(S, X[:3])),
    ("linalg.inv(S)", np.linalg.inv(S)),
    ("linalg.det(S)", np.linalg.det(S)),
    ("linalg.cholesky(S)", np.linalg.cholesky(S)),
    ("linalg.trace(S)", np.trace(S)),
    ("linalg.slogdet(S)[1]", np.linalg.slogdet(S)[1]),
    ("linalg.eigh(S)[0]", np.linalg.eigvalsh(S)),
    ("linalg.svd(A)[1]", np.linalg.svd(A)[1]),
]


@pytest.mark.parametrize(("expression", "expected"), MATRICES, ids=[e for e, _ in MATRICES])
def test_matrix_expression(run, expression, expected):
    text = f"import linalg\nfn f(A: real[2, 3], B: real[3, 2], S: real[3, 3], x: real[3]) = {expression}"
    np.testing.assert_allclose(run(text, "f", A, B, S, X[:3]), expected, rtol=1e-13, atol=1e-14)


def test_update_in_place_leaves_the_original(run):
    text = """
fn f(x: real[n]) -> (real[n], real[n]):
    var y = x
    y[0] = 10
    y[1] += y[0]
    let z = y
    y[2] = -1
    return (x, z)
"""
    x, z = run(text, "f", X)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(z, [10, 8.75, 2.0, 0.75])


def test_swap_in_a_loop(run):
    text = """
fn f(a: real[n], b: real[n], steps: int) -> (real[n], real[n]):
    var x = a
    var y = b
    for t in 0..steps:
        let old = x
        x = y
        y = old
    return (x, y)
"""
    x, y = run(text, "f", X, Y, 3)
    np.testing.assert_array_equal(x, Y)
    np.testing.assert_array_equal(y, X)


def test_struct_update_and_fields(run):
    text = """
struct Line[n]:
    slope: real[n]
    offset: real

fn f(p: Line[n], x: real[n]) -> Line[n]:
    var q = Line(..p, offset = 3)
    q.slope[0] += x[1]
    q.offset *= 2
    return q
"""
    result = run(text, "f", {"slope": X, "offset": 1.0}, Y)
    slope, offset = (result["slope"], result["offset"]) if isinstance(result, dict) else (result.slope, result.offset)
    np.testing.assert_array_equal(slope, [0.75, *X[1:]])
    assert offset == 6


LOOPS = [
    ("for t in 0..n:\n        s += t", 6),
    ("for t in 1..n by 2:\n        s += t", 4),
    ("for t in 3..1:\n        s += 1", 0),
    ("while s < 100:\n        s = 2 * s + 1", 127),
    ("for t in 0..100:\n        if t == 5: break\n        s += t", 10),
    ("for t in 0..6:\n        if t % 2 == 0: continue\n        s += t", 9),
    ("while true:\n        s += 1\n        if s > 9: break", 10),
    ("for t in 0..3:\n        for u in 0..t:\n            if u == 1: break\n            s += 10 * t + u", 30),
    ("for t in 0..9:\n        s += 1\n        if s == 4: return -s", -4),
    ("if n > 2:\n        s = 5\n    elif n > 1:\n        s = 6\n    else:\n        s = 7", 5),
]


@pytest.mark.parametrize(("body", "expected"), LOOPS, ids=[str(k) for k in range(len(LOOPS))])
def test_loops(run, body, expected):
    text = f"fn f(x: real[n]) -> int:\n    var s = 0\n    {body}\n    return s\n"
    assert run(text, "f", X) == expected


def test_overloads_and_generics(run):
    text = """
fn area(r: real) -> real = pi * r * r
fn area(a: real[2]) -> real = a[0] * a[1]
fn step[T](x: T, g: T, lr: real) -> T = x - lr * g
struct P[n]: w: real[n]; b: real
fn f(x: real[n]) -> real:
    let p = step(P(x, 1.0), P(x, 2.0), 0.5)
    return area(2.0) + area([3.0, 4.0]) + sum(p.w) + p.b + step(1.0, 2.0, lr = 0.25)
"""
    assert run(text, "f", X) == pytest.approx(4 * np.pi + 12 + 0.5 * X.sum() + 0.0 + 0.5, rel=1e-15)


def test_functions_in_structs_and_returned(run):
    text = """
struct Pair[F, G]: first: F; second: G
fn scale(k: real) = fn(x: real) = k * x
fn twice(g: fn(real) -> real) = fn(x: real) = g(g(x))
fn f(x: real) -> real:
    let p = Pair(scale(3), twice(scale(2)))
    return p.first(x) + p.second(x)
"""
    assert run(text, "f", 1.5) == 10.5


def test_triangular_sizes(run):
    text = """
fn unpack(v: real[n*(n+1)/2], like: real[n]) -> real[n, n]:
    return [v[i*(i+1)//2 + j] if j <= i else 0.0 for i in 0..n, j in 0..n]
"""
    v = np.arange(1.0, 7.0)
    np.testing.assert_array_equal(run(text, "unpack", v, np.zeros(3)), [[1, 0, 0], [2, 3, 0], [4, 5, 6]])
