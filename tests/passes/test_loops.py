"""Nests, gathers, fusion, inlining and contractions: text in, text out; and the whole pipeline on random programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from difflang.core.ir import Func, walk
from difflang.core.parser import parse_func
from difflang.passes import PASSES
from difflang.passes.contract import Contract
from difflang.passes.dead import DeadCode
from difflang.passes.fuse import Fuse
from difflang.passes.gather import Gather
from difflang.passes.inline import Inline
from difflang.passes.interchange import Interchange
from difflang.passes.model import Pass, Pipeline
from difflang.passes.nest import Nest
from difflang.passes.share import Share
from difflang.passes.simplify import Simplify
from tests.core.generators import arguments, functions
from tests.passes.checking import VECTORS, after, unchanged_value, value

OPTIMIZE = Pipeline(PASSES)


@given(functions(size=24))
@settings(max_examples=100, deadline=None)
def test_values_stay(func: Func) -> None:
    unchanged_value(OPTIMIZE, func, arguments(func))


@pytest.mark.parametrize(
    "step",
    [Nest(), Gather(), Fuse(), Inline(), Contract(), Interchange(), Share()],
    ids=lambda step: type(step).__name__,
)
def test_each_pass_alone_keeps_the_value(step: Pass) -> None:
    @given(functions(size=16))
    @settings(max_examples=40, deadline=None)
    def check(func: Func) -> None:
        unchanged_value(Pipeline((Simplify(), step)), func, arguments(func))

    check()


# --- nests ---


def test_a_perfect_nest_is_one_loop() -> None:
    lines = """\
b: f64[n, m] = build n { i: i64
r: f64[m] = build m { j: i64
v: f64 = get a i j
e: f64 = exp v
yield e
}
yield r
}
yield b"""
    assert after(Nest(), lines, VECTORS) == (
        "b: f64[n, m] = build n m { i: i64, j: i64; v: f64 = get a i j; e: f64 = exp v; yield e; }; yield b"
    )


def test_a_ragged_nest_stays() -> None:
    lines = """\
b: f64 = reduce[op="sum"] n { i: i64
r: f64 = reduce[op="sum"] i { j: i64
v: f64 = get x j
yield v
}
yield r
}
yield b"""
    assert after(Nest(), lines, VECTORS).count("reduce") == 2


def test_a_loop_that_fills_an_array_is_a_build() -> None:
    lines = """\
b: f64[n] = fold[carries=1] n x { i: i64, c: f64[n]
v: f64 = get y i
e: f64 = exp v
d: f64[n] = set c i e
yield d
}
yield b"""
    expected = "b: f64[n] = build n { i: i64; v: f64 = get y i; e: f64 = exp v; yield e; }; yield b"
    assert after(Nest(), lines, VECTORS) == expected


def test_a_loop_that_reads_what_it_fills_stays() -> None:
    lines = """\
b: f64[n] = fold[carries=1] n x { i: i64, c: f64[n]
v: f64 = get c i
e: f64 = exp v
d: f64[n] = set c i e
yield d
}
yield b"""
    assert "fold" in after(Nest(), lines, VECTORS)


# --- gathers ---

ZEROS = "z: f64[n] = build n { k: i64\nyield 0.0\n}\nzw: f64[m] = build m { k2: i64\nyield 0.0\n}\n"


def test_additions_at_the_loop_index_are_a_build() -> None:
    lines = (
        ZEROS
        + """\
g: f64[n] = accum z { r: &f64[n]
build n { i: i64
v: f64 = get x i
e: f64 = exp v
add_to r i e
yield
}
yield
}
yield g"""
    )
    assert after(Gather(), lines, VECTORS).endswith(
        "= build n { i: i64; v: f64 = get x i; e: f64 = exp v; yield e; }; yield %1"
    )


def test_additions_at_the_outer_index_are_a_build_of_sums() -> None:
    lines = (
        ZEROS
        + """\
g: f64[n] = accum z { r: &f64[n]
build n { i: i64
s: f64 = get x i
build m { j: i64
v: f64 = get w j
p: f64 = mul v s
add_to r i p
yield
}
yield
}
yield
}
yield g"""
    )
    text = after(Gather(), lines, VECTORS)
    assert "add_to" not in text
    assert 'reduce[op="sum"] m { ' in text


def test_additions_at_the_inner_index_of_a_nest_are_a_build_of_sums() -> None:
    lines = (
        ZEROS
        + """\
g: f64[m] = accum zw { r: &f64[m]
build n m { i: i64, j: i64
v: f64 = get a i j
u: f64 = get x i
p: f64 = mul v u
add_to r j p
yield
}
yield
}
yield g"""
    )
    text = after(Pipeline((Gather(), Simplify(), DeadCode(), Contract())), lines, VECTORS)
    assert text == '%1: f64[m] = contract[spec="ji,j->i"] a x; yield %1'


def test_additions_to_a_scalar_are_a_sum() -> None:
    lines = """\
g: f64 = accum 0.0 { r: &f64
build n { i: i64
v: f64 = get x i
add_to r v
yield
}
yield
}
yield g"""
    assert (
        after(Gather(), lines, VECTORS)
        == '%1: f64 = reduce[op="sum"] n { i: i64; v: f64 = get x i; yield v; }; yield %1'
    )


def test_what_is_lifted_leaves_the_scatter_in_place() -> None:
    """One accumulator is at the loop index, the other is not: one loop still serves both."""
    lines = (
        ZEROS
        + """\
g: f64[n], h: f64[n] = accum z z { r: &f64[n], q: &f64[n]
build n { i: i64
v: f64 = get x i
e: f64 = exp v
t: f64 = tanh e
u: f64 = sin t
add_to r i u
add_to q 0 u
yield
}
yield
}
yield g, h"""
    )
    text = after(Gather(), lines, VECTORS)
    assert text.count("add_to") == 1
    assert text.count("exp") == 1
    assert "f64[n], " in text


def test_an_initial_value_is_added() -> None:
    text = """\
func f(n: i64, x: f64[n], y: f64[n]) {
  g: f64[n] = accum y { r: &f64[n]
    build n { i: i64
      v: f64 = get x i
      add_to r i v
      yield
    }
    yield
  }
  yield g
}
"""
    x, y = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    func = OPTIMIZE(parse_func(text))
    np.testing.assert_array_equal(value(func, [2, x, y])[0], [11.0, 22.0])
    assert not any(eqn.op == "accum" for eqn in walk(func.block))


@pytest.mark.parametrize("place", ["0", "kk"])
def test_other_additions_stay(place: str) -> None:
    lines = (
        ZEROS
        + f"""\
g: f64[n] = accum z {{ r: &f64[n]
build n {{ i: i64
v: f64 = get x i
kk: i64 = mul i i
add_to r {place} v
yield
}}
yield
}}
yield g"""
    )
    assert "add_to" in after(Gather(), lines, VECTORS)


def test_additions_under_a_condition_stay() -> None:
    lines = (
        ZEROS
        + """\
g: f64[n] = accum z { r: &f64[n]
build n { i: i64
v: f64 = get x i
p: bool = lt v 0.0
cond p {
add_to r i v
yield
} {
yield
}
yield
}
yield
}
yield g"""
    )
    assert "add_to" in after(Gather(), lines, VECTORS)
