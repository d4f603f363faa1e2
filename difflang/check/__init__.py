"""Checking and elaboration: from the syntax tree to Core in one pass.

The elaborator is an abstract interpreter that specialises: every call is put in place, and functions,
structs and tuples exist only while it runs. What it emits, through `difflang.core.builder`, is Core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from difflang.check.program import Program, load, loads

__all__ = ["Program", "load", "loads"]


def __getattr__(name: str) -> Any:
    """The parts of the checker are imported when they are first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from difflang.check import program

    return getattr(program, name)
