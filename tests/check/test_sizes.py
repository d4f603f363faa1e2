"""Sizes: how names in types are bound, compared, and found from expressions."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.check import loads
from difflang.core.ir import Literal, walk
from difflang.diagnostics.model import DiffLangError
from tests.check.conftest import refusal


def test_a_size_expression_binds_its_one_unknown_name(run):
    text = "fn f(x: real[4*b]) -> real[b] = [sum(x[4 * i + j] for j in 0..4) for i in 0..b]"
    np.testing.assert_array_equal(run(text, "f", np.arange(8.0)), [6, 22])
    with pytest.raises(DiffLangError):
        run(text, "f", np.arange(7.0))


def test_sizes_are_compared_as_polynomials(run):
    text = """
fn pairs(x: real[n]) -> real[n * (n - 1) / 2]:
    var y = zeros(n * (n - 1) // 2)
    var k = 0
    for i in 0..n:
        for j in 0..i:
            y[k] = x[i] - x[j]
            k += 1
    return y
fn f(x: real[m]) -> real = dot(pairs(x), zeros((m * m - m) // 2) + 1)
"""
    assert run(text, "f", np.array([0.0, 1.0, 3.0])) == 1 + 3 + 2
    func = loads(text).lower("f").func
    assert all(eqn.op != "assert" for eqn in func.block.eqns)


def test_an_int_parameter_is_a_size(run):
    text = """
fn window(x: real[n], k: int) -> real[n - k + 1] = [sum(x[i:i + k]) for i in 0..n - k + 1]
fn f(x: real[n], k: int) -> real = sum(window(x, k) * window(2 * x, k))
"""
    x = np.array([1.0, 2.0, 3.0, 4.0])
    sums = np.array([6.0, 9.0])
    assert run(text, "f", x, 3) == (2 * sums * sums).sum()


def test_arrays_of_computed_sizes_meet_at_run_time(run):
    text = "fn f(x: real[n], k: int) -> real = sum([x[i] for i in 0..k // 2] + [1.0 for i in 0..n - 1])"
    assert run(text, "f", np.array([1.0, 2.0, 3.0]), 4) == 3 + 2
    with pytest.raises(DiffLangError) as caught:
        run(text, "f", np.array([1.0, 2.0, 3.0]), 6)
    assert caught.value.code.startswith("E0")


def test_the_same_computed_size_needs_no_check(run):
    text = "fn f(x: real[n]) -> real = sum([x[2 * i] for i in 0..n // 2] * [x[2 * i + 1] for i in 0..n // 2])"
    assert run(text, "f", np.array([1.0, 2.0, 3.0, 4.0])) == 2 + 12
    func = loads(text).lower("f").func
    assert all(eqn.op != "assert" for eqn in func.block.eqns)


def test_a_size_is_an_int_in_the_body(run):
    text = "fn f(x: real[n, m]) -> (int, real) = (n * m, n / m)"
    assert run(text, "f", np.zeros((3, 2))) == (6, 1.5)


def test_struct_sizes(run):
    text = """
struct Layer[i, o]:
    w: real[o, i]
    b: real[o]
fn apply(l: Layer[i, o], x: real[i]) -> real[o] = l.w @ x + l.b
fn f(x: real[3]) -> real[2]:
    let first = Layer(w = [[1, 1, 1], [0, 1, 0]], b = [0.5, 0])
    return apply(first, x)
"""
    np.testing.assert_array_equal(run(text, "f", np.array([1.0, 2.0, 3.0])), [6.5, 2])
    with pytest.raises(DiffLangError):
        run(text, "f", np.ones(4))


def test_static_ints_are_literals():
    text = """
fn power[static k](k: int, x: real[k]) -> real:
    var y = 1.0
    for i in 0..k:
        y = y * x[i]
    return y
"""
    func = loads(text).lower("power", statics={"k": 3}).func
    assert func.block.params[0].type.dtype == "i64"
    assert not any(p in func.block.params for e in walk(func.block) for p in e.args if p.type.dtype == "i64")


def test_static_sizes_are_literals():
    text = "fn f[static n](x: real[n]) -> real = sum(x)"
    func = loads(text).lower("f", statics={"n": 3}).func
    assert func.params[0].type.shape == (Literal(3, "i64"),)


def test_the_sizes_of_both_arguments_are_named():
    text = "fn f(x: real[n], y: real[m]) -> real = sum(x + y)"
    failure = refusal(text, "f")
    assert failure.code == "E0401"
    assert "real[n]" in str(failure.diagnostic.message) and "real[m]" in failure.diagnostic.message


def test_a_literal_size_must_be_met():
    text = "fn g(x: real[3]) -> real = sum(x)\nfn main(x: real[2]) -> real = g(x)"
    failure = refusal(text)
    assert failure.code == "E0402"
    assert "real[3]" in failure.diagnostic.message and "real[2]" in failure.diagnostic.message


def test_an_index_in_a_known_range_is_not_checked():
    text = "fn f(x: real[n, m]) -> real = sum(x[i, j] * x[n - 1 - i, m - j - 1] for i in 0..n, j in 0..m)"
    gets = [e for e in _walk(loads(text).lower("f").func.block) if e.op == "get"]
    assert gets and all(e.attrs.get("inbounds") for e in gets)


def test_an_index_that_may_leave_the_range_is_checked(run):
    text = "fn f(x: real[n]) -> real = sum(x[i + 1] for i in 0..n)"
    gets = [e for e in _walk(loads(text).lower("f").func.block) if e.op == "get"]
    assert gets and not any(e.attrs.get("inbounds") for e in gets)
    with pytest.raises(DiffLangError) as caught:
        run(text, "f", np.ones(3))
    assert caught.value.code == "E0801"


def _walk(block):
    for eqn in block.eqns:
        yield eqn
        for region in eqn.regions:
            yield from _walk(region)


def test_a_quotient_of_sizes_is_one_size_in_all_branches(run):
    text = """
fn f(x: real[n]) -> real:
    var y = zeros(n // 2)
    if x[0] > 0:
        y = ones(n // 2)
    for t in 0..2:
        y = y + [x[i] for i in 0..n // 2]
    let z = [sum(ones(n // 3)) for i in 0..3]
    let w = ones(max(n // 3, 1)) if x[0] > 0 else zeros(max(n // 3, 1))
    return sum(y) + sum(z) + 100 * sum(w)
"""
    assert run(text, "f", np.array([1.0, 2.0, 3.0, 4.0])) == (2 + 2 * 3) + 3 + 100


STRUCTS = """
struct P[k]: w: real[k]; b: real
struct N: inner: P; c: real
struct G[T]: v: T
fn value(p: P) -> real = sum(p.w * p.w) * p.b
fn step(p: P, g: P, rate: real) -> P = p - rate * g
fn nested(x: N) -> real = value(x.inner) + x.c
fn held(g: G) -> real = 1.0
fn main(k: int) -> (real, P, real):
    let p = P(w = ones(k), b = 2.0)
    return (value(p), step(p, grad(value)(p), 0.5), nested(N(inner = p, c = 1)))
"""


def test_struct_arguments_may_be_left_out(run):
    """They are inferred, in the program and from outside."""
    assert loads(STRUCTS).check() == []
    first, second, third = run(STRUCTS, "main", 3)
    assert (first, third) == (6, 7)
    assert (list(second.w), second.b) == ([-1, -1, -1], 0.5)
    assert run(STRUCTS, "nested", {"inner": {"w": np.ones(2), "b": 3.0}, "c": 1}) == 7
    assert list(run(STRUCTS, "grad(value)", {"w": np.ones(2), "b": 3.0}).w) == [6, 6]


def test_a_generic_struct_from_outside_needs_its_types():
    assert refusal(STRUCTS, "held").hint == "Write g: G[real]."


def test_a_size_that_a_struct_does_not_name():
    (found,) = loads("struct Q[n]:\n    w: real[n]\n    v: real[m]\n").check()
    assert found.code == "E0403"
    assert found.hint == "Write `struct Q[n, m]`: the sizes of the fields stand behind the name of the struct."


SHADOWED = """data table: real[n, c] = load("table.npy")

fn start(n: int) -> real[n] = [real(i) for i in 0..n]

struct Pair[c]:
    left: real[c]

fn pair(c: int) -> Pair[c] = Pair(left = ones(c))

fn local() -> real:
    let n = 4
    let y: real[n] = ones(4)
    return sum(y) + table[0, 0]

fn main(n: int = 2) -> (real, real, int):
    return (sum(start(n)) + sum(start(n + 1)), sum(pair(n).left), len(table[:, 0]))
"""


def test_names_further_in_hide_the_sizes_of_data(run, tmp_path):
    np.save(tmp_path / "table.npy", np.full((5, 7), 3.0))
    assert loads(SHADOWED, directory=tmp_path).check() == []
    assert run(SHADOWED, "main") == (1 + 3, 2, 5)
    assert run(SHADOWED, "main", 4) == (6 + 10, 4, 5)
    assert run(SHADOWED, "local") == 7


@pytest.mark.parametrize(
    ("given", "kind"), [("1.0", "real"), ("zeros(2, 2)", "real[2, 2]"), ("(zeros(2), 1.0)", "(real[2], real)")]
)
def test_an_argument_from_which_no_size_can_be_found(given, kind):
    error = refusal(f"fn grown(x: real[n]) -> real[n + 1] = zeros(n + 1)\nfn main() -> real = sum(grown({given}))")
    assert error.code == "E0301"
    assert error.diagnostic.message == f"The argument `x` of `grown` should be real[n], but it is {kind}."
    assert error.diagnostic.span is not None
    assert error.diagnostic.span.line == 2
