"""Where the parser is stuck, as the detectors of mistakes see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from difflang.diagnostics import Label, Span
from difflang.syntax.indenter import LAYOUT
from difflang.syntax.lexer import Token


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that was recognised; `span` is the token that does not fit unless another place says more."""

    code: str
    message: str
    hint: str
    span: Span | None = None
    labels: tuple[Label, ...] = ()


@dataclass(slots=True)
class Situation:
    """The tokens, the one that does not fit, and the kinds that would. `in_body`: inside a function's block."""

    tokens: list[Token]
    position: int
    expected: frozenset[str]
    in_body: bool
    path: str

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    @property
    def previous(self) -> Token:
        return self.tokens[max(self.position - 1, 0)]

    @property
    def following(self) -> Token:
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    @property
    def line(self) -> list[Token]:
        """The tokens of the logical line up to the one that does not fit."""
        start = self.position
        while start > 0 and self.tokens[start - 1].kind not in LAYOUT:
            start -= 1
        return self.tokens[start : self.position]

    @property
    def rest_of_line(self) -> list[Token]:
        """The tokens of the logical line from the one that does not fit."""
        end = self.position
        while end < len(self.tokens) and self.tokens[end].kind not in LAYOUT:
            end += 1
        return self.tokens[self.position : end]

    @property
    def first(self) -> Token:
        """The first token of the logical line."""
        line = self.line
        return line[0] if line else self.token

    @property
    def begins_line(self) -> bool:
        return self.position == 0 or self.previous.kind in LAYOUT

    @property
    def span(self) -> Span:
        return self.span_of(self.token)

    def only(self, kind: str) -> bool:
        """Whether nothing but `kind` would fit."""
        return self.expected == frozenset((kind,))

    def span_of(self, token: Token) -> Span:
        return Span(self.path, token.line, token.column, token.line, max(token.end_column, token.column + 1))

    def innermost_bracket(self) -> Token | None:
        """The last bracket of this line that is still open."""
        open_brackets: list[Token] = []
        for token in self.line:
            if token.kind in ("(", "["):
                open_brackets.append(token)
            elif token.kind in (")", "]") and open_brackets:
                open_brackets.pop()
        return open_brackets[-1] if open_brackets else None


Detector = Callable[[Situation], Mistake | None]
