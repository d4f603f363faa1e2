"""Mistakes that show at the first word of a line: words of other languages, items and statements in the wrong place."""

from __future__ import annotations

from difflang.syntax.indenter import SOFT_ITEMS
from difflang.syntax.situation import Detector, Mistake, Situation

DEFINITION_WORDS = {
    "def": ("Functions are defined with `fn`.", "Write `fn` instead of `def`."),
    "fun": ("Functions are defined with `fn`.", "Write `fn` instead of `fun`."),
    "func": ("Functions are defined with `fn`.", "Write `fn` instead of `func`."),
    "function": ("Functions are defined with `fn`.", "Write `fn` instead of `function`."),
    "class": ("There are no classes; a record is a `struct`.", "Write `struct Name:` and one field a line."),
    "type": ("A record type is a `struct`.", "Write `struct Name:` and one field a line."),
    "enum": ("There are no enumerations.", "Use `int` constants: `const red = 0`."),
    "module": ("A file is a module already.", "Remove this line."),
    "use": ("Modules are brought in with `import`.", "Write `import name`."),
    "include": ("Modules are brought in with `import`.", "Write `import name`."),
    "export": ("Everything in a file can be imported from it.", "Remove the word `export`."),
}
STATEMENT_WORDS = {
    "def": (
        "Functions are defined at top level.",
        "Inside a function write `let f = fn(x) = ...`, or move this one out.",
    ),
    "class": ("Records are defined at top level.", "Move it out of the function and write `struct Name:`."),
    "lambda": ("A function without a name is written with `fn`.", "Write `fn(x) = ...`."),
    "raise": ("There are no exceptions.", 'Write `assert condition, "message"`.'),
    "throw": ("There are no exceptions.", 'Write `assert condition, "message"`.'),
    "try": ("There are no exceptions.", "Test the condition with `if` before computing."),
    "except": ("There are no exceptions.", "Test the condition with `if` before computing."),
    "with": ("There is no `with`.", "Write the statements of the block directly."),
    "yield": ("There is no `yield`.", "Return an array: `return [f(i) for i in 0..n]`."),
    "del": ("There is no `del`.", "Values are freed when nothing needs them; remove the line."),
    "global": ("Functions are pure: there are no global variables.", "Pass the value in and return the new one."),
    "nonlocal": ("Functions are pure: there are no variables of outer functions to set.", "Return the new value."),
    "do": ("There is no `do`.", "Write `while true:` and leave with `if c: break`."),
    "loop": ("There is no `loop`.", "Write `while true:` and leave with `break`."),
    "switch": ("There is no `switch`.", "Write `if`, `elif` and `else`."),
    "match": ("There is no `match`.", "Write `if`, `elif` and `else`."),
    "auto": ("Variables are declared with `let`.", "Write `let` (or `var` if it changes later)."),
    "mut": ("A variable that changes is declared with `var`.", "Write `var x = ...`."),
}
ITEM_WORDS = frozenset(("import", "from", "const", "struct"))
BODY_WORDS = frozenset(("return", "if", "for", "while", "assert", "break", "continue"))
OPERATORS = frozenset(["+", "-", "*", "/", "//", "%", "**", "@", "and", "or", "==", "!=", "<", "<=", ">", ">=", "."])


def foreign_definition(situation: Situation) -> Mistake | None:
    """`def f(x):` and the like. The parser stops at the word at top level, and behind it in a function."""
    word = situation.token if not situation.in_body else situation.first
    table = STATEMENT_WORDS if situation.in_body else DEFINITION_WORDS
    if (situation.in_body or situation.begins_line) and word.kind == "NAME" and word.text in table:
        message, hint = table[word.text]
        return Mistake("E0120", message, hint, situation.span_of(word))
    return None


def statement_at_top(situation: Situation) -> Mistake | None:
    token, following = situation.token, situation.following
    if situation.in_body or not situation.begins_line or "const" not in situation.expected:
        return None
    if token.kind in ("let", "var") or (token.kind == "NAME" and following.kind in ("=", ":")):
        name = following.text if token.kind in ("let", "var") else token.text
        hint = f"A fixed value is `const {name} = ...`; what is computed stands in a function, such as `fn main()`."
        return Mistake("E0121", "Variables live inside functions.", hint)
    if token.kind in BODY_WORDS or (token.kind == "NAME" and following.kind in ("(", ".", "[", "AUGMENTED")):
        hint = "Put it into a function, such as `fn main()`, indented by four spaces."
        return Mistake("E0122", f"`{token.text}` stands outside of every function.", hint)
    if token.kind == "@":
        return Mistake("E0120", "There are no decorators.", "Apply the operator to the function: `let g = grad(f)`.")
    return None


def unexpected_indent(situation: Situation) -> Mistake | None:
    if situation.token.kind != "INDENT":
        return None
    hint = "Indent it like the line above. A block begins after a `:`; an expression that goes on stands in brackets."
    return Mistake("E0123", "This line is indented more than the block it stands in.", hint)


def missing_block(situation: Situation) -> Mistake | None:
    previous = situation.previous
    if situation.only("INDENT") and previous.kind == "NEWLINE":
        hint = "Indent its lines by four spaces."
        return Mistake("E0124", "An indented block is missing here.", hint)
    return None


def block_on_one_line(situation: Situation) -> Mistake | None:
    """`for i in 0..n: if c: ...`"""
    if situation.previous.kind == ":" and situation.token.kind in ("if", "for", "while"):
        hint = f"Write the `{situation.token.kind}` on a line of its own, indented by four spaces more."
        return Mistake("E0124", f"A block that begins with `{situation.token.kind}` does not fit on this line.", hint)
    return None


def misplaced_else(situation: Situation) -> Mistake | None:
    token = situation.token
    if token.kind not in ("elif", "else") or not situation.begins_line:
        return None
    hint = "It stands directly behind the block of its `if`, indented as the `if` is."
    return Mistake("E0125", f"This `{token.kind}` belongs to no `if`.", hint)


def item_in_function(situation: Situation) -> Mistake | None:
    token, following = situation.token, situation.following
    if not situation.in_body or not situation.begins_line:
        return None
    if token.kind == "const":
        return Mistake(
            "E0126", "`const` stands at top level.", f"Inside a function write `let {following.text} = ...`."
        )
    if token.kind in ITEM_WORDS:
        return Mistake(
            "E0126", f"`{token.kind}` stands at top level.", "Move it out of the function, to the left margin."
        )
    return None


def function_in_function(situation: Situation) -> Mistake | None:
    begins = situation.in_body and len(situation.line) == 1 and situation.previous.kind == "fn"
    if begins and situation.token.kind == "NAME":
        name = situation.token.text
        hint = f"Inside a function write `let {name} = fn(x) = ...`, or move it out, to the left margin."
        return Mistake("E0126", "Functions are defined at top level.", hint)
    return None


def test_or_data_in_function(situation: Situation) -> Mistake | None:
    first, token = situation.first, situation.token
    begins = situation.in_body and len(situation.line) == 1 and first.text in SOFT_ITEMS
    if begins and token.kind in ("NAME", "STRING", "fn"):
        hint = "Move it out of the function, to the left margin."
        return Mistake("E0126", f"`{first.text}` stands at top level.", hint, situation.span_of(first))
    return None


def foreign_comment(situation: Situation) -> Mistake | None:
    """`// why` and `/* why */`, on a line of their own."""
    token = situation.token
    starred = token.kind == "/" and situation.following.kind in ("*", "**")
    if situation.begins_line and (token.kind == "//" or starred):
        return Mistake("E0102", "A comment begins with `#`.", "Write `# ...`, or `## ...` before an item it describes.")
    return None


def broken_line(situation: Situation) -> Mistake | None:
    """An operator at the end of a line or at the start of the next."""
    token = situation.token
    hint = "Put the whole expression in parentheses; inside brackets line ends are free."
    doubled = len({part.kind for part in situation.line[-2:]}) == 1 and len(situation.line) > 1
    if (
        token.kind == "NEWLINE"
        and situation.previous.kind in OPERATORS
        and not doubled
        and "NAME" in situation.expected
    ):
        return Mistake(
            "E0127", f"The line ends after `{situation.previous.text}`.", hint, situation.span_of(situation.previous)
        )
    if situation.in_body and situation.begins_line and token.kind in OPERATORS - {"-", "+"}:
        return Mistake("E0127", f"A line cannot begin with `{token.text}`.", hint)
    return None


def return_after_equals(situation: Situation) -> Mistake | None:
    """`fn f(x) = return x`, or with the `return` on the next line."""
    if situation.token.kind == "return" and "NUMBER" in situation.expected and "return" not in situation.expected:
        return Mistake(
            "E0159",
            "Behind `=` stands an expression.",
            "Leave out `return`, or write `:` instead of `=` before a block.",
        )
    return None


DETECTORS: tuple[Detector, ...] = (
    return_after_equals, foreign_comment, broken_line, foreign_definition, statement_at_top, unexpected_indent,
    missing_block, block_on_one_line, misplaced_else, item_in_function, function_in_function, test_or_data_in_function,
)  # fmt: skip
