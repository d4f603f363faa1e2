"""Memory for results. That of large results is used again once nothing looks at it any more.

The system gives large memory back page by page, each at the price of a fault and of filling it with zeros; for a result
that is written once this can take longer than computing it.
"""

from __future__ import annotations

import threading
from collections import deque
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

_blocks: deque[npt.NDArray[np.uint8]] = deque()
_lock = threading.Lock()


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An array whose elements are not set. Raises what `numpy.empty` raises."""
    fresh = np.empty(shape, dtype)
    return fresh if fresh.nbytes < SMALLEST else _again(fresh)


def free_kept() -> None:
    """Frees the memory of results that nothing looks at any more."""
    with _lock:
        _blocks.clear()


def _again(fresh: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array like `fresh`, whose own memory has not been touched, in memory that was used before if there is some."""
    with _lock:
        block = _unused(fresh.nbytes)
        if block is None:
            if fresh.nbytes > KEPT:
                return fresh
            block = np.empty(fresh.nbytes, np.uint8)
            _keep(block)
        return block.view(fresh.dtype).reshape(fresh.shape)


def _unused(size: int) -> npt.NDArray[np.uint8] | None:
    for block in _blocks:
        if block.nbytes == size and getrefcount(block) == UNUSED:
            return block
    return None


def _keep(block: npt.NDArray[np.uint8]) -> None:
    _blocks.append(block)
    while sum(kept.nbytes for kept in _blocks) > KEPT:
        _blocks.popleft()
