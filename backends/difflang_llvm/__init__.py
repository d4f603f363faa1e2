"""The LLVM backend: Loops to native code, just in time, with its own elementary functions and a cache on disk.

`BACKEND` is made on first use, so that looking at the package does not load LLVM.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "BACKEND":
        from difflang_llvm.backend import BACKEND

        return BACKEND
    raise AttributeError(name)
