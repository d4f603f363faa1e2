"""Compressed Jacobians and Hessians of programs: against dense ones, known patterns, and how they grow."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

import difflang as dl
from difflang.derive import sparse
from difflang.runtime import engine

VECTORS = {
    "shifts": "= [(x[i-1] if i > 0 else 0.0) + 2.0 * x[i]**2 + (sin(x[i+1]) if i < n-1 else 1.0) for i in 0..n]",
    "choice of values": "= [x[i] * (1.0 if x[i] > 1.0 else x[(i+1)%n]) for i in 0..n]",
    "arrow": "= [(sum(x) if i == 0 else x[0] * x[i]) for i in 0..n]",
    "matrix": "= [[sin(i * j + 1.0) for j in 0..n] for i in 0..n] @ x",
    "through arrays": """:
    let y = [x[i]**2 for i in 0..n]
    let z = [y[i] * y[(i+2)%n] for i in 0..n]
    return z + x""",
    "by order": """:
    let p = argsort(x)
    return [x[p[i]] * x[i] for i in 0..n]""",
    "grid": """:
    let u = reshape(x, (4, n // 4))
    let k = n // 4
    let v = [[u[i, j]**3 + (u[i-1, j] if i > 0 else u[i, (j+1)%k]) for j in 0..k] for i in 0..4]
    return [v[m // k, m % k] for m in 0..n]""",
    "one after the other": """:
    var y = x
    for i in 1..n:
        y[i] = y[i-1] * x[i]
    return y""",
    "one replaced": """:
    var y = x * x
    y[2] = x[0] * x[1]
    return y""",
    "through a scalar": "= x / sum(x)",
    "itself": "= x",
    "constants": "= [i * 1.0 for i in 0..n]",
}
SCALARS = {
    "ring": "= sum(x[i] * x[(i+1)%n]**2 for i in 0..n)",
    "two sums": "= sum(x**3) + sum(sin(x[i] * x[i+1]) for i in 0..n-1)",
    "through arrays": """:
    let y = [x[i]**2 for i in 0..n-1]
    return sum((y[i] * y[i+1] if i < n - 2 else x[n-1]**4) for i in 0..n-1)""",
    "arrow": "= sum(x[0] * x[i]**2 for i in 0..n)",
    "branches": "= sum(max(x[i], 1.0)**2 * (x[i]**2 if x[i] > 1.2 else x[n-1-i]) for i in 0..n)",
    "windows": "= sum(sum(x[i+k]**2 for k in 0..3)**2 for i in 0..n-2)",
    "dense": "= log(sum(exp(x)))",
    "steps": """:
    var s = 0.0
    for i in 0..n-1:
        s += x[i] * x[i+1]**2
    return s""",
    "grid": """:
    let u = reshape(x, (4, n // 4))
    return sum((u[i+1, j] - u[i, j])**4 + u[i, j]**3 for i in 0..3, j in 0..n//4)""",
}
ROSENBROCK = "fn f(x: real[n]) -> real = sum(100.0 * (x[i+1] - x[i]**2)**2 + (1.0 - x[i])**2 for i in 0..n-1)"


@pytest.fixture
def backend(run):
    return run.backend


def agree(compressed, dense):
    for size in (4, 12):
        x = np.random.default_rng(size).uniform(0.5, 1.5, size)
        found = compressed(x)
        assert isinstance(found, sp.csr_array)
        assert found.has_canonical_format
        np.testing.assert_allclose(found.toarray(), dense(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", VECTORS)
def test_jacobians(name, backend):
    f = dl.loads(f"fn f(x: real[n]) -> real[n] {VECTORS[name]}").f.on(backend=backend)
    agree(dl.jacobian(f, sparse=True), dl.jacobian(f))


@pytest.mark.parametrize("name", SCALARS)
def test_hessians(name, backend):
    f = dl.loads(f"fn f(x: real[n]) -> real {SCALARS[name]}").f.on(backend=backend)
    agree(dl.hessian(f, sparse=True), dl.hessian(f))


def test_no_entry_that_the_indices_exclude():
    n = 24
    k = n // 4
    tri = sp.diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1])
    arrow = sp.eye_array(n).tolil()
    arrow[0, :] = arrow[:, 0] = 1
    # One term (i, j) couples (i, j) with (i + 1, j).
    down = sp.kron(sp.diags_array([np.ones(3), np.ones(4), np.ones(3)], offsets=[-1, 0, 1]), sp.eye_array(k))
    x = np.random.default_rng(0).uniform(0.5, 1.5, n)
    cases = [(VECTORS["shifts"], "real[n]", dl.jacobian, tri), (SCALARS["arrow"], "real", dl.hessian, arrow)]
    cases += [(SCALARS["grid"], "real", dl.hessian, down)]
    for text, result, operator, expected in cases:
        found = operator(dl.loads(f"fn f(x: real[n]) -> {result} {text}").f, sparse=True)(x)
        np.testing.assert_array_equal(found.toarray() != 0, expected.toarray() != 0)
        assert found.nnz == sp.csr_array(expected).nnz


@pytest.mark.parametrize("size", [0, 1])
def test_small_and_empty(size, backend):
    m = dl.loads("fn f(x: real[n]) -> real = sum(x**3)\nfn g(x: real[n]) -> real[0] = [x[i] for i in 0..0]")
    x = np.full(size, 2.0)
    found = dl.hessian(m.f.on(backend=backend), sparse=True)(x)
    np.testing.assert_array_equal(found.toarray(), 12 * np.eye(size))
    assert dl.jacobian(m.g.on(backend=backend), sparse=True)(x).shape == (0, size)


def test_the_indices_of_data_are_checked(backend):
    f = dl.loads("fn f(x: real[n], p: int[n]) -> real[n] = [x[p[i]] * x[i] for i in 0..n]").f.on(backend=backend)
    x = np.arange(1.0, 4.0)
    found = dl.jacobian(f, sparse=True)(x, np.array([2, 2, 0]))
    np.testing.assert_array_equal(found.toarray(), [[3, 0, 1], [0, 3, 2], [3, 0, 1]])
    with pytest.raises(dl.DiffLangError) as caught:
        dl.jacobian(f, sparse=True)(x, np.array([0, 1, 10**8]))
    assert caught.value.code == "E0801"


def test_a_long_chain_takes_time_in_proportion():
    """A hundred thousand columns in far less than one sweep each would take."""
    hessian = dl.hessian(dl.loads(ROSENBROCK).f, sparse=True)
    n = 100_000
    x = np.linspace(0.5, 1.5, n)
    hessian(x)
    start = time.process_time()
    found = hessian(x)
    assert time.process_time() - start < 1
    diagonal = np.zeros(n)
    diagonal[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    assert found.nnz == 3 * n - 2
    np.testing.assert_allclose(found.diagonal(), diagonal, rtol=1e-12)
    np.testing.assert_allclose(found.diagonal(1), -400 * x[:-1], rtol=1e-12)
    np.testing.assert_allclose(found.diagonal(-1), -400 * x[:-1], rtol=1e-12)


@pytest.mark.parametrize("name", ["shifts", "grid", "by order", "through arrays"])
def test_marks_are_not_needed_where_indices_tell(name, monkeypatch):
    monkeypatch.delattr(sparse, "_Marks")
    f = dl.loads(f"fn f(x: real[n]) -> real[n] {VECTORS[name]}").f
    assert dl.jacobian(f, sparse=True)(np.linspace(0.5, 1.5, 8)).nnz <= 24


@pytest.mark.parametrize("power", ["", "**2"])
def test_a_gradient_checks_indices_that_only_it_still_reads(power, backend):
    f = dl.loads(f"fn f(x: real[n], p: int[n]) -> real = sum(x[p[i]]{power} for i in 0..n)").f.on(backend=backend)
    with pytest.raises(dl.DiffLangError) as caught:
        dl.grad(f)(np.ones(3), np.array([0, 1, 10**8]))
    assert caught.value.code == "E0801"


LONG = {
    "arrow": ("= x[0]**2 * sum(x**2)", "hessian"),
    "two hubs": ("= sum(x[i] * x[0]**2 + x[i]**2 * x[n-1] for i in 0..n)", "hessian"),
    "row and column": ("= [(sum(x**2) if i == 0 else x[0] * x[i]**2) for i in 0..n]", "jacobian"),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_row_does_not_cost_a_sweep_for_each_of_its_entries(name, backend):
    text, operator = LONG[name]
    result = "real" if operator == "hessian" else "real[n]"
    f = dl.loads(f"fn f(x: real[n]) -> {result} {text}").f.on(backend=backend)
    agree(getattr(dl, operator)(f, sparse=True), getattr(dl, operator)(f))


def test_an_arrow_takes_time_in_proportion():
    n = 30_000
    x = np.linspace(0.5, 1.5, n)
    text = "fn f(x: real[n]) -> real = x[0]**2 * sum(x**2)\nfn g(x: real[n]) -> real[n] = grad(f)(x)"
    m = dl.loads(text)
    for compressed in (dl.hessian(m.f, sparse=True), dl.jacobian(m.g, sparse=True)):
        compressed(x)
        start = time.process_time()
        found = compressed(x)
        assert time.process_time() - start < 0.5
        np.testing.assert_allclose(found[0].toarray()[1:], 4 * x[0] * x[1:], rtol=1e-12)
        np.testing.assert_allclose(found[:, [0]].toarray()[1:, 0], 4 * x[0] * x[1:], rtol=1e-12)
        np.testing.assert_allclose(found.diagonal()[1:], 2 * x[0] ** 2, rtol=1e-12)


def test_a_long_row_where_there_is_no_reverse_mode(backend):
    """The rule for forward mode cannot be transposed (it is not linear), so that all is done by columns."""
    text = """
fn g(a: real) -> real = a
rule jvp g(a, da) = da * da
fn f(x: real[n]) -> real[n] = [(sum(g(x[k]) for k in 0..n) if i == 0 else x[i]) for i in 0..n]
"""
    found = dl.jacobian(dl.loads(text).f.on(backend=backend), sparse=True)(np.ones(6))
    expected = np.eye(6)
    expected[0] = 1
    np.testing.assert_array_equal(found.toarray(), expected)


def test_rules_need_not_have_symmetric_second_derivatives(backend):
    """The rule says d(a b) = b da, a constant in b as far as the gradient of the gradient is concerned."""
    text = """
fn times(a: real, b: real) -> real = a * b
rule jvp times(a, b, da, db) = b * da
fn f(x: real[n]) -> real = sum(times(x[0], x[i]) for i in 1..n)
"""
    f = dl.loads(text).f.on(backend=backend)
    x = np.linspace(0.5, 1.5, 7)
    found = dl.hessian(f, sparse=True)(x).toarray()
    np.testing.assert_allclose(found, dl.hessian(f)(x), rtol=1e-14)
    assert not np.array_equal(found, found.T)


def test_an_index_into_nothing_fails_as_it_does_without_a_derivative(backend):
    f = dl.loads("fn f(x: real[n], p: int[m]) -> real[m] = [x[p[i]]**2 for i in 0..m]").f.on(backend=backend)
    for called in (f, dl.jacobian(f, sparse=True)):
        with pytest.raises(dl.DiffLangError) as caught:
            called(np.zeros(0), np.array([0, 1, 2]))
        assert caught.value.code == "E0801"


def test_the_structure_is_found_once_for_a_loop_of_derivatives():
    text = f"""{ROSENBROCK}
fn many(x: real[n], steps: int) -> real:
    var total = 0.0
    for t in 0..steps:
        total += sum(hessian(f, sparse = true)((1.0 + t) * x).values)
    return total
"""
    m = dl.loads(text)
    lines = m.many.emit("opt").splitlines()
    start = next(k for k, line in enumerate(lines) if "fold" in line and " steps 0.0 " in line)
    assert sum("set[" in line and "i64[" in line for line in lines[:start]) > 10
    assert not any("set[" in line and "i64[" in line for line in lines[start:])
    x = np.linspace(0.5, 1.5, 9)
    hessian = dl.hessian(m.f)
    assert m.many(x, 3) == pytest.approx(sum(hessian((1.0 + t) * x).sum() for t in range(3)), rel=1e-13)


def test_the_structure_is_kept_with_the_integers_that_it_depends_on(backend):
    """Indices that the caller changes in place, sizes in turn, a result that he changes in place."""
    f = dl.loads("fn f(x: real[n], p: int[m]) -> real[m] = [x[p[i]] ** 2 for i in 0..m]").f.on(backend=backend)
    compressed = dl.jacobian(f, sparse=True)

    def expected(x, p):
        dense = np.zeros((p.size, x.size))
        dense[np.arange(p.size), p] = 2 * x[p]
        return dense

    p = np.array([2, 0])
    for size in (3, 4, 3):
        x = np.linspace(0.0, 1.0, size)
        for index in (1, 0, 2):
            p[1] = index
            found = compressed(x, p)
            np.testing.assert_array_equal(found.toarray(), expected(x, p))
            found.eliminate_zeros()
            found.data[:] = 0
            np.testing.assert_array_equal(compressed(x, p).toarray(), expected(x, p))
    with pytest.raises(dl.DiffLangError) as caught:
        compressed(np.ones(2), np.array([0, 2]))
    assert caught.value.code == "E0801"


def test_indices_made_of_reals_are_looked_at_in_every_call(backend):
    text = "fn f(x: real[n]) -> real[n] = [x[argsort(x)[i]] * x[0] for i in 0..n]"
    f = dl.loads(text).f.on(backend=backend)
    for x in (np.array([1.0, 2, 3]), np.array([3.0, 1, 2])):
        np.testing.assert_array_equal(dl.jacobian(f, sparse=True)(x).toarray(), dl.jacobian(f)(x))


def test_what_belongs_to_the_structure_can_be_returned_beside_the_matrix():
    text = """
fn f(x: real[n]) -> real = sum(x[i]**2 * x[i+1] for i in 0..n-1)
fn both(x: real[n]):
    let h = hessian(f, sparse = true)(x)
    return (h, h.rows)
"""
    both = dl.loads(text).both
    for _ in range(2):
        matrix, rows = both(np.ones(3))
        np.testing.assert_array_equal(rows, matrix.tocoo().coords[0])
        rows[:] = -1


def test_a_chained_rosenbrock_takes_three_colours_at_every_size(monkeypatch):
    """What was compiled for ten unknowns serves a hundred thousand: sizes are values of the run."""
    compiled = []
    backend = engine.find_backend("llvm")

    def counting(func, options):
        compiled.append(func.name)
        return backend.compile(func, options)

    monkeypatch.setattr(engine, "find_backend", lambda name: SimpleNamespace(compile=counting))
    m = dl.loads(f"{ROSENBROCK}\nfn colours(x: real[n]) -> int = hessian(f, sparse = true)(x).colours")
    hessian, counts = dl.hessian(m.f, sparse=True), []
    for n in (10, 100_000):
        x = np.linspace(0.5, 1.5, n)
        assert m.colours(x) == 3
        assert hessian(x).nnz == 3 * n - 2
        counts.append(len(compiled))
    assert counts[0] == counts[1] > 0


def test_symmetry_saves_colours(backend):
    """A star colouring of a tree needs three colours at most, while a vertex with k neighbours needs k + 1 without."""
    n = 40
    parent = [0, *((k - 1) // 3 for k in range(1, n))]
    text = """
fn f(x: real[n], p: int[n]) -> real = sum(x[i]**2 * x[p[i]]**2 for i in 1..n)
fn g(x: real[n], p: int[n]) -> real[n] = grad(f)(x, p)
fn both(x: real[n], p: int[n]) = (hessian(f, sparse = true)(x, p).colours, jacobian(g, sparse = true)(x, p).colours)
"""
    m = dl.loads(text)
    x, p = np.linspace(0.5, 1.5, n), np.array(parent)
    by_symmetry, by_columns = m.both.on(backend=backend)(x, p)
    assert by_symmetry <= 4 < 5 <= by_columns
    found = dl.hessian(m.f.on(backend=backend), sparse=True)(x, p).toarray()
    np.testing.assert_allclose(found, dl.hessian(m.f)(x, p), rtol=1e-13)
