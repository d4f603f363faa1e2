"""Mistakes inside a line: missing colons, `=` for `==`, loops over arrays, habits from other languages."""

from __future__ import annotations

from difflang.diagnostics import Label
from difflang.diagnostics.suggest import nearest
from difflang.syntax.indenter import SOFT_ITEMS
from difflang.syntax.situation import Detector, Mistake, Situation
from difflang.syntax.tables import tables

BLOCK_WORDS = frozenset(("if", "elif", "else", "for", "while", "fn", "test", "struct", "implicit", "rule"))
CONDITION_WORDS = frozenset(("if", "elif", "while", "assert", "where"))
TYPE_WORDS = frozenset(("real", "f64", "f32", "int", "i64", "i32", "bool", "float", "double"))


def loop_over_array(situation: Situation) -> Mistake | None:
    """`for i in n:`, `for x in xs`, `for i in range(n):`; the parser wants `..` there."""
    if ".." not in situation.expected or situation.token.kind == "..":
        return None
    line = situation.line
    position = max((i for i, token in enumerate(line) if token.kind == "in"), default=-1)
    if not 0 < position < len(line) - 1:
        return None
    written = " ".join(token.text for token in line[position + 1 :])
    if line[position + 1].text == "range":
        inner = "".join(token.text for token in line[position + 3 : -1])
        wanted = inner.replace(",", "..") if "," in inner else f"0..{inner}"
        hint = f"Write `{line[position - 1].text} in {wanted}`."
        return Mistake(
            "E0131",
            "A loop runs over a range `a..b`, not over `range(...)`.",
            hint,
            situation.span_of(line[position + 1]),
        )
    name = line[position - 1].text
    hint = (
        f"Write `{name} in 0..{written}` if this is a number, or `{name} in 0..len({written})` and index with `{name}`."
    )
    if situation.innermost_bracket() and line[position + 1].kind == "NAME":
        hint = f"Write `{name} in 0..{written}` if this is a number; else name the index: `{written}[i] for i`."
    return Mistake("E0131", "A loop runs over a range `a..b`.", hint, situation.span_of(line[position + 1]))


def equals_for_comparison(situation: Situation) -> Mistake | None:
    if situation.token.kind != "=":
        return None
    if situation.previous.kind in ("==", "!="):
        return Mistake("E0128", f"There is no `{situation.previous.kind}=`.", f"Write `{situation.previous.kind}`.")
    if situation.previous.kind == ":":
        return Mistake("E0128", "There is no `:=`.", "Write `let x = e` on a line of its own.")
    if "==" in situation.expected and (situation.first.text in CONDITION_WORDS or situation.innermost_bracket()):
        return Mistake("E0128", "`=` gives a name to a value; it does not compare.", "Write `==`.")
    return None


def arrow_in_lambda(situation: Situation) -> Mistake | None:
    line, token = situation.line, situation.token
    kinds = [part.kind for part in line]
    inside = "fn" in (kinds[1:] if line and line[0].kind == "fn" else kinds)
    if inside and situation.only("=") and token.kind in ("->", ":", "NAME"):
        return Mistake(
            "E0143",
            f"A function without a name has `=` in front of its body, not `{token.text}`.",
            "Write `fn(x) = ...`.",
        )
    if token.kind == ">" and situation.previous.kind == "=":
        return Mistake("E0143", "There is no `=>`.", "A function without a name is `fn(x) = ...`.")
    if situation.previous.kind == "fn" and "(" in situation.expected and token.kind == "NAME":
        return Mistake(
            "E0143", "The parameters of a function stand in parentheses.", f"Write `fn({token.text}) = ...`."
        )
    return None


def python_lambda(situation: Situation) -> Mistake | None:
    for word in situation.line[-2:]:
        if word.kind == "NAME" and word.text == "lambda":
            hint = "Write `fn(x) = ...` instead of `lambda x: ...`."
            return Mistake("E0143", "A function without a name is written with `fn`.", hint, situation.span_of(word))
    return None


def extern_with_body(situation: Situation) -> Mistake | None:
    if situation.first.text == "extern" and situation.token.kind in (":", "=") and "NEWLINE" in situation.expected:
        hint = "End the line here, and bind the function from Python; its derivative is a `rule jvp` or `rule vjp`."
        return Mistake("E0146", "An `extern fn` has no body.", hint)
    return None


def implicit_without_unknown(situation: Situation) -> Mistake | None:
    line = situation.line
    if situation.first.text != "implicit":
        return None
    if "->" in [token.kind for token in line]:
        hint = "Write `-> w: real[d]:`: the name that the conditions use, then its type."
        return Mistake("E0144", "An implicit function names what it solves for.", hint)
    if situation.only("->"):
        return Mistake(
            "E0144", "An implicit function names what it solves for.", "Write `-> w: real[d]:` before the block."
        )
    return None


def missing_where(situation: Situation) -> Mistake | None:
    if situation.only("where"):
        hint = "Write `where F(x, p) == 0`, then the statements that compute the solution."
        return Mistake("E0145", "An implicit function begins with its condition.", hint)
    return None


def condition_without_equality(situation: Situation) -> Mistake | None:
    """`where w * w - a` and `where w * w < a`; the parser wants `==` there."""
    token, line = situation.token, situation.line
    if situation.first.text != "where" or "==" not in situation.expected or situation.innermost_bracket():
        return None
    hint = "Write `where F == 0`, or `where left == right`."
    if token.kind in ("<", ">", "<=", ">=", "!="):
        return Mistake("E0145", "The condition of an implicit function is an equation.", hint)
    if len(line) > 1 and (token.kind == "NEWLINE" or token.text == "via"):
        written = situation.span_of(line[1]).to(situation.span_of(line[-1]))
        return Mistake("E0145", "The condition of an implicit function is an equation.", hint, written)
    return None


def missing_colon(situation: Situation) -> Mistake | None:
    token, first = situation.token, situation.first
    if ":" in situation.expected and situation.innermost_bracket() and first.kind == "fn" and token.kind == "NAME":
        hint = f"Write `{situation.previous.text}: {token.text}`."
        return Mistake("E0129", f"A colon is missing between `{situation.previous.text}` and its type.", hint)
    if ":" not in situation.expected or (first.text not in BLOCK_WORDS and situation.previous.kind != "else"):
        return None
    if token.kind == "if" and situation.previous.kind == "else":
        return Mistake("E0125", "There is no `else if`.", "Write `elif`.")
    if token.text == "then":
        return Mistake("E0129", "There is no `then`.", "Write `:`.")
    if token.kind in ("NEWLINE", "NAME", "return", "let", "var", "INDENT", "break", "continue", "assert"):
        what = "`else`" if situation.previous.kind == "else" else f"this `{first.text}`"
        place = situation.span_of(situation.previous)
        return Mistake("E0129", f"A colon is missing at the end of {what}.", "Write `:` before the block.", place)
    return None


def struct_form(situation: Situation) -> Mistake | None:
    token, line = situation.token, situation.line
    if situation.first.text == "struct" and len(line) == 2 and token.kind in ("(", "=", "<"):
        hint = f"Write `struct {line[1].text}[n]:` with sizes in square brackets, and one field a line."
        return Mistake("E0154", f"A struct does not go on with `{token.text}`.", hint)
    if "struct" in [part.kind for part in line[:1]] or not situation.in_body:
        if token.kind == "," and ";" in situation.expected:
            return Mistake("E0155", "Fields on one line are separated by `;`.", "Write `;`, or one field a line.")
        if token.kind == "=" and ";" in situation.expected:
            return Mistake(
                "E0155", "A field has no default.", "Write a function that makes the record with the values you want."
            )
    return None


def missing_type(situation: Situation) -> Mistake | None:
    if situation.first.text == "data" and situation.only(":"):
        hint = f"Write `data {situation.previous.text}: real[n, d] = load(...)`."
        return Mistake("E0153", "A `data` item needs its type.", hint)
    in_struct = not situation.in_body and situation.first.text != "test"
    if in_struct and situation.token.kind in ("NEWLINE", "=") and situation.only(":"):
        return Mistake(
            "E0153",
            f"The field `{situation.previous.text}` needs its type.",
            f"Write `{situation.previous.text}: real`.",
        )
    return None


def generic_brackets(situation: Situation) -> Mistake | None:
    if situation.token.kind == "<" and "[" in situation.expected and len(situation.line) == 2:
        return Mistake("E0156", "Type parameters stand in square brackets.", "Write `[T]` instead of `<T>`.")
    return None


def type_first(situation: Situation) -> Mistake | None:
    """`real x = 1` and `let real x = 1`."""
    previous, token = situation.previous, situation.token
    if token.kind == "NAME" and previous.text in TYPE_WORDS:
        hint = f"Write `let {token.text}: {previous.text} = ...`, or leave the type out."
        return Mistake("E0137", "The type stands behind the name.", hint, situation.span_of(previous))
    return None


def annotation_without_let(situation: Situation) -> Mistake | None:
    if (
        situation.token.kind == ":"
        and len(situation.line) == 1
        and situation.in_body
        and situation.previous.kind == "NAME"
    ):
        name = situation.previous.text
        return Mistake(
            "E0136",
            f"`let` is missing in front of `{name}`.",
            f"Write `let {name}: {situation.following.text} = ...`.",
            situation.span_of(situation.previous),
        )
    return None


def let_without_value(situation: Situation) -> Mistake | None:
    if situation.first.kind not in ("let", "var", "const"):
        return None
    word, name = situation.first.kind, situation.line[1].text if len(situation.line) > 1 else "x"
    if situation.token.kind == "NEWLINE" and "=" in situation.expected:
        return Mistake(
            "E0136",
            f"`{name}` gets no value here.",
            f"Write `{word} {name} = 0.0`: every variable has a value from the start.",
        )
    if situation.token.kind == "AUGMENTED":
        hint = f"Write `{word} {name} = ...` to declare it, or leave out `{word}` to update a `var` that exists."
        return Mistake("E0136", f"`{situation.token.text}` updates a variable; it does not declare one.", hint)
    if situation.token.text in ("mut", "mutable") or situation.previous.text == "mut":
        return Mistake("E0136", "A variable that changes is declared with `var`.", "Write `var x = ...`.")
    return None


def bare_tuple(situation: Situation) -> Mistake | None:
    if situation.token.kind != "," or situation.innermost_bracket():
        return None
    if situation.first.kind in ("let", "var", "return") or "=" in situation.expected or "NEWLINE" in situation.expected:
        return Mistake("E0138", "A tuple stands in parentheses.", "Write `(a, b)`.")
    return None


def condition_in_comprehension(situation: Situation) -> Mistake | None:
    opener = situation.innermost_bracket()
    if situation.token.kind == "if" and opener and opener.kind == "[" and "]" in situation.expected:
        hint = (
            "Its size would depend on the values. Write `[e if c else 0.0 for i]`, or a reduction: `sum(e for i if c)`."
        )
        return Mistake("E0139", "A comprehension `[...]` has no `if`.", hint)
    return None


def star_arguments(situation: Situation) -> Mistake | None:
    if situation.token.kind in ("*", "**") and situation.previous.kind in ("(", ","):
        hint = "Name every argument. To copy a record with changes write `P(..p, w = w2)`."
        return Mistake("E0140", f"There is no `{situation.token.kind}` in front of a name here.", hint)
    return None


def empty_brackets(situation: Situation) -> Mistake | None:
    token, previous = situation.token, situation.previous
    if (previous.kind, token.kind) == ("[", "]"):
        return Mistake(
            "E0141",
            "These brackets are empty.",
            "An array has its full size from the start, such as `zeros(n)`; a whole axis is `a[:]`.",
        )
    if (previous.kind, token.kind) == ("(", ")"):
        return Mistake("E0141", "There is no empty tuple.", "Leave out the `return`, or return a value.")
    return None


def conditional_without_else(situation: Situation) -> Mistake | None:
    if situation.token.kind != "else" and "else" in situation.expected and situation.first.kind not in ("if", "elif"):
        hint = "Write `a if c else b`; a statement that is done or not begins with `if c:`."
        return Mistake("E0142", "This `if` inside an expression has no `else`.", hint)
    return None


def foreign_words(situation: Situation) -> Mistake | None:
    """`is`, `in`, `xor`, `print "x"`, `import x from y`."""
    token, previous = situation.token, situation.previous
    if token.text == "is" and "==" in situation.expected:
        return Mistake("E0147", "There is no `is`.", "Write `==` or `!=`.")
    if token.kind in ("in", "not") and "==" in situation.expected:
        hint = "Write the comparison: `any(a[i] == x for i)`."
        return Mistake("E0147", "There is no test whether something is `in` something else.", hint)
    if token.kind == ">" and previous.kind == "<":
        return Mistake("E0147", "There is no `<>`.", "Write `!=`.")
    if token.kind in ("STRING", "NAME", "NUMBER") and previous.text in ("print", "report", "assert_"):
        return Mistake("E0148", f"`{previous.text}` is a function.", f"Write `{previous.text}(...)`.")
    if token.kind == "from" and situation.first.kind == "import":
        names = ", ".join(part.text for part in situation.line[1:] if part.kind == "NAME")
        return Mistake("E0130", "The module comes first.", f"Write `from {situation.following.text} import {names}`.")
    if token.kind == "*" and previous.kind == "import":
        return Mistake(
            "E0130", "Names are imported one by one.", "List the names, or `import` the module and write `module.name`."
        )
    if token.kind == "STRING" and previous.kind in ("import", "from"):
        return Mistake(
            "E0130",
            "A module is named without quotes and without `.dl`.",
            f"Write `import {token.text[1:-1].removesuffix('.dl')}`.",
        )
    return None


def increments(situation: Situation) -> Mistake | None:
    line = situation.line
    if (
        situation.token.kind in ("NEWLINE", ")")
        and len(line) > 2
        and line[-1].kind == line[-2].kind
        and line[-1].kind in "+-"
    ):
        sign, name = line[-1].kind, line[-3].text
        return Mistake(
            "E0132", f"There is no `{sign}{sign}`.", f"Write `{name} {sign}= 1`.", situation.span_of(line[-2])
        )
    return None


def semicolons(situation: Situation) -> Mistake | None:
    if situation.token.kind != ";":
        return None
    hint = "Remove it." if situation.following.kind == "NEWLINE" else "Write each statement on a line of its own."
    return Mistake("E0133", "Statements are not ended or separated by `;`.", hint)


def test_without_name(situation: Situation) -> Mistake | None:
    if situation.first.text == "test" and len(situation.line) == 1 and situation.only("STRING"):
        return Mistake("E0152", "A test is named by a string.", 'Write `test "what holds":`.')
    return None


def slice_step(situation: Situation) -> Mistake | None:
    opener = situation.innermost_bracket()
    if (
        situation.token.kind == ":"
        and opener
        and opener.kind == "["
        and ":" in [token.kind for token in situation.line]
    ):
        return Mistake(
            "E0157", "A slice has no step.", "Write `[a[2 * i] for i in 0..n // 2]`; backwards is `flip(a)`."
        )
    return None


def stray_range(situation: Situation) -> Mistake | None:
    if situation.token.kind != "..":
        return None
    hint = "It stands behind `in`. A slice is `a[0:n]`; an array of numbers is `arange(n)`."
    return Mistake("E0158", "A range `a..b` is no value.", hint)


def keyword_as_name(situation: Situation) -> Mistake | None:
    token = situation.token
    wants_name = "NAME" in situation.expected and "NUMBER" not in situation.expected
    if wants_name and token.kind in tables().words("keywords", "item", "statement", "operator", "constant"):
        return Mistake(
            "E0150", f"`{token.text}` is a word of the language and cannot be a name.", "Choose another name."
        )
    return None


def misspelt_word(situation: Situation) -> Mistake | None:
    """`retrun x`, `whlie c:`, `strcut P:`: a line that begins with nearly a word of the language."""
    first = situation.first
    words = tables().words("keywords", "statement" if situation.in_body else "item") | SOFT_ITEMS
    second = (*situation.line, situation.token, situation.following)[1].kind
    if first.kind != "NAME" or second not in ("NAME", "NUMBER", "STRING", "(", "not", "-"):
        return None
    near = nearest(first.text, words, 1) if len(first.text) > 2 else []
    if not near or (second == "(" and not situation.line):
        return None
    message = f"`{first.text}` is no word of the language."
    return Mistake("E0118", message, f"Did you mean `{near[0]}`?", situation.span_of(first))


def two_values(situation: Situation) -> Mistake | None:
    """`2 x` or `f x`: two values with nothing between them."""
    token, previous = situation.token, situation.previous
    if token.kind in ("NAME", "NUMBER") and previous.kind in ("NAME", "NUMBER", ")", "]") and "*" in situation.expected:
        label = Label(situation.span_of(previous), "this is complete")
        hint = f"Write `*` for a product, `,` between arguments, or `{previous.text}({token.text})` for a call."
        if previous.kind != "NAME":
            hint = "Write `*` for a product, or `,` between arguments."
        return Mistake("E0151", f"An operator is missing in front of `{token.text}`.", hint, labels=(label,))
    return None


DETECTORS: tuple[Detector, ...] = (
    python_lambda, loop_over_array, equals_for_comparison, arrow_in_lambda, extern_with_body,
    implicit_without_unknown, missing_where, condition_without_equality, struct_form, missing_type,
    generic_brackets, type_first, annotation_without_let, let_without_value, condition_in_comprehension,
    star_arguments, empty_brackets, conditional_without_else, foreign_words, increments, semicolons,
    test_without_name, slice_step, stray_range, bare_tuple, missing_colon, keyword_as_name, misspelt_word,
    two_values,
)  # fmt: skip
