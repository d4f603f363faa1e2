"""Stacked values of loops, and branches that update or exchange arrays."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.schedule import schedule
from tests.loops.running import agree_text

X = np.arange(1.0, 6.0)
Y = np.arange(10.0, 15.0)


def test_stacked_carries_and_new_values() -> None:
    text = """
        func f(n: i64, k: i64, x: f64[n]) {
          a: f64[n], s: f64[k, n], q: f64[k, n], u: f64[k] = fold[carries=1, reverse] k x { t: i64, c: f64[n]
            v: f64 = get c 0
            w: f64 = add v 1.0
            d: f64[n] = set c 0 w
            yield d, c, d, v
          }
          yield a, s, q, u
        }
        """
    for steps in (0, 1, 4):
        machine = agree_text(text, 5, steps, X)
    assert machine.copies == 5 + 2 * 4 * 5, "the start and the two stacks; the carry itself is updated in place"


def test_a_stacked_array_is_made_in_its_row_and_not_overwritten() -> None:
    text = """
        func f(n: i64, steps: i64, x: f64[n]) {
          a: f64[n], s: f64[steps, n], p: f64[steps, n] = fold[carries=1] steps x { t: i64, c: f64[n]
            d: f64[n] = build n { i: i64
              v: f64 = get c i
              w: f64 = mul v 0.5
              yield w
            }
            e: f64[n] = set d 0 9.0
            yield e, d, x
          }
          yield a, s, p
        }
        """
    agree_text(text, 5, 3, X)


def test_carries_that_are_stacked_lie_in_their_stack() -> None:
    """Step t reads row t and writes row t + 1; a carry that takes over another one is a copy."""
    text = """
        func f(n: i64, k: i64, x: f64[n], y: f64[n]) {
          p: f64[n], q: f64[n], s: f64[k, n], t: f64[k, n] = fold[carries=2] k x y { i: i64, u: f64[n], v: f64[n]
            d: f64[n] = build n { j: i64
              e: f64 = get u j
              g: f64 = get v j
              h: f64 = mul e g
              yield h
            }
            yield RESULTS, u, v
          }
          r: f64 = reduce[op="sum"] k n { l: i64, m: i64
            a: f64 = get s l m
            b: f64 = get t l m
            c: f64 = mul a b
            yield c
          }
          yield p, q, r
        }
        """
    for steps in (0, 1, 4):
        machine = agree_text(text.replace("RESULTS", "d, u"), 5, steps, X, Y)
        assert machine.copies == 5 * (2 + steps + 2), "the starts, one row a step, and the results"
        agree_text(text.replace("RESULTS", "v, u"), 5, steps, X, Y)
        agree_text(text.replace("RESULTS", "d, d"), 5, steps, X, Y)


def test_while_with_stacks() -> None:
    text = """
        func f(n: i64, limit: f64, x: f64[n]) {
          last: f64, a: f64[n], count: i64, s: f64[count, n], t: f64[count] = while[carries=2] 1.0 x { h: f64, g: f64[n]
            p: bool = lt h limit
            yield p
          } { k: f64, c: f64[n]
            l: f64 = mul k 2.0
            d: f64[n] = set c 1 l
            e: f64[n] = build n { i: i64
              v: f64 = get c i
              w: f64 = mul v k
              yield w
            }
            yield l, d, e, k
          }
          yield last, a, count, s, t
        }
        """
    for limit in (0.0, 1.5, 100.0):
        agree_text(text, 5, limit, X)


def test_a_conditional_update_is_in_place() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          a: f64[n] = fold[carries=1] n x { i: i64, c: f64[n]
            v: f64 = get c i
            p: bool = lt v 3.0
            b: f64[n] = cond p {
              d: f64[n] = set c i 0.0
              yield d
            } {
              yield c
            }
            yield b
          }
          yield a
        }
        """
    machine = agree_text(text, 5, X)
    assert (machine.copies, machine.allocations) == (5, 0)


def test_a_conditional_update_of_what_is_used_afterwards() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          a: f64[n] = fold[carries=1] n x { i: i64, c: f64[n]
            v: f64 = get c i
            p: bool = lt v 3.0
            b: f64[n], q: f64[n] = cond p {
              d: f64[n] = set c i 0.0
              yield d, c
            } {
              yield c, c
            }
            u: f64 = get q 0
            w: f64 = add u 1.0
            g: f64[n] = set b 0 w
            yield g
          }
          yield a
        }
        """
    agree_text(text, 5, X)


def test_one_of_two_outer_arrays() -> None:
    text = """
        func f(n: i64, p: bool, x: f64[n], y: f64[n]) {
          a: f64[n], b: f64[n] = cond p {
            yield x, y
          } {
            yield y, x
          }
          c: f64[n] = set a 0 100.0
          yield a, b, c
        }
        """
    for p in (True, False):
        agree_text(text, 5, p, X, Y)


def test_branches_exchange_arrays_that_are_owned() -> None:
    text = """
        func f(n: i64, p: bool) {
          x: f64[n], y: f64[n] = build n { i: i64
            v: f64 = convert[dtype="f64"] i
            w: f64 = mul v v
            yield v, w
          }
          a: f64[n], b: f64[n] = cond p {
            yield x, y
          } {
            d: f64[n] = set x 0 5.0
            yield y, d
          }
          yield a, b
        }
        """
    for p in (True, False):
        agree_text(text, 5, p)


def test_no_steps_and_negative_counts() -> None:
    text = """
        func f(n: i64, m: i64, x: f64[n]) {
          a: f64[n], s: f64[m] = fold[carries=1] m x { i: i64, c: f64[n]
            d: f64[n] = set c 0 5.0
            yield d, 2.0
          }
          yield a, s
        }
        """
    agree_text(text, 5, -3, X)
    agree_text(text, 0, 0, np.zeros(0))


FILLED = """
    func f(n: i64, k: i64, x: f64[n]) {
      z: f64[k, n] = build k n { i: i64, j: i64
        yield 0.0
      }
      y: f64[n], s: f64[k, n] = fold[carries=2] k x z { t: i64, u: f64[n], r: f64[k, n]
        %BEFORE
        p: f64[k, n] = set r %PLACE u
        v: f64[n] = build n { m: i64
          a: f64 = get u m
          b: f64 = mul a 1.5
          yield b
        }
        yield v, p
      }
      yield y, s
    }
    """


@pytest.mark.parametrize(
    ("before", "place", "filled"),
    [
        ("q: i64 = add t 0", "t", False),
        ("q: i64 = mul t 0", "q", True),
        ('e: f64 = get r 0 0\n        print[template="{0}"] e', "t", True),
    ],
    ids=["every row", "one row", "rows that are read"],
)
def test_an_array_of_which_a_loop_writes_every_row_is_not_filled(before: str, place: str, filled: bool) -> None:
    text = FILLED.replace("%BEFORE", before).replace("%PLACE", place)
    agree_text(text, 5, 3, X)
    statements = walk(schedule(parse_func(text), CompileOptions()).body)
    assert any(isinstance(s, ir.Fill) for s in statements) == filled
