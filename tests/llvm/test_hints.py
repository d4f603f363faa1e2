"""LLVM gets no hints that it cannot follow: it would tell of them on the standard error of the process."""

from __future__ import annotations

import numpy as np
from scipy import special

import difflang as dl


def test_a_function_without_vector_forms(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path))
    f = dl.loads("fn f(x: real[n]) -> real[n] = [exp(x[i]) * digamma(x[i]) for i]").f
    x = np.linspace(0.5, 2.5, 11)
    _, tangent = dl.jvp(f)(x, np.ones(11))
    np.testing.assert_allclose(tangent, np.exp(x) * (special.digamma(x) + special.polygamma(1, x)), rtol=1e-12)
    assert capfd.readouterr().err == ""


def test_additions_in_which_turns_meet(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path))
    f = dl.loads("fn f(x: real[n]) -> real = sum(x[i + 1] * sin(x[i]) for i in 0..n - 1)").f
    part = dl.loads("""
fn f(x: real[n], c: real) -> real:
    var y = sin(x)
    if c > 0:
        y[1:n] *= sin(y[0:n - 1])
    return sum(y)
""").f
    x = np.linspace(-1.0, 1.0, 11)
    y, z = np.sin(x), np.sin(np.sin(x))
    expected = np.r_[1.0, z[:-1]] + np.r_[y[1:] * np.cos(y[:-1]), 0.0]
    np.testing.assert_allclose(dl.grad(part)(x, 1.0), expected * np.cos(x), rtol=1e-12)
    inner = np.r_[x[1:] * np.cos(x[:-1]), 0.0] + np.r_[0.0, np.sin(x[:-1])]
    np.testing.assert_allclose(dl.grad(f)(x), inner, rtol=1e-12, atol=1e-15)
    assert capfd.readouterr().err == ""


def test_constants_side_by_side(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path))
    f = dl.loads("fn f(x: real[n]) -> real[n, 3] = [[tanh(x[i]), 0.0, 0.0] for i in 0..n]").f
    x = np.linspace(-1.0, 1.0, 11)
    np.testing.assert_allclose(f(x)[:, 0], np.tanh(x), rtol=1e-14)
    assert capfd.readouterr().err == ""


def test_a_row_is_cleared_in_each_turn(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("DIFFLANG_CACHE_DIR", str(tmp_path))
    f = dl.loads("""
fn f(x: real[n]) -> real[n]:
    var y = zeros(n)
    for i in 0..n:
        var row = zeros(n)
        row[i] = tanh(x[i])
        y[i] = sum(row)
    return y
""").f
    x = np.linspace(-1.0, 1.0, 11)
    np.testing.assert_allclose(f(x), np.tanh(x), rtol=1e-14)
    assert capfd.readouterr().err == ""
