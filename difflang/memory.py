"""Amounts of memory as they are written: `64 MB`, `1.5 GiB`."""

from __future__ import annotations

import re

UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)\s*")

HOW_TO_WRITE = 'write a string such as memory = "64 MB" (units: B, kB, MB, GB, KiB, MiB, GiB), or a number of bytes'


MOST = 2**63 - 1
"""The largest budget, in bytes; one above it is as good as none, and no `int`."""


def bytes_of(text: str) -> int | None:
    """The number of bytes that a text stands for; None if it is no amount of memory, or less than a byte."""
    match = SIZE.fullmatch(text)
    unit = UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        return None
    return min(int(float(match[1]) * unit), MOST) or None
