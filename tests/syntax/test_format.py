"""The formatter: what it changes, and what it must not change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.diagnostics import DiffLangError
from difflang.syntax import parse
from difflang.syntax.dump import dump
from difflang.syntax.format import format_source

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "stdlib").rglob("*.dl"), *(ROOT / "examples").rglob("*.dl")])

UGLY = """\


import   optim
## Words.
fn f( x:real , n : int=2 )->real :
  let y=-x**2+3*sum( x [1 : n] for i in 0 .. n by 2 )   # why

  # own line


  if(y>0):return y
  else :
         return - y
struct P [ n ] :  a : real[ n*(n+1)/2 ] ;b:real
fn g( p:P [n] ) = P( .. p , b=not (p . b>0) )  ## not documentation
"""
NEAT = """\
import optim
## Words.
fn f(x: real, n: int = 2) -> real:
    let y = -x ** 2 + 3 * sum(x[1:n] for i in 0..n by 2)  # why

    # own line

    if (y > 0): return y
    else:
        return -y
struct P[n]: a: real[n*(n+1)/2]; b: real
fn g(p: P[n]) = P(..p, b = not (p.b > 0))      ## not documentation
"""


def test_the_usual_layout():
    assert format_source(UGLY) == NEAT


def test_lines_in_brackets_move_with_their_statement():
    text = "fn f(x: real):\n  return g(\n      x,  # first\n\n      # second\n      x\n  )\n"
    moved = "fn f(x: real):\n    return g(\n        x,  # first\n\n        # second\n        x\n    )\n"
    assert format_source(text) == moved


def test_empty_files_and_other_line_ends():
    assert format_source("") == ""
    assert format_source("\n\n# only\n\n\n# comments") == "# only\n\n# comments\n"
    assert format_source("\ufefffn f(x: real) = x\r\n") == "fn f(x: real) = x\n"


def test_files_with_mistakes_are_refused():
    with pytest.raises(DiffLangError):
        format_source("fn f(x: real) = (x")


def unchanged(before: str, after: str) -> None:
    """The same tree and the same comments; formatting again changes nothing."""
    assert dump(parse(before), places=False) == dump(parse(after), places=False)
    assert [c.rstrip() for c in re.findall("#.*", before)] == re.findall("#.*", after)
    assert format_source(after) == after


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_library_is_in_the_usual_layout(path):
    text = path.read_text("utf-8")
    assert format_source(text) == text


def test_the_ugly_program_means_the_same():
    unchanged(UGLY, format_source(UGLY))


SIGNS = re.compile(r"(?<=[(,\[+*])|(?=[),\]+*])")


@given(st.sampled_from(FILES), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_spaces_do_not_matter(path, random):
    """Spaces put around signs at random vanish, or at least change nothing but spaces."""
    lines = path.read_text("utf-8").split("\n")
    noisy = [
        line if "#" in line or '"' in line else SIGNS.sub(lambda _: " " * random.randint(0, 2), line) for line in lines
    ]
    text = "\n".join(line.replace("* *", "**").replace("*  *", "**") for line in noisy)
    try:
        parse(text)
    except DiffLangError:
        return  # a `**` or `+=` was cut in two
    unchanged(text, format_source(text))
