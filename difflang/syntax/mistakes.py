"""What to say when a token fits nowhere: the known mistakes first, then what was expected and what was found."""

from __future__ import annotations

from difflang.diagnostics import Diagnostic
from difflang.syntax import mistakes_at_start, mistakes_in_line
from difflang.syntax.situation import Situation

DETECTORS = (*mistakes_at_start.DETECTORS, *mistakes_in_line.DETECTORS)
GROUPS = (
    ("an operator", frozenset(["+", "-", "*", "/", "//", "%", "**", "@", "and", "or", "=="])),
    ("an expression", frozenset(("NUMBER", "STRING", "true", "false", "fn", "not", "NAME", "(", "[", "-", "+"))),
    ("a statement", frozenset(("let", "var", "return", "while", "break", "continue", "assert", "NAME"))),
    ("a definition", frozenset(("import", "from", "const", "struct", "data", "test", "rule", "extern", "implicit"))),
)  # fmt: skip
NAMES = {
    "NAME": "a name", "NUMBER": "a number", "STRING": "a string", "NEWLINE": "the end of the line",
    "INDENT": "an indented block", "DEDENT": "the end of the block", "$END": "the end of the file",
    "AUGMENTED": "an assignment such as `+=`",
}  # fmt: skip


def explain(situation: Situation) -> Diagnostic:
    """The diagnostic for the token that does not fit."""
    for detector in DETECTORS:
        found = detector(situation)
        if found is not None:
            span = found.span or situation.span
            return Diagnostic(found.code, found.message, span, found.labels, found.hint)
    return _fallback(situation)


def _fallback(situation: Situation) -> Diagnostic:
    token = situation.token
    found = NAMES.get(token.kind, f"`{token.text}`") if not token.text else f"`{token.text}`"
    expected = _describe(situation.expected)
    if token.kind in ("NEWLINE", "$END", "DEDENT"):
        message = "The line ends too early." if token.kind == "NEWLINE" else f"I did not expect {found} here."
    else:
        message = f"I did not expect {found} here."
    return Diagnostic("E0100", message, situation.span, hint=f"I expected {expected}.")


def _describe(expected: frozenset[str]) -> str:
    """`a name, `(` or an operator`: whole groups are called by their name."""
    rest, parts = set(expected), list[str]()
    for name, kinds in GROUPS:
        if kinds <= expected and rest & kinds:
            parts.append(name)
            rest -= kinds
    if "an expression" in parts:
        rest -= {"not"}
    parts[:0] = sorted(NAMES.get(kind, f"`{kind}`") for kind in rest if kind not in ("INDENT", "DEDENT", "$END"))
    if len(parts) > 6:
        parts = [*parts[:6], "something else"]
    return (
        parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}" if parts else "the end of the file"
    )
