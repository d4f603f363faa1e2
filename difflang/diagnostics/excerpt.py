"""Excerpts of source text with carets under a span: long lines, tabs, wide characters, several lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

from difflang.diagnostics.model import Span

TAB = 4
"""Columns between tab stops in the excerpt."""

WIDTH = 96
"""Columns of source text shown of a line; longer lines are clipped around the span."""

ELLIPSIS = "…"
SHOWN_LINES = 4
"""Lines shown of a span over many lines; what is between the first ones and the last is left out."""

Paint = Callable[[str], str]


def source_lines(path: str, sources: Mapping[str, str]) -> list[str] | None:
    """The lines of a source text that is known by name or can be read; None where it cannot."""
    text = sources.get(path)
    if text is None:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except (OSError, ValueError):
            return None
    return text.split("\n")


def excerpt(span: Span, lines: list[str], mark: str = "^", paint: Paint = str, text: str = "") -> list[str]:
    """The lines of a span with `mark`s below it, and `text` behind the marks.

    A span at or beyond the end of the text (an unexpected end of file) is shown behind the last line with text.
    """
    span = _inside(span, lines)
    first = min(max(span.line, 1), len(lines))
    last = min(max(span.end_line, first), len(lines))
    gutter = len(str(last))
    if first == last:
        return _one_line(span, lines[first - 1], first, gutter, mark, paint, text)
    return _many_lines(lines, first, last, gutter, paint, text)


def _inside(span: Span, lines: list[str]) -> Span:
    if span.line <= len(lines) and any(line.strip() for line in lines[span.line - 1 :]):
        return span
    last = max((number for number, line in enumerate(lines, 1) if line.strip()), default=1)
    column = len(lines[last - 1].rstrip()) + 1
    return Span(span.path, last, column, last, column + 1)


def _one_line(span: Span, line: str, number: int, gutter: int, mark: str, paint: Paint, text: str) -> list[str]:
    line = line.rstrip("\r\n")
    start = min(max(span.column - 1, 0), len(line))
    stop = span.end_column - 1 if span.end_line == span.line else len(line)
    stop = min(max(stop, start), len(line))
    shown, offset, length = _clip(line, start, stop)
    marks = paint(mark * max(length, 1) + (f" {text}" if text else ""))
    return [f"{number:>{gutter}} | {shown}".rstrip(), f"{'':>{gutter}} | {' ' * offset}{marks}"]


def _many_lines(lines: list[str], first: int, last: int, gutter: int, paint: Paint, text: str) -> list[str]:
    numbers = list(range(first, last + 1))
    if len(numbers) > SHOWN_LINES:
        numbers = [*numbers[: SHOWN_LINES - 1], 0, last]
    shown: list[str] = []
    for number in numbers:
        if number == 0:
            shown.append(f"{ELLIPSIS:>{gutter}}")
            continue
        line, _, _ = _clip(lines[number - 1].rstrip("\r\n"), 0, 0)
        shown.append(f"{number:>{gutter}} {paint('>')} {line}".rstrip())
    return [*shown, f"{'':>{gutter}}   {paint(text)}"] if text else shown


def _clip(line: str, start: int, stop: int) -> tuple[str, int, int]:
    """The part of a line to show, with the display offset and width of [start, stop) inside it."""
    before, inside, after = (_expand(line[:start], 0), "", "")
    inside = _expand(line[start:stop], _width(before))
    after = _expand(line[stop:], _width(before) + _width(inside))
    if _width(before) + _width(inside) + _width(after) <= WIDTH:
        return before + inside + after, _width(before), _width(inside)
    inside = _take(inside, WIDTH)
    room = WIDTH - _width(inside)
    kept_before = _take_last(before, max(room * 2 // 3, room - _width(after)))
    kept_after = _take(after, room - _width(kept_before))
    left = ELLIPSIS if kept_before != before else ""
    right = ELLIPSIS if kept_after != after else ""
    return left + kept_before + inside + kept_after + right, len(left) + _width(kept_before), _width(inside)


def _expand(text: str, column: int) -> str:
    """Tabs as spaces up to the next stop, control characters as `·`; `column` is where the text starts."""
    parts: list[str] = []
    for character in text:
        if character == "\t":
            shown = " " * (TAB - column % TAB)
        elif unicodedata.category(character) == "Cc":
            shown = "·"
        else:
            shown = character
        parts.append(shown)
        column += _width(shown)
    return "".join(parts)


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(_character_width(c) for c in text)


def _character_width(character: str) -> int:
    """Terminal columns: 2 for East Asian wide, 0 for combining marks, else 1."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _take(text: str, columns: int) -> str:
    used = 0
    for position, character in enumerate(text):
        used += _character_width(character)
        if used > columns:
            return text[:position]
    return text


def _take_last(text: str, columns: int) -> str:
    return _take(text[::-1], columns)[::-1]
