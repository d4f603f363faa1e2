"""Calls of compiled code: frames that are used again, by many threads, and after failures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from difflang_llvm.compiler import compiled_function

import difflang as dl
from difflang.core.parser import parse_func
from tests.llvm.running import UNCACHED

BRIEF = """func f(x: f64, y: f64) {
  p: bool = lt x y
  z: f64 = cond p {
    a: f64 = exp x
    yield a
  } {
    b: f64 = log y
    yield b
  }
  yield z
}"""
LOOP = """func f(n: i64) {
  y: f64 = reduce[op="sum"] n { i: i64
    a: f64 = convert[dtype="f64"] i
    yield a
  }
  yield y
}"""
MADE = """
fn spread(n: int, x: real[m], at: int) -> (real[2 * n], real) = ([real(i) for i in 0..2 * n], x[at])
fn kinds(a: real, k: int) -> (real, int, bool) = (a / 3, k * k, a > real(k))
"""


def test_what_has_no_loop_is_brief() -> None:
    assert compiled_function(parse_func(BRIEF), UNCACHED).interface.brief
    assert not compiled_function(parse_func(LOOP), UNCACHED).interface.brief


def test_scalars_stay_what_they_are_after_further_calls() -> None:
    kinds = dl.loads(MADE).kinds
    kinds(0.0, 0)
    first, second = kinds(1.0, 2), kinds(9.0, 3)
    assert first == (1.0 / 3, 4, False)
    assert second == (3.0, 9, True)
    assert [type(value) for value in first] == [np.float64, np.int64, np.bool_]


def test_threads_do_not_share_frames() -> None:
    kinds = dl.loads(MADE).kinds
    kinds(0.0, 0)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: kinds(3.0 * k, k), range(4000)))
    assert found == [(float(k), k * k, 2 * k > 0) for k in range(4000)]


def test_a_failure_leaves_the_results_of_earlier_calls() -> None:
    spread = dl.loads(MADE).spread
    x = np.array([1.0, 2.0])
    kept = [spread(50, x, 1)[0] for _ in range(3)]
    for _ in range(3):
        with pytest.raises(dl.DiffLangError, match="index"):
            spread(50, x, 2)
        kept.append(spread(50, x, 0)[0])
    for array in kept:
        np.testing.assert_array_equal(array, np.arange(100.0))
