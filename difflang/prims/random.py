"""The integer core of the counter-based random numbers: Threefry-2x32 with 20 rounds.

Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, Parallel random numbers: as easy as 1, 2, 3 (2011).
A key and a counter are each one 64-bit word (high half = word 0, low half = word 1); so is the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from difflang.core.ir import FLOATS, Attribute, DType
from difflang.prims.model import Primitive, same

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 20


def _rotate(x: Any, count: int) -> Any:
    return (x << np.uint32(count)) | (x >> np.uint32(32 - count))


def threefry(key: Any, counter: Any) -> Any:
    """The Threefry-2x32-20 block of each (key, counter), as int64."""
    key, counter = np.broadcast_arrays(np.asarray(key, np.int64), np.asarray(counter, np.int64))
    k, c = key.view(np.uint64) if key.ndim else np.uint64(key.astype(np.uint64)), counter.astype(np.uint64)
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    words = [(np.asarray(k) >> half).astype(np.uint32), (np.asarray(k) & low).astype(np.uint32)]
    keys = [*words, words[0] ^ words[1] ^ np.uint32(PARITY)]
    with np.errstate(over="ignore"):
        x, y = (c >> half).astype(np.uint32) + keys[0], (c & low).astype(np.uint32) + keys[1]
        for r in range(ROUNDS):
            x = x + y
            y = _rotate(y, ROTATIONS[r % 8]) ^ x
            if r % 4 == 3:
                s = r // 4 + 1
                x, y = x + keys[s % 3], y + keys[(s + 1) % 3] + np.uint32(s)
    return ((np.asarray(x).astype(np.uint64) << half) | np.asarray(y).astype(np.uint64)).astype(np.int64)[()]


def _unit_rule(dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
    dtype = attrs["dtype"]
    if dtypes[0] != "i64" or dtype not in FLOATS:
        raise ValueError("bits_to_unit takes an i64 and gives a float")
    return dtype


def _bits_to_unit(bits: Any, *, dtype: DType) -> Any:
    """The top 53 (f64) or 24 (f32) bits as a number in [0, 1)."""
    kept = 53 if dtype == "f64" else 24
    word = np.asarray(bits, np.int64).astype(np.uint64) >> np.uint64(64 - kept)
    return (word.astype(np.float64) * 2.0**-kept).astype("float64" if dtype == "f64" else "float32")[()]


RECORDS: tuple[Primitive, ...] = (
    Primitive(
        "random_bits", 2, threefry, same(frozenset({"i64"})), (None, None), "64 random bits from a key and a counter."
    ),
    Primitive("bits_to_unit", 1, _bits_to_unit, _unit_rule, (None,), "A uniform number in [0, 1) from 64 bits."),
)
