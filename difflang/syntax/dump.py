"""The syntax tree as readable text, one node a line, for `difflang emit --stage ast`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from difflang.diagnostics import Span
from difflang.syntax import ast

INDENT = "  "


def dump(node: ast.Node, *, places: bool = True) -> str:
    """The tree as text. Each line names the field, the node with its plain fields, and its place (`line:column`)."""
    return "\n".join(_lines(node, "", 0, places)) + "\n"


def _lines(node: ast.Node, label: str, depth: int, places: bool) -> Iterator[str]:
    plain: list[str] = []
    inner: list[tuple[str, Any]] = []
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Span) or value is None or value == ():
            continue
        if _holds_nodes(value):
            inner.append((field.name, value))
        else:
            plain.append(f"{field.name}={_plain(value)}")
    place = f" @{node.span.line}:{node.span.column}" if places else ""
    yield f"{INDENT * depth}{label}{' '.join([type(node).__name__, *plain])}{place}"
    for name, value in inner:
        yield from _inner(name, value, depth + 1, places)


def _inner(name: str, value: Any, depth: int, places: bool) -> Iterator[str]:
    """A field that holds a node, or tuples of nodes at any depth (the branches of an `if`)."""
    if isinstance(value, ast.Node):
        yield from _lines(value, f"{name}: ", depth, places)
    elif isinstance(value, tuple):
        for position, element in enumerate(value):
            yield from _inner(f"{name}[{position}]", element, depth, places)


def _holds_nodes(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_holds_nodes(element) for element in value)
    return isinstance(value, ast.Node)


def _plain(value: Any) -> str:
    """A name, number, text or operator; places inside tuples (imported names) are left out."""
    if isinstance(value, tuple):
        return f"({', '.join(_plain(element) for element in value if not isinstance(element, Span))})"
    return repr(value)
