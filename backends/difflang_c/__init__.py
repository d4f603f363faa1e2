"""The C backend: Loops to readable C99, for reading, for other programs, and for machines with a C compiler.

`BACKEND` is made on first use, so that looking at the package costs nothing.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "BACKEND":
        from difflang_c.backend import BACKEND

        return BACKEND
    raise AttributeError(name)
