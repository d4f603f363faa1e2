"""Where a message points: at the user's own line, also for what goes wrong inside the standard library."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from pathlib import Path

from difflang.diagnostics.model import DiffLangError, Label, Span

MAXIMUM_LABELS = 3


class Places:
    """Tells the user's files from those of the library.

    A program that is itself a file of the library has no such files: its own author reads the messages.
    `sources` are the paths of texts that can be shown.
    """

    def __init__(self, program: str, library: Path, sources: Container[str]) -> None:
        own = Path(program).resolve().is_relative_to(library)
        self._prefix = None if own else f"{library.as_posix()}/"
        self._sources = sources
        self._inside: dict[str, bool] = {}
        """Which files, by their paths, are the library's, as far as this was asked."""

    def in_library(self, span: Span | None) -> bool:
        if span is None:
            return False
        inside = self._inside.get(span.path)
        if inside is None:
            inside = self._prefix is not None and Path(span.path).as_posix().startswith(self._prefix)
            self._inside[span.path] = inside
        return inside

    def is_users(self, span: Span | None) -> bool:
        return span is not None and span.path in self._sources and not self.in_library(span)

    def shown(self, span: Span, outer: Span | None) -> Span:
        """The place of code at `span` that is elaborated on behalf of `outer`."""
        return outer if outer is not None and self.in_library(span) and self.is_users(outer) else span

    def seen_from(self, failure: DiffLangError, caller: Span) -> DiffLangError:
        """A failure inside the library, told at the user's expression that led there."""
        first = failure.diagnostic
        if not self.in_library(first.span) or not self.is_users(caller):
            return failure
        assert first.span is not None
        inside = Label(first.span, "it is found here, in the library")
        others = [n for n in first.labels if n.span != caller and not self.in_library(n.span)]
        labels = (inside, *others)[:MAXIMUM_LABELS]
        return DiffLangError(replace(first, span=caller, labels=labels), *failure.diagnostics[1:])
