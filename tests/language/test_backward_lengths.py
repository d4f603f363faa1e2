"""Sizes that would be below 0 at run time: a backward range is empty, as in NumPy; what is asked for is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import difflang as dl

BACKENDS = ("reference", "llvm", "c")
X = np.array([1.0, 2.0, 4.0, 8.0, 16.0])

EMPTY = {
    "[x[j] for j in k..n]": lambda x, k: x[k:],
    "concat([x[j] for j in k..n], x)": lambda x, k: np.concatenate([x[k:], x]),
    "[len([x[j] for j in k..n]) for t in 0..2]": lambda x, k: np.full(2, len(x[k:])),
    "stack([x[j] for j in k..n], [2 * x[j] for j in k..n])": lambda x, k: np.stack([x[k:], 2 * x[k:]]),
    "reshape([x[j] for j in k..n], -1, 1)": lambda x, k: x[k:].reshape(-1, 1),
    "outer([x[j] for j in k..n], x)": lambda x, k: np.outer(x[k:], x),
    "[sum([x[j] for j in k..n])]": lambda x, k: np.array([x[k:].sum()]),
    "cumsum([x[j] for j in k..n])": lambda x, k: np.cumsum(x[k:]),
    "arange(k, n)": lambda x, k: np.arange(k, len(x)),
    "arange(n, k, -2)": lambda x, k: np.arange(len(x), k, -2),
    "[x[j] * x[i] for i in k..n, j in 0..2]": lambda x, k: np.outer(x[k:], x[:2]),
    "[x[i] - x[i - 1] for i in k..n - 1]": lambda x, k: x[k:-1] - x[k - 1 : -2],
    "zeros(max(n - k, 0)) + [x[j] for j in k..n]": lambda x, k: x[k:],
}


@pytest.mark.parametrize("k", [2, 5, 7])
@pytest.mark.parametrize("expression", EMPTY)
def test_backward_ranges_are_empty_arrays(expression, k):
    module = dl.loads(f"fn f(x: real[n], k: int) = {expression}\n")
    for backend in BACKENDS:
        assert_array_equal(module.f.on(backend=backend)(X, k), EMPTY[expression](X, k))


REFUSED = {
    "zeros(k)": "E0810", "ones(k, 2)": "E0810", "full(k, 0.5)": "E0810", "eye(k)": "E0810",
    "linspace(0.0, 1.0, k)": "E0810", "reshape(x, k, k)": "E0810", "pad(x, k)": "E0803", "pad(x, (0, k))": "E0803",
    "pad(reshape(x, 1, 5), k)": "E0803", "x[3:k]": "E0801", "typed(x, n - k)": "E0810", "shorter(x[0:k + 1])": "E0810",
}  # fmt: skip


@pytest.mark.parametrize("expression", REFUSED)
@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_asked_to_have_a_size_below_0_are_refused_with_a_place(expression, backend):
    text = f"""
fn typed(x: real[n], k: int) -> real[n - k] = [x[i] for i in k..n]
fn shorter(x: real[n + 1]) = zeros(n)
fn f(x: real[n], k: int) = {expression}
"""
    f = dl.loads(text).f.on(backend=backend)
    with pytest.raises(dl.DiffLangError) as caught:
        f(X, -1)
    assert caught.value.diagnostic.code == REFUSED[expression]
    assert caught.value.diagnostic.span.line == (2 if "typed" in expression else 4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_differences_meet_slices_of_their_size_and_derivatives_hold(backend):
    text = """
fn f(x: real[n]) -> real:
    let d = [x[i + 1] - x[i] for i in 0..n - 1]
    let y = x[1:n]
    return sum(d[j] * y[j] for j) + dot(d * y, y)
"""
    f = dl.loads(text).f.on(backend=backend)
    d, y = np.diff(X), X[1:]
    assert_allclose(f(X), d @ y + (d * y) @ y)
    steps = X + 1e-30j * np.eye(5)
    slopes = [(np.diff(z) @ z[1:] + (np.diff(z) * z[1:]) @ z[1:]).imag / 1e-30 for z in steps]
    assert_allclose(dl.grad(f)(X), slopes)
    assert_allclose(dl.jvp(f)(X, np.ones(5))[1], sum(slopes))
    with pytest.raises(dl.DiffLangError, match="E0801"):
        f(X[:0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("k", [3, 9])
def test_derivatives_through_an_empty_range_are_zero(backend, k):
    text = (
        "fn f(x: real[n], k: int) -> real = sum(concat([x[j] ** 2 for j in k..n], [len([x[j] for j in k..n]) * x[0]]))"
    )
    f = dl.loads(text).f.on(backend=backend)
    slope = np.where(np.arange(5) >= k, 2 * X, 0.0)
    slope[0] += len(X[k:])
    assert_allclose(dl.grad(f)(X, k), slope)
    assert_allclose(dl.jet(f, order=2)(X, k, np.ones(5))[2], len(X[k:]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_size_that_turns_out_different_writes_nothing_outside(backend):
    """The branch makes 4,000 elements where the other one has 1: refused before any of them is stored."""
    text = "fn f(x: real, k: int, m: int) = [x * i for i in 0..k] if m < 0 else [x + i for i in 0..m]"
    f = dl.loads(text).f.on(backend=backend)
    for _ in range(3):
        with pytest.raises(dl.DiffLangError) as caught:
            f(2.0, 1, 4000)
        assert caught.value.diagnostic.code == "E0809"
    assert_array_equal(f(2.0, 3, -1), [0.0, 2.0, 4.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_branch_has_checked_is_not_known_outside_of_it(backend):
    text = """
fn typed(x: real[n], k: int, a: real[m]) -> real:
    let y: real[n - k] = a
    return sum(y)
fn f(x: real[n], k: int, c: bool) -> int:
    let a = [x[i] for i in k..n]
    let s = typed(x, k, a) if c else 0.0
    return len(zeros(n - k)) if s < 1e9 else 0
"""
    f = dl.loads(text).f.on(backend=backend)
    assert f(X, 2, True) == f(X, 2, False) == 3
    for checked in (True, False):
        with pytest.raises(dl.DiffLangError) as caught:
            f(X, 7, checked)
        assert caught.value.diagnostic.code in ("E0809", "E0810")
