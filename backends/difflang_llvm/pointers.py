"""The address of an array's elements, quickly: `array.ctypes.data` takes longer than many a compiled function."""

from __future__ import annotations

import ctypes
import sys

import numpy as np

from difflang.runtime.writing import Writer

_HEAD = object.__basicsize__
"""Where NumPy's C struct `PyArrayObject_fields` has its first field, the pointer to the elements."""


_WORD = ctypes.sizeof(ctypes.c_size_t)
_memory = (ctypes.c_size_t * (sys.maxsize // _WORD)).from_address(0)
"""All memory as words: reading one of them makes no object but the number."""


def _direct_text(writer: Writer, array: str) -> str:
    return f"{writer.constant(_memory)}[(id({array}) + {_HEAD}) // {_WORD}]"


def _documented_text(writer: Writer, array: str) -> str:
    return f"{array}.ctypes.data"


def _is_direct() -> bool:
    """Whether a trial shows that the direct reading is right, as in every CPython so far."""
    trial = np.arange(6.0).reshape(2, 3)
    views = (trial, trial[1], np.zeros(1, bool), trial[1:, 2])
    return all(_memory[(id(view) + _HEAD) // _WORD] == view.ctypes.data for view in views)


address_text = _direct_text if _is_direct() else _documented_text
"""The expression for the address of an array's elements in a function that is being written."""
