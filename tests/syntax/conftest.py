"""Helpers: a tree as nested lists without places, and the codes that a text gives."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from difflang.diagnostics import DiffLangError, Span
from difflang.syntax import ast, parse, parse_expression


def _brief(value: Any) -> Any:
    """A node as `(class, field, ...)` without spans; tuples as tuples."""
    if isinstance(value, ast.Node):
        parts = (getattr(value, field.name) for field in fields(value))
        return (type(value).__name__, *(_brief(part) for part in parts if not isinstance(part, Span)))
    if isinstance(value, tuple):
        return tuple(_brief(part) for part in value if not isinstance(part, Span))
    return value


@pytest.fixture
def brief():
    """A node (or a tuple of nodes) as plain tuples without places."""
    return _brief


@pytest.fixture
def expression():
    return lambda text: _brief(parse_expression(text))


@pytest.fixture
def item():
    def read(text: str) -> Any:
        (only,) = parse(text).items
        return only

    return read


@pytest.fixture
def body(item):
    """The statements of a function whose block has the given lines."""

    def read(*lines: str) -> Any:
        return _brief(item("fn f(x: real):\n" + "".join(f"    {line}\n" for line in lines)).body)

    return read


@pytest.fixture
def codes():
    def read(text: str) -> list[str]:
        with pytest.raises(DiffLangError) as failure:
            parse(text)
        return [diagnostic.code for diagnostic in failure.value.diagnostics]

    return read
