"""Turns that meet one vector are taken several at a time; what is left over is done one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import difflang as dl
from difflang.loops import ir
from difflang.loops.bodies import walk
from tests.loops.running import program, results

COUNTS = [0, 1, 3, 4, 5, 7, 8, 9, 14]


def together(text: str) -> int:
    """The most additions, to memory or in a register, that one vector loop makes."""
    loops = [s for s in walk(program(text).body) if isinstance(s, ir.For) and s.kind == "vector"]
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


def triangle(length: str, *lines: str) -> str:
    """The product of a lower triangle with a vector; row i has `length` elements."""
    return f"""
        func f(n: i64, a: f64[n, n], v: f64[n]) {{
          y: f64[n] = build n {{ i: i64
            {" ".join(lines)}
            s: f64 = reduce[op="sum"] {length} {{ j: i64
              p: f64 = get[inbounds] a i j
              q: f64 = get[inbounds] v j
              r: f64 = mul p q
              yield r
            }}
            yield s
          }}
          yield y
        }}
        """


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize(
    ("text", "above"), [(triangle("i"), -1), (triangle("l", "l: i64 = add i 1"), 0)], ids=["below", "with the diagonal"]
)
def test_rows_that_grow_go_together_as_far_as_the_first(text: str, above: int, n: int) -> None:
    assert together(text) == 4
    rng = np.random.default_rng(n)
    a, v = rng.normal(size=(n, n)), rng.normal(size=n)
    np.testing.assert_allclose(results(text, n, a, v)[0], np.tril(a, above) @ v, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("text", "above"),
    [(triangle("l", "l: i64 = add i -1"), -2), (triangle("l", "l: i64 = sub n i"), None)],
    ids=["from a negative length", "shrinking"],
)
def test_rows_of_other_lengths_stay_apart(text: str, above: int | None) -> None:
    assert together(text) == 1
    rng = np.random.default_rng(1)
    a, v = rng.normal(size=(9, 9)), rng.normal(size=9)
    shrinking = np.where(np.add.outer(np.arange(9), np.arange(9)) < 9, a, 0.0)
    wanted = shrinking if above is None else np.tril(a, above)
    np.testing.assert_allclose(results(text, 9, a, v)[0], wanted @ v, rtol=1e-13, atol=1e-15)


def test_short_triangles_have_rows_of_their_own() -> None:
    text = triangle("i").replace("n: i64, ", "").replace("[n, n]", "[4, 4]").replace("[n]", "[4]")
    a, v = np.arange(16.0).reshape(4, 4), np.array([1.0, -2.0, 3.0, 0.5])
    np.testing.assert_allclose(results(text.replace("build n", "build 4"), a, v)[0], np.tril(a, -1) @ v, rtol=1e-13)


def test_additions_of_several_turns_to_one_place_are_one() -> None:
    """The gradient of |L v|^2 / 2 in a triangle L and in v: L v v^T and L^T L v."""
    text = """
        func f(n: i64, a: f64[n, n], v: f64[n]) {
          zeros: f64[n] = build n { o: i64
            yield 0.0
          }
          empty: f64[n, n] = build n n { t: i64, l: i64
            yield 0.0
          }
          x: f64[n], y: f64[n, n] = accum zeros empty { g: &f64[n], h: &f64[n, n]
            build n { i: i64
              m: i64 = add i 1
              s: f64 = reduce[op="sum"] m { j: i64
                p: f64 = get[inbounds] a i j
                q: f64 = get[inbounds] v j
                r: f64 = mul p q
                yield r
              }
              build m { k: i64
                b: f64 = get[inbounds] a i k
                c: f64 = get[inbounds] v k
                d: f64 = mul s b
                e: f64 = mul s c
                add_to[inbounds] g k d
                add_to[inbounds] h i k e
                yield
              }
              yield
            }
            yield
          }
          yield x, y
        }
        """
    loops = [s for s in walk(program(text).body) if isinstance(s, ir.For) and s.kind == "vector"]
    assert max(sum(isinstance(t, ir.Accumulate) for t in loop.body) for loop in loops) == 5
    for n in COUNTS:
        rng = np.random.default_rng(n)
        a, v = rng.normal(size=(n, n)), rng.normal(size=n)
        lower = np.tril(a)
        x, y = results(text, n, a, v)
        np.testing.assert_allclose(x, lower.T @ (lower @ v), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(y, np.tril(np.outer(lower @ v, v)), rtol=1e-12, atol=1e-14)


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
