"""Rendering: every form of a diagnostic, with the source lines that are hard to show."""

from __future__ import annotations

import json

import pytest

from difflang.diagnostics import Diagnostic, DiffLangError, Label, Span, error
from difflang.diagnostics.render import full, render, short, shown_path

SOURCE = """\
fn f(x: real[n], y: real[m]) -> real[n]:
\treturn x + y  # 日本語 x + y
last"""
SUM = Diagnostic(
    "E0605",
    "`x + y` needs arrays of one shape, but `x` is real[n] and `y` is real[m].",
    Span("a.dl", 2, 9, 2, 14),
    (Label(Span("a.dl", 1, 18, 1, 28), "`m` is bound here"),),
    "Give both the same size name.\n\n    fn f(x: real[n], y: real[n])",
)


def test_full():
    assert (
        full(SUM, {"a.dl": SOURCE})
        == """\
-- ERROR E0605: the shapes of the arguments do not fit ------------------------ a.dl:2:9

`x + y` needs arrays of one shape, but `x` is real[n] and `y` is real[m].

2 |     return x + y  # 日本語 x + y
  |            ^^^^^

1 | fn f(x: real[n], y: real[m]) -> real[n]:
  |                  ---------- `m` is bound here

Hint: Give both the same size name.

          fn f(x: real[n], y: real[n])
"""
    )


def test_short():
    assert short(SUM) == f"a.dl:2:9: error E0605: {SUM.message}"
    assert short(Diagnostic("W0701", "two\nlines", severity="warning")) == "warning W0701: two lines."


def test_json_has_exactly_these_keys():
    (record,) = json.loads(render([SUM], "json"))
    assert record == {
        "code": "E0605",
        "severity": "error",
        "message": SUM.message,
        "hint": SUM.hint,
        "file": "a.dl",
        "line": 2,
        "column": 9,
        "end_line": 2,
        "end_column": 14,
    }
    (record,) = json.loads(render([Diagnostic("E0901", "no place")], "json"))
    assert record["file"] is record["line"] is record["end_column"] is record["hint"] is None
    assert json.loads(render([], "json")) == []


def marked(text: str, line: int, column: int, end_line: int, end_column: int) -> list[str]:
    lines = full(Diagnostic("E0605", "m", Span("a.dl", line, column, end_line, end_column)), {"a.dl": text}).split("\n")
    return lines[4:-1]


def test_carets_stand_under_wide_characters():
    assert marked("let 日本 = 語 + x", 1, 10, 1, 11) == ["1 | let 日本 = 語 + x", "  |            ^^"]


def test_combining_marks_take_no_column():
    assert marked("e\u0301 + x", 1, 6, 1, 7) == ["1 | e\u0301 + x", "  |     ^"]


def test_tabs_go_to_the_next_stop():
    assert marked("ab\tx\ty", 1, 6, 1, 7) == ["1 | ab  x   y", "  |         ^"]


def test_several_lines():
    text = "\n".join(f"line {k}" for k in range(1, 13))
    assert marked(text, 2, 1, 4, 3) == ["2 > line 2", "3 > line 3", "4 > line 4"]
    assert marked(text, 2, 1, 11, 3) == [" 2 > line 2", " 3 > line 3", " 4 > line 4", " …", "11 > line 11"]


def test_a_place_behind_the_end_of_the_file():
    assert marked("let x", 9, 5, 9, 6) == ["1 | let x", "  |      ^"]


def test_an_empty_span_has_one_caret():
    assert marked("let x = ", 1, 9, 1, 9) == ["1 | let x =", "  |         ^"]


@pytest.mark.parametrize("column", [1, 400, 1990])
def test_long_lines_are_clipped_around_the_span(column):
    text = "".join(chr(ord("a") + k % 26) for k in range(2000))
    source, marks = marked(text, 1, column, 1, column + 5)
    assert len(source) < 110
    position = marks.index("^")
    assert source[position : position + 5] == text[column - 1 : column + 4]
    assert marks.count("^") == 5
    assert ("…" in source[:6]) == (column > 1) and source.endswith("…") == (column < 1900)


def test_control_characters_are_not_sent_to_the_terminal():
    assert marked("a\x1b[31m x", 1, 8, 1, 9)[0] == "1 | a·[31m x"


def test_a_missing_source_names_the_place():
    text = full(Diagnostic("E0605", "m", Span("/no/such.dl", 3, 4, 3, 5)))
    assert "    at /no/such.dl:3:4" in text


def test_sources_are_read_from_disk(tmp_path):
    path = tmp_path / "a.dl"
    path.write_text("one\ntwo\n")
    assert "2 | two\n  | ^^^" in full(Diagnostic("E0605", "m", Span(str(path), 2, 1, 2, 4)))


def test_a_label_in_another_file_names_it():
    label = Label(Span("b.dl", 1, 1, 1, 2), "declared here")
    text = full(Diagnostic("E0605", "m", Span("a.dl", 1, 1, 1, 2), (label,)), {"a.dl": "x", "b.dl": "y"})
    assert "in b.dl:1:1:\n1 | y\n  | - declared here" in text


def test_colour_only_where_it_is_asked_for():
    assert "\x1b" not in full(SUM, {"a.dl": SOURCE})
    assert "\x1b[31m^^^^^\x1b[0m" in full(SUM, {"a.dl": SOURCE}, color=True)


def test_messages_are_wrapped_but_code_is_not():
    long = "word " * 40 + "\n\n    " + "code " * 30
    lines = full(Diagnostic("E0605", long)).split("\n")
    assert max(len(line) for line in lines if not line.startswith("    ")) <= 88
    assert "    " + ("code " * 30).rstrip() in lines


def test_the_text_of_an_exception():
    problem = error("E0605", "`x` is wrong.", Span("a.dl", 3, 1, 3, 5), hint="Mend it.")
    problem.sources = {"a.dl": SOURCE}
    assert str(problem) == "E0605: `x` is wrong.\n\nin a.dl:3:1:\n3 | last\n  | ^^^^\n\nHint: Mend it."
    both = DiffLangError(SUM, Diagnostic("E0301", "second"))
    assert "and further:\nerror E0301: Second." in str(both)


def test_paths_inside_the_working_directory_are_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown_path(str(tmp_path / "a.dl")) == "a.dl"
    assert shown_path("/elsewhere/a.dl") == "/elsewhere/a.dl"
