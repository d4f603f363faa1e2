"""Core prints, parses and verifies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.core.ir import Block, Eqn, Func, Literal, Type, Var
from difflang.core.parser import CoreSyntaxError, parse_func
from difflang.core.printer import format_func
from difflang.core.verifier import VerificationError, verify
from difflang.diagnostics.model import Span
from tests.core.generators import functions

EXAMPLE = """\
func f(n: i64, x: f64[n], a: f32[n, 3]) {
  s: f64 = reduce[op="sum"] n { i: i64
    v: f64 = get[inbounds] x i
    yield v
  }
  g: f64[n] = accum x { r: &f64[n]
    build n { i.1: i64
      add_to r i.1 s
      yield
    }
    yield
  }
  k: i64, count: i64, stack: f32[count] = while[carries=1] 0 { c: i64
    %1: bool = lt c -4
    yield %1
  } { c.1: i64
    yield c.1, -0.5:f32
  }
  report[names=("loss", "a \\"b\\"")] s nan
  %2: i32 = convert[dtype="i32"] true
  yield s, g, stack, inf, -0.0, 7:i32, false
}
"""


def test_the_example_is_read_and_written_back() -> None:
    func = parse_func(EXAMPLE)
    assert format_func(func) == EXAMPLE
    verify(func)


@given(functions())
@settings(max_examples=60, deadline=None)
def test_random_functions_are_well_formed_and_round_trip(func: Func) -> None:
    verify(func)
    text = format_func(func)
    again = parse_func(text)
    assert format_func(again) == text
    verify(again)


def test_spans_round_trip() -> None:
    x, y = Var(Type("f64"), "x"), Var(Type("f64"), "y")
    eqn = Eqn((y,), "exp", (x,), {}, (), Span('a "b" c.dl', 1, 2, 3, 40))
    text = format_func(Func("f", Block((x,), (eqn,), (y,))), spans=True)
    again = parse_func(text)
    assert again.block.eqns[0].span == eqn.span
    assert format_func(again, spans=True) == text


@given(st.floats())
def test_float_literals_are_exact(value: float) -> None:
    text = format_func(Func("f", Block((), (), (Literal(value, "f64"),))))
    (literal,) = parse_func(text).results
    assert isinstance(literal, Literal)
    same = literal.value == value and math.copysign(1, literal.value) == math.copysign(1, value)
    assert same or (math.isnan(literal.value) and math.isnan(value))


@given(st.lists(st.text(max_size=4), min_size=1, max_size=6))
def test_any_hints_give_distinct_readable_names(hints: list[str]) -> None:
    params = tuple(Var(Type("f64"), hint) for hint in hints)
    text = format_func(Func("grad(f)", Block(params, (), params)))
    assert format_func(parse_func(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func f(x: f64) {\n  yield y\n}", "unknown variable 'y'"),
        ("func f(x: f64, x: f64) {\n  yield x\n}", "declared twice"),
        ("func f(x: f65) {\n  yield x\n}", "expected a type"),
        ("func f(x: f64) {\n  yield x", "expected"),
        ("func f(x: f64) {\n  yield x\n} more", "expected a end"),
        ("func f(x: f64) {\n  ?\n}", "line 2: unexpected '?'"),
    ],
)
def test_text_that_is_not_core(text: str, message: str) -> None:
    with pytest.raises(CoreSyntaxError, match=message):
        parse_func(text)


def refused(body: str, message: str, params: str = "n: i64, x: f64[n], s: f64") -> None:
    func = parse_func(f"func f({params}) {{\n{body}\n}}")
    with pytest.raises(VerificationError, match=message):
        verify(func)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("y: f32 = exp s\nyield y", "result 0 has type f32, not f64"),
        ("y: f64[n] = exp x\nyield y", "takes scalars"),
        ("y: f64 = add s 1\nyield y", "do not fit"),
        ("y: f64 = add s\nyield y", "takes 2 arguments"),
        ("y: f64 = nothing s\nyield y", "unknown operation"),
        ("y: f64 = get x s\nyield y", "i64 scalars"),
        ("y: f64 = get x 0 0\nyield y", "more indices"),
        ("y: f64[n] = set x 0 x\nyield y", "the value has type"),
        ("y: f64[4] = build 3 { i: i64\nyield s\n}\nyield y", r"f64\[4\], not f64\[3\]"),
        ("y: f64[n] = build n { i: f64\nyield s\n}\nyield y", "index parameter 0"),
        ("y: f64[n] = build n {\nyield s\n}\nyield y", "0 index parameters, not 1"),
        ('y: bool = reduce[op="max"] n { i: i64\nyield true\n}\nyield y', "max of bool"),
        ('y: f64 = reduce[op="mean"] n { i: i64\nyield s\n}\nyield y', "no such reduction"),
        ("y: f64 = fold[carries=1] n s { i: i64, c: f64\nyield 1\n}\nyield y", "carry 0 has type i64"),
        ("y: f64 = fold[carries=1] n s { c: f64\nyield c\n}\nyield y", "1 loop parameters, not 2"),
        ("y: f64 = cond true {\nyield s\n} {\nyield 1\n}\nyield y", "second branch"),
        ("y: f64 = cond s {\nyield s\n} {\nyield s\n}\nyield y", "condition 0"),
        ("c: f64, k: i64 = while[carries=1] s { a: f64\nyield a\n} { b: f64\nyield b\n}\nyield k", "condition 0"),
        ("y: f64 = accum s { r: f64\nyield\n}\nyield y", "accumulator 0"),
        ("y: f64 = accum s { r: &f64\nz: f64 = exp r\nyield\n}\nyield y", "something else than add_to"),
        ("y: f64, z: f64 = accum s { r: &f64\nyield r\n}\nyield y", "something else than add_to"),
        ("add_to x 0 s\nyield", "takes an accumulator"),
        ('assert[code="E0803", message=""] s\nyield', "assert takes a bool"),
        ("y: f64 = exp s { \nyield\n}\nyield y", "takes scalars"),
        ("build n n { i: i64, j: i64\nyield\n} {\nyield\n}\nyield", "2 regions"),
    ],
)
def test_faults_that_the_verifier_finds(body: str, message: str) -> None:
    refused(body, message)


def test_a_variable_may_not_leave_its_block() -> None:
    refused("build n { i: i64\nv: f64 = exp s\nyield\n}\nyield v", "v is not in scope")


def test_a_variable_may_not_be_used_before_it_is_made() -> None:
    x, y = Var(Type("f64"), "x"), Var(Type("f64"), "y")
    eqns = (Eqn((Var(Type("f64")),), "exp", (y,)), Eqn((y,), "exp", (x,)))
    with pytest.raises(VerificationError, match="y is not in scope"):
        verify(Func("f", Block((x,), eqns, ())))


def test_a_variable_may_not_be_defined_twice() -> None:
    x, y = Var(Type("f64"), "x"), Var(Type("f64"), "y")
    eqn = Eqn((y,), "exp", (x,))
    with pytest.raises(VerificationError, match="y is defined twice"):
        verify(Func("f", Block((x,), (eqn, eqn), ())))


def test_the_sizes_of_types_are_in_scope_too() -> None:
    n = Var(Type("i64"), "n")
    with pytest.raises(VerificationError, match="n is not in scope"):
        verify(Func("f", Block((Var(Type("f64", (n,)), "x"),), (), ())))
