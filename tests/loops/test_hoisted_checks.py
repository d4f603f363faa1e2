"""Checks that leave their loops: what is computed, what is reported, and what must stay."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.schedule import schedule
from tests.loops.running import agree_text, failing

X = np.array([1.0, 2.0, 3.0])


def program(*lines: str, extent: str = "n") -> str:
    """One vector, element by element; `p` and `q` hold indices."""
    body = "\n".join(lines)
    return f"""
        func f(n: i64, m: i64, k: i64, x: f64[m], p: i64[n], q: i64[m]) {{
          y: f64[n] = build {extent} {{ i: i64
            {body}
            yield v
          }}
          yield y
        }}
        """


def checks_in_loops(text: str) -> int:
    """Checks that a loop with something else to do makes."""
    body = schedule(parse_func(text), CompileOptions()).body
    loops = [s for s in walk(body) if isinstance(s, ir.For)]
    stores = [loop for loop in loops if any(isinstance(s, ir.Store | ir.Assign) for s in walk(loop.body))]
    return sum(isinstance(s, ir.Check) for loop in stores for s in loop.body)


WORK = ("a: f64 = sin u", "b: f64 = mul a u", "c: f64 = add b a", "v: f64 = exp c")
GATHER = program("j: i64 = get p i", "u: f64 = get x j", *WORK)


def gathered(index: list[int]) -> tuple[int, int, int, np.ndarray, np.ndarray, np.ndarray]:
    return len(index), 3, 0, X, np.array(index, dtype=np.int64), np.arange(3)


def test_indices_from_an_array_are_checked_beforehand() -> None:
    assert checks_in_loops(GATHER) == 0
    agree_text(GATHER, *gathered([2, 0, 1, 2]))
    agree_text(GATHER, *gathered([]))


@pytest.mark.parametrize("bad", [-1, 3, 1 << 62])
def test_the_failure_is_the_same(bad: int) -> None:
    failure = failing(GATHER, *gathered([0, 1, bad]))
    assert failure.code == "E0801"
    assert str(bad) in failure.diagnostics[0].message


def test_an_index_of_an_index_is_not_read_before_it_is_checked() -> None:
    text = program("j: i64 = get p i", "l: i64 = get q j", "u: f64 = get x l", *WORK)
    assert checks_in_loops(text) == 1
    agree_text(text, *gathered([2, 0]))
    assert failing(text, *gathered([1 << 40, 0])).code == "E0801"


def test_the_same_index_every_time() -> None:
    text = program("u: f64 = get x k", *WORK)
    assert checks_in_loops(text) == 0
    for n, k in ((2, 1), (0, 7)):
        agree_text(text, n, 3, k, X, np.zeros(n, np.int64), np.arange(3))
    assert failing(text, 2, 3, 3, X, np.zeros(2, np.int64), np.arange(3)).code == "E0801"


def test_out_of_several_loops() -> None:
    text = """
        func f(n: i64, m: i64, k: i64, a: f64[n, m]) {
          y: f64[n] = build n { i: i64
            s: f64 = reduce[op="sum"] m { j: i64
              u: f64 = get a k j
              v: f64 = get a i j
              w: f64 = mul u v
              yield w
            }
            yield s
          }
          yield y
        }
        """
    assert checks_in_loops(text) == 0
    a = np.arange(6.0).reshape(2, 3)
    agree_text(text, 2, 3, 1, a)
    agree_text(text, 2, 0, 5, np.zeros((2, 0)))
    assert failing(text, 2, 3, 2, a).code == "E0801"


def test_an_array_that_the_loop_changes_is_read_in_its_turn() -> None:
    """Each step of a sequential loop reads where the step before it has pointed to."""
    text = """
        func f(n: i64, p: i64[n]) {
          q: i64[n], s: i64 = fold[carries=2] n p 0 { i: i64, r: i64[n], t: i64
            j: i64 = get r i
            k: i64 = get r j
            l: i64 = add t k
            o: i64[n] = set r j i
            yield o, l
          }
          yield q, s
        }
        """
    agree_text(text, 3, np.array([2, 0, 3]))  # the 3 is overwritten before it is read as an index
    assert failing(text, 3, np.array([2, 3, 0])).code == "E0801"


def test_what_a_sequential_loop_prints_comes_before_its_failure() -> None:
    text = """
        func f(n: i64, k: i64, x: f64[n]) {
          s: f64 = fold[carries=1] n 0.0 { i: i64, t: f64
            print[template="{0}"] i
            u: f64 = get x k
            v: f64 = add t u
            yield v
          }
          yield s
        }
        """
    assert checks_in_loops(text) == 1
    agree_text(text, 3, 2, X)


def test_a_check_in_a_branch_stays_there() -> None:
    text = program(
        "inside: bool = lt i 1",
        "v: f64 = cond inside {",
        "u: f64 = get x k",
        "yield u",
        "} {",
        "yield 0.0",
        "}",
    )
    agree_text(text, 0, 3, 9, X, np.zeros(0, np.int64), np.arange(3))
    assert failing(text, 2, 3, 9, X, np.zeros(2, np.int64), np.arange(3)).code == "E0801"


def test_a_second_check_leaves_the_first_its_statements() -> None:
    """Both are made for all elements beforehand; the second one examines the index that the first one reads with."""
    text = """
        func f(n: i64, m: i64, y: f64[m], p: i64[n]) {
          z: f64[m] = accum y { r: &f64[m]
            build n { i: i64
              a: i64 = get p i
              b: i64 = add i a
              add_to r b 1.0
              add_to r i 2.0
              yield
            }
            yield
          }
          yield z
        }
        """
    agree_text(text, 3, 5, np.zeros(5), np.array([2, 0, 1]))
    assert failing(text, 3, 5, np.zeros(5), np.array([2, 5, 1])).code == "E0801"
