"""Memory for results. That of large results is used again once nothing looks at it any more.

The system gives large memory back page by page, each at the price of a fault and of filling it with zeros; for a result
that is written once this can take longer than computing it.
"""

from __future__ import annotations

import threading
from collections import deque
from math import prod
from sys import getrefcount
from typing import Any

import numpy as np
import numpy.typing as npt

SMALLEST = 1 << 18
"""Bytes; below, the allocator itself uses memory again."""
KEPT = 1 << 27
"""Bytes that are kept in all."""
UNUSED = getrefcount(object()) + 2
"""The references to a block that only `_blocks` and a loop over it know."""

Block = npt.NDArray[np.float64]
"""Memory by words. A matrix of SciPy copies its entries if they seem to be a small part of the array below them."""

_blocks: deque[Block] = deque()
_lock = threading.Lock()


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An array whose elements are not set. Raises what `numpy.empty` raises."""
    size = prod(shape) * dtype.itemsize
    if size < SMALLEST or size > KEPT:
        return np.empty(shape, dtype)
    with _lock:
        return np.ndarray(shape, dtype, _block((size + 7) // 8))


def free_kept() -> None:
    """Frees the memory of results that nothing looks at any more."""
    with _lock:
        _blocks.clear()


def _block(words: int) -> Block:
    """Memory that was used before if there is some. Under the lock."""
    block = _unused(words)
    if block is None:
        block = np.empty(words)
        _keep(block)
    return block


def _unused(words: int) -> Block | None:
    for block in _blocks:
        if block.size == words and getrefcount(block) == UNUSED:
            return block
    return None


def _keep(block: Block) -> None:
    _blocks.append(block)
    while sum(kept.nbytes for kept in _blocks) > KEPT:
        _blocks.popleft()
