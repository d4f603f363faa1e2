"""Derivatives of Core: forward mode, reverse mode, and copying with substitution.

Each transform emits code into the current position of a `Builder`; what one emits, every other accepts.
"""

from difflang.derive.copying import inline
from difflang.derive.forward import jvp
from difflang.derive.reverse import vjp

__all__ = ["inline", "jvp", "vjp"]
