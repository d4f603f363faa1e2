"""Loops: the imperative intermediate representation, and the scheduling of Core into it."""

from difflang.loops.schedule import schedule

__all__ = ["schedule"]
