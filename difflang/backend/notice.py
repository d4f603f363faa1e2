"""What a compiled program tells its host beyond `print` and `report`: calls of `extern` under reserved names."""

from __future__ import annotations

from difflang.diagnostics.model import Span

NOTICE = "difflang:residual"
"""An implicit function returned a value that does not meet its condition. The name goes on with the function and its
place, parted by `|`; the argument is the residual over the scale of the condition."""


def notice_name(function: str, span: Span | None) -> str:
    """The reserved name for a function and its place."""
    if span is None:
        return f"{NOTICE}|{function}"
    place = (span.line, span.column, span.end_line, span.end_column)
    return "|".join([NOTICE, function, *map(str, place), span.path])


def read_notice(name: str) -> tuple[str, Span | None]:
    """The function and the place in a name made by `notice_name`."""
    _, function, *place = name.split("|", 6)
    return function, Span(place[4], *map(int, place[:4])) if place else None
