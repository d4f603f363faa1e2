"""How much loops have to do: polynomials against SymPy, and the loops that hardly matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Literal
from difflang.core.parser import parse_func
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.minor import SHARE, minor_loops
from difflang.loops.schedule import schedule
from difflang.loops.threads.polynomial import SLACK, Polynomial
from difflang.loops.threads.work import GUESS, Estimator
from tests.loops.interpreter import Machine
from tests.loops.running import Recorder

SIZES = sympy.symbols("a b c")
POLYNOMIALS = st.dictionaries(
    st.lists(st.integers(0, 2), max_size=3).map(lambda factors: tuple(sorted(factors))),
    st.integers(1, 9).map(float),
    max_size=4,
).map(Polynomial)


def expression(polynomial: Polynomial) -> sympy.Expr:
    parts = (c * prod((SIZES[k] for k in monomial), start=sympy.Integer(1)) for monomial, c in polynomial.terms.items())
    return sympy.Add(*parts)


@settings(deadline=None)
@given(POLYNOMIALS, POLYNOMIALS)
def test_sums_and_products(one: Polynomial, other: Polynomial) -> None:
    assert sympy.expand(expression(one + other) - expression(one) - expression(other)) == 0
    assert sympy.expand(expression(one * other) - expression(one) * expression(other)) == 0


@settings(deadline=None)
@given(POLYNOMIALS, POLYNOMIALS, st.lists(st.integers(1, 50), min_size=3, max_size=3))
def test_what_covers_is_at_least_a_quarter(one: Polynomial, other: Polynomial, sizes: Sequence[int]) -> None:
    at = dict(zip(SIZES, sizes, strict=True))
    if one.covers(other):
        assert SLACK * float(expression(one).subs(at)) >= float(expression(other).subs(at)) * (1 - 1e-12)
    assert float(expression(one.at_least(other)).subs(at)) >= float(expression(one).subs(at))


@settings(deadline=None)
@given(POLYNOMIALS, st.lists(st.integers(0, 50), min_size=3, max_size=3))
def test_code_computes_the_polynomial(polynomial: Polynomial, sizes: Sequence[int]) -> None:
    params = tuple(ir.Register("f64", name) for name in "abc")
    estimator = Estimator({}, params)
    for param in params:
        estimator.of_register(param)
    result = estimator.operand(polynomial)
    program = ir.Program("f", params, (ir.Result(result),), tuple(estimator.statements))
    (value,) = Machine(program, Recorder()).run([float(size) for size in sizes])
    expected = float(expression(polynomial).subs(dict(zip(SIZES, sizes, strict=True))))
    assert value == pytest.approx(expected, rel=1e-12)


def test_sizes_below_zero_are_left_out_or_computed() -> None:
    n, m, less, both, rest = (ir.Register("i64", name) for name in ("n", "m", "less", "both", "rest"))
    minus_one = Literal(-1, "i64")
    estimator = Estimator(
        {
            less: ir.Apply(less, "add", (n, minus_one)),
            both: ir.Apply(both, "sub", (n, m)),
            rest: ir.Apply(rest, "sub", (less, n)),
        },
        (n, m),
    )
    assert estimator.size(less) == estimator.size(n)
    assert len(estimator.size(both).terms) == 1
    assert estimator.size(rest).constant == GUESS


SUMS = """func f(n: i64, m: i64, x: f64[n], a: f64[n, m, m, m]) {
  s: f64 = reduce[op="sum"] n { h: i64
    b: f64 = get[inbounds] x h
    e: f64 = exp b
    yield e
  }
  y: f64[n] = build n { i: i64
    t: f64 = reduce[op="sum"] m m m { j: i64, k: i64, l: i64
      c: f64 = get[inbounds] a i j k l
      p: f64 = mul c s
      yield p
    }
    yield t
  }
  yield y
}"""


def innermost(program: ir.Program) -> list[ir.For]:
    loops = [s for s in walk(program.body) if isinstance(s, ir.For)]
    return [loop for loop in loops if not any(isinstance(s, ir.For) for s in walk(loop.body))]


def test_a_loop_over_one_dimension_is_minor_beside_one_over_four() -> None:
    program = schedule(parse_func(SUMS), CompileOptions())
    first, *others = innermost(program)
    assert minor_loops(program) == {first}
    assert others


def test_a_loop_alone_matters() -> None:
    program = schedule(parse_func(SUMS), CompileOptions())
    first = innermost(program)[0]
    assert minor_loops(replace(program, results=(), body=(first,))) == set()


def test_a_loop_within_steps_matters() -> None:
    """Of how many steps there are nothing is known: beside a nest of six loops they may be all there is to do."""
    program = schedule(parse_func(SUMS), CompileOptions())
    first = innermost(program)[0]
    nest = tuple(s for s in program.body if s is not first)
    for _ in range(2):
        nest = (ir.For(ir.Register("i64"), ir.Register("i64"), nest, "parallel"),)
    counted = ir.For(ir.Register("i64"), ir.Register("i64"), (first,))
    unknown = ir.While((), Literal(True, "bool"), (first,))
    literal = ir.For(ir.Register("i64"), Literal(1, "i64"), (first,))
    found = [minor_loops(replace(program, results=(), body=(steps, *nest))) for steps in (counted, unknown, literal)]
    assert found == [set(), set(), {first}]


def test_literal_sizes_are_counted_as_they_are() -> None:
    wide, narrow = (ir.For(ir.Register("i64"), Literal(n, "i64"), ()) for n in (10_000_000, 10))
    assert minor_loops(ir.Program("f", (), (), (wide, narrow))) == {narrow}
    outer = ir.For(ir.Register("i64"), Literal(10_000_000, "i64"), (narrow,))
    assert minor_loops(ir.Program("f", (), (), (wide, outer))) == set()
    assert SHARE * 10_000_000 > 10
