"""Loops that are a part of another loop: what is shared, and what only looks alike."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.core.ir import Func, walk
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.passes.dead import DeadCode
from difflang.passes.share import Share
from difflang.passes.simplify import Simplify
from tests.passes.checking import unchanged_value, value

PAIR = """
    func f(n: i64, x: f64[n]) {{
      y: f64 = fold[carries=1, reverse=false] n {start} {{ i: i64, s: f64
        a: f64 = get[inbounds] x i
        b: f64 = mul s a
        c: f64 = add b 1.0
        yield c
      }}
      h: f64 = mul y 2.0
      z: f64, w: f64 = fold[carries=2, reverse={reverse}] n 0.5 1.0 {{ j: i64, t: f64, u: f64
        d: f64 = get[inbounds] x j
        e: f64 = mul {factor} d
        g: f64 = add e 1.0
        k: f64 = mul u d
        l: f64 = add k t
        yield g, l
      }}
      yield h, w
    }}
    """


def shared(text: str) -> Func:
    func = parse_func(text)
    verify(func)
    after = DeadCode()(Share()(Simplify()(func)))
    verify(after)
    return after


def loops(func: Func, op: str) -> int:
    return sum(eqn.op == op for eqn in walk(func.block))


def test_a_fold_that_another_contains_is_not_run() -> None:
    text = PAIR.format(start="0.5", reverse="false", factor="t")
    after = shared(text)
    assert loops(after, "fold") == 1
    x = np.array([0.5, -1.0, 2.0])
    y, w = 0.5, 1.0
    for element in x:
        y, w = y * element + 1.0, w * element + y
    np.testing.assert_allclose(value(after, [3, x]), [2 * y, w], rtol=1e-14)


@pytest.mark.parametrize(
    ("start", "reverse", "factor"), [("0.25", "false", "t"), ("0.5", "true", "t"), ("0.5", "false", "u")]
)
def test_another_start_order_or_step_is_another_fold(start: str, reverse: str, factor: str) -> None:
    text = PAIR.format(start=start, reverse=reverse, factor=factor)
    assert loops(shared(text), "fold") == 2
    unchanged_value(Share(), parse_func(text), [3, np.array([0.5, -1.0, 2.0])])


BUILDS = """
    func f(n: i64, x: f64[n]) {{
      y: f64[n] = build n {{ i: i64
        a: f64 = get[inbounds] x i
        b: f64 = exp a
        yield b
      }}
      {between}
      z: f64[n], w: f64[n] = build n {{ j: i64
        c: f64 = get[inbounds] {read} j
        d: f64 = exp c
        e: f64 = mul d c
        yield d, e
      }}
      yield y, w
    }}
    """


def test_a_build_is_made_by_the_larger_one() -> None:
    after = shared(BUILDS.format(between="", read="x"))
    assert loops(after, "build") == 1
    x = np.array([0.5, -1.0])
    np.testing.assert_allclose(value(after, [2, x]), [np.exp(x), x * np.exp(x)], rtol=1e-14)


def test_a_loop_that_needs_the_other_stays_behind_it() -> None:
    assert loops(shared(BUILDS.format(between="", read="y")), "build") == 2


def test_nothing_moves_over_an_effect() -> None:
    between = 'print[template="{0}"] n'
    text = BUILDS.format(between=between, read="x")
    func = parse_func(text)
    assert loops(Share()(func), "build") == 2


def test_a_part_of_a_part_is_a_part() -> None:
    """The values, the values with first, and with second derivatives: the last loop stands for all three."""
    loop = """
      {outs} = reduce[op="sum"] n {{ {i}: i64
        {i}a: f64 = get[inbounds] x {i}
        {i}b: f64 = sin {i}a
        {i}c: f64 = mul {i}b {i}a
        {i}d: f64 = mul {i}c {i}a
        yield {results}
      }}"""
    kinds = [("p: f64", "i", "ib"), ("q: f64, r: f64", "j", "jb, jc"), ("s: f64, t: f64, u: f64", "k", "kb, kc, kd")]
    body = "".join(loop.format(outs=outs, i=i, results=results) for outs, i, results in kinds)
    after = shared(f"func f(n: i64, x: f64[n]) {{{body}\n      yield p, q, r, s, t, u\n    }}\n    ")
    assert loops(after, "reduce") == 1
    x = np.array([0.5, -1.0, 2.0])
    sums = [float((np.sin(x) * x**k).sum()) for k in range(3)]
    np.testing.assert_allclose(value(after, [3, x]), [sums[0], *sums[:2], *sums], rtol=1e-14)
