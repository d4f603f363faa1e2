"""What the machine can do at best, measured by NumPy: a product of matrices, and passes over some number of bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

SIDE = 512
SMALLEST_BYTES, LARGEST_BYTES = 1 << 18, 1 << 26
"""Of a pass: below, the call would count; above, the caches help no more."""
REPEATS, LEAST_SECONDS = 8, 0.05


@dataclass(frozen=True, slots=True)
class Peak:
    """Flops a second in a precision, `f32` or `f64`."""

    flops: float

    def share(self, flops: float, bytes_: int, seconds: float) -> float:
        """The part of `seconds` that the machine needs at best: for the flops, or for the bytes if that is longer."""
        return max(flops / self.flops, bytes_ / bandwidth(bytes_)) / seconds


def measured(precision: str) -> Peak:
    a = np.ones((SIDE, SIDE), np.float32 if precision == "f32" else np.float64)
    product = np.empty_like(a)
    return Peak(2 * SIDE**3 / _fastest(lambda: np.matmul(a, a, out=product)))


def bandwidth(size: int) -> float:
    """Bytes a second, read or written, by a program that touches `size` bytes: these stay in a cache if they fit."""
    return _bandwidth(1 << max(SMALLEST_BYTES, min(size, LARGEST_BYTES)).bit_length() - 1)


@cache
def _bandwidth(size: int) -> float:
    """The better of a copy from one half to the other and of a dot product of the halves, which only reads."""
    one, other = np.ones((2, size // 16))
    copying = _fastest(lambda: np.copyto(other, one))
    return size / min(copying, _fastest(lambda: np.dot(one, other)))


def _fastest(call: Callable[[], object]) -> float:
    """Seconds of the quickest of some calls; the first one finds its memory not ready, others may be disturbed."""
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < REPEATS or time.perf_counter() - begin < LEAST_SECONDS:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
