"""Memory for results: used again when nothing looks at it, and never before."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from difflang_llvm import libraries, results

import difflang as dl

COUNT = results.SMALLEST // 8


def test_what_is_seen_keeps_its_memory() -> None:
    double = dl.loads("fn double(x: real[n]) -> real[n] = 2 * x").double
    first = double(np.ones(COUNT))
    part = first[3:5]
    del first
    others = [double(np.full(COUNT, float(k))) for k in range(4)]
    assert part.tolist() == [2.0, 2.0]
    assert [other[0] for other in others] == [0.0, 2.0, 4.0, 6.0]


def test_what_is_not_seen_is_used_again() -> None:
    address = results.empty((COUNT, 2), np.dtype(np.float64)).ctypes.data
    again = results.empty((2, 2 * COUNT), np.dtype(np.float32))
    assert again.ctypes.data == address
    assert again.shape == (2, 2 * COUNT)
    assert results.empty((COUNT, 2), np.dtype(np.float64)).ctypes.data != address


def test_little_is_kept() -> None:
    kept = [results.empty((results.KEPT // 16,), np.dtype(np.float64)) for _ in range(5)]
    del kept
    assert sum(block.nbytes for block in results._blocks) <= results.KEPT  # pyright: ignore[reportPrivateUsage]


def test_what_is_larger_than_memory_is_refused_as_by_numpy() -> None:
    with pytest.raises((MemoryError, ValueError)):
        results.empty((2**50,), np.dtype(np.float64))


def test_what_is_kept_can_be_given_back() -> None:
    module = dl.loads(
        "fn reversed_sums(x: real[n]) -> real[n]:\n    let y = cumsum(x)\n    return [y[n - 1 - i] for i in 0..n]\n"
    )
    x = np.ones(1 << 18)
    kept = ctypes.c_void_p.from_address(libraries.resolve("memory.kept"))
    first = module.reversed_sums(x)
    assert kept.value
    libraries.free_kept()
    results.free_kept()
    assert kept.value is None
    libraries.free_kept()
    assert module.reversed_sums(x).tolist() == first.tolist() == np.arange(1 << 18, 0, -1.0).tolist()
