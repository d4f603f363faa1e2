"""Gaussian elimination of our own (`elimination.ll`): made once on a machine, loaded with the first program that needs
it."""

from __future__ import annotations

import threading
from functools import cache
from importlib import resources
from typing import Any

from difflang_llvm import engine, units
from difflang_llvm.text import MEMORY_TYPES

PREFIX = "elimination."
LARGEST = 128
"""Rows of the largest matrix whose factors are made here; for larger ones LAPACK, which works by blocks, is faster."""
NAMES = ("lu", "triangle")

_linking = threading.Lock()


def symbol(name: str) -> int:
    """The address of a function, such as `elimination.lu.f64`. Raises KeyError for an unknown one."""
    with _linking:
        return _library(name.rpartition(".")[2]).address(name)


@cache
def _library(dtype: Any) -> engine.Library:
    template = resources.files("difflang_llvm").joinpath("elimination.ll").read_text()
    text = template.replace("@T@", MEMORY_TYPES[dtype]).replace("@D@", dtype)
    compiled = units.stored((PREFIX, text), lambda: engine.optimized(text))
    symbols = {name: engine.process_symbol(name) for name in compiled.symbols}
    return engine.link_library(compiled.code, symbols, (), [f"{PREFIX}{name}.{dtype}" for name in NAMES])
