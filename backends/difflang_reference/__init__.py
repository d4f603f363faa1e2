"""The reference backend: Core evaluated equation by equation with NumPy. Slow and meant to be obviously right."""

from difflang_reference.backend import BACKEND

__all__ = ["BACKEND"]
