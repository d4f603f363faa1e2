"""Effects, failures and their order."""

from __future__ import annotations

import numpy as np

from difflang.backend.protocol import CompileOptions
from tests.loops.running import agree_text, failing

A = np.arange(1.0, 7.0).reshape(2, 3)
B = np.cos(np.arange(12.0)).reshape(3, 4)
V = np.array([3.0, -1.0, 2.0])


def test_effects_in_order_and_externs() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          y: f64[n], s: f64 = extern[name="twice"] x n
          fold[carries=0] n { i: i64
            v: f64 = get y i
            print[template="{0}: {1}"] i v
            report[names=("step", "value")] i v
            yield
          }
          print[template="{0}"] y
          z: f64[n] = set y 0 s
          yield y, z
        }
        """
    agree_text(text, 3, V, twice=lambda x, n: [2 * x, float(n)])


def test_an_index_out_of_range() -> None:
    text = """
        func f(n: i64, m: i64, a: f64[n, m], i: i64) {
          v: f64 = get a 0 i
          yield v
        }
        """
    for i in (-1, 3):
        assert failing(text, 2, 3, A, i).code == "E0801"
    agree_text(text, 2, 3, A, 2)


def test_updates_out_of_range() -> None:
    for line in ("b: f64[n] = set a i 1.0", "b: f64[n] = accum a { r: &f64[n]\n add_to r i 1.0\n yield\n}"):
        text = f"""
            func f(n: i64, a: f64[n], i: i64) {{
              {line}
              yield b
            }}
            """
        assert failing(text, 3, V, 3).code == "E0801"
        agree_text(text, 3, V, 2)


def test_division_by_zero_and_assertions() -> None:
    text = """
        func f(a: i64, b: i64) {
          p: bool = lt a 100
          assert[code="E0803", message="a is {0}"] p a
          q: i64 = floordiv a b
          r: i64 = mod a 7
          yield q, r
        }
        """
    agree_text(text, -20, 7)
    assert failing(text, 5, 0).code == "E0802"
    assert "a is 200" in str(failing(text, 200, 1))


def test_nan_is_refused_where_it_is_made() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          y: f64[n] = build n { i: i64
            v: f64 = get x i
            w: f64 = log v
            yield w
          }
          yield y
        }
        """
    assert failing(text, 3, V, options=CompileOptions(check_nan=True)).code == "E0806"


def test_a_branch_that_is_not_taken_is_not_run() -> None:
    text = """
        func f(n: i64, x: f64[n], i: i64) {
          p: bool = lt i n
          v: f64, w: i64 = cond p {
            u: f64 = get x i
            yield u, 1
          } {
            yield 0.0, i
          }
          yield v, w
        }
        """
    for i in (1, 5):
        agree_text(text, 3, V, i)
