"""Carried arrays of loops inside of loops."""

from __future__ import annotations

import numpy as np

from tests.loops.running import agree_text

X = np.arange(1.0, 6.0)


def test_nested_loops_carry_one_matrix() -> None:
    text = """
        func f(n: i64, x: f64[n, n]) {
          a: f64[n, n] = fold[carries=1] n x { i: i64, c: f64[n, n]
            b: f64[n, n] = fold[carries=1] i c { j: i64, d: f64[n, n]
              v: f64 = get d i j
              w: f64 = get d j i
              z: f64 = add v w
              e: f64[n, n] = set d j i z
              yield e
            }
            yield b
          }
          yield a
        }
        """
    machine = agree_text(text, 4, np.arange(16.0).reshape(4, 4))
    assert (machine.copies, machine.allocations) == (16, 0)


def test_a_nested_loop_that_needs_a_spare() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          a: f64[n] = fold[carries=1] n x { i: i64, c: f64[n]
            b: f64[n] = fold[carries=1] i c { j: i64, d: f64[n]
              e: f64[n] = build n { k: i64
                v: f64 = get d j
                w: f64 = get d k
                z: f64 = add v w
                yield z
              }
              yield e
            }
            g: f64[n] = set b 0 1.0
            yield g
          }
          yield a, x
        }
        """
    agree_text(text, 5, X)


def test_a_stacked_value_does_not_overwrite_a_carry_that_took_its_turn_in_the_row() -> None:
    """The inner loop swaps x and 0 n times: n = 5 leaves the carry in the row, and what is stacked elsewhere."""
    agree_text(
        """
        func f(n: i64, x: f64[n]) {
          z: f64[n] = build n { k: i64
            yield 0.0
          }
          last: f64[n], rows: f64[n, n] = fold[carries=1] n z { i: i64, c: f64[n]
            u: f64[n], v: f64[n] = fold[carries=2] n z x { j: i64, a: f64[n], b: f64[n]
              yield b, a
            }
            yield u, v
          }
          yield last, rows
        }
        """,
        5,
        X,
    )
