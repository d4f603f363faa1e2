"""The mistakes found so far: reading goes on after each, up to a limit."""

from __future__ import annotations

from difflang.diagnostics import Diagnostic, DiffLangError

MAXIMUM_ERRORS = 20


class Found:
    """The diagnostics of one file."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def add(self, diagnostic: Diagnostic) -> None:
        """Raises a DiffLangError with all diagnostics once there are MAXIMUM_ERRORS of them."""
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MAXIMUM_ERRORS:
            raise self.failure()

    def on_line(self, line: int) -> bool:
        """Whether a mistake on this line is known already."""
        spans = (found.span for found in self.diagnostics)
        return any(span is not None and span.line <= line <= span.end_line for span in spans)

    def failure(self) -> DiffLangError:
        """All diagnostics in the order of the text, each once."""
        unique = {(found.code, found.span): found for found in self.diagnostics}
        return DiffLangError(*sorted(unique.values(), key=_place))


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    return (diagnostic.span.line, diagnostic.span.column) if diagnostic.span else (0, 0)
