"""Fusion, inlining, contraction and interchange: text in, text out."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.passes import PASSES
from difflang.passes.contract import Contract
from difflang.passes.dead import DeadCode
from difflang.passes.fuse import Fuse
from difflang.passes.inline import Inline
from difflang.passes.interchange import Interchange
from difflang.passes.model import Pipeline
from difflang.passes.simplify import Simplify
from tests.passes.checking import VECTORS, after, value

OPTIMIZE = Pipeline(PASSES)


# --- fusion ---


def test_loops_over_the_same_extents_join_and_pass_scalars() -> None:
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
c: f64[n] = build n { j: i64
u: f64 = get b j
s: f64 = sin u
yield s
}
yield b, c"""
    assert after(Fuse(), lines, VECTORS) == (
        "b: f64[n], c: f64[n] = build n { i: i64; v: f64 = get x i; "
        "e: f64 = exp v; s: f64 = sin e; yield e, s; }; yield b, c"
    )


def test_sums_join() -> None:
    lines = """\
b: f64 = reduce[op="sum"] n { i: i64
v: f64 = get x i
yield v
}
c: f64 = reduce[op="sum"] n { j: i64
u: f64 = get x j
s: f64 = mul u u
yield s
}
yield b, c"""
    assert after(Fuse(), lines, VECTORS).count("reduce") == 1


MIXED = """\
b: f64 = reduce[op="sum"] n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
c: f64[n] = build n { j: i64
u: f64 = get x j
s: f64 = mul u 2.0
yield s
}
yield b, c"""


def test_sums_and_builds_join() -> None:
    assert after(Fuse(), MIXED, VECTORS).count("build") == 1
    assert after(Fuse(mixed=True), MIXED, VECTORS) == (
        "b: f64, c: f64[n] = accum 0.0 { %1: &f64; c.1: f64[n] = build n { i: i64; v: f64 = get x i; "
        "e: f64 = exp v; add_to %1 e; s: f64 = mul v 2.0; yield s; }; yield c.1; }; yield b, c"
    )


def test_a_sum_of_what_a_build_makes_joins_it_and_what_needs_the_sum_does_not() -> None:
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
s: f64 = reduce[op="sum"] n { j: i64
u: f64 = get b j
yield u
}
c: f64[n] = build n { k: i64
z: f64 = get b k
q: f64 = div z s
yield q
}
yield c"""
    text = after(Fuse(mixed=True), lines, VECTORS)
    assert text.count("accum") == 1
    assert text.count("build") == 2
    func = parse_func(f"func f({VECTORS}) {{\n{lines}\n}}")
    x = np.linspace(-1.0, 2.0, 5)
    (found,) = value(Fuse(mixed=True)(func), [5, 2, x, x, np.ones((5, 2)), np.ones(2)])
    np.testing.assert_allclose(found, np.exp(x) / np.exp(x).sum(), rtol=1e-14)


def test_an_array_valued_sum_is_whole_before_it_is_read() -> None:
    lines = """\
b: f64[n] = reduce[op="sum"] n { i: i64
r: f64[n] = build n { j: i64
v: f64 = get x i
u: f64 = get y j
p: f64 = mul u v
yield p
}
yield r
}
s: f64 = reduce[op="sum"] n { k: i64
z: f64 = get b k
yield z
}
yield s"""
    assert after(Fuse(mixed=True), lines, VECTORS).count("reduce") == 2


def test_a_loop_that_needs_the_whole_of_another_does_not_join() -> None:
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
c: f64[n] = build n { j: i64
u: f64 = get b 0
s: f64 = get x j
t: f64 = mul u s
yield t
}
yield b, c"""
    assert after(Fuse(), lines, VECTORS).count("build") == 2


def test_loops_do_not_join_across_an_effect() -> None:
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
z: f64 = neg v
yield z
}
print[template="here"]
c: f64[n] = build n { j: i64
u: f64 = get x j
e: f64 = exp u
yield e
}
yield b, c"""
    assert after(Fuse(), lines, VECTORS).count("build") == 2


# --- inlining ---


def test_an_array_read_once_is_computed_where_it_is_read() -> None:
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
c: f64 = reduce[op="sum"] n { j: i64
u: f64 = get b j
yield u
}
yield c"""
    assert after(Inline(), lines, VECTORS) == (
        'c: f64 = reduce[op="sum"] n { j: i64; v: f64 = get x j; e: f64 = exp v; yield e; }; yield c'
    )


def test_dear_elements_are_not_computed_again_and_again() -> None:
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
c: f64[n, m] = build n m { j: i64, k: i64
u: f64 = get b j
q: f64 = get a j k
p: f64 = mul u q
yield p
}
yield c"""
    assert after(Inline(), lines, VECTORS).count("build") == 2


def test_views_disappear_wherever_they_are_read() -> None:
    lines = """\
t: f64[m, n] = build m n { i: i64, j: i64
v: f64 = get a j i
yield v
}
c: f64[m, m] = build m m { p: i64, q: i64
s: f64 = reduce[op="sum"] n { k: i64
l: f64 = get t p k
r: f64 = get t q k
o: f64 = mul l r
yield o
}
yield s
}
yield c"""
    text = after(Pipeline((Inline(), Simplify(), DeadCode(), Contract())), lines, VECTORS)
    assert text == 'c: f64[m, m] = contract[spec="ki,kj->ij"] a a; yield c'


def test_an_array_that_is_a_result_stays() -> None:
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
c: f64 = reduce[op="sum"] n { j: i64
u: f64 = get b j
yield u
}
yield b, c"""
    assert after(Inline(), lines, VECTORS).count("get b j") == 1


def test_an_unchecked_index_is_not_forgotten() -> None:
    """The read may fail; computing the element instead could not."""
    lines = """\
b: f64[n] = build n { i: i64
v: f64 = get x i
e: f64 = exp v
yield e
}
u: f64 = get b m
yield u"""
    assert "get b m" in after(Inline(), lines, VECTORS)


# --- contractions ---


@pytest.mark.parametrize("body", ["l: f64 = get a p k\nr: f64 = get w 0", "l: f64 = get a p k\nr: f64 = get a p k"])
def test_what_is_no_contraction_stays(body: str) -> None:
    lines = f"""\
c: f64[n] = build n {{ p: i64
s: f64 = reduce[op="sum"] m {{ k: i64
{body}
o: f64 = mul l r
q: f64 = add o 1.0
yield q
}}
yield s
}}
yield c"""
    assert "contract" not in after(Contract(), lines, VECTORS)


# --- interchange ---

COLUMNS = """\
c: f64[m] = build m {{ j: i64
s: f64 = reduce[op="sum"] n {{ i: i64
v: f64 = get a {subscript}
e: f64 = exp v
yield e
}}
yield s
}}
yield c"""


def test_a_sum_over_columns_adds_rows() -> None:
    assert after(Interchange(), COLUMNS.format(subscript="i j"), VECTORS) == (
        'c: f64[m] = reduce[op="sum"] n { i: i64; %1: f64[m] = build m { j: i64; '
        "v: f64 = get a i j; e: f64 = exp v; yield e; }; yield %1; }; yield c"
    )


def test_a_sum_along_rows_stays() -> None:
    lines = COLUMNS.format(subscript="j i")
    assert after(Interchange(), lines, "n: i64, m: i64, a: f64[m, n]").startswith("c: f64[m] = build m")


def test_short_loops_stay() -> None:
    lines = COLUMNS.format(subscript="i j").replace(" n {", " 3 {")
    assert after(Interchange(), lines, "m: i64, a: f64[3, m]").startswith("c: f64[m] = build m")


SHORT_BUILD = """\
c: f64[3, k] = build 3 {{ r: i64
s: f64[k] = reduce[op="sum"] {extent} {{ i: i64
u: f64 = get y i
e: f64[k] = build k {{ z: i64
v: f64 = get a i r z
w: f64 = mul u v
yield w
}}
yield e
}}
yield s
}}
yield c"""


def test_a_short_build_goes_into_a_long_sum_of_rows() -> None:
    parameters = "n: i64, k: i64, y: f64[n], a: f64[n, 3, k]"
    text = after(Interchange(), SHORT_BUILD.format(extent="n"), parameters)
    assert text.startswith(
        'c: f64[3, k] = reduce[op="sum"] n { i: i64; u: f64 = get y i; %1: f64[3, k] = build 3 { r: i64'
    )
    assert after(Interchange(), SHORT_BUILD.format(extent="2"), parameters).startswith("c: f64[3, k] = build 3")


def test_only_the_last_index_of_a_build_is_exchanged() -> None:
    lines = """\
c: f64[n, m] = build n m { p: i64, j: i64
s: f64 = reduce[op="sum"] n { i: i64
v: f64 = get a i j
u: f64 = get x p
h: f64 = get y i
q: f64 = mul v u
r: f64 = mul q h
yield r
}
yield s
}
yield c"""
    text = after(Interchange(), lines, VECTORS)
    assert text.startswith("c: f64[n, m] = build n { p: i64; u: f64 = get x p; ")
    assert text.index('reduce[op="sum"] n') < text.index("build m")


@pytest.mark.parametrize("n", [0, 1, 5])
def test_exchanged_sums_have_the_same_value(n: int) -> None:
    func = parse_func(f"func f(n: i64, m: i64, a: f64[n, m]) {{\n{COLUMNS.format(subscript='i j')}\n}}\n")
    a = np.random.default_rng(0).normal(size=(n, 3))
    np.testing.assert_allclose(value(OPTIMIZE(func), [n, 3, a])[0], np.exp(a).sum(0), rtol=1e-14)


def test_what_a_loop_makes_for_the_next_one_is_there_before_a_branch_reads_it() -> None:
    """A row of the first loop is made by a loop inside, which would wait for others to join."""
    lines = """\
rows: f64[n, 3] = build n { i: i64
row: f64[3] = build 3 { k: i64
b: f64 = get x i
yield b
}
yield row
}
out: f64[n] = build n { j: i64
c: f64 = get x j
positive: bool = gt c 0.0
d: f64 = cond positive {
e: f64 = get rows j 1
g: f64 = mul e 2.0
yield g
} {
yield 0.0
}
yield d
}
yield rows, out"""
    func = Fuse()(parse_func(f"func f({VECTORS}) {{\n{lines}\n}}\n"))
    verify(func)
    x = np.array([1.0, -2.0, 3.0])
    rows, out = value(func, [3, 2, x, x, np.ones((3, 2)), np.ones(2)])
    np.testing.assert_array_equal(rows, np.repeat(x[:, None], 3, axis=1))
    np.testing.assert_array_equal(out, np.where(x > 0, 2 * x, 0.0))
