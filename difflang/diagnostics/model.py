"""Diagnostics as values: what went wrong, where, and what to write instead.

A `Diagnostic` knows nothing of terminals or JSON; rendering is in `difflang.diagnostics.render`.
Every code has a page `difflang/diagnostics/explain/<CODE>.md`; the first line of the page is its title.

Families of codes: E01xx syntax, E02xx names and modules, E03xx types, E04xx sizes, E05xx derivatives,
E06xx arguments and values from outside, E07xx files and data, E08xx run time, E09xx command line,
options and backends. Warnings use the same numbers with the letter W.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of source text. Lines and columns count from 1; the end column is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other` (same file)."""
        return Span(self.path, self.line, self.column, other.end_line, other.end_column)


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first, such as where a name was declared."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message. `message` says what is wrong in this program; `hint` says what to write. Both are made sentences."""

    code: str
    message: str
    span: Span | None = None
    labels: tuple[Label, ...] = field(default=())
    hint: str | None = None
    severity: Severity = "error"

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", sentence(self.message))
        if self.hint is not None:
            object.__setattr__(self, "hint", sentence(self.hint))


TYPE_WORDS = {"real", "int", "bool", "key"}
"""Words that stay as they are at the start of a sentence: there they are code."""


def sentence(text: str) -> str:
    """The text with a capital in front, unless it begins with code, and with a full stop, unless it ends otherwise."""
    text = text.rstrip()
    first = text.split(" ", 1)[0].rstrip(",:;")
    if first.isalpha() and first not in TYPE_WORDS:
        text = text[0].upper() + text[1:]
    if not text or text.endswith((".", "?", "!", ":")) or text.rpartition("\n")[2].startswith(" "):
        return text
    return f"{text}."


class DiffLangError(Exception):
    """The one exception that users see; it carries one or more diagnostics, the first in front.

    `sources` maps the paths of spans to their texts where they are no files; its text shows the place and the hint.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        if not diagnostics:
            raise ValueError("a DiffLangError needs at least one diagnostic")
        self.diagnostics = diagnostics
        self.sources: Mapping[str, str] = {}
        super().__init__(diagnostics[0].message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its diagnostics, which another process than the one that failed may want to see."""
        return (type(self), self.diagnostics, self.__dict__)

    def __str__(self) -> str:
        from difflang.diagnostics.render import exception_text

        return exception_text(self.diagnostics, self.sources)

    @property
    def diagnostic(self) -> Diagnostic:
        return self.diagnostics[0]

    @property
    def code(self) -> str:
        return self.diagnostic.code

    @property
    def span(self) -> Span | None:
        return self.diagnostic.span

    @property
    def labels(self) -> tuple[Label, ...]:
        return self.diagnostic.labels

    @property
    def hint(self) -> str | None:
        return self.diagnostic.hint


def error(code: str, message: str, span: Span | None = None, *labels: Label, hint: str | None = None) -> DiffLangError:
    """A `DiffLangError` with a single diagnostic, ready to be raised."""
    return DiffLangError(Diagnostic(code, message, span, labels, hint))
