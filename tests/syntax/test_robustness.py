"""No input makes the parser crash, hang or exhaust Python's stack: it is read, or refused with a place."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from difflang.diagnostics import DiffLangError
from difflang.syntax import parse, parse_expression
from difflang.syntax.tables import tables

MANY = 10_000
HEAD = "fn f(x: real) = "
DEEP = {
    "parentheses": HEAD + "(" * MANY + "x" + ")" * MANY,
    "open parentheses": HEAD + "(" * MANY,
    "sum": HEAD + " + ".join(["x"] * MANY),
    "power": HEAD + " ** ".join(["x"] * MANY),
    "minus": HEAD + "-" * MANY + "x",
    "not": HEAD + "not " * MANY + "x",
    "choices": HEAD + "x if x > 0 else " * MANY + "x",
    "comparisons": HEAD + " < ".join(["x"] * MANY),
    "calls": HEAD + "x" + "(x)" * MANY,
    "fields": HEAD + "x" + ".a" * MANY,
    "indices": HEAD + "x" + "[0]" * MANY,
    "lambdas": HEAD + "fn(x) = " * MANY + "x",
    "function types": "fn f(x: " + "fn(real) -> " * MANY + "real) = x",
    "tuple types": "fn f(x: " + "(" * MANY + "real" + ")" * MANY + ") = x",
    "blocks": "fn f(x: real):\n" + "".join(" " * (i + 1) + "if x > 0:\n" for i in range(1000)),
    "branches": "fn f(x: real):\n    if x > 0: return x\n" + "    elif x > 1: return x\n" * MANY,
}
MEGABYTE = 1_000_000
LONG = {
    "number": HEAD + "1" * MEGABYTE,
    "name": HEAD + "x" * MEGABYTE,
    "string": HEAD + '"' + "a" * MEGABYTE,
    "signs": HEAD + "$" * MEGABYTE,
    "quotes": HEAD + "'" * MEGABYTE,
    "points": HEAD + "." * (MEGABYTE // 4),
    "closing brackets": HEAD + ")" * (MEGABYTE // 4),
    "NUL": HEAD + "\0x",
    "lone surrogate": HEAD + "\ud800",
    "control characters": "\x01\x02\x7f",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_programs_are_refused(name, codes):
    assert codes(DEEP[name])[0] in ("E0110", "E0105")


@pytest.mark.parametrize("name", LONG)
def test_long_and_strange_lines_are_refused(name, codes):
    start = time.perf_counter()
    assert codes(LONG[name])[0].startswith("E01")
    assert time.perf_counter() - start < 20


def test_long_lines_that_are_right():
    (item,) = parse(HEAD + "[" + "1," * 50_000 + "]").items
    assert len(item.body[0].value.elements) == 50_000
    assert len(parse("fn f(x: real):\n" + "    let y = x\n" * 5000).items[0].body) == 5000


def test_the_limits_themselves_are_reachable():
    parse(HEAD + "(" * 100 + "x" + ")" * 100)
    parse(HEAD + "-".join(["x"] * 150))
    with pytest.raises(DiffLangError):
        parse(HEAD + "(" * 101 + "x" + ")" * 101)


WORDS = sorted(
    tables().words("keywords") | tables().words("signs") | {"x", "1", "0.5", '"s"', "\n", "\n    ", "\n        "}
)


@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join))
@example("where via")
@settings(max_examples=400, deadline=None)
def test_any_sequence_of_words_is_read_or_refused(text):
    for read in (parse, parse_expression):
        try:
            read(text)
        except DiffLangError as failure:
            assert all(found.code.startswith("E01") and found.span for found in failure.diagnostics)


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text):
    try:
        parse(text)
    except DiffLangError as failure:
        assert all(found.hint for found in failure.diagnostics)


def test_a_program_copied_with_its_markdown_fences():
    with pytest.raises(DiffLangError) as caught:
        parse("```dl\nfn f(x: real) -> real = x\n```", "copied.dl")
    places = [(d.code, d.span.line, d.span.column, d.span.end_column) for d in caught.value.diagnostics]
    assert places == [("E0102", 1, 1, 6), ("E0102", 3, 1, 4)]
    assert {d.hint for d in caught.value.diagnostics} == {"Remove the line."}
