"""`difflang fmt`: the same program in the usual layout.

Spaces, indentation and blank lines are made uniform; words, the lines of an expression in brackets, and comments stay.
The text is rebuilt from its tokens, so what the parser sees does not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from difflang.syntax.indenter import add_layout
from difflang.syntax.lexer import Comment, Lexed, Token, lex
from difflang.syntax.read import parse
from difflang.syntax.tables import tables

INDENT = 4
SIGNED = frozenset(("-", "+"))
TIGHT_BEFORE = frozenset((")", "]", ",", ";", ":", ".", ".."))
TIGHT_AFTER = frozenset(("(", "[", ".", ".."))


def format_source(text: str, path: str = "<string>") -> str:
    """The text in the usual layout. Raises a DiffLangError where it cannot be parsed."""
    parse(text, path)
    lexed = lex(text, path)
    return _Writer(lexed, add_layout(lexed.tokens, path, lexed.found)).write()


@dataclass(slots=True)
class _Row:
    """One line of the result: its indentation, its code and comment, and where it was."""

    indent: int
    code: str
    line: int
    comment: Comment | None = None


class _Writer:
    """Goes through the tokens line by line; `shift` is how far the logical line moved, for its later lines."""

    def __init__(self, lexed: Lexed, tokens: list[Token]) -> None:
        self.comments = {comment.line: comment for comment in lexed.comments}
        self.tokens = tokens
        self.rows: list[_Row] = []
        self.depths: list[tuple[int, int]] = [(1, 0)]
        self.brackets: list[str] = []
        self.previous: Token | None = None
        self.shift = 0
        self.unary = False

    def write(self) -> str:
        before = ""
        for token in self.tokens:
            if token.kind == "INDENT":
                self.depths.append((token.column, len(self.depths)))
            elif token.kind == "DEDENT":
                self.depths.pop()
            elif token.text:
                self._add(token, before)
                before = token.kind
            if token.kind == "NEWLINE":
                before = "NEWLINE"
        rows = self.rows + self._own_lines()
        return _joined(sorted(rows, key=lambda row: row.line))

    def _add(self, token: Token, before: str) -> None:
        previous = self.previous
        if token.kind in (")", "]"):
            self.brackets.pop()
        if previous is None or token.line > previous.line:
            self._begin_row(token, begins=before in ("NEWLINE", ""))
        else:
            self.rows[-1].code += " " * self._gap(previous, token)
        self.rows[-1].code += token.text
        self.unary = token.kind in SIGNED and (previous is None or not _ends_value(previous) or before == "NEWLINE")
        if token.kind in ("(", "["):
            self.brackets.append(token.kind)
        self.previous = token

    def _begin_row(self, token: Token, begins: bool) -> None:
        """A new line of the result: a statement at its depth, a later line of an expression moved along with it."""
        if begins:
            indent = INDENT * self.depths[-1][1]
            self.shift = indent - (token.column - 1)
        else:
            indent = max(token.column - 1 + self.shift, 0)
        self.rows.append(_Row(indent, "", token.line, self.comments.pop(token.line, None)))

    def _gap(self, left: Token, right: Token) -> int:
        """The number of spaces between two tokens of a line."""
        written = right.column > left.end_column
        if left.kind in TIGHT_AFTER or self.unary:
            return 0
        if right.kind in TIGHT_BEFORE:
            return int(right.kind == ".." and not _ends_value(left))
        if left.kind == ":" and self.brackets[-1:] == ["["]:
            return 0
        if "[" in self.brackets and (left.kind in _arithmetic() or right.kind in _arithmetic()):
            return int(written)  # a matter of taste, as in `real[n*(n+1)/2]`
        if right.kind in ("(", "["):
            soft = left.kind == "NAME" and left.text in _soft_words()
            return int(written) if soft else int(not _ends_value(left) and left.kind != "fn")
        return 1

    def _own_lines(self) -> list[_Row]:
        """The comments that stand on lines of their own, indented like the code they stand with."""
        rows: list[_Row] = []
        for comment in self.comments.values():
            behind = [row for row in self.rows if row.line > comment.line]
            before = [row for row in self.rows if row.line < comment.line]
            near = [min(behind, key=lambda row: row.line)] if behind else []
            near += [max(before, key=lambda row: row.line)] if before else []
            indents = sorted({row.indent for row in near}, key=lambda indent: abs(indent - (comment.column - 1)))
            rows.append(_Row(indents[0] if indents else 0, "", comment.line, comment))
        return rows


def _ends_value(token: Token) -> bool:
    return token.kind in ("NAME", "NUMBER", "STRING", ")", "]", "true", "false")


@cache
def _soft_words() -> frozenset[str]:
    return tables().words("keywords", "soft")


@cache
def _arithmetic() -> frozenset[str]:
    return tables().words("signs", "operator") - {"="}


def _joined(rows: list[_Row]) -> str:
    """The lines with at most one blank line between them."""
    lines: list[str] = []
    last = 0
    for row in rows:
        if lines and row.line > last + 1:
            lines.append("")
        lines.append(_line(row))
        last = row.line
    return "".join(f"{line}\n" for line in lines)


def _line(row: _Row) -> str:
    """A line with its comment; a comment behind code keeps its column if there is room."""
    code = " " * row.indent + row.code
    if row.comment is None:
        return code
    if not row.code:
        return code + row.comment.text
    return code.ljust(max(len(code) + 2, row.comment.column - 1)) + row.comment.text
