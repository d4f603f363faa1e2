"""What to say when a token fits nowhere: the known mistakes first, then what was expected and what was found."""

from __future__ import annotations

from difflang.diagnostics import Diagnostic
from difflang.syntax import mistakes_at_start, mistakes_in_line, mistakes_of_habit
from difflang.syntax.situation import Situation

DETECTORS = (*mistakes_at_start.DETECTORS, *mistakes_of_habit.DETECTORS, *mistakes_in_line.DETECTORS)
GROUPS = (
    ("an operator", "+ *", "+ - * / // % ** @ and or == != < <= > >= . ( ["),
    ("an expression", "NAME NUMBER", "NAME NUMBER STRING true false fn not ( [ - +"),
    ("a statement", "let return", "let var return break continue assert if for while"),
    ("a definition", "import struct", "import from const struct data test rule extern implicit fn"),
)
"""What stands for many words at once: its name, the words by which it is recognised, and those it covers."""
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
    """`an operator, `)` or `,``: whole groups are called by their name."""
    rest, parts = set(expected) - {"INDENT", "DEDENT", "$END"}, list[str]()
    for name, signs, covered in GROUPS:
        if set(signs.split()) <= expected:
            parts.append(name)
            rest -= set(covered.split())
    parts += sorted(NAMES.get(kind, f"`{kind}`") for kind in rest)
    if len(parts) > 6:
        parts = [*parts[:6], "something else"]
    if len(parts) < 2:
        return parts[0] if parts else "the end of the file"
    return f"{', '.join(parts[:-1])} or {parts[-1]}"
