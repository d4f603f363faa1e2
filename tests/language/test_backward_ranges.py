"""Loops whose range runs backwards: no step, and nothing to store for the reverse sweep."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("bounds", ["k..n", "n - 1..k by -1", "i + 1..3"])
def test_ranges_that_run_backwards_store_nothing(run, bounds):
    """The loop over i keeps the states of an inner loop that runs no step for some i."""
    text = f"""
fn f(x: real[n], k: int) -> real:
    var s = x[0]
    for i in 0..n:
        for j in {bounds}:
            s = sin(s * x[i]) * x[j] + s
    return s
"""
    x, k = np.array([0.5, -0.2, 0.9, 0.4]), 6

    def f(x):
        s = x[0]
        for i in range(4):
            for j in {"k": range(k, 4), "n": range(3, k, -1), "i": range(i + 1, 3)}[bounds[0]]:
                s = np.sin(s * x[i]) * x[j] + s
        return s

    steps = [x + 1e-30j * row for row in np.eye(4)]
    np.testing.assert_allclose(run(text, "grad(f)", x, k), [f(z).imag / 1e-30 for z in steps], rtol=1e-13, atol=1e-15)
