"""How much memory a call takes at its peak, read from the kernel (Linux)."""

from __future__ import annotations

import ctypes
import gc
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from difflang_llvm import libraries, results
from scipy import sparse

PROCESS = Path("/proc/self")
RESET_PEAK = "5"
"""What `clear_refs` takes for: the peak is what is resident now (proc(5))."""


def peak_bytes(call: Callable[[], Any]) -> float:
    """By how much the process grows during a call, its results included where it makes them; NaN where nobody counts.

    What earlier calls have left to later ones is given back first: the memory that programs hand on, the free parts
    of the C library's heap. The kernel counts pages, and not at once, so that some 0.2 MB are uncertain.
    """
    if not (PROCESS / "clear_refs").exists():
        return math.nan
    gc.collect()
    libraries.free_kept()
    results.free_kept()
    ctypes.CDLL(None).malloc_trim(0)
    (PROCESS / "clear_refs").write_text(RESET_PEAK)
    before = _resident("VmRSS")
    result = call()
    peak = _resident("VmHWM")
    del result
    return float(max(0, peak - before))


def result_bytes(result: Any) -> int:
    """Of the arrays in a nested result; of a compressed matrix its entries."""
    if isinstance(result, tuple | list):
        return sum(result_bytes(part) for part in result)
    return result.data.nbytes if sparse.issparse(result) else np.asarray(result).nbytes


def _resident(field: str) -> int:
    """Bytes, by the name of a line in the kernel's report."""
    lines = (PROCESS / "status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return 1024 * int(kilobytes)
