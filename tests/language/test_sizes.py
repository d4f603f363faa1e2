"""Sizes: dynamic, symbolic, checked before running where the names allow."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl


def failing(text: str) -> dl.DiffLangError:
    with pytest.raises(dl.DiffLangError) as caught:
        module = dl.loads(text)
        for diagnostic in module.check():
            raise dl.DiffLangError(diagnostic)
    assert caught.value.span is not None
    assert caught.value.hint
    return caught.value


def test_different_names_do_not_add():
    assert failing("fn f(x: real[n], y: real[m]) -> real[n] = x + y").code.startswith("E04")


def test_inferred_ranges_must_agree():
    assert failing("fn f(x: real[n], y: real[m]) -> real = sum(x[i] * y[i] for i)").code.startswith("E04")


def test_matrix_product_inner_sizes():
    assert failing("fn f(A: real[n, m], x: real[n]) -> real[n] = A @ x").code.startswith("E04")


def test_call_size_mismatch():
    text = "fn g(a: real[n], b: real[n]) -> real = dot(a, b)\nfn f(x: real[n], y: real[m]) -> real = g(x, y)"
    assert failing(text).code.startswith("E04")


def test_shape_error_at_the_call_names_the_argument():
    f = dl.loads("fn f(x: real[n], y: real[n]) -> real = dot(x, y)").f
    with pytest.raises(dl.DiffLangError) as caught:
        f(np.zeros(3), np.zeros(4))
    assert "y" in str(caught.value)
    assert "3" in str(caught.value) and "4" in str(caught.value)


def test_one_module_serves_every_size():
    f = dl.grad(dl.loads("fn f(x: real[n]) -> real = sum(x * x)").f)
    for n in (0, 1, 2, 17, 1000):
        np.testing.assert_array_equal(f(np.ones(n)), 2 * np.ones(n))
