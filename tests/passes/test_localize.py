"""Additions to one element in all turns of a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from difflang.core.ir import Func, walk
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.passes.localize import Localize
from tests.core.generators import arguments, functions
from tests.passes.checking import unchanged_value, value

X = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])


def program(*additions: str) -> Func:
    """Additions in a nest of loops over the elements v of x, at (i, j), into `a` and the scalar `s`."""
    lines = "\n".join(additions)
    return parse_func(f"""
        func f(n: i64, m: i64, k: i64, x: f64[n, m], z: f64[n, m]) {{
          a: f64[n, m], s: f64 = accum z 0.0 {{ r: &f64[n, m], t: &f64
            build n {{ i: i64
              build m {{ j: i64
                v: f64 = get[inbounds] x i j
                {lines}
                yield
              }}
              yield
            }}
            yield
          }}
          yield a, s
        }}
        """)


def run(func: Func, x: np.ndarray = X) -> list[Any]:
    verify(func)
    return value(func, [*x.shape, 0, x, np.zeros_like(x)])


def sums(func: Func) -> int:
    return sum(eqn.op == "accum" for eqn in walk(func.block)) - 1


def test_a_row_adds_to_its_first_element_once() -> None:
    func = Localize()(program("add_to[inbounds] r i 0 v"))
    assert sums(func) == 1
    assert run(func)[0].tolist() == [[7, 0, 0], [56, 0, 0]]


def test_all_rows_add_to_one_element() -> None:
    """The sum of a row is added in the loop over the rows, and so summed there again."""
    func = Localize()(program("add_to[inbounds] r 1 2 v", "add_to[inbounds] r 1 2 v"))
    assert sums(func) == 2
    assert run(func)[0].tolist() == [[0, 0, 0], [0, 0, 126]]


def test_the_same_array_elsewhere() -> None:
    func = Localize()(program("add_to[inbounds] r i 1 v", "add_to[inbounds] r 0 j v", "add_to t v"))
    found, total = run(func)
    expected = np.zeros((2, 3))
    expected[:, 1] += X.sum(1)
    expected[0] += X.sum(0)
    assert sums(func) == 1
    assert found.tolist() == expected.tolist()
    assert total == 63.0


@pytest.mark.parametrize("addition", ["add_to[inbounds] r i j v", "add_to r k k v", "add_to t v"])
def test_what_stays(addition: str) -> None:
    """Other places in every turn; a place that may not exist and no turn that finds out; a sum already."""
    func = program(addition)
    assert sums(Localize()(func)) == 0
    if "k" in addition:
        assert run(Localize()(func), np.zeros((0, 3)))[0].shape == (0, 3)


def test_too_many_sums_stay_in_memory() -> None:
    func = program("add_to[inbounds] r i 0 v", "add_to[inbounds] r i 1 v")
    assert sums(Localize(most=1)(func)) == 0
    assert sums(Localize(most=2)(func)) == 1


@given(functions(size=20))
@settings(max_examples=40, deadline=None)
def test_values_stay(func: Func) -> None:
    unchanged_value(Localize(), func, arguments(func))
