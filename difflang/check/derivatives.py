"""Derivative operators."""

from __future__ import annotations

from difflang.check.values import Value

OPERATORS: dict[str, Value] = {}
