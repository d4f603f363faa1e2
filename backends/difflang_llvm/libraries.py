"""Addresses of the library routines that compiled code imports.

The C library is in the process. BLAS and LAPACK are SciPy's: its modules `cython_blas` and `cython_lapack` export
C pointers to every routine. They are imported when the first program needs one.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from typing import Any

from difflang_llvm.engine import process_symbol

PREFIXES = {"blas.": "scipy.linalg.cython_blas", "lapack.": "scipy.linalg.cython_lapack"}


def resolve(symbol: str) -> int:
    """The address of `malloc`, `blas.dgemm`, `lapack.dpotrf`, ... Raises KeyError for an unknown one."""
    for prefix, module in PREFIXES.items():
        if symbol.startswith(prefix):
            return _exported(module, symbol.removeprefix(prefix))
    return process_symbol(symbol)


@cache
def _exported(module: str, name: str) -> int:
    """The pointer inside a Cython capsule; the name of the capsule is the C signature of the routine."""
    capsule: Any = import_module(module).__pyx_capi__[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(get_pointer(capsule, get_name(capsule)))
