"""What the parser's actions share: the file's path and documentation, and a place to report mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from difflang.diagnostics import Diagnostic, Label, Span
from difflang.syntax.found import Found

Action = Callable[..., Any]


@dataclass(slots=True)
class Builder:
    """The context of one parse. Actions report mistakes that the grammar lets through, and go on."""

    path: str
    docs: dict[int, str]
    found: Found

    def report(self, code: str, message: str, span: Span, *labels: Label, hint: str | None = None) -> None:
        self.found.add(Diagnostic(code, message, span, labels, hint))

    def doc(self, span: Span) -> str | None:
        """The documentation of the item that begins at `span`."""
        return self.docs.get(span.line)


@cache
def actions() -> dict[str, Action]:
    """The function for each action of the grammar, by name."""
    from difflang.syntax import build_expressions, build_items, build_statements

    return {**build_expressions.ACTIONS, **build_statements.ACTIONS, **build_items.ACTIONS}
