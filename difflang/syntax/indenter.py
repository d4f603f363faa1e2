"""Layout: NEWLINE between logical lines, INDENT and DEDENT around blocks, and brackets that match.

Inside brackets line ends mean nothing. A bracket that is never closed would swallow the rest of the file, so a line
that begins with a word no expression can hold (`let`, `return`, `struct`, ...) ends it, with a diagnostic.
"""

from __future__ import annotations

from difflang.diagnostics import Diagnostic, Label, Span
from difflang.syntax.found import Found
from difflang.syntax.lexer import Token

LAYOUT = frozenset(("NEWLINE", "INDENT", "DEDENT"))
MAXIMUM_NESTING = 100
CLOSING = {"(": ")", "[": "]"}
OUTSIDE_BRACKETS = frozenset(
    ["let", "var", "return", "while", "struct", "const", "import", "from", "break", "continue", "assert"]
)
SOFT_ITEMS = frozenset(["data", "test", "rule", "extern", "implicit"])


def add_layout(tokens: list[Token], path: str, found: Found) -> list[Token]:
    """The tokens with layout, ending in `$END`. Mistakes are added to `found` and mended as far as possible.

    Raises a DiffLangError (E0110) where brackets or blocks nest more than MAXIMUM_NESTING deep.
    """
    layout = _Layout(path, found)
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        layout.add(token, following)
    return layout.finish()


def match_brackets(tokens: list[Token], path: str, found: Found) -> list[Token]:
    """The tokens of a single expression: brackets are checked, and lines mean nothing. Ends in `$END`."""
    layout = add_layout(tokens, path, found)
    return [token for token in layout if token.kind not in LAYOUT]


class _Layout:
    def __init__(self, path: str, found: Found) -> None:
        self.path = path
        self.found = found
        self.output: list[Token] = []
        self.brackets: list[Token] = []
        self.indents = [1]
        self.previous: Token | None = None

    def add(self, token: Token, following: Token | None) -> None:
        previous = self.previous
        if previous is None or token.line > previous.line:
            if self.brackets and _begins_statement(token, following):
                self._close_all()
            if not self.brackets:
                self._new_line(token)
        kind = token.kind
        if kind in ("(", "["):
            self._check_nesting(len(self.brackets), token)
            self.brackets.append(token)
        elif kind in (")", "]") and not self._close(token):
            return
        self.output.append(token)
        self.previous = token

    def finish(self) -> list[Token]:
        if self.brackets:
            self._close_all()
        last = self.previous or Token("$END", "", 1, 1, 1)
        self._end_line()
        self.output.extend(_layout_token("DEDENT", last) for _ in self.indents[1:])
        self.output.append(_layout_token("$END", last))
        return self.output

    def _new_line(self, token: Token) -> None:
        self._end_line()
        if token.column > self.indents[-1]:
            self._check_nesting(len(self.indents), token)
            self.indents.append(token.column)
            self.output.append(Token("INDENT", "", token.line, token.column, token.column))
            return
        left = self.indents[-1]
        while token.column < self.indents[-1]:
            left = self.indents.pop()
            self.output.append(Token("DEDENT", "", token.line, token.column, token.column))
        if token.column > self.indents[-1]:
            self._report_indentation(token, left)

    def _end_line(self) -> None:
        """Ends the logical line, if anything of it is left (a bracket that closes nothing is dropped)."""
        if self.previous and self.output[-1].kind not in LAYOUT:
            self.output.append(_layout_token("NEWLINE", self.previous))

    def _report_indentation(self, token: Token, left: int) -> None:
        self.found.add(
            Diagnostic(
                "E0104",
                f"This line is indented by {token.column - 1} spaces, which matches no block above it.",
                Span(self.path, token.line, 1, token.line, token.column),
                hint=f"Indent it by {left - 1} spaces or by {self.indents[-1] - 1}, like the block it belongs to.",
            )
        )

    def _close(self, token: Token) -> bool:
        """Takes the bracket that `token` closes off the stack; False if the token is to be dropped."""
        if not self.brackets:
            self.found.add(
                Diagnostic(
                    "E0106",
                    f"This `{token.text}` closes nothing.",
                    _span(self.path, token),
                    hint="Remove it, or add the opening bracket that belongs to it.",
                )
            )
            return False
        opener = self.brackets.pop()
        wanted = CLOSING[opener.kind]
        if token.kind != wanted:
            label = Label(_span(self.path, opener), f"this `{opener.text}` is closed by `{wanted}`")
            message = f"I expected `{wanted}` here but found `{token.text}`."
            self.found.add(Diagnostic("E0107", message, _span(self.path, token), (label,), f"Write `{wanted}`."))
            token.kind = wanted
        return True

    def _close_all(self) -> None:
        """Reports the innermost open bracket and closes all of them, so that parsing can go on."""
        opener = self.brackets[-1]
        last = self.previous or opener
        label = Label(_after(self.path, last), f"I expected `{CLOSING[opener.kind]}` by here")
        message = f"This `{opener.text}` is never closed."
        hint = f"Add the missing `{CLOSING[opener.kind]}`."
        self.found.add(Diagnostic("E0105", message, _span(self.path, opener), (label,), hint))
        while self.brackets:
            self.output.append(_layout_token(CLOSING[self.brackets.pop().kind], last))

    def _check_nesting(self, depth: int, token: Token) -> None:
        if depth >= MAXIMUM_NESTING:
            message = f"This is nested more than {MAXIMUM_NESTING} levels deep."
            hint = "Name the inner parts with `let`, or move them to functions of their own."
            self.found.add(Diagnostic("E0110", message, _span(self.path, token), hint=hint))
            raise self.found.failure()


def _begins_statement(token: Token, following: Token | None) -> bool:
    """Whether a line inside brackets that begins so can only be a new statement or item."""
    after = following.kind if following else ""
    return (
        token.kind in OUTSIDE_BRACKETS
        or (token.kind == "fn" and after == "NAME")
        or (token.column == 1 and token.text in SOFT_ITEMS and after in ("NAME", "STRING", "fn"))
    )


def _layout_token(kind: str, last: Token) -> Token:
    """A token without text at the end of `last`."""
    return Token(kind, "", last.line, last.end_column, last.end_column)


def _span(path: str, token: Token) -> Span:
    return Span(path, token.line, token.column, token.line, token.end_column)


def _after(path: str, token: Token) -> Span:
    return Span(path, token.line, token.end_column, token.line, token.end_column + 1)
