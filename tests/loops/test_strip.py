"""Turns that meet one vector are taken several at a time; what is left over is done one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import difflang as dl
from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.schedule import schedule
from tests.loops.interpreter import Machine
from tests.loops.running import Recorder

COUNTS = [0, 1, 3, 4, 5, 7, 8, 9, 14]


def program(text: str) -> ir.Program:
    return schedule(parse_func(text), CompileOptions())


def results(text: str, *args: Any) -> Sequence[Any]:
    return Machine(program(text), Recorder()).run(args)


def together(text: str) -> int:
    """The most additions, to memory or in a register, that one vector loop makes."""
    loops = [s for s in ir.walk(program(text).body) if isinstance(s, ir.For) and s.kind == "vector"]
    return max(len(s.reductions) + sum(isinstance(t, ir.Accumulate) for t in s.body) for s in loops)


PRODUCT = """
    func f(n: i64, m: i64, a: f64[n, m], v: f64[m]) {
      y: f64[n] = contract[spec="ij,j->i"] a v
      yield y
    }
    """

ROWS = """
    func f(n: i64, m: i64, a: f64[n, m], v: f64[m]) {
      y: f64[m] = reduce[op="sum"] n { i: i64
        t: f64 = reduce[op="sum"] m { k: i64
          p: f64 = get[inbounds] a i k
          q: f64 = get[inbounds] v k
          r: f64 = mul p q
          yield r
        }
        z: f64[m] = build m { j: i64
          b: f64 = get[inbounds] a i j
          w: f64 = mul t b
          yield w
        }
        yield z
      }
      yield y
    }
    """

LARGEST = """
    func f(n: i64, m: i64, a: f64[n, m], v: f64[m]) {
      y: f64 = reduce[op="max"] n { i: i64
        t: f64 = reduce[op="sum"] m { k: i64
          p: f64 = get[inbounds] a i k
          q: f64 = get[inbounds] v k
          r: f64 = mul p q
          yield r
        }
        yield t
      }
      yield y
    }
    """

VALUES = [(PRODUCT, lambda a, v: a @ v), (ROWS, lambda a, v: a.T @ (a @ v)), (LARGEST, lambda a, v: np.max(a @ v))]


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize(("text", "expected"), VALUES, ids=["product", "rows", "largest"])
def test_any_number_of_turns(text: str, expected: Any, n: int) -> None:
    assert together(text) == 4
    rng = np.random.default_rng(n)
    a, v = rng.normal(size=(n, 5)), rng.normal(size=5)
    wanted = expected(a, v) if n or text is not LARGEST else -np.inf
    np.testing.assert_allclose(results(text, n, 5, a, v)[0], wanted, rtol=1e-13, atol=1e-15)


def test_many_sums_take_fewer_turns() -> None:
    """Three sums of each of two turns stay in eight registers."""
    text = """
        func f(n: i64, m: i64, a: f64[n, m], v: f64[m]) {
          x: f64[n], y: f64[n], z: f64[n] = build n { i: i64
            p: f64, q: f64, r: f64 = reduce[op="sum"] m { j: i64
              b: f64 = get[inbounds] a i j
              c: f64 = get[inbounds] v j
              d: f64 = mul b c
              e: f64 = mul d c
              g: f64 = mul e b
              yield d, e, g
            }
            yield p, q, r
          }
          yield x, y, z
        }
        """
    assert together(text) == 6
    rng = np.random.default_rng(0)
    a, v = rng.normal(size=(9, 4)), rng.normal(size=4)
    x, y, z = results(text, 9, 4, a, v)
    for found, wanted in ((x, a @ v), (y, a @ v**2), (z, a**2 @ v**2)):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_rows_of_different_lengths_stay_apart() -> None:
    text = """
        func f(n: i64, a: f64[n, n], v: f64[n]) {
          y: f64[n] = build n { i: i64
            s: f64 = reduce[op="sum"] i { j: i64
              p: f64 = get[inbounds] a i j
              q: f64 = get[inbounds] v j
              r: f64 = mul p q
              yield r
            }
            yield s
          }
          yield y
        }
        """
    assert together(text) == 1
    rng = np.random.default_rng(1)
    a, v = rng.normal(size=(9, 9)), rng.normal(size=9)
    np.testing.assert_allclose(results(text, 9, a, v)[0], np.tril(a, -1) @ v, rtol=1e-13, atol=1e-15)
    few = text.replace("n: i64, ", "").replace("[n, n]", "[4, 4]").replace("[n]", "[4]").replace("build n", "build 4")
    np.testing.assert_allclose(results(few, a[:4, :4].copy(), v[:4])[0], np.tril(a[:4, :4], -1) @ v[:4], rtol=1e-13)


def test_turns_that_share_nothing_stay_as_they_are() -> None:
    text = """
        func f(n: i64, m: i64, a: f64[n, m]) {
          y: f64[n] = build n { i: i64
            s: f64 = reduce[op="sum"] m { j: i64
              p: f64 = get[inbounds] a i j
              yield p
            }
            yield s
          }
          yield y
        }
        """
    assert together(text) == 1


@pytest.mark.parametrize("precision", ["f64", "f32"])
@pytest.mark.parametrize("n", [1, 6, 67])
def test_compiled_products_on_any_number_of_threads(n: int, precision: str) -> None:
    """Two threads and five give the same bits, and those of one thread that is deterministic."""
    module = dl.loads("fn f(a: real[n, m], v: real[m]) -> (real[n], real[m]) = (a @ v, a.T @ (a @ v))")
    dtype, tolerance = (np.float64, 1e-13) if precision == "f64" else (np.float32, 1e-5)
    rng = np.random.default_rng(n)
    a, v = rng.normal(size=(n, 33)).astype(dtype), rng.normal(size=33).astype(dtype)
    runs = [module.f.on(precision=precision, threads=count, deterministic=count == 1)(a, v) for count in (1, 2, 5)]
    for y, z in runs:
        np.testing.assert_allclose(y, a @ v, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(z, a.T @ (a @ v), rtol=tolerance, atol=10 * tolerance)
        np.testing.assert_array_equal(y, runs[0][0])
        np.testing.assert_array_equal(z, runs[0][1])
