"""Loops cut where a condition on their index changes."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.schedule import schedule
from tests.loops.running import agree_text, failing

X, Y = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0])


def counts(text: str) -> tuple[int, int]:
    """The loops and the branches of a program."""
    statements = list(ir.walk(schedule(parse_func(text), CompileOptions()).body))
    return sum(isinstance(s, ir.For) for s in statements), sum(isinstance(s, ir.If) for s in statements)


CONCATENATION = """
    func f(n: i64, m: i64, x: f64[n], y: f64[m]) {
      k: i64 = add n m
      l: i64 = add k n
      z: f64[l] = build l { i: i64
        first: bool = lt i n
        v: f64 = cond first {
          a: f64 = get[inbounds] x i
          yield a
        } {
          second: bool = lt i k
          w: f64 = cond second {
            j: i64 = sub i n
            b: f64 = get[inbounds] y j
            yield b
          } {
            h: i64 = sub i k
            c: f64 = get[inbounds] x h
            yield c
          }
          yield w
        }
        yield v
      }
      yield z
    }
    """


@pytest.mark.parametrize(("n", "m"), [(3, 2), (0, 2), (3, 0), (0, 0)])
def test_a_concatenation_of_three(n: int, m: int) -> None:
    assert counts(CONCATENATION) == (3, 0)
    agree_text(CONCATENATION, n, m, X[:n], Y[:m])


def choice(comparison: str, otherwise: str = "c: f64 = exp a\nyield c") -> str:
    """Which rows of a matrix are doubled; the branches read at an index that is not proved."""
    return f"""
        func f(n: i64, m: i64, b: i64, k: i64, a: f64[n, m]) {{
          z: f64[n, m] = build n m {{ i: i64, j: i64
            v: f64 = get a i j
            p: bool = {comparison} i b
            w: f64 = cond p {{
              c: f64 = get a k j
              d: f64 = add c v
              yield d
            }} {{
              {otherwise}
            }}
            yield w
          }}
          yield z
        }}
        """


@pytest.mark.parametrize("comparison", ["lt", "le", "gt", "ge"])
@pytest.mark.parametrize("bound", [-5, 0, 1, 2, 3, 4, 2**63 - 1, -(2**63)])
def test_boundaries_anywhere(comparison: str, bound: int) -> None:
    text = choice(comparison, "e: f64 = neg v\nyield e")
    assert counts(text)[1] == 0
    a = np.arange(6.0).reshape(3, 2)
    agree_text(text, 3, 2, bound, 1, a)
    agree_text(text, 0, 2, bound, 1, a[:0])


def test_a_failure_of_the_piece_that_runs() -> None:
    text = choice("lt", "e: f64 = neg v\nyield e")
    a = np.arange(6.0).reshape(3, 2)
    agree_text(text, 3, 2, 0, 7, a)
    assert failing(text, 3, 2, 1, 7, a).code == "E0801"


def test_a_bound_that_changes_in_the_loop_is_no_boundary() -> None:
    text = """
        func f(n: i64, p: i64[n], x: f64[n]) {
          z: f64[n] = build n { i: i64
            b: i64 = get p i
            first: bool = lt i b
            v: f64 = cond first {
              a: f64 = get x b
              yield a
            } {
              yield 0.0
            }
            yield v
          }
          yield z
        }
        """
    assert counts(text) == (1, 1)
    agree_text(text, 3, np.array([1, 0, 0]), X)


def test_arrays_that_a_condition_chooses_keep_it() -> None:
    text = """
        func f(n: i64, m: i64, b: i64, x: f64[m], y: f64[m]) {
          z: f64[n, m] = build n { i: i64
            first: bool = lt i b
            v: f64[m] = cond first {
              yield x
            } {
              yield y
            }
            yield v
          }
          yield z
        }
        """
    agree_text(text, 4, 3, 2, X, X * X)
