"""Short loops go into the rows inside them, neighbouring rows become one, and directions that are zero are skipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.ops import integer
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.printer import format_program
from difflang.loops.schedule import schedule
from tests.loops.interpreter import Machine
from tests.loops.running import Recorder


def results(text: str, *args: Any) -> Sequence[Any]:
    return Machine(schedule(parse_func(text), CompileOptions()), Recorder()).run(args)


def rows(text: str, extent: int) -> int:
    """The vector loops of this length."""
    body = schedule(parse_func(text), CompileOptions()).body
    loops = (s for s in walk(body) if isinstance(s, ir.For) and s.kind == "vector")
    return sum(getattr(loop.extent, "value", None) == extent for loop in loops)


ROTATED = """
    func f(r: f64[3, 3], v: f64[3, 20], x: f64[3, 20]) {
      a: f64[3, 20] = contract[spec="ij,jz->iz"] r v
      b: f64[3, 20] = build 3 20 { i: i64, z: i64
        p: f64 = get[inbounds] a i z
        q: f64 = get[inbounds] x i z
        s: f64 = mul p q
        yield s
      }
      yield b
    }
    """


def test_rows_of_a_product_are_made_together_and_used_at_once() -> None:
    assert rows(ROTATED, 20) == 1
    rng = np.random.default_rng(0)
    r, v, x = rng.normal(size=(3, 3)), rng.normal(size=(3, 20)), rng.normal(size=(3, 20))
    np.testing.assert_allclose(results(ROTATED, r, v, x)[0], (r @ v) * x, rtol=1e-13)


def test_a_reduction_goes_on_through_all_turns() -> None:
    text = """
        func f(n: i64, a: f64[n, 4]) {
          r: f64 = reduce[op="max"] 4 { i: i64
            s: f64 = reduce[op="sum"] n { j: i64
              p: f64 = get[inbounds] a j i
              q: f64 = mul p p
              yield q
            }
            yield s
          }
          yield r
        }
        """
    assert sum(isinstance(s, ir.For) for s in walk(schedule(parse_func(text), CompileOptions()).body)) == 1
    a = np.random.default_rng(1).normal(size=(30, 4))
    assert results(text, 30, a)[0] == pytest.approx((a * a).sum(axis=0).max(), rel=1e-13)


def test_what_reads_the_row_in_another_order_stays_behind() -> None:
    text = """
        func f(x: f64[20]) {
          a: f64[20] = build 20 { i: i64
            p: f64 = get[inbounds] x i
            s: f64 = exp p
            yield s
          }
          b: f64[20] = build 20 { k: i64
            j: i64 = sub 19 k
            u: f64 = get[inbounds] a k
            v: f64 = get[inbounds] a j
            w: f64 = sub u v
            yield w
          }
          yield a, b
        }
        """
    x = np.linspace(-1.0, 1.0, 20)
    assert rows(text, 20) == 2
    np.testing.assert_allclose(results(text, x)[1], np.exp(x) - np.exp(x[::-1]), rtol=1e-13, atol=1e-13)


DIRECTIONS = """
    func f(n: i64, m: i64, w: f64[n, m], x: f64[n], s: f64[m, 12]) {
      t: f64[m, 2, 12] = build m 2 12 { b: i64, c: i64, z: i64
        u: f64 = get[inbounds] s b z
        k: i64 = add c 1
        k2: f64 = convert[dtype="f64"] k
        v: f64 = mul u k2
        yield v
      }
      y: f64[n, 12] = build n { i: i64
        r: f64[12] = reduce[op="sum"] m { d: i64
          p: f64 = get[inbounds] w i d
          q: f64 = get[inbounds] x i
          row: f64[12] = build 12 { e: i64
            t0: f64 = get[inbounds] t d 0 e
            t1: f64 = get[inbounds] t d 1 e
            g0: f64 = mul t0 q
            g1: f64 = add g0 t1
            g2: f64 = mul g1 p
            yield g2
          }
          yield row
        }
        yield r
      }
      yield y
    }
    """


def moving(w: np.ndarray, x: np.ndarray, s: np.ndarray) -> np.ndarray:
    """The sums of `DIRECTIONS`, dense."""
    with np.errstate(invalid="ignore"):
        return ((x[:, None, None] * s + 2 * s) * w[:, :, None]).sum(axis=1)


def test_the_range_of_the_directions_is_found_once() -> None:
    text = format_program(schedule(parse_func(DIRECTIONS), CompileOptions()))
    assert "min(lowest) max(highest)" in text
    assert text.index("max(highest)") < text.index("+=")


@pytest.mark.parametrize("first, end", [(0, 12), (3, 5), (0, 1), (11, 12), (7, 7), (2, 11)])
def test_directions_outside_the_range_add_nothing(first: int, end: int) -> None:
    rng = np.random.default_rng(1)
    n, m = 9, 5
    w, x, s = rng.normal(size=(n, m)), rng.normal(size=n), np.zeros((m, 12))
    s[1:4, first:end] = rng.normal(size=(3, end - first))
    np.testing.assert_allclose(results(DIRECTIONS, n, m, w, x, s)[0], moving(w, x, s), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_zero_times_what_is_not_finite_is_not_skipped(bad: float) -> None:
    rng = np.random.default_rng(2)
    w, x, s = rng.normal(size=(9, 5)), rng.normal(size=9), np.zeros((5, 12))
    s[2, 4:6] = 1.0
    w[3, 1] = x[6] = bad
    found = results(DIRECTIONS, 9, 5, w, x, s)[0]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(moving(w, x, s)))
    assert np.isnan(found[3]).all() and np.isnan(found[6]).any() and not np.isnan(found[0]).any()


def test_a_literal_that_is_not_finite_makes_no_zeros() -> None:
    """0 times infinity is no number, for the directions outside the range too."""
    text = DIRECTIONS.replace("g2: f64 = mul g1 p", "g3: f64 = mul g1 p\n            g2: f64 = mul g3 inf")
    w, x, s = np.ones((9, 5)), np.ones(9), np.zeros((5, 12))
    s[:, 4:6] = 1.0
    found = results(text, 9, 5, w, x, s)[0]
    assert (found[:, 4:6] == np.inf).all() and np.isnan(found).sum() == 9 * 10


def test_a_direction_that_is_not_a_number_is_in_the_range() -> None:
    w, x, s = np.ones((9, 5)), np.ones(9), np.zeros((5, 12))
    s[4, 10] = np.nan
    found = results(DIRECTIONS, 9, 5, w, x, s)[0]
    assert np.isnan(found[:, 10]).all() and np.isnan(found).sum() == 9


@pytest.mark.parametrize("large", [1.0, np.inf, np.nan, 1e200, 1e308])
def test_a_common_factor_of_zero_hides_nothing(large: float) -> None:
    """0 times an element, or times a product that overflows, is what it is without the loop being left out."""
    rng = np.random.default_rng(4)
    w, x, s = rng.normal(size=(9, 5)), rng.normal(size=9), np.zeros((5, 12))
    w[rng.random((9, 5)) < 0.6] = 0.0
    w[5, 2] = 0.0
    s[:, 4:6], s[2, 3] = rng.normal(size=(5, 2)), large
    x[5] = 1e150
    with np.errstate(over="ignore"):
        expected = moving(w, x, s)
    np.testing.assert_allclose(results(DIRECTIONS, 9, 5, w, x, s)[0], expected, rtol=1e-12, atol=1e-14)


TEMPORARY = """
    func f(n: i64, k: i64, x: f64[n], w: f64[k]) {
      y: f64[n, k] = build n { i: i64
        p: f64 = get[inbounds] x i
        a: f64[k] = build k { j: i64
          q: f64 = get[inbounds] w j
          r: f64 = mul p q
          yield r
        }
        b: f64[k] = build k { l: i64
          u: f64 = get[inbounds] a l
          v: f64 = mul u u
          yield v
        }
        c: f64[k] = build k { m: i64
          h: f64 = get[inbounds] b m
          g: f64 = get[inbounds] a m
          d: f64 = mul h g
          yield d
        }
        yield c
      }
      yield y
    }
    """


def test_what_is_used_at_once_is_not_stored() -> None:
    body = schedule(parse_func(TEMPORARY), CompileOptions()).body
    assert not any(isinstance(s, ir.Allocate) for s in walk(body))
    x, w = np.linspace(-1.0, 2.0, 5), np.linspace(0.1, 0.7, 7)
    np.testing.assert_allclose(results(TEMPORARY, 5, 7, x, w)[0], np.outer(x, w) ** 3, rtol=1e-13)


def test_a_column_is_gathered_by_a_loop_of_its_own() -> None:
    text = """
        func f(n: i64, k: i64, x: f64[k, n]) {
          y: f64[n, k] = build n { i: i64
            a: f64[k] = build k { j: i64
              q: f64 = get[inbounds] x j i
              yield q
            }
            b: f64[k] = build k { l: i64
              u: f64 = get[inbounds] a l
              v: f64 = tanh u
              yield v
            }
            yield b
          }
          yield y
        }
        """
    body = schedule(parse_func(text), CompileOptions()).body
    assert sum(isinstance(s, ir.For) and s.kind == "vector" for s in walk(body)) == 2
    x = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
    np.testing.assert_allclose(results(text, 4, 3, x)[0], np.tanh(x.T), rtol=1e-13)


OVERWRITTEN = """
    func f(n: i64, x: f64[n], k: i64) {
      y: f64[n] = set[inbounds] x 0 7.0
      a: f64 = get[inbounds] y k
      z: f64[n] = set[inbounds] y k 5.0
      b: f64 = get[inbounds] z 0
      yield a, b
    }
    """


@pytest.mark.parametrize("k, expected", [(0, (7.0, 5.0)), (2, (3.0, 7.0))])
def test_a_store_that_may_meet_another_is_read_from_memory(k: int, expected: tuple[float, float]) -> None:
    assert tuple(results(OVERWRITTEN, 4, np.array([1.0, 2.0, 3.0, 4.0]), k)) == expected


def test_additions_to_other_rows_of_one_array_share_a_loop() -> None:
    text = """
        func f(n: i64, m: i64, x: f64[n]) {
          zero: f64[2, n] = build 2 n { i: i64, j: i64
            yield 0.0
          }
          y: f64[2, n] = accum zero { r: &f64[2, n]
            build m { t: i64
              build n { a: i64
                p: f64 = get[inbounds] x a
                add_to[inbounds] r 0 a p
                yield
              }
              build n { b: i64
                q: f64 = get[inbounds] x b
                s: f64 = mul q q
                add_to[inbounds] r 1 b s
                yield
              }
              yield
            }
            yield
          }
          yield y
        }
        """
    body = schedule(parse_func(text), CompileOptions()).body
    adding = [s for s in walk(body) if isinstance(s, ir.For) and any(isinstance(t, ir.Accumulate) for t in s.body)]
    rows = [{t.indices[0] for t in loop.body if isinstance(t, ir.Accumulate)} for loop in adding]
    assert rows and all(found == {integer(0), integer(1)} for found in rows)
    assert {loop.kind for loop in adding} == {"vector"}
    x = np.linspace(0.0, 1.0, 6)
    np.testing.assert_allclose(results(text, 6, 3, x)[0], np.stack([3 * x, 3 * x * x]), rtol=1e-13)
