"""Remainders of indices: in loops over rings nothing is divided, and the elements are those that NumPy rolls there."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl
from difflang.core.ir import walk
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.passes import PASSES
from difflang.passes.model import Pipeline
from difflang.passes.wrap import Wrap


def text(subscript: str) -> str:
    """An array read at a subscript, which is called `k`."""
    return f"""
        func f(n: i64, h: i64, x: f64[n]) {{
          y: f64[n] = build n {{ i: i64
            {subscript}
            v: f64 = get x k
            yield v
          }}
          yield y
        }}
        """


def remainders(program: str) -> int:
    after = Wrap()(parse_func(program))
    verify(after)
    return sum(eqn.op == "mod" for eqn in walk(after.block))


@pytest.mark.parametrize(
    ("subscript", "left"),
    [
        ("k: i64 = mod i n", 0),
        ("j: i64 = add i 1\nk: i64 = mod j n", 0),
        ("j: i64 = sub i 1\nk: i64 = mod j n", 0),
        ("h1: i64 = add i n\nj: i64 = sub h1 1\nk: i64 = mod j n", 0),
        ("j: i64 = sub i n\nk: i64 = mod j n", 0),
        ("j: i64 = add i 2\nk: i64 = mod j n", 1),
        ("j: i64 = sub i 2\nk: i64 = mod j n", 1),
        ("j: i64 = add i h\nk: i64 = mod j n", 1),
        ("k: i64 = mod i h", 1),
    ],
)
def test_a_division_is_left_where_more_than_one_turn_is_possible(subscript: str, left: int) -> None:
    assert remainders(text(subscript)) == left


@pytest.mark.parametrize("shift", [-3, -1, 0, 1, 2])
@pytest.mark.parametrize("backend", ["reference", "llvm", "c"])
def test_rolled_arrays(shift: int, backend: str) -> None:
    m = dl.loads(f"fn f(x: real[n]) -> real[n] = [x[(i + ({shift})) % n] + 0.5 * x[(i + n - 1) % n] for i in 0..n]")
    for n in (0, 1, 2, 3, 17):
        x = np.random.default_rng(n).normal(size=n)
        expected = np.roll(x, -shift) + 0.5 * np.roll(x, 1)
        np.testing.assert_array_equal(m.f.on(backend=backend)(x), expected)


def test_what_is_read_at_a_remainder_is_in_range() -> None:
    after = Pipeline(PASSES)(parse_func(text("j: i64 = add i h\nk: i64 = mod j n")))
    reads = [eqn for eqn in walk(after.block) if eqn.op == "get"]
    assert reads
    assert all(eqn.attrs.get("inbounds") for eqn in reads)


def test_a_remainder_of_another_size_is_checked() -> None:
    m = dl.loads("fn f(x: real[n], m: int) -> real[n] = [x[(i + 1) % m] for i in 0..n]")
    np.testing.assert_array_equal(m.f(np.arange(3.0), 2), [1, 0, 1])
    with pytest.raises(dl.DiffLangError) as caught:
        m.f(np.arange(3.0), 4)
    assert caught.value.code == "E0801"
    with pytest.raises(dl.DiffLangError) as caught:
        m.f(np.arange(3.0), 0)
    assert caught.value.code == "E0802"
