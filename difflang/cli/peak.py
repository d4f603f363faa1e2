"""What the machine can do at best, measured: a product of matrices and a copy of a long array."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SIDE = 512
COPIED_BYTES = 1 << 25
REPEATS = 8


@dataclass(frozen=True, slots=True)
class Peak:
    """Flops and bytes (read and written) a second."""

    flops: float
    bytes: float

    def share(self, flops: float, bytes_: float, seconds: float) -> float:
        """The part of `seconds` that the machine needs at best: for the flops, or for the bytes if that is longer."""
        return max(flops / self.flops, bytes_ / self.bytes) / seconds


def measured(precision: str) -> Peak:
    dtype = np.float32 if precision == "f32" else np.float64
    a = np.ones((SIDE, SIDE), dtype)
    product = np.empty_like(a)
    source = np.ones(COPIED_BYTES // a.itemsize, dtype)
    target = np.empty_like(source)
    return Peak(
        2 * SIDE**3 / _fastest(lambda: np.matmul(a, a, out=product)),
        2 * COPIED_BYTES / _fastest(lambda: np.copyto(target, source)),
    )


def _fastest(call: Callable[[], object]) -> float:
    """Seconds of the quickest of some calls; the first one finds its memory not ready."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best
