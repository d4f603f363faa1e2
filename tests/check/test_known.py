"""`difflang check` does not look again into functions found right: it finds what it finds where it looks into all."""

from __future__ import annotations

from pathlib import Path

import pytest

from difflang.check import Program, functions, load, loads
from difflang.check.context import Work
from difflang.check.entry import check_function
from difflang.diagnostics.explain import codes, page
from difflang.diagnostics.model import DiffLangError
from tests.check.test_pages import PROGRAM

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "tests" / "mistakes").glob("*.dl"), *(ROOT / "examples").glob("*.dl")])

CALLS = """fn fifth(x: real[n]) -> real = x[5]
fn last(x: real[n]) -> real = x[-1]
fn dot(x: real[n], y: real[m]) -> real = sum(x[i] * y[i] for i in 0..n)
fn both(x: real[n], y: real[n]) -> real[n] = x + y
fn row(x: real[n, m], i: int) -> real[m] = x[i]
fn grown(x: real[n]) -> real[n + 1] = [1.0 for i in 0..n + 1]
"""


def found(program: Program) -> list[tuple[object, ...]]:
    """What is found, and where; the place where a program grows too large depends on what is looked into."""
    return [(d.code, d.span if d.code != "E0309" else None, d.message, d.hint) for d in program.check()]


def known(text: str) -> set[str]:
    """The functions of a program that calls are not looked into for."""
    work, program = Work(), loads(text)
    for item in program.tree.items:
        check_function(program, item, work)
    return {getattr(node, "name", "") for node in work.known}


@pytest.fixture
def look_into_all(monkeypatch):
    def start() -> None:
        monkeypatch.setattr(functions, "known_result", lambda *_: None)

    return start


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files(path, look_into_all):
    try:
        first = found(load(path))
    except DiffLangError:
        return
    look_into_all()
    assert found(load(path)) == first


def test_programs_of_the_pages(look_into_all):
    texts = [body for code in codes() for _, body in PROGRAM.findall(page(code) or "")]
    programs = []
    for text in texts:
        try:
            programs.append((text, found(loads(text))))
        except DiffLangError:
            continue
    look_into_all()
    assert len(programs) > 100
    for text, first in programs:
        assert found(loads(text)) == first


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("fifth(zeros(3))", "E0318"),
        ("last(zeros(0))", "E0318"),
        ("sum(both(zeros(2), zeros(3)))", "E0402"),
        ("sum(both(grown(zeros(2)), zeros(2)))", "E0402"),
        ("dot(zeros(2))", "E0302"),
        ("sum(grown(1.0))", "E0301"),
    ],
)
def test_mistakes_that_only_a_call_shows(call, code):
    assert [d.code for d in loads(f"{CALLS}fn main() -> real = {call}").check()] == [code]


def test_which_functions_are_known():
    assert known(CALLS) == {"dot", "both", "row", "grown"}
    assert (
        known("fn f(x: real) -> int = int(x)\nfn g(x: real) = x\nfn h(f: fn(real) -> real) -> real = f(1.0)") == set()
    )
    assert known("extern fn out(x: real) -> real\nfn f(x: real) -> real = out(x)") == set()


def test_results_have_their_sizes_and_structs():
    text = """struct Pair[n]:
    left: real[n]
    right: (real, real[2, n])

fn pair(x: real[n]) -> Pair[n + 1] = Pair(left = [0.0 for i in 0..n + 1], right = (1.0, zeros(2, n + 1)))
fn use(x: real[n]) -> real[2, n + 1] = pair(x).right[1]
fn slope(x: real[n]) -> real[n] = grad(fn(y: real[n]) = sum(use(y)) + pair(y).right[0])(x)
fn wrong(x: real[n]) -> real[n] = pair(x).left
"""
    program = loads(text)
    assert {"pair", "use", "slope"} <= known(text)
    assert [(d.code, d.span.line) for d in program.check() if d.span] == [("E0401", 8)]


def test_growth_without_bound_is_found():
    lines = ["fn g0(x: real) -> real = x * x + 1.0"]
    lines += [f"fn g{k}(x: real) -> real = g{k - 1}(x) + g{k - 1}(2.0 * x)" for k in range(1, 40)]
    assert [d.code for d in loads("\n".join(lines)).check()] == ["E0309"]


def test_what_is_wrong_for_all_calls_is_said_once():
    text = """
struct Line: slope: real; offset: real
fn at(p: Line, x: real) -> real = p.slop * x
fn both(p: Line) -> real = at(p, 1.0) + at(p, 2.0)
fn second(x: real[n]) -> real = x[1]
fn one() -> real = both(Line(1.0, 2.0)) + second(ones(1))
fn two() -> real = second(ones(1))
fn none() -> real = second(zeros(0))
"""
    assert sorted(d.code for d in loads(text).check()) == ["E0205", "E0318", "E0318"]
