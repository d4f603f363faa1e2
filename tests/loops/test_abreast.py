"""Turns that meet one matrix go side by side, with the loops inside of them."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.loops import ir
from difflang.loops.bodies import walk
from tests.loops.running import program, results

COUNTS = [0, 1, 3, 4, 6, 9]


def largest_share(text: str) -> int:
    """The most sums that meet one element of `a`, which one load takes."""
    loops = [s for s in walk(program(text).body) if isinstance(s, ir.For) and s.kind == "vector"]
    counts = [len(loop.reductions) for loop in loops if sum(_reads_matrix(s) for s in loop.body) == 1]
    return max(counts, default=0)


def _reads_matrix(statement: ir.Statement) -> bool:
    return isinstance(statement, ir.Load) and statement.array.name == "a"


def squares(length: str = "m", before: str = "", middle: str = "") -> str:
    """For every point the squares of a matrix times the point, summed up; a row has `length` elements."""
    return f"""
        func f(n: i64, m: i64, a: f64[m, m], x: f64[n, m]) {{
          y: f64[n] = build n {{ p: i64
            {before}
            s: f64 = reduce[op="sum"] m {{ i: i64
              {middle}
              t: f64 = reduce[op="sum"] {length} {{ j: i64
                b: f64 = get[inbounds] a i j
                c: f64 = get[inbounds] x p j
                d: f64 = mul b c
                yield d
              }}
              u: f64 = mul t t
              yield u
            }}
            yield s
          }}
          yield y
        }}
        """


@pytest.mark.parametrize("n", COUNTS)
def test_a_matrix_serves_four_points(n: int) -> None:
    assert largest_share(squares()) == 4
    rng = np.random.default_rng(n)
    a, x = rng.normal(size=(5, 5)), rng.normal(size=(n, 5))
    np.testing.assert_allclose(results(squares(), n, 5, a, x)[0], np.sum((x @ a.T) ** 2, axis=1), rtol=1e-13)


@pytest.mark.parametrize("n", COUNTS)
def test_rows_of_a_triangle_are_as_long_for_all_points(n: int) -> None:
    text = squares("l", middle="l: i64 = add i 1")
    assert largest_share(text) == 4
    rng = np.random.default_rng(n)
    a, x = rng.normal(size=(6, 6)), rng.normal(size=(n, 6))
    wanted = np.sum((x @ np.tril(a).T) ** 2, axis=1)
    np.testing.assert_allclose(results(text, n, 6, a, x)[0], wanted, rtol=1e-13)


def test_points_of_different_length_go_alone() -> None:
    text = squares("l", before="l: i64 = min p m")
    assert largest_share(text) <= 1
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(6, 6)), rng.normal(size=(9, 6))
    wanted = [np.sum((a[:, :p] @ x[p, :p]) ** 2) for p in range(6)]
    np.testing.assert_allclose(results(text, 9, 6, a, x)[0][:6], wanted, rtol=1e-13)


def test_elementary_functions_of_rows_stay_with_their_rows() -> None:
    """Vectors of them are made of the rows of one point."""
    text = squares().replace("u: f64 = mul t t", "u: f64 = tanh t")
    assert largest_share(text) <= 1
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(5, 5)), rng.normal(size=(9, 5))
    np.testing.assert_allclose(results(text, 9, 5, a, x)[0], np.sum(np.tanh(x @ a.T), axis=1), rtol=1e-13)


OUTER = """
    func f(n: i64, m: i64, start: f64[m, m], x: f64[n, m]) {
      z: f64[m] = build m { k: i64
        yield 0.0
      }
      s: f64, g: f64[m, m] = accum 0.0 start { total: &f64, ref: &f64[m, m]
        build n { p: i64
          w: f64[m] = build m { k.1: i64
            a: f64 = get[inbounds] x p k.1
            b: f64 = mul a 2.0
            yield b
          }
          v: f64[m] = accum z { own: &f64[m]
            build m { i: i64
              c: f64 = get[inbounds] w i
              build m { j: i64
                d: f64 = get[inbounds] w j
                e: f64 = mul c d
                add_to[inbounds] ref i j e
                add_to[inbounds] own j e
                yield
              }
              yield
            }
            yield
          }
          t: f64 = reduce[op="sum"] m { q: i64
            h: f64 = get[inbounds] v q
            yield h
          }
          add_to total t
          yield
        }
        yield
      }
      yield s, g
    }
    """


@pytest.mark.parametrize("n", COUNTS)
def test_four_points_add_to_a_matrix_at_once(n: int) -> None:
    loops = [s for s in walk(program(OUTER).body) if isinstance(s, ir.For) and s.kind == "vector"]
    assert max(sum(isinstance(s, ir.Accumulate) for s in loop.body) for loop in loops) == 1 + 4
    rng = np.random.default_rng(n)
    start, x = rng.normal(size=(5, 5)), rng.normal(size=(n, 5))
    total, matrix = results(OUTER, n, 5, start, x)
    np.testing.assert_allclose(matrix, start + 4.0 * x.T @ x, rtol=1e-12)
    np.testing.assert_allclose(total, 4.0 * np.sum(np.sum(x, axis=1) ** 2), rtol=1e-12)
