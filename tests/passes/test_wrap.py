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
from tests.passes.checking import value


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


@pytest.mark.parametrize(
    ("subscript", "left"),
    [
        ("a: i64 = add i 1\nj: i64 = mod a n\nb: i64 = add j n\nc: i64 = sub b 1\nk: i64 = mod c n", 0),
        ("a: i64 = sub i 1\nj: i64 = mod a n\nb: i64 = add j 1\nk: i64 = mod b n", 0),
        ("a: i64 = add i 1\nj: i64 = mod a n\nb: i64 = add j 1\nk: i64 = mod b n", 1),
        ("a: i64 = add i 1\nj: i64 = mod a n\nb: i64 = add j h\nk: i64 = mod b n", 1),
        ("a: i64 = sub i 1\nj: i64 = mod a n\nb: i64 = add j 1\nk: i64 = mod b h", 1),
    ],
)
def test_there_and_back_is_the_index_itself(subscript: str, left: int) -> None:
    assert remainders(text(subscript)) == left
    m, h, x = 7, 3, np.arange(7.0)
    (found,) = value(Wrap()(parse_func(text(subscript))), [m, h, x])
    (expected,) = value(parse_func(text(subscript)), [m, h, x])
    np.testing.assert_array_equal(found, expected)
    if left == 0:
        np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize("backend", ["reference", "llvm", "c"])
def test_the_gradient_of_coupled_maps_on_a_ring(backend: str) -> None:
    """Against complex steps in NumPy, for rings of few elements too."""
    m = dl.loads("""
fn f(x0: real[n], steps: int) -> real:
    var x = x0
    for t in 0..steps:
        x = [2.0 * x[i] * (1.0 - x[i]) + 0.3 * x[(i + 1) % n] * (1.0 - x[(i + 1) % n])
             + 0.2 * x[(i + n - 1) % n] * (1.0 - x[(i + n - 1) % n]) for i in 0..n]
    return sum(x)
""")

    def f(x: np.ndarray, steps: int) -> complex:
        for _ in range(steps):
            g = x * (1.0 - x)
            x = 2.0 * g + 0.3 * np.roll(g, -1) + 0.2 * np.roll(g, 1)
        return x.sum()

    gradient = dl.grad(m.f.on(backend=backend))
    for n in (1, 2, 3, 5, 20):
        x = np.random.default_rng(n).uniform(0.2, 0.8, n)
        expected = [f(x + 1e-30j * row, 4).imag / 1e-30 for row in np.eye(n)]
        np.testing.assert_allclose(gradient(x, 4), expected, rtol=1e-13)
