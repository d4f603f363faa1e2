"""Loops cut where a condition on their index changes."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.schedule import schedule
from tests.loops.running import agree_text, failing

X, Y = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0])


def counts(text: str) -> tuple[int, int]:
    """The loops and the branches of a program."""
    statements = list(walk(schedule(parse_func(text), CompileOptions()).body))
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


BORDER = """
    func f(n: i64, x: f64[n]) {
      last: i64 = sub n 1
      z: f64[n] = build n { i: i64
        here: f64 = get[inbounds] x i
        first: bool = eq i 0
        end: bool = eq last i
        border: bool = or first end
        v: f64 = cond border {
          yield here
        } {
          j: i64 = add i 1
          right: f64 = get x j
          k: i64 = sub i 1
          left: f64 = get x k
          beyond: bool = ne j last
          near: f64 = select beyond right -1.0
          w: f64 = add left near
          yield w
        }
        yield v
      }
      yield z
    }
    """


def test_a_border_of_two_ends() -> None:
    """The choice beside the last element but one is settled too: [0], the middle, [n - 2] and [n - 1]."""
    assert counts(BORDER) == (4, 0)
    program = schedule(parse_func(BORDER), CompileOptions())
    assert not any(isinstance(s, ir.Check) for s in walk(program.body))
    assert not any(isinstance(s, ir.Apply) and s.primitive == "select" for s in walk(program.body))
    for n in range(6):
        agree_text(BORDER, n, np.arange(1.0, n + 1) ** 2)


@pytest.mark.parametrize("factors", [1, 90])
def test_a_border_around_a_matrix(factors: int) -> None:
    """Four ends make nine pieces; the rows at the top and at the bottom are cut no further. A long body is cut, too:

    the short pieces of the rows leave it the room.
    """
    more = "\n".join(f"c{k}: f64 = mul c{k - 1} 1.0625" for k in range(1, factors))
    text = f"""
        func f(n: i64, m: i64, x: f64[n, m]) {{
          bottom: i64 = add n -1
          right: i64 = add m -1
          z: f64[n, m] = build n m {{ i: i64, j: i64
            p: bool = eq i 0
            q: bool = eq i bottom
            r: bool = eq j 0
            s: bool = eq j right
            rows: bool = or p q
            columns: bool = or r s
            inside: bool = not columns
            outer: bool = not rows
            middle: bool = and outer inside
            v: f64 = cond middle {{
              k: i64 = add i -1
              l: i64 = add j 1
              a: f64 = get x k l
              h: i64 = add i 1
              b: f64 = get x h j
              c0: f64 = mul a b
              {more}
              yield c{factors - 1}
            }} {{
              d: f64 = get[inbounds] x i j
              yield d
            }}
            yield v
          }}
          yield z
        }}
        """
    assert counts(text) == (3 + 1 + 3 + 1, 0)
    for n, m in [(0, 3), (1, 1), (2, 3), (3, 1), (3, 3), (5, 4)]:
        agree_text(text, n, m, np.arange(1.0, n * m + 1).reshape(n, m))


def test_neighbours_in_a_ring() -> None:
    """Choices between subscripts cut a loop, so that no piece reads here and there."""
    text = """
        func f(n: i64, x: f64[n]) {
          z: f64[n] = build n { i: i64
            j: i64 = add i 1
            over: bool = ge j n
            back: i64 = sub j n
            k: i64 = select over back j
            v: f64 = get[inbounds] x k
            yield v
          }
          yield z
        }
        """
    assert counts(text) == (2, 0)
    for n in range(4):
        agree_text(text, n, np.arange(1.0, n + 1))


@pytest.mark.parametrize("bound", [-(2**63), -1, 0, 1, 3, 2**63 - 1])
@pytest.mark.parametrize("comparison", ["eq", "ne", "lt", "ge"])
def test_bounds_that_the_index_is_shifted_against(comparison: str, bound: int) -> None:
    text = f"""
        func f(n: i64, b: i64, x: f64[n]) {{
          far: i64 = sub b 1
          z: f64[n] = build n {{ i: i64
            j: i64 = add i 2
            p: bool = {comparison} j b
            v: f64 = cond p {{
              a: f64 = get x i
              yield a
            }} {{
              q: bool = lt i far
              w: f64 = cond q {{
                c: f64 = get x 0
                yield c
              }} {{
                yield 7.0
              }}
              yield w
            }}
            yield v
          }}
          yield z
        }}
        """
    agree_text(text, 3, bound, X)
    agree_text(text, 0, bound, X[:0])


def test_a_piece_forgets_that_the_one_before_it_ended() -> None:
    """Also where the body says something of its own numbers, such as which is the smaller one."""
    text = """
        func f(n: i64, m: i64, x: f64[n]) {
          z: f64[m] = build m { i: i64
            inside: bool = lt i n
            v: f64 = cond inside {
              a: f64 = get x i
              yield a
            } {
              yield 7.0
            }
            j: i64 = sub m i
            k: i64 = min i j
            near: bool = lt k n
            w: f64 = cond near {
              b: f64 = get x k
              yield b
            } {
              yield 9.0
            }
            s: f64 = add v w
            yield s
          }
          yield z
        }
        """
    for n in (0, 1, 3):
        agree_text(text, n, 8, X[:n])
