"""Sparse derivatives of programs whose elements are formulas over few elements, against SymPy on the same text."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import sympy

import difflang as dl
from difflang.derive import sparse

VECTORS = {
    "neighbours": "x[i] * sin(x[(i + 1) % n]) + 2.0 * x[(i + n - 1) % n]",
    "edges left out": "x[i]**3 * ((x[i-1] if i > 0 else 1.0) - (x[i+1] if i < n - 1 else x[i]))",
    "indices of data": "exp(x[p[i]]) * x[i] + x[p[i]]**2",
    "only indices of data": "x[p[i]]",
    "one for all": "x[0] * x[i] - x[n-1]**2",
    "choice by data": "(x[p[i]]**2 if p[i] > i else cos(x[i]) * x[p[i]])",
    "choice within choice": "((x[i]**2 if i > 1 else x[p[i]]) if i > 0 else x[p[i]] * x[0])",
    "nothing": "cos(1.0 * i)",
    "divided": "x[i] / (1.0 + x[p[i]]**2)",
}
SUMS = {
    "chain": ("100.0 * (x[i+1] - x[i]**2)**2 + (1.0 - x[i])**2", "n - 1"),
    "ring": "x[i]**2 * x[(i + 1) % n] * x[(i + 2) % n]",
    "pairs of data": "exp(x[p[i]] * x[i]) + x[p[i]]**3",
    "far apart": "x[i]**2 * x[n - 1 - i]",
    "to the first": "x[0]**2 * sin(x[i])",
    "some": "(x[i]**4 if i > 1 else x[i] * x[p[i]]**2)",
    "linear": "2.0 * x[i]",
}
SIZES = (0, 1, 2, 3, 7)


@pytest.fixture
def local(monkeypatch, run):
    """A backend; patterns cannot be found in another way than term by term."""
    monkeypatch.delattr(sparse, "structure")
    return run.backend


def data(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.5, 1.5, n), rng.integers(0, max(n, 1), n)


def terms(text: str, n: int, p, count: int):
    """The formulas of the text over symbols, one for each i, and the symbols."""
    x = sympy.symbols(f"x:{n}") if n else ()
    names = {"x": x, "n": n, "p": p, "sin": sympy.sin, "cos": sympy.cos, "exp": sympy.exp}
    return [sympy.sympify(eval(text, names, {"i": i})) for i in range(count)], x


def expected(expressions, symbols, values):
    """The matrix of derivatives, and where an expression has the symbol."""
    at = dict(zip(symbols, values, strict=True))
    shape = (len(expressions), len(symbols))
    pairs = [(e, s) for e in expressions for s in symbols]
    dense = np.array([float(e.diff(s).subs(at)) for e, s in pairs]).reshape(shape)
    return dense, np.array([s in e.free_symbols for e, s in pairs], bool).reshape(shape)


def check(found, expressions, symbols, values):
    dense, pattern = expected(expressions, symbols, values)
    assert isinstance(found, sp.csr_array) and found.shape == dense.shape and found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-12, atol=1e-13)
    stored = sp.csr_array((np.ones(found.nnz), found.indices, found.indptr), found.shape).toarray() > 0
    assert not (pattern & ~stored).any()
    return stored, pattern


@pytest.mark.parametrize("name", VECTORS)
def test_jacobians(name, local):
    text = VECTORS[name]
    f = dl.loads(f"fn f(x: real[n], p: int[n]) -> real[n] = [{text} for i in 0..n]").f.on(backend=local)
    jacobian = dl.jacobian(f, wrt="x", sparse=True)
    for n in (*SIZES, 3):
        x, p = data(n)
        stored, pattern = check(jacobian(x, p), *terms(text, n, p, n), x)
        if name != "one for all":
            np.testing.assert_array_equal(stored, pattern)


def hessian_of(name: str, backend: str):
    text, count = SUMS[name] if isinstance(SUMS[name], tuple) else (SUMS[name], "n")
    f = dl.loads(f"fn f(x: real[n], p: int[n]) -> real = sum({text} for i in 0..{count})").f.on(backend=backend)
    return text, (lambda n: max(eval(count, {"n": n}), 0)), dl.hessian(f, wrt="x", sparse=True)


@pytest.mark.parametrize("name", SUMS)
def test_hessians(name, local):
    text, count, hessian = hessian_of(name, local)
    for n in (*SIZES, 2):
        x, p = data(n)
        expressions, symbols = terms(text, n, p, count(n))
        gradient = [sum((e.diff(s) for e in expressions), sympy.Integer(0)) for s in symbols]
        check(hessian(x, p), gradient, symbols, x)


def test_a_kept_structure_follows_the_indices_of_data(local):
    text, count, hessian = hessian_of("pairs of data", local)
    x, p = data(5)
    for seed, n in itertools.product(range(3), (5, 4)):
        own = np.array(data(n, seed)[1])
        p[:n] = own
        expressions, symbols = terms(text, n, own, count(n))
        gradient = [sum(e.diff(s) for e in expressions) for s in symbols]
        check(hessian(x[:n], p[:n]), gradient, symbols, x[:n])


def test_an_index_out_of_range_is_found_whether_its_value_is_needed_or_not(local):
    for text in ("x[p[i]]**2 * x[i]", "x[p[i]]**2"):
        m = dl.loads(f"fn f(x: real[n], p: int[n]) -> real = sum({text} for i in 0..n)")
        hessian = dl.hessian(m.f.on(backend=local), wrt="x", sparse=True)
        assert hessian(np.ones(3), np.array([0, 0, 1])).shape == (3, 3)
        for wrong in (-1, 3, 10**12):
            with pytest.raises(dl.DiffLangError) as caught:
                hessian(np.ones(3), np.array([0, wrong, 1]))
            assert caught.value.code == "E0801"


def test_several_sums_and_arrays_between(local):
    text = """
fn f(x: real[n]) -> real = sum(x**3) + sum(exp(x[i]) * x[i+1] for i in 0..n-1) + sum(x[i] * x[n-1-i] for i in 0..n)
fn g(x: real[n]) -> real[n]:
    let y = [exp(x[i]) for i in 0..n]
    return [y[i] * y[n-1-i] * x[i] for i in 0..n]
"""
    m = dl.loads(text)
    hessian, jacobian = (d(f.on(backend=local), sparse=True) for d, f in ((dl.hessian, m.f), (dl.jacobian, m.g)))
    for n in (1, 2, 6):
        x, _ = data(n)
        s = sympy.symbols(f"x:{n}")
        total = sum(a**3 for a in s) + sum(a * b for a, b in zip(s, reversed(s), strict=True))
        total += sum(sympy.exp(a) * b for a, b in itertools.pairwise(s))
        check(hessian(x), [total.diff(a) for a in s], s, x)
        check(jacobian(x), [sympy.exp(a + b) * a for a, b in zip(s, reversed(s), strict=True)], s, x)


def test_single_precision_and_threads(local):
    f = dl.loads("fn f(x: real[n]) -> real = sum(x[i]**2 * x[i+1] for i in 0..n-1)").f
    x = np.linspace(0.5, 1.5, 200).astype(np.float32)
    found = dl.hessian(f.on(backend=local, precision="f32", threads=2), sparse=True)(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.diagonal(1), 2 * x[:-1], rtol=1e-6)
    np.testing.assert_allclose(found.diagonal(), 2 * np.append(x[1:], 0), rtol=1e-6)


def test_matrices_share_their_structure_until_one_of_them_changes_it():
    """Each has all of the memory below its entries, so that SciPy shares them with the transpose."""
    n = 20_000
    hessian = dl.hessian(dl.loads("fn f(x: real[n]) -> real = sum(x[i]**2 * x[i+1] for i in 0..n-1)").f, sparse=True)
    one, other, third = (hessian(np.ones(n)) for _ in range(3))
    for name in ("indices", "indptr"):
        assert getattr(one, name) is getattr(other, name) and not getattr(one, name).flags.writeable
    assert np.shares_memory(one.T.data, one.data) and not np.shares_memory(one.data, other.data)
    one.data[::2] = 0
    one.eliminate_zeros()
    third.resize(n, 5)
    with pytest.warns(sp.SparseEfficiencyWarning):
        other[0, 9] = 1.0
    assert [m.nnz for m in (one, third, other)] == [(3 * n - 3) // 2, 14, 3 * n - 2]
    kept = pickle.loads(pickle.dumps(hessian(np.ones(n))))
    assert kept.copy().indices.flags.writeable and kept.has_canonical_format
    other[0, 9] = 0.0
    assert abs(kept - other).max() == 0


@pytest.mark.parametrize("mode", ["grad(squares)(x)", "jvp(squares)(x, x)", "jet(squares)((x, x, x))"])
def test_entries_have_derivatives_of_their_own(mode):
    """The sum of the squares of all second derivatives, differentiated once more."""
    text = f"""
fn f(x: real[n]) -> real = sum(x[i]**2 * x[i+1]**3 for i in 0..n-1)
fn squares(x: real[n]) -> real = sum(hessian(f, sparse = true)(x).values**2)
fn result(x: real[n]) = {mode}
"""
    x, _ = data(3)
    s = sympy.symbols("x:3")
    f = sum(a**2 * b**3 for a, b in itertools.pairwise(s))
    squares = sum(entry**2 for entry in sympy.hessian(f, s))
    at = dict(zip(s, x, strict=True))
    value, gradient = float(squares.subs(at)), np.array([float(squares.diff(a).subs(at)) for a in s])
    second = gradient @ x + x @ np.array(sympy.hessian(squares, s).subs(at), float) @ x / 2
    expected = {"grad": gradient, "jvp": (value, gradient @ x), "jet": (value, gradient @ x, second)}
    found = dl.loads(text).result.on(backend="reference")(x)
    np.testing.assert_allclose(found, expected[mode.partition("(")[0]], rtol=1e-12)
