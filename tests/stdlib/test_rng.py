"""Random numbers: published known answers, replay, and statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

Load = Callable[[str], Any]

PROGRAM = """
import rng
fn bits(seed: int, i: int) -> int = rng.bits(rng.key(seed), i)
fn uniform(seed: int, n: int) -> real[n] = [rng.uniform(rng.key(seed), i) for i in 0..n]
fn normal(seed: int, n: int) -> real[n] = [rng.normal(rng.key(seed), i) for i in 0..n]
fn rademacher(seed: int, n: int) -> real[n] = [rng.rademacher(rng.key(seed), i) for i in 0..n]
fn exponential(seed: int, n: int) -> real[n] = [rng.exponential(rng.key(seed), i) for i in 0..n]
fn poisson(seed: int, n: int, rate: real) -> int[n] = [rng.poisson(rng.key(seed), i, rate) for i in 0..n]
fn categorical(seed: int, n: int, logits: real[k]) -> int[n] = [rng.categorical(rng.key(seed), i, logits) for i in 0..n]
fn randint(seed: int, n: int, low: int, high: int) -> int[n] = [rng.randint(rng.key(seed), i, low, high) for i in 0..n]
fn halves(seed: int, n: int) -> (real[n], real[n]):
    let (a, b) = rng.split(rng.key(seed))
    return ([rng.uniform(a, i) for i in 0..n], [rng.uniform(b, i) for i in 0..n])
fn folded(seed: int, n: int) -> real[n] = [rng.uniform(rng.fold_in(rng.key(seed), i)) for i in 0..n]
fn permutation(seed: int, n: int) -> int[n] = rng.permutation(rng.key(seed), n)
struct Pair:
    a: real
    b: real[3]
fn noise(seed: int, like: Pair) -> Pair = rng.normal_like(rng.key(seed), like)
"""

N = 20000

# Key and counter words, and the block: threefry2x32 with 20 rounds in the known-answer file of Random123.
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


def word(high: int, low: int) -> int:
    """Two 32-bit words as a signed 64-bit integer."""
    value = high << 32 | low
    return value - 2**64 if value >= 2**63 else value


@pytest.mark.parametrize("backend", ["reference", "llvm"])
@pytest.mark.parametrize(("key", "counter", "block"), KNOWN)
def test_known_answers(load: Load, backend: str, key: Any, counter: Any, block: Any) -> None:
    assert load(PROGRAM).bits.on(backend=backend)(word(*key), word(*counter)) == word(*block)


def test_every_backend_draws_the_same(load: Load) -> None:
    module = load(PROGRAM)
    for name in ("uniform", "rademacher", "permutation"):
        draw = getattr(module, name)
        np.testing.assert_array_equal(draw.on(backend="reference")(5, 40), draw.on(backend="llvm")(5, 40))
    np.testing.assert_allclose(module.normal.on(backend="reference")(5, 40), module.normal(5, 40), rtol=1e-14)


def test_uniform_and_normal_and_exponential_distributions(load: Load) -> None:
    module = load(PROGRAM)
    u, z, e = module.uniform(1, N), module.normal(2, N), module.exponential(3, N)
    assert u.min() >= 0.0 and u.max() < 1.0
    assert stats.kstest(u, "uniform").pvalue > 0.001
    assert stats.kstest(z, "norm").pvalue > 0.001
    assert stats.kstest(e, "expon").pvalue > 0.001
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 4 / np.sqrt(N)


def test_the_normal_transform_inverts_the_distribution_function(load: Load) -> None:
    module = load(PROGRAM)
    np.testing.assert_allclose(module.normal(4, 500), special.ndtri(module.uniform(4, 500)), rtol=1e-12, atol=1e-15)


def test_signs(load: Load) -> None:
    signs = load(PROGRAM).rademacher(1, N)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 4 / np.sqrt(N)


@pytest.mark.parametrize("rate", [0.0, 0.3, 4.0, 9.99, 10.0, 35.0, 1000.0])
def test_poisson(load: Load, rate: float) -> None:
    draws = load(PROGRAM).poisson(1, N, rate)
    assert abs(draws.mean() - rate) <= 4 * np.sqrt(rate / N)
    if rate > 0:
        edges = np.unique(stats.poisson.ppf([0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99], rate))
        counts = np.histogram(draws, np.concatenate([[-1], edges, [np.inf]]) + 0.5)[0]
        expected = N * np.diff(np.concatenate([[0], stats.poisson.cdf(edges, rate), [1]]))
        kept = expected > 5
        assert stats.chisquare(counts[kept], expected[kept] * counts[kept].sum() / expected[kept].sum()).pvalue > 0.001


def test_categorical(load: Load) -> None:
    logits = np.array([0.5, -1.0, 2.0, 0.0]) + 500.0
    draws = load(PROGRAM).categorical(1, N, logits)
    expected = N * special.softmax(logits)
    assert stats.chisquare(np.bincount(draws, minlength=4), expected).pvalue > 0.001


def test_integers(load: Load) -> None:
    draws = load(PROGRAM).randint(1, N, -2, 3)
    assert set(draws) == {-2, -1, 0, 1, 2}
    assert stats.chisquare(np.bincount(draws + 2)).pvalue > 0.001


def test_streams_are_independent(load: Load) -> None:
    module = load(PROGRAM)
    a, b = module.halves(1, N)
    folded, parent = module.folded(1, N), module.uniform(1, N)
    for x, y in [(a, b), (a, folded), (b, parent), (a, parent), (folded, parent)]:
        assert abs(np.corrcoef(x, y)[0, 1]) < 4 / np.sqrt(N)
    assert stats.kstest(folded, "uniform").pvalue > 0.001


def test_permutations(load: Load) -> None:
    orders = [tuple(load(PROGRAM).permutation(seed, 3)) for seed in range(600)]
    assert sorted(orders[0]) == [0, 1, 2]
    counts = [orders.count(order) for order in sorted(set(orders))]
    assert len(counts) == 6 and stats.chisquare(counts).pvalue > 0.001


def test_noise_in_the_shape_of_a_struct(load: Load) -> None:
    module = load(PROGRAM)
    noise = module.noise(9, {"a": 0.0, "b": np.zeros(3)})
    np.testing.assert_array_equal(np.concatenate([[noise["a"]], noise["b"]]), module.normal(9, 4))
