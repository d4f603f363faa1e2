"""Addresses of the library routines that compiled code imports.

The C library is in the process. BLAS and LAPACK are SciPy's: its modules `cython_blas` and `cython_lapack` export
C pointers to every routine. They are imported when the first program needs one, and without the package around them,
whose other modules take longer to import than a compiled program takes to start.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from difflang_llvm.engine import process_symbol

PACKAGE = "scipy.linalg"
_kept = ctypes.c_void_p()
"""A large piece of memory that the last program has left for the next one (see `runtime.ll`)."""

PREFIXES = {"blas.": "cython_blas", "lapack.": "cython_lapack"}


def resolve(symbol: str) -> int:
    """The address of `malloc`, `blas.dgemm`, `lapack.dpotrf`, `pool.run`, ... Raises KeyError for an unknown one."""
    if symbol == "memory.kept":
        return ctypes.addressof(_kept)
    if symbol.startswith("pool."):
        from difflang_llvm import threads

        return threads.symbol(symbol.removeprefix("pool."))
    if symbol.startswith("elimination."):
        from difflang_llvm import elimination

        return elimination.symbol(symbol)
    for prefix, module in PREFIXES.items():
        if symbol.startswith(prefix):
            return _exported(module, symbol.removeprefix(prefix))
    return process_symbol(symbol)


def free_kept() -> None:
    """Frees the memory that the last program has left for the next one. No program may be running."""
    address, _kept.value = _kept.value, None
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(process_symbol("free"))(address)


@cache
def _exported(module: str, name: str) -> int:
    """The pointer inside a Cython capsule; the name of the capsule is the C signature of the routine."""
    capsule: Any = _extension(module).__pyx_capi__[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(get_pointer(capsule, get_name(capsule)))


@cache
def _extension(module: str) -> ModuleType:
    """An extension module of SciPy's. It is not left among the imported modules, where its package would miss the
    moment to take it in; importing it with its package gives the same object.
    """
    name = f"{PACKAGE}.{module}"
    folder = Path(import_module("scipy").__path__[0], "linalg")
    spec = PathFinder.find_spec(name, [str(folder)])
    if name in sys.modules or spec is None or spec.loader is None:
        return import_module(name)
    extension = module_from_spec(spec)
    spec.loader.exec_module(extension)
    sys.modules.pop(name, None)
    return extension
