"""Maxima of computed elements: whatever the compiler makes of the loops, one of the elements attains the maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import difflang as dl

PROGRAM = """
fn sums(t: real[n], w: real[3]) -> real = max(sum(w[k] * t[i] for i in 0..n) for k in 0..3)
fn least(t: real[n], w: real[n]) -> real = min(t[i] * w[i] + 0.1 * t[i] for i in 0..n)
fn whole(t: real[n], w: real[n]) -> real:
    let products = [t[i] * w[i] + 0.3 * t[i] for i in 0..n]
    return max(products) + min(products)
"""


@pytest.fixture(scope="module")
def m() -> Any:
    return dl.loads(PROGRAM)


def draws(n: int, m: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(n)
    return [(rng.uniform(0.1, 0.9, n), rng.uniform(0.1, 0.9, m)) for _ in range(6)]


def sums_slope(t: Any, w: Any) -> Any:
    return t.sum() * (w == w.max())


def least_slope(t: Any, w: Any) -> Any:
    products = t * w + 0.1 * t
    return t * (products == products.min())


def whole_slope(t: Any, w: Any) -> Any:
    products = t * w + 0.3 * t
    return t * ((products == products.max()) + 1.0 * (products == products.min()))


CASES = (("sums", 3, sums_slope), ("least", None, least_slope), ("whole", None, whole_slope))


@pytest.mark.parametrize(("name", "fixed", "slope"), CASES)
def test_gradients_and_tangents_at_many_sizes(m: Any, name: str, fixed: int | None, slope: Any) -> None:
    gradient, tangent = dl.grad(m[name], wrt="w"), dl.jvp(m[name], wrt="w")
    for n in range(2, 42):
        for t, w in draws(n, fixed or n):
            expected = slope(t, w)
            np.testing.assert_allclose(gradient(t, w), expected, rtol=1e-13)
            direction = np.cos(np.arange(len(w)))
            np.testing.assert_allclose(tangent(t, w, direction)[1], expected @ direction, rtol=1e-12)


def test_ties_share_evenly_at_every_size(m: Any) -> None:
    for n in range(2, 42):
        t, _ = draws(n, 3)[0]
        gradient = dl.grad(m.sums, wrt="w")(t, np.array([0.7, 0.2, 0.7]))
        np.testing.assert_allclose(gradient, t.sum() * np.array([0.5, 0.0, 0.5]), rtol=1e-13)
