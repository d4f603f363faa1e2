"""What to say when a token fits nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from difflang.diagnostics import Diagnostic, Span
from difflang.syntax.lexer import Token

LAYOUT = ("NEWLINE", "INDENT", "DEDENT")


@dataclass(slots=True)
class Situation:
    """Where the parser is stuck: the tokens, the one that does not fit, and the kinds that would."""

    tokens: list[Token]
    position: int
    expected: frozenset[str]
    in_body: bool
    path: str


def explain(situation: Situation) -> Diagnostic:
    token = situation.tokens[situation.position]
    span = Span(situation.path, token.line, token.column, token.line, max(token.end_column, token.column + 1))
    return Diagnostic("E0100", f"I did not expect `{token.text or token.kind}` here: {sorted(situation.expected)}", span)
