"""The value of a function and its gradient in one loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from difflang.core.ir import Func, walk
from difflang.core.parser import parse_func
from difflang.passes import PASSES
from difflang.passes.fuse import Fuse
from difflang.passes.model import Pipeline
from difflang.passes.simplify import Simplify
from difflang.passes.unite import Unite
from tests.core.generators import arguments, functions
from tests.passes.checking import rewritten, unchanged_value, value

TERM = """\
        t{k}: f64 = reduce[op="sum"] m {{ j{k}: i64
          u{k}: f64 = get a i{k} j{k}
          e{k}: f64 = exp u{k}
          q{k}: f64 = get w j{k}
          p{k}: f64 = mul e{k} q{k}
          yield p{k}
        }}
        v{k}: f64 = exp t{k}"""


def program(between: str = "s2: f64 = log s", weight: str = "2.0", extent: str = "n", result: str = "s2") -> str:
    return f"""
        func f(n: i64, m: i64, a: f64[n, m], w: f64[m]) {{
          s: f64 = reduce[op="sum"] n {{ i1: i64
            {TERM.format(k=1)}
            yield v1
          }}
          {between}
          zero: f64[m] = build m {{ z: i64
            yield 0.0
          }}
          g: f64[m] = accum zero {{ r: &f64[m]
            build {extent} {{ i2: i64
              {TERM.format(k=2)}
              h: f64 = mul v2 {weight}
              k: i64 = mod i2 2
              add_to r k h
              yield
            }}
            yield
          }}
          yield {result}, g
        }}
        """


def arrays() -> list[object]:
    random = np.random.default_rng(0)
    return [4, 3, random.standard_normal((4, 3)), random.standard_normal(3)]


def exponentials(text: str) -> int:
    """How often the inner exponential stands in the optimised program."""
    func = Pipeline(PASSES)(parse_func(text))
    return sum(eqn.op == "exp" for eqn in walk(func.block))


def test_the_terms_are_computed_once() -> None:
    assert exponentials(program()) == 2
    unchanged_value(Pipeline(PASSES), parse_func(program()), arrays())


def test_a_gradient_that_needs_the_sum_comes_after_it() -> None:
    text = program(weight="s2")
    assert exponentials(text) == 4
    unchanged_value(Pipeline(PASSES), parse_func(text), arrays())


def test_another_range_is_another_loop() -> None:
    text = program(extent="2")
    assert rewritten(Unite(), text).count("reduce") == 3


def test_an_effect_that_needs_the_sum_stays_where_it_is() -> None:
    text = program(between='print[template="{0}"] s\ns2: f64 = log s')
    assert rewritten(Unite(), text).count("reduce") == 3
    assert rewritten(Unite(), program()).count("reduce") == 2


def test_a_mean_and_the_squares_are_one_loop() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          s: f64 = reduce[op="sum"] n { i: i64
            v: f64 = get x i
            e: f64 = exp v
            yield e
          }
          k: f64 = convert[dtype="f64"] n
          mean: f64 = div s k
          g: f64[n] = build n { j: i64
            u: f64 = get x j
            q: f64 = mul u u
            yield q
          }
          yield mean, g
        }
        """
    func = Pipeline(PASSES)(parse_func(text))
    assert sum(eqn.op == "build" for eqn in walk(func.block)) == 1
    assert not any(eqn.op == "reduce" for eqn in walk(func.block))
    x = np.array([0.5, -1.0, 2.0])
    mean, squares = value(func, [3, x])
    np.testing.assert_allclose(mean, np.exp(x).mean(), rtol=1e-15)
    np.testing.assert_allclose(squares, x * x, rtol=1e-15)


@given(functions(size=20))
@settings(max_examples=60, deadline=None)
def test_values_stay(func: Func) -> None:
    unchanged_value(Pipeline((Simplify(), Unite(), Fuse(mixed=True))), func, arguments(func))
