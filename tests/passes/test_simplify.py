"""Folding, common subexpressions and loop-invariant code motion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from difflang.core.ir import Func
from difflang.core.parser import parse_func
from difflang.diagnostics.model import DiffLangError
from difflang.passes.dead import DeadCode
from difflang.passes.model import Pipeline
from difflang.passes.simplify import Simplify
from tests.core.generators import arguments, functions
from tests.passes.checking import rewritten, unchanged_value, value

CLEAN = Pipeline((Simplify(), DeadCode()))


@given(functions(size=20))
@settings(max_examples=100, deadline=None)
def test_values_stay(func: Func) -> None:
    unchanged_value(CLEAN, func, arguments(func))


@given(functions(size=20))
@settings(max_examples=30, deadline=None)
def test_twice_is_once(func: Func) -> None:
    once = CLEAN(func)
    unchanged_value(CLEAN, once, arguments(func))


def body(lines: str, params: str = "x: f64, n: i64, v: f64[n]") -> str:
    """What becomes of a body, without the frame around it."""
    text = rewritten(CLEAN, f"func f({params}) {{\n{lines}\n}}\n")
    return "; ".join(line.strip() for line in text.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y: f64 = exp 0.0\nyield y", "yield 1.0"),
        ("y: f64 = mul x 1.0\nyield y", "yield x"),
        ("y: f64 = mul 1.0 x\nyield y", "yield x"),
        ("y: f64 = add x -0.0\nyield y", "yield x"),
        ("y: f64 = sub x 0.0\nyield y", "yield x"),
        ("y: f64 = neg x\nz: f64 = neg y\nyield z", "yield x"),
        ("y: f64 = neg x\nz: f64 = add x y\nyield z", "z: f64 = sub x x; yield z"),
        ("y: f64 = div x 8.0\nyield y", "y: f64 = mul x 0.125; yield y"),
        ("y: f64 = pow x 2.0\nyield y", "y: f64 = mul x x; yield y"),
        ("y: i64 = sub n n\nyield y", "yield 0"),
        ("y: i64 = add n 2\nz: i64 = sub y 5\nyield z", "z: i64 = add n -3; yield z"),
        ("y: i64 = add n 2\nz: i64 = sub y n\nyield z", "yield 2"),
        ("y: i64 = mul n 0\nyield y", "yield 0"),
        ("y: bool = eq n n\nyield y", "yield true"),
        ("y: bool = lt x x\nyield y", "yield false"),
        ("y: f64 = select true x 2.0\nyield y", "yield x"),
        (
            "p: bool = lt x 0.0\nq: bool = not p\ny: f64 = select q x 2.0\nyield y",
            "p: bool = lt x 0.0; y: f64 = select p 2.0 x; yield y",
        ),
        ("y: f64 = convert[dtype=\"f64\"] x\nyield y", "yield x"),
        ("y: f64 = stop_grad 2.0\nyield y", "yield 2.0"),
        ("y: f64 = cond true { \nyield x\n} {\nz: f64 = exp x\nyield z\n}\nyield y", "yield x"),
        ("p: bool = lt x 0.0\ny: f64, z: f64 = cond p {\nyield x, x\n} {\nyield x, 1.0\n}\nyield y", "yield x"),
        ("y: f64 = fold[carries=1] 0 x { i: i64, c: f64\nd: f64 = exp c\nyield d\n}\nyield y", "yield x"),
        (
            "y: f64 = fold[carries=1] 1 x { i: i64, c: f64\nd: f64 = exp c\nyield d\n}\nyield y",
            "d: f64 = exp x; yield d",
        ),
        ("y: f64 = fold[carries=1] n x { i: i64, c: f64\nyield c\n}\nyield y", "yield x"),
        ("y: f64[n] = reshape v n\nyield y", "yield v"),
    ],
)  # fmt: skip
def test_identities(before: str, after: str) -> None:
    assert body(before) == after


@pytest.mark.parametrize(
    "line",
    [
        "y: f64 = add x 0.0",
        "y: f64 = mul x 0.0",
        "y: f64 = sub x x",
        "y: f64 = div x x",
        "y: f64 = sub 0.0 x",
        "y: bool = eq x x",
        "y: bool = le x x",
        "y: f64 = pow x 0.5",
        "y: f64 = div x 3.0",
        "y: i64 = floordiv 1 0",
    ],
)
def test_what_is_no_identity_stays(line: str) -> None:
    assert body(f"{line}\nyield y") == f"{line}; yield y"


def test_literal_zeros_of_both_signs_are_different() -> None:
    text = "func f(x: f64) {\n  a: f64 = atan2 0.0 x\n  b: f64 = atan2 -0.0 x\n  yield a, b\n}\n"
    assert rewritten(CLEAN, text) == text
    assert value(CLEAN(parse_func(text)), [-1.0]) == [math.pi, -math.pi]


def test_common_subexpressions_are_found_across_blocks() -> None:
    before = """\
func f(n: i64, x: f64[n], s: f64) {
  e: f64 = exp s
  a: f64[n] = build n { i: i64
    e2: f64 = exp s
    v: f64 = get x i
    w: f64 = mul v e2
    yield w
  }
  b: f64[n] = build n { j: i64
    e3: f64 = exp s
    v3: f64 = get x j
    w3: f64 = mul v3 e3
    yield w3
  }
  yield a, b
}
"""
    after = """\
func f(n: i64, x: f64[n], s: f64) {
  e: f64 = exp s
  a: f64[n] = build n { i: i64
    v: f64 = get[inbounds] x i
    w: f64 = mul v e
    yield w
  }
  yield a, a
}
"""
    assert rewritten(CLEAN, before) == after


def test_invariants_leave_loops() -> None:
    before = """\
func f(n: i64, x: f64[n], s: f64) {
  a: f64[n] = build n { i: i64
    total: f64 = reduce[op="sum"] n { j: i64
      v: f64 = get x j
      yield v
    }
    e: f64 = exp s
    w: f64 = div total e
    yield w
  }
  yield a
}
"""
    after = """\
func f(n: i64, x: f64[n], s: f64) {
  total: f64 = reduce[op="sum"] n { j: i64
    v: f64 = get[inbounds] x j
    yield v
  }
  e: f64 = exp s
  w: f64 = div total e
  a: f64[n] = build n { i: i64
    yield w
  }
  yield a
}
"""
    assert rewritten(CLEAN, before) == after


@pytest.mark.parametrize("line", ["v: f64 = get x 7", "v: i64 = floordiv 7 n", "v: f64 = get[inbounds] x 0"])
def test_what_may_fail_stays_in_a_loop_that_may_not_run(line: str) -> None:
    loop = f"  a: {line[3:6]}[n] = build n {{ i: i64\n    {line}\n    yield v\n  }}\n"
    text = f"func f(n: i64, x: f64[n]) {{\n{loop}  yield a\n}}\n"
    assert rewritten(CLEAN, text) == text
    assert len(value(CLEAN(parse_func(text)), [0, np.zeros(0)])[0]) == 0


def test_nothing_leaves_a_branch() -> None:
    text = """\
func f(n: i64, x: f64[n], p: bool) {
  a: f64[n] = build n { i: i64
    b: f64 = cond p {
      v: f64 = exp 2.5
      yield v
    } {
      yield 1.0
    }
    yield b
  }
  yield a
}
""".replace("exp 2.5", "get[inbounds] x i")
    assert rewritten(CLEAN, text) == text


def test_a_failing_read_is_not_hidden_by_what_was_written() -> None:
    text = "func f(n: i64, x: f64[n], k: i64) {\n  y: f64[n] = set x k 1.0\n  v: f64 = get y k\n  yield v\n}\n"
    assert rewritten(CLEAN, text) == text
    with pytest.raises(DiffLangError) as failure:
        value(CLEAN(parse_func(text)), [2, np.zeros(2), 5])
    assert failure.value.code == "E0801"


def test_a_copy_is_the_array_itself() -> None:
    copied = "a: f64[n] = build n { i: i64\nw: f64 = get v i\nyield w\n}\nyield a"
    assert body(copied) == "yield v"
    part = "a: f64[m] = build m { i: i64\nw: f64 = get v i\nyield w\n}\nyield a"
    assert "build" in body(part, "m: i64, n: i64, v: f64[n]")


UNIT = """\
func f(n: i64, m: i64, a: f64[m, n], v: f64[n]) {
  c: f64[n, m], d: f64[n] = build n { k: i64
    e: f64[n] = build n { j: i64
      hit: bool = eq j PLACE
      one: f64 = CHOICE
      yield one
    }
    p: f64[m] = contract[spec="ij,j->i"] a e
    q: f64 = contract[spec="i,i->"] v e
    yield p, q
  }
  yield c, d
}"""


@pytest.mark.parametrize("choice", ["select hit 1.0 0.0", "cond hit {\nyield 1.0\n} {\nyield 0.0\n}"])
def test_a_product_with_a_unit_vector_is_a_column(choice: str) -> None:
    rng = np.random.default_rng(0)
    a, v = rng.normal(size=(2, 3)), rng.normal(size=3)
    args = [3, 2, a, v]
    text = UNIT.replace("CHOICE", choice)
    func = parse_func(text.replace("PLACE", "k"))
    assert "contract" not in rewritten(CLEAN, text.replace("PLACE", "k"))
    unchanged_value(CLEAN, func, args)
    columns, elements = value(CLEAN(func), args)
    np.testing.assert_array_equal(columns, a.T)
    np.testing.assert_array_equal(elements, v)
    outside = text.replace("PLACE", "m")
    assert rewritten(CLEAN, outside).count("contract") == 2, "the place may be outside of the vector"


@pytest.mark.parametrize(
    ("extent", "index", "proved"),
    [
        ("n", "i", True),
        ("m", "i", False),
        ("n", "add i 1", False),
        ("n", "sub i 1", False),
        ("n1", "add i 1", True),
        ("n1", "i", True),
        ("n", "mirror", True),
        ("some", "i", True),
        ("some", "add i 1", False),
        ("other", "i", False),
    ],
)
def test_proofs_of_bounds(extent: str, index: str, proved: bool) -> None:
    subscript = {"i": "k: i64 = add i 0", "mirror": "r: i64 = sub n 1\nk: i64 = sub r i"}.get(
        index, f"k: i64 = {index}"
    )
    func = parse_func(
        f"func f(n: i64, m: i64, x: f64[n]) {{\nn1: i64 = sub n 1\nfew: bool = lt n 9\n"
        "some: i64 = select few n 0\nother: i64 = select few n 9\n"
        f"a: f64[{extent}] = build {extent} {{ i: i64\n"
        f"{subscript}\nv: f64 = get x k\nw: f64 = neg v\nyield w\n}}\nyield a\n}}"
    )
    (build,) = (eqn for eqn in Simplify()(func).block.eqns if eqn.op == "build")
    (get,) = (eqn for eqn in build.regions[0].eqns if eqn.op == "get")
    assert bool(get.attrs.get("inbounds")) == proved


def test_proofs_in_triangles() -> None:
    text = """\
func f(n: i64, x: f64[n, n]) {
  a: f64[n] = build n { i: i64
    up: i64 = add i 1
    s: f64 = reduce[op="sum"] up { j: i64
      v: f64 = get x i j
      back: i64 = sub i j
      w: f64 = get x back j
      p: f64 = mul v w
      yield p
    }
    yield s
  }
  yield a
}
"""
    assert rewritten(CLEAN, text).count("get[inbounds]") == 2


def test_time_is_linear_in_the_program() -> None:
    """Ten thousand equations take a second or so; a quadratic walk would take minutes."""
    lines = [f"  x{k + 1}: f64 = sin x{k}" for k in range(10_000)]
    func = parse_func("func f(x0: f64) {\n" + "\n".join(lines) + "\n  yield x10000\n}\n")
    assert len(CLEAN(func).block.eqns) == 10_000
