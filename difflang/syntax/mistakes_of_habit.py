"""What programmers write who think in Python or JavaScript: loops over pairs, arrows, conditions in front."""

from __future__ import annotations

from difflang.memory import bytes_of
from difflang.syntax.situation import Detector, Mistake, Situation

PAIRS = {
    "enumerate": "Write `for i in 0..len({0}):`; the element is `{0}[i]`.",
    "zip": "Write `for i in 0..len({0}):`; the elements are `{0}[i]` and so on.",
}


def loop_over_pairs(situation: Situation) -> Mistake | None:
    """`for i, v in enumerate(x):`, where one name and `in` are wanted."""
    if situation.first.kind != "for" or situation.token.kind != "," or not situation.only("in"):
        return None
    hint = "Write one loop inside the other, or name the parts in the body: `let (a, b) = e`."
    called = [token.text for token in situation.rest_of_line if token.kind == "NAME"]
    function = next((name for name in called if name in PAIRS), None)
    if function is not None and called[-1] != function:
        hint = PAIRS[function].format(called[called.index(function) + 1])
    return Mistake("E0131", "A loop has one variable, which runs over a range `a..b`.", hint)


def pairs_in_comprehension(situation: Situation) -> Mistake | None:
    """`[v for i, v in enumerate(x)]`, where `..` is wanted behind the call."""
    called = [token for token in situation.line if token.kind == "NAME" and token.text in PAIRS]
    if ".." not in situation.expected or situation.token.kind == ".." or not called:
        return None
    hint = "Name the index alone: `[x[i] * y[i] for i]` takes its range from the arrays."
    return Mistake(
        "E0131", f"An index runs over a range, not over `{called[-1].text}(...)`.", hint, situation.span_of(called[-1])
    )


def arrow_function(situation: Situation) -> Mistake | None:
    """`x -> x * 2` and `(x) => x * 2`."""
    token, previous = situation.token, situation.previous
    if not situation.in_body and situation.first.kind != "fn":
        return None
    double = token.kind == "=" and situation.following.kind == ">" and previous.kind == ")"
    single = token.kind == "->" and previous.kind in ("NAME", ")") and "*" in situation.expected
    if not double and not single:
        return None
    arrow = "=>" if double else "->"
    return Mistake("E0143", f"A function without a name has no `{arrow}`.", "Write `fn(x) = ...`.")


def walrus(situation: Situation) -> Mistake | None:
    if situation.token.kind == ":" and situation.following.kind == "=" and situation.previous.kind == "NAME":
        name = situation.previous.text
        return Mistake("E0128", "There is no `:=`.", f"Write `let {name} = e` on a line of its own, before this one.")
    return None


def condition_first(situation: Situation) -> Mistake | None:
    """`if c then a else b` as a value."""
    wants_value = "NUMBER" in situation.expected and "NAME" in situation.expected
    if situation.token.kind == "if" and wants_value and not situation.begins_line:
        return Mistake("E0142", "A choice begins with its value, not with `if`.", "Write `a if c else b`.")
    return None


def bare_amount(situation: Situation) -> Mistake | None:
    """`memory = 64 MB` without quotes."""
    number, unit = situation.previous, situation.token
    if number.kind != "NUMBER" or unit.kind != "NAME" or bytes_of(f"{number.text} {unit.text}") is None:
        return None
    if [token.text for token in situation.line[-3:-1]] != ["memory", "="]:
        return None
    place = situation.span_of(number).to(situation.span)
    return Mistake(
        "E0151", "An amount of memory with its unit is a string.", f'Write `"{number.text} {unit.text}"`.', place
    )


DETECTORS: tuple[Detector, ...] = (
    loop_over_pairs, pairs_in_comprehension, arrow_function, walrus, condition_first, bare_amount,
)  # fmt: skip
