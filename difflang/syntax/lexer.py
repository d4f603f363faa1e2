"""From text to tokens: words, numbers, strings and signs, each with its place.

Comments are kept apart (for `format.py`), and `##` documentation by the line of the token that follows it. Layout
(NEWLINE, INDENT, DEDENT, brackets) is added by `indenter.py`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache

from difflang.diagnostics import Span, error
from difflang.syntax import mistakes_in_text
from difflang.syntax.found import Found
from difflang.syntax.tables import tables

UNKNOWN = "?"
"""The name that stands in the place of text that could not be read, so that parsing can go on."""


@dataclass(slots=True)
class Token:
    """`kind` is NAME, NUMBER, STRING, AUGMENTED, a layout kind, or the text itself of a keyword or sign."""

    kind: str
    text: str
    line: int
    column: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its `#`, and where it stands."""

    line: int
    column: int
    text: str


@dataclass(slots=True)
class Lexed:
    """The tokens and comments of a file, the documentation by the line it belongs to, and what was wrong."""

    tokens: list[Token]
    comments: list[Comment]
    docs: dict[int, str]
    module_doc: str | None
    found: Found = field(default_factory=Found)


@cache
def _pattern() -> re.Pattern[str]:
    """One alternative for each class of token, the longest signs first."""
    tokens = tables().tokens
    signs = sorted(tables().words("signs"), key=len, reverse=True)
    patterns = tokens["patterns"]
    return re.compile(
        "|".join((
            r"(?P<space>[ \t\n]+)",
            f"(?P<doc>{patterns['documentation']})",
            f"(?P<comment>{patterns['comment']})",
            f"(?P<name>{patterns['name']})",
            f"(?P<number>{patterns['number']})",
            f"(?P<string>{patterns['string']})",
            f"(?P<sign>{'|'.join(map(re.escape, signs))})",
        ))
    )  # fmt: skip


def lex(text: str, path: str) -> Lexed:
    """The tokens of `text`. Raises a DiffLangError only where reading on makes no sense (tabs as indentation)."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    _refuse_tabs(text, path)
    return _Scanner(text, path).scan()


def _refuse_tabs(text: str, path: str) -> None:
    tab = re.search(r"^ *\t+(?=[^\s#])", text, re.MULTILINE) if "\t" in text else None
    if tab:
        line = text.count("\n", 0, tab.start()) + 1
        span = Span(path, line, 1, line, 1 + len(tab.group()))
        raise error("E0103", "This line is indented with a tab.", span, hint="Indent with spaces, four for each level.")


class _Scanner:
    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.lexed = Lexed([], [], {}, None)
        self.comments: list[tuple[int, str]] = []

    def scan(self) -> Lexed:
        """Walks over the text; a character that begins no token is reported and skipped."""
        text, tokens = self.text, self.lexed.tokens
        kinds = tables().words("keywords", "item", "statement", "operator", "constant")
        augmented = tables().words("signs", "augmented")
        match_at, line_starts = _pattern().match, self.line_starts
        line, position, last_line, end = 1, 0, len(line_starts), len(text)
        while position < end:
            match = match_at(text, position)
            if match is None:
                position = self._mistake(position)
                continue
            group, start, position = match.lastgroup, position, match.end()
            if group == "space":
                continue
            while line < last_line and line_starts[line] <= start:
                line += 1
            word, column = match.group(), start - line_starts[line - 1] + 1
            if group in ("doc", "comment"):
                self.lexed.comments.append(Comment(line, column, word.rstrip()))
                if group == "doc":
                    self._document(line, column, word)
                continue
            kind = word
            if group == "name":
                word = word if word.isascii() else unicodedata.normalize("NFKC", word)
                kind = word if word in kinds else "NAME"
                if len(word) > mistakes_in_text.MAXIMUM_NAME:
                    self.lexed.found.add(mistakes_in_text.long_name(self.path, line, column, len(word)))
            elif group != "sign":
                kind = group.upper() if group else ""
            elif word in augmented:
                kind = "AUGMENTED"
            if self.comments:
                self._attach(line, word)
            tokens.append(Token(kind, word, line, column, column + position - start))
        if self.comments:
            self._attach(last_line + 1, "")
        mistakes_in_text.check_neighbours(self.lexed, self.path)
        return self.lexed

    def _document(self, line: int, column: int, word: str) -> None:
        """Documentation stands on lines of its own; behind code `##` is a plain comment."""
        if column == 1:
            self.comments.append((line, word[2:].removeprefix(" ").rstrip()))

    def _attach(self, line: int, word: str) -> None:
        """Gives the documentation just read to the item that begins on `line`, or to the module.

        The block at the head of the file is the module's unless the item that it could describe follows directly.
        """
        last = self.comments[-1][0]
        doc = "\n".join(text for _, text in self.comments)
        at_head = not self.lexed.tokens and self.lexed.module_doc is None
        first_block = self._first_block() if at_head else 0
        if at_head and first_block < len(self.comments):
            self.lexed.module_doc = "\n".join(text for _, text in self.comments[:first_block])
            self.comments = self.comments[first_block:]
            return self._attach(line, word)
        if at_head and (line > last + 1 or word in ("import", "from", "")):
            self.lexed.module_doc = doc
        else:
            self.lexed.docs[line] = doc
        self.comments = []
        return None

    def _first_block(self) -> int:
        """How many of the pending documentation lines follow each other without a gap."""
        count = 1
        while count < len(self.comments) and self.comments[count][0] == self.comments[count - 1][0] + 1:
            count += 1
        return count

    def _mistake(self, position: int) -> int:
        """Reports the text at `position`, which begins no token, and returns where to read on."""
        line = bisect_right(self.line_starts, position)
        column = position - self.line_starts[line - 1] + 1
        diagnostic, length = mistakes_in_text.unknown_text(self.text, position, self.path, line, column)
        self.lexed.found.add(diagnostic)
        self.lexed.tokens.append(Token("NAME", UNKNOWN, line, column, column + length))
        return position + length
