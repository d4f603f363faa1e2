"""Diagnostics as text: `full` for people, `short` for editors and logs, `json` for programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from difflang.diagnostics.excerpt import excerpt, source_lines
from difflang.diagnostics.explain import title
from difflang.diagnostics.model import Diagnostic, Label

Format = Literal["full", "short", "json"]

WIDTH = 88
"""Columns of the title line and of wrapped prose."""

_NO_SOURCES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Style:
    """Escape sequences of a terminal; all empty where there is no colour."""

    title: str = ""
    mark: str = ""
    label: str = ""
    strong: str = ""
    reset: str = ""

    def paint(self, code: str, text: str) -> str:
        return f"{code}{text}{self.reset}" if code else text


PLAIN = Style()
ERROR_STYLE = Style("\x1b[1;31m", "\x1b[31m", "\x1b[34m", "\x1b[1m", "\x1b[0m")
WARNING_STYLE = Style("\x1b[1;33m", "\x1b[33m", "\x1b[34m", "\x1b[1m", "\x1b[0m")


def render(
    diagnostics: Sequence[Diagnostic],
    form: Format = "full",
    sources: Mapping[str, str] = _NO_SOURCES,
    *,
    color: bool = False,
) -> str:
    """All diagnostics in one of the three formats. `sources` maps the paths of spans to their texts;
    other files are read from disk for the excerpts."""
    if form == "json":
        return to_json(diagnostics)
    if form == "short":
        return "\n".join(short(d) for d in diagnostics)
    return "\n".join(full(d, sources, color=color) for d in diagnostics)


def short(diagnostic: Diagnostic) -> str:
    """`file:line:column: error E0301: message`, on one line."""
    span = diagnostic.span
    place = f"{shown_path(span.path)}:{span.line}:{span.column}: " if span else ""
    return f"{place}{diagnostic.severity} {diagnostic.code}: {' '.join(diagnostic.message.split())}"


def to_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A JSON list with the keys code severity message hint file line column end_line end_column."""
    import json

    return json.dumps([as_record(d) for d in diagnostics], indent=2, ensure_ascii=False)


def as_record(diagnostic: Diagnostic) -> dict[str, str | int | None]:
    """The diagnostic as the dictionary that is written as JSON; what is unknown is None."""
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "file": span.path if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }


def full(diagnostic: Diagnostic, sources: Mapping[str, str] = _NO_SOURCES, *, color: bool = False) -> str:
    """The form for people: a title line, the message, the source with carets, labels and the hint."""
    style = PLAIN if not color else ERROR_STYLE if diagnostic.severity == "error" else WARNING_STYLE
    paragraphs = [style.paint(style.title, _title_line(diagnostic)), *_wrapped(diagnostic.message)]
    if diagnostic.span is not None:
        place = Label(diagnostic.span, "")
        paragraphs.append(_place(place, sources, "^", style, style.mark, named=False))
    for label in diagnostic.labels:
        elsewhere = diagnostic.span is None or label.span.path != diagnostic.span.path
        paragraphs.append(_place(label, sources, "-", style, style.label, named=elsewhere))
    if diagnostic.hint:
        paragraphs += _wrapped(diagnostic.hint, style.paint(style.strong, "Hint:") + " ", len("Hint: "))
    return "\n\n".join(paragraphs) + "\n"


def exception_text(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str] = _NO_SOURCES) -> str:
    """The text of an exception: code and message on the first line (not wrapped), then the place and the hint."""
    first = diagnostics[0]
    paragraphs = [f"{first.code}: {first.message}"]
    if first.span is not None:
        paragraphs.append(_place(Label(first.span, ""), sources, "^", PLAIN, "", named=True))
    if first.hint:
        paragraphs.append(f"Hint: {first.hint}")
    if len(diagnostics) > 1:
        paragraphs.append("\n".join(["and further:", *(short(d) for d in diagnostics[1:])]))
    return "\n\n".join(paragraphs)


def _title_line(diagnostic: Diagnostic) -> str:
    head = f"-- {diagnostic.severity.upper()} {diagnostic.code}"
    name = title(diagnostic.code)
    if name:
        head += f": {name}"
    span = diagnostic.span
    tail = f" {shown_path(span.path)}:{span.line}:{span.column}" if span else ""
    return f"{head} {'-' * max(WIDTH - len(head) - len(tail) - 1, 3)}{tail}"


def _place(label: Label, sources: Mapping[str, str], mark: str, style: Style, code: str, *, named: bool) -> str:
    span = label.span
    where = f"{shown_path(span.path)}:{span.line}:{span.column}"
    lines = source_lines(span.path, sources)
    if lines is None:
        return f"    at {where}" + (f": {label.text}" if label.text else "")
    shown = excerpt(span, lines, mark, lambda text: style.paint(code, text), label.text)
    return "\n".join([f"in {where}:", *shown] if named else shown)


def _wrapped(text: str, prefix: str = "", indent: int = 0) -> list[str]:
    """Paragraphs wrapped to the width; indented or listed lines keep their form."""
    import textwrap

    paragraphs: list[str] = []
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        lines = [
            line if line.startswith((" ", "-", "|")) else textwrap.fill(line, WIDTH - indent, break_long_words=False)
            for line in paragraph.split("\n")
        ]
        body = "\n".join(lines).replace("\n", "\n" + " " * indent)
        paragraphs.append((prefix if number == 0 else " " * indent) + body)
    return paragraphs


def shown_path(path: str) -> str:
    """A path relative to the working directory where it lies inside it, else as it is."""
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):
        return path
    return relative if os.path.isabs(path) and not relative.startswith("..") else path
