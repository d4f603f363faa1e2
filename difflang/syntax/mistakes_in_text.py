"""Mistakes seen while reading characters: signs of other languages, malformed numbers and strings."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from difflang.diagnostics import Diagnostic, Span
from difflang.memory import UNITS

if TYPE_CHECKING:
    from difflang.syntax.lexer import Lexed, Token

MAXIMUM_NAME = 200
BRACES = "A block is a colon and an indented block; an array is `[a, b]`, a record is a `struct`."
BRACKETS = "Put the expression in parentheses; inside brackets line ends are free."
SIGNS = {
    "&&": ("`&&` is not an operator here.", "Write `and`."),
    "||": ("`||` is not an operator here.", "Write `or`."),
    "!": ("`!` is not an operator here.", "Write `not`."),
    "^": ("`^` is not an operator here.", "A power is `**`: `x ** 2`."),
    "&": ("`&` is not an operator here.", "Write `and` between conditions."),
    "|": ("`|` is not an operator here.", "Write `or` between conditions; the size of a vector is `norm(x)`."),
    "{": ("Braces have no meaning here.", BRACES),
    "}": ("Braces have no meaning here.", BRACES),
    "\\": ("A backslash does not continue a line.", BRACKETS),
    "`": ("Backquotes have no meaning here.", "Remove them; a string is written with double quotes."),
    "?": ("`?` is not an operator here.", "A choice is `a if condition else b`."),
    "~": ("`~` is not an operator here.", "Write `not`; to draw a random number use the module `rng`."),
    "@": ("`@` stands alone here.", "A matrix product is `A @ B`."),
    "×": ("`×` is not an operator here.", "Write `*`, or `cross(a, b)`."),
    "·": ("`·` is not an operator here.", "Write `*`, or `dot(a, b)`."),
    "÷": ("`÷` is not an operator here.", "Write `/`."),
    "−": ("This is a typographic minus sign.", "Write the plain `-` of the keyboard."),
    "–": ("This is a dash.", "Write the plain `-` of the keyboard."),
    "≤": ("`≤` is not an operator here.", "Write `<=`."),
    "≥": ("`≥` is not an operator here.", "Write `>=`."),
    "≠": ("`≠` is not an operator here.", "Write `!=`."),
    "→": ("`→` is not an operator here.", "Write `->`."),
    "“": ("This is a typographic quotation mark.", 'Write strings with plain double quotes: `"text"`.'),
    "”": ("This is a typographic quotation mark.", 'Write strings with plain double quotes: `"text"`.'),
    "‘": ("This is a typographic quotation mark.", 'Write strings with plain double quotes: `"text"`.'),
    "’": ("This is a typographic quotation mark.", 'Write strings with plain double quotes: `"text"`.'),
    "∑": ("`∑` is not an operator here.", "Write `sum(x[i] for i)`."),
    "∂": ("`∂` is not an operator here.", "Write `grad(f)` or `derivative(f)`."),
    "∇": ("`∇` is not an operator here.", "Write `grad(f)`."),
    "\u00a0": ("This is a no-break space.", "Replace it by a plain space."),
}  # fmt: skip


def unknown_text(text: str, position: int, path: str, line: int, column: int) -> tuple[Diagnostic, int]:
    """The diagnostic for text that begins no token, and how many characters it covers."""
    character = text[position]
    if text.startswith('"""', position):
        return _three_quotes(text, position, path, line, column)
    if character == '"':
        return _unclosed_string(text, position, path, line, column)
    if character == "'":
        return _single_quotes(text, position, path, line, column)
    if text.startswith("```", position):
        return _fence(text, position, path, line, column)
    sign = text[position : position + 2] if text[position : position + 2] in SIGNS else character
    span = Span(path, line, column, line, column + len(sign))
    if sign in SIGNS:
        message, hint = SIGNS[sign]
        return Diagnostic("E0102", message, span, hint=hint), len(sign)
    shown = f"`{character}` (U+{ord(character):04X})" if character.isprintable() else f"U+{ord(character):04X}"
    return Diagnostic("E0101", f"The character {shown} cannot stand here.", span, hint="Remove it."), 1


def _fence(text: str, position: int, path: str, line: int, column: int) -> tuple[Diagnostic, int]:
    """The fence of a program copied from a page, with the word behind it."""
    end = text.find("\n", position)
    length = (end if end >= 0 else len(text)) - position
    span = Span(path, line, column, line, column + length)
    return Diagnostic("E0102", "This fence is Markdown, not program.", span, hint="Remove the line."), length


def _unclosed_string(text: str, position: int, path: str, line: int, column: int) -> tuple[Diagnostic, int]:
    length = (text.find("\n", position) + 1 or len(text) + 1) - 1 - position
    span = Span(path, line, column, line, column + length)
    hint = 'Add the closing `"`. A string ends on the line where it begins.'
    return Diagnostic("E0108", "This string is never closed.", span, hint=hint), length


def _three_quotes(text: str, position: int, path: str, line: int, column: int) -> tuple[Diagnostic, int]:
    """The whole string is skipped, over as many lines as it has."""
    end = text.find('"""', position + 3)
    hint = "Describe an item with `##` comments on the lines before it."
    span = Span(path, line, column, line, column + 3)
    message = "Strings with three quotes do not exist."
    return Diagnostic("E0114", message, span, hint=hint), (end + 3 if end >= 0 else len(text)) - position


def _single_quotes(text: str, position: int, path: str, line: int, column: int) -> tuple[Diagnostic, int]:
    if re.match(r"[\w\])]'(?!\w|[^'\n]*')", text[position - 1 : position + 80]):
        span = Span(path, line, column, line, column + 1)
        return Diagnostic("E0109", "A transpose is not written with `'`.", span, hint="Write `A.T`."), 1
    match = re.compile(r"'([^'\n]*)'?").match(text, position)
    written = match.group(1) if match else ""
    length = len(match.group()) if match else 1
    hint = f'Write `"{written}"`.' if len(written) < 40 else "Write it with double quotes."
    span = Span(path, line, column, line, column + length)
    return Diagnostic("E0109", "Strings are written with double quotes.", span, hint=hint), length


def long_name(path: str, line: int, column: int, length: int) -> Diagnostic:
    """The diagnostic for a name that would fill every message and every table."""
    span = Span(path, line, column, line, column + length)
    message = f"This name has {length} characters; {MAXIMUM_NAME} are allowed."
    return Diagnostic("E0119", message, span, hint="Choose a shorter name.")


def check_neighbours(lexed: Lexed, path: str) -> None:
    """Reports tokens that touch where they must not: `2x`, `1.`, `.5`, `f"..."`."""
    tokens = lexed.tokens
    for first, second in pairwise(tokens):
        if first.line != second.line or first.end_column != second.column:
            continue
        found = _touching(first, second)
        if found:
            code, message, hint = found
            span = Span(path, first.line, first.column, first.line, second.end_column)
            lexed.found.add(Diagnostic(code, message, span, hint=hint))


def _number_and_name(number: str, name: str) -> tuple[str, str, str]:
    """`2x`, and the numbers of other languages: `0xFF`, `2j`, `1.0f`."""
    try:
        value = int(number + name, 0)
    except ValueError:
        hints = {
            "j": "There are no complex numbers: keep the two parts as a pair `(re, im)`.",
            "f": f"Write `{number}`.",
        }
        if len(name) > 1 and name.lower() in UNITS:
            hints[name.lower()] = f'Write `"{number} {name}"` for an amount of memory.'
        hint = hints.get(name.lower(), f"Write `{number} * {name}`.")
        return "E0112", f"A number and a name run together: `{number}{name}`", hint
    return "E0112", "Numbers are written with decimal digits.", f"Write `{value}`."


def _touching(first: Token, second: Token) -> tuple[str, str, str] | None:
    kinds = (first.kind, second.kind)
    if kinds == ("NUMBER", "."):
        return "E0111", f"A number needs digits after its point: `{first.text}.`", f"Write `{first.text}.0`."
    if kinds == (".", "NUMBER"):
        return (
            "E0111",
            f"A number needs digits before its point: `.{second.text}`",
            f"Write `0.{second.text}`; a tuple's part is `t[{second.text}]`.",
        )
    if first.kind == "NUMBER" and second.text[:1].isidentifier():
        return _number_and_name(first.text, second.text)
    if kinds == ("NAME", "STRING") and first.text.isidentifier():
        return (
            "E0113",
            f'Strings have no prefixes: `{first.text}"`',
            'Write the string plainly; `print` takes several values: `print("x =", x)`.',
        )
    return None
