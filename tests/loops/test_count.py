"""Counts of flops and bytes, against those worked out by hand."""

from __future__ import annotations

import pytest

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops.count import ELEMENTARY, Work, work
from difflang.loops.schedule import schedule


def counted(text: str, *arguments: object) -> Work:
    return work(schedule(parse_func(text), CompileOptions()), arguments)


DOT = """func f(n: i64, x: f64[n], y: f64[n]) {
  s: f64 = reduce[op="sum"] n { i: i64
    a: f64 = get[inbounds] x i
    b: f64 = get[inbounds] y i
    p: f64 = mul a b
    yield p
  }
  yield s
}"""
TRIANGLE = """func f(n: i64, x: f64[n, n]) {
  y: f64[n] = build n { i: i64
    s: f64 = reduce[op="sum"] i { j: i64
      a: f64 = get[inbounds] x i j
      yield a
    }
    yield s
  }
  yield y
}"""
SHARED = TRIANGLE.replace("f64[n, n]", "f64[n]").replace("get[inbounds] x i j", "get[inbounds] x j")
EXPONENTIALS = """func f(n: i64, x: f32[n]) {
  y: f32[n] = build n { i: i64
    a: f32 = get[inbounds] x i
    e: f32 = exp a
    yield e
  }
  yield y
}"""
HALVES = """func f(x: f64) {
  y: f64, n: i64 = while[carries=1] x { a: f64
    p: bool = gt a 1.0
    yield p
  } { c: f64
    b: f64 = mul c 0.5
    yield b
  }
  yield y
}"""
MATRICES = """func f(n: i64, m: i64, k: i64, a: f64[n, m], b: f64[m, k]) {
  c: f64[n, k] = contract[spec="ij,jk->ik"] a b
  yield c
}"""


@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_a_dot_product(n: int) -> None:
    assert counted(DOT, n, None, None) == Work(2 * n, 16 * n)


@pytest.mark.parametrize("n", [3, 5, 101])
def test_loops_that_grow_with_the_index_of_another(n: int) -> None:
    assert counted(TRIANGLE, n, None) == Work(n * (n - 1) // 2, 8 * (n * (n - 1) // 2 + n))


@pytest.mark.parametrize("n", [3, 7, 23])
def test_what_rows_share_is_read_once(n: int) -> None:
    """Groups of four rows read what the last of them needs; the rows that are left read all that they need."""
    left = range(n // 4 * 4, n)
    read = sum(4 * group + 3 for group in range(n // 4)) + sum(left)
    assert counted(SHARED, n, None) == Work(n * (n - 1) // 2, 8 * (read + n))


def test_elementary_functions_and_narrow_floats() -> None:
    assert counted(EXPONENTIALS, 10, None) == Work(10 * ELEMENTARY, 80)


@pytest.mark.parametrize("sizes", [(100, 200, 300), (2, 3, 4)])
def test_products_of_matrices_in_the_library_and_in_loops(sizes: tuple[int, int, int]) -> None:
    n, m, k = sizes
    found = counted(MATRICES, n, m, k, None, None)
    assert found.known
    assert found.flops == 2 * n * m * k


def test_what_the_data_decide_is_said_to_be_an_estimate() -> None:
    assert counted(HALVES, 100.0) == Work(2, 0, known=False)
