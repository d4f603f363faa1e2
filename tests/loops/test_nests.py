"""Pieces of one loop are shared by threads together, if nothing says that they might meet."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.core.parser import parse_func
from difflang.diagnostics import DiffLangError
from difflang.loops import ir
from difflang.loops.join import Join
from tests.loops.interpreter import Machine
from tests.loops.running import Recorder
from tests.loops.test_threads import both, for_threads, parallels

BORDERED = """
    func f(n: i64, x: f64[n]) {
      last: i64 = sub n 1
      s: f64, y: f64[n] = accum 0.0 { total: &f64
        z: f64[n] = build n { i: i64
          left: bool = lt 0 i
          right: bool = lt i last
          inside: bool = and left right
          v: f64 = cond inside {
            a: i64 = sub i 1
            b: i64 = add i 1
            u: f64 = get x a
            w: f64 = get x b
            d: f64 = sub w u
            add_to total d
            yield d
          } {
            e: f64 = get x i
            yield e
          }
          yield v
        }
        yield z
      }
      yield y, s
    }
    """


@pytest.mark.parametrize("n", [1, 2, 3, 4, 11])
def test_edges_and_inside_are_one_job(n: int) -> None:
    x = np.cos(np.arange(float(n)))
    program = for_threads(parse_func(BORDERED))
    (parallel,) = parallels(program)
    assert sum(isinstance(s, ir.For) for s in parallel.body) == 3
    y, total = Machine(program, Recorder()).run([n, x])
    expected = np.concatenate([x[:1], x[2:] - x[:-2], x[1:][-1:]])
    np.testing.assert_allclose(y, expected, rtol=1e-15)
    np.testing.assert_allclose(total, np.sum(x[2:] - x[:-2]), atol=1e-15)
    both(parse_func(BORDERED), [n, x])


def test_pieces_that_add_to_an_array_are_cut_one_by_one() -> None:
    """Elements that one adds to may be those of another."""
    func = """
        func f(n: i64, x: f64[n]) {
          half: i64 = floordiv n 2
          zeros: f64[n] = build n { k: i64
            yield 0.0
          }
          y: f64[n] = accum zeros { r: &f64[n]
            build n { i: i64
              first: bool = lt i half
              place: i64 = sub i half
              v: f64 = get x i
              cond first {
                add_to r i v
                yield
              } {
                w: f64 = mul v 2.0
                add_to r place w
                yield
              }
              yield
            }
            yield
          }
          yield y
        }
        """
    x = np.sin(np.arange(10.0))
    program = both(parse_func(func), [10, x])
    (y,) = Machine(program, Recorder()).run([10, x])
    np.testing.assert_allclose(y, np.concatenate([x[:5] + 2 * x[5:], np.zeros(5)]), rtol=1e-15)
    assert all(sum(isinstance(s, ir.For) for s in p.body) <= 1 for p in parallels(program))


def test_the_first_failure_in_pieces_is_reported() -> None:
    func = """
        func f(n: i64, x: f64[n], p: i64[n]) {
          y: f64[n] = build n { i: i64
            edge: bool = lt i 1
            v: f64 = cond edge {
              yield 0.0
            } {
              k: i64 = get p i
              u: f64 = get x k
              yield u
            }
            yield v
          }
          yield y
        }
        """
    indices = np.array([99, 1, 2, 3, 10, 5, 12, 7, 11, 9])
    with pytest.raises(DiffLangError, match="10"):
        Machine(for_threads(parse_func(func)), Recorder()).run([10, np.ones(10), indices])


def test_what_another_loop_is_joined_to_is_no_piece_any_more() -> None:
    n, x, y = ir.Register("i64", "n"), *(ir.Array("f64", (ir.Register("i64"),), name) for name in "xy")
    value, i, j, nest = ir.Register("f64"), ir.Register("i64", "i"), ir.Register("i64", "j"), object()
    loops = (
        ir.For(i, n, (ir.Load(value, x, (i,)),), "vector", nest=nest),
        ir.For(j, n, (ir.Store(y, (j,), ir.ZERO),), "vector", nest=object()),
    )
    (joined,) = Join()(ir.Program("f", (n, x, y), (), loops)).body
    assert isinstance(joined, ir.For)
    assert joined.nest is None
