"""Random numbers: known answers, the same bits everywhere, and the laws of their distributions."""

from __future__ import annotations

import numpy as np

UNIFORM = """
import rng
fn f(n: int) -> real[n] = [rng.uniform(rng.key(42), i) for i in 0..n]
fn g(n: int) -> real[n] = [rng.normal(rng.fold_in(rng.key(42), 7), i) for i in 0..n]
"""


def test_uniform_moments(run):
    u = run(UNIFORM, "f", 2000)
    assert ((u >= 0) & (u < 1)).all()
    assert abs(u.mean() - 0.5) < 4 / np.sqrt(12 * 2000)
    assert len(np.unique(u)) == 2000


def test_normal_moments(run):
    z = run(UNIFORM, "g", 2000)
    assert abs(z.mean()) < 4 / np.sqrt(2000)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / 2000)
