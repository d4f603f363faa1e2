"""`difflang repl`: entries and their answers."""

from __future__ import annotations

import io

import pytest

from difflang.cli.app import execute
from difflang.cli.session import is_complete


@pytest.fixture
def repl(folder, monkeypatch, capfd):
    """The output for the lines of an input, and what was said on the standard error."""

    def run(text: str, line: str = "repl --backend reference") -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert execute(line.split()) == 0
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return out, err

    return run


def test_values_and_declarations(repl):
    entries = "let a = 3\na * 2\nfn f(x: real[n]) -> real = sum(x * x)\ngrad(f)([1.0, 2.0])\n"
    assert repl(entries) == ("6\n[2., 4.]\n", "")


def test_blocks_end_with_an_empty_line_and_brackets_go_on(repl):
    block = "fn f(n: int) -> int:\n    var s = 0\n    for i in 0..n:\n        s += i\n    return s\n\nf(\n4)\n"
    assert repl(block)[0] == "6\n"


def test_a_name_is_replaced_with_its_rules(repl):
    entries = (
        "fn f(x: real) -> real = x\nrule jvp f(x, dx) = 5 * dx\nderivative(f)(1.0)\n"
        "fn f(x: real) -> real = 3 * x\nderivative(f)(1.0)\n"
    )
    assert repl(entries)[0] == "5.0\n3.0\n"


def test_types_and_functions(repl):
    entries = "fn f(x: real[n]) -> real = sum(x)\n:type f\ngrad(f)\n:type 2 * 3.0\n:list\n"
    out, err = repl(entries)
    assert err == ""
    assert out.splitlines() == [
        "fn(x: real[n]) -> real",
        "fn(x: real[n]) -> real[n]",
        "real",
        "fn f(x: real[n]) -> real = sum(x)",
    ]


def test_statements_and_several_values(repl):
    assert repl('print("a", 1)\nfor i in 0..2:\n    print(i)\n\n(1, true)\n')[0] == "a 1\n0\n1\n[0] = 1\n[1] = true\n"


@pytest.mark.parametrize(
    ("entry", "code", "shown"),
    [
        ("1 + nonsense", "E0201", "1 | 1 + nonsense\n  |     ^^^^^^^^"),
        ("1 +", "E0100", "1 | 1 +"),
        ("fn f(x: real) = y", "E0201", "fn f(x: real) = y"),
        ("[1.0] + [1.0, 2.0]", "E0401", "1 | [1.0] + [1.0, 2.0]"),
        ("sqrt", "E0320", "sqrt"),
        (":doc optm", "E0911", "Did you mean `optim`?"),
        (":type zz", "E0201", "1 | zz\n  | ^^"),
        ("let f = 1 +", "E0127", "1 | const f = 1 +"),
    ],
)
def test_a_mistake_changes_nothing(repl, entry, code, shown):
    out, err = repl(f"let a = 1\n{entry}\na + 1\n")
    assert out == "2\n" and code in err and shown in err


def test_the_declarations_of_a_file(repl):
    assert repl("total([1.0, 2.0])\n:quit\nnot_reached\n", "repl one.dl") == ("3.0\n", "")


def test_help_and_documentation(repl):
    out, _ = repl(":help\n:doc optim.adam\n")
    assert ":type EXPRESSION" in out and "Kingma and Ba" in out


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("", True), ("1", True), ("f(", False), ("f(\n1)", True), ("fn f():", False), ("fn f():\n    return 1", False),
        ("fn f():\n    return 1\n", True), ('"a(" # [', True), ("## what f is", False), ("x[1:2]", True),
    ],
)  # fmt: skip
def test_when_an_entry_ends(text, complete):
    assert is_complete(text) == complete


def test_an_unknown_command_is_told(repl):
    out, err = repl(":foo\n:tpe 3\n:type\n1 + 1\n")
    assert out == "2\n"
    assert err.count("E0901") == 2 and "`:help`" in err and "Did you mean `:type`?" in err and "E0902" in err


@pytest.mark.parametrize("word", ["exit", "quit", "exit()", "quit()", ":quit", ":q", ":exit"])
def test_ways_to_leave(repl, word):
    assert repl(f"1\n{word}\n2\n") == ("1\n", "")


def test_a_name_of_ones_own_is_no_way_to_leave(repl):
    assert repl("let exit = 3\nexit\n2\n") == ("3\n2\n", "")


def test_an_empty_line_ends_an_open_bracket(repl):
    out, err = repl("max(1,\n\n2\nlet a = [1,\n2]\na\n")
    assert out == "2\n[1, 2]\n"
    assert err.count("E0105") == 1
