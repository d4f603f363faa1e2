"""Branches of which one updates a copy of an array that the other only reads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.language.conftest import Run

ROW = """
fn f(x: real[n, n], c: real) -> real:
    let m = [sin(x[i, j]) for i in 0..n, j in 0..n]
    if c > 0:
        var t = m
        t[0] = [c for i in 0..n]
        return sum(t[i, j] * real(i + 1) for i in 0..n, j in 0..n) * sum(m[0, k] for k in 0..n)
    return sum(m[i, j] * real(i + 1) for i in 0..n, j in 0..n)
"""
ELEMENT = """
fn f(x: real[n], c: real) -> real:
    let m = [sin(x[i]) for i in 0..n]
    if c > 0:
        var t = m
        t[0] = c
        return dot(t, t) * m[0]
    return m[0] * c + m[1]
"""


@pytest.mark.parametrize("c", [0.5, -0.5])
def test_a_row_kept_in_one_branch(run: Run, c: float) -> None:
    x = np.arange(9.0).reshape(3, 3)
    m = np.sin(x)
    t = np.vstack([np.full(3, c), m[1:]])
    want = (t.sum(1) @ [1, 2, 3]) * m[0].sum() if c > 0 else m.sum(1) @ [1, 2, 3]
    assert run(ROW, "f", x, c) == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize("c", [0.5, -0.5])
def test_an_element_kept_in_one_branch(run: Run, c: float) -> None:
    x = np.arange(1.0, 4.0)
    m = np.sin(x)
    t = np.concatenate([[c], m[1:]])
    want = (t @ t) * m[0] if c > 0 else m[0] * c + m[1]
    assert run(ELEMENT, "f", x, c) == pytest.approx(want, rel=1e-14)
