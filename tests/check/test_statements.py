"""Control flow: what is carried, what is evaluated, where a function ends."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.check import loads
from difflang.diagnostics.model import DiffLangError
from tests.check.conftest import refusal


def test_a_return_in_nested_blocks_skips_everything_after_it(run):
    text = """
fn f(x: real) -> real:
    var s = 0
    if x > 0:
        if x > 10:
            return -1
        s = x
        if x > 5:
            s = 2 * s
    else:
        s = 100
    s += 1
    return s
"""
    assert [run(text, "f", x) for x in (11.0, 7.0, 3.0, -2.0)] == [-1, 15, 4, 101]


def test_a_return_inside_nested_loops_gives_its_own_value(run):
    text = """
fn first_pair(a: real[n], wanted: real) -> (int, int):
    for i in 0..n:
        for j in i + 1..n:
            if a[i] + a[j] == wanted:
                return (i, j)
    return (-1, -1)
"""
    a = np.array([1.0, 4.0, 6.0, 9.0])
    assert run(text, "first_pair", a, 10.0) == (0, 3)
    assert run(text, "first_pair", a, 15.0) == (2, 3)
    assert run(text, "first_pair", a, 99.0) == (-1, -1)


def test_the_branch_not_taken_is_not_evaluated(run):
    text = """
fn f(x: real[n], i: int) -> real:
    if i >= n: return -1
    let y = x[i]
    return y
fn g(x: real[n], i: int) -> real = x[i] if i < n and x[i] > 0 else 0
"""
    x = np.array([1.0, -2.0])
    assert run(text, "f", x, 7) == -1
    assert [run(text, "g", x, i) for i in (0, 1, 2)] == [1, 0, 0]


def test_a_whole_number_becomes_real_where_the_loop_makes_it_real(run):
    text = """
fn f(x: real[n]) -> real:
    var s = 0
    var count = 0
    for i in 0..n:
        s += x[i]
        count += 1
    return s / count
"""
    assert run(text, "f", np.array([1.0, 2.5])) == 1.75


def test_break_and_continue_in_while(run):
    text = """
fn collatz(start: int) -> int:
    var x = start
    var steps = 0
    while true:
        if x == 1:
            break
        steps += 1
        if x % 2 == 0:
            x = x // 2
            continue
        x = 3 * x + 1
    return steps
"""
    assert [run(text, "collatz", n) for n in (1, 6, 27)] == [0, 8, 111]


def test_a_loop_that_runs_backwards(run):
    text = """
fn f(x: real[n]) -> real:
    var y = 0.0
    for i in n - 1..-1 by -1:
        y = 2 * y + x[i]
    return y
"""
    assert run(text, "f", np.array([1.0, 2.0, 3.0])) == 1 + 2 * 2 + 4 * 3


def test_structs_and_tuples_are_carried_leaf_by_leaf(run):
    text = """
struct Body:
    place: real[2]
    speed: real[2]
fn f(steps: int) -> real:
    var b = Body([1, 0], [0, 1])
    var pair = (0, 1.0)
    for t in 0..steps:
        b.place = b.place + 0.5 * b.speed
        b.speed[1] += 1
        pair = (pair[0] + 1, pair[1] * 2)
    return b.place[1] + 100 * pair[0] + 1000 * pair[1]
"""
    assert run(text, "f", 3) == (0.5 + 1 + 1.5) + 300 + 8000


def test_values_are_not_shared(run):
    text = """
fn f(x: real[n]) -> real:
    var y = x
    let z = y
    y[0] = 100
    var rows = [x, x]
    rows[1] = 2 * y
    rows[0][1] = -1
    return z[0] + sum(rows)
"""
    assert run(text, "f", np.array([1.0, 2.0])) == 1 + (1 - 1) + (200 + 4)


def test_slices_are_assigned(run):
    text = """
fn f(a: real[n, m]) -> real[n, m]:
    var b = a
    b[0, 1:m] = a[1, 1:m]
    b[:, 0] = 7
    b[1:n] += 100
    return b
"""
    a = np.arange(6.0).reshape(2, 3)
    expected = a.copy()
    expected[0, 1:] = a[1, 1:]
    expected[:, 0] = 7
    expected[1:] += 100
    np.testing.assert_array_equal(run(text, "f", a), expected)


def test_a_slice_out_of_range_is_refused_when_it_runs(run):
    text = "fn f(x: real[n], k: int) -> real = sum(x[1:k])"
    assert run(text, "f", np.ones(4), 3) == 2
    with pytest.raises(DiffLangError) as caught:
        run(text, "f", np.ones(4), 5)
    assert caught.value.code == "E0801"


def test_shadowing_ends_with_the_block(run):
    text = """
fn f(x: real) -> real:
    let y = x
    if x > 0:
        let y = 10 * x
        return y + 1
    for y in 0..3:
        let z = y
    return y
"""
    assert [run(text, "f", x) for x in (2.0, -2.0)] == [21, -2]


def test_a_lambda_keeps_the_values_of_its_place(run):
    text = """
fn f(x: real) -> real:
    var a = 2 * x
    let g = fn(y) = a * y
    a = 1000
    return g(3)
"""
    assert run(text, "f", 5.0) == 30


def test_chosen_arrays_and_structs(run):
    text = """
struct P[n]:
    w: real[n]
    b: real
fn f(x: real[n], c: bool) -> real:
    let p = P(x, 1) if c else P(w = 2 * x, b = 0.5)
    let q = P(..p, b = p.b + 1)
    return sum(q.w) + q.b
"""
    assert [run(text, "f", np.ones(3), c) for c in (True, False)] == [5, 7.5]


def test_tuples_in_comprehensions_give_tuples_of_arrays(run):
    text = """
fn f(x: real[n]) -> (real[n], real[n, 2]):
    let (a, b) = [(x[i] ** 2, [x[i], i]) for i]
    return (a, b)
"""
    squares, pairs = run(text, "f", np.array([3.0, 4.0]))
    np.testing.assert_array_equal(squares, [9, 16])
    np.testing.assert_array_equal(pairs, [[3, 0], [4, 1]])


def test_reductions_with_ranges_that_depend_on_each_other(run):
    text = """
fn f(a: real[n, n]) -> (real, real, real, real):
    let low = sum(a[i, j] for i in 0..n, j in 0..i + 1)
    let top = max(a[i, j] for i in 0..n, j in 0..i)
    let soft = logsumexp(a[i, j] for i in 0..n, j in 0..i)
    return (low, top, soft, mean(a[i, j] for i in 0..n, j in 0..n if i != j))
"""
    a = np.array([[1.0, 9, 9], [2, 3, 9], [4, 5, 6]])
    low, top, soft, off = run(text, "f", a)
    assert (low, top) == (21, 5)
    assert soft == pytest.approx(np.log(np.exp([2, 4, 5]).sum()), rel=1e-15)
    assert off == pytest.approx((a.sum() - np.trace(a)) / 6)


@pytest.mark.parametrize("expression", ["max(x)", "mean(x)", "argmin(x[i] for i)", "min(x[i] for i if x[i] > 5)"])
def test_the_extreme_of_nothing_is_an_error(run, expression):
    x = np.ones(2) if "if" in expression else np.zeros(0)
    with pytest.raises(DiffLangError) as caught:
        run(f"fn f(x: real[n]) = {expression}", "f", x)
    assert caught.value.code == "E0804"


@pytest.mark.parametrize("result", [" -> real", ""])
def test_a_missing_return_does_not_depend_on_the_argument(result):
    """A constant argument that decides the condition hides nothing: `run` refuses what `check` refuses."""
    text = f"""
fn f(x: real, n: int){result}:
    if n > 2:
        return x
fn main() -> real = f(1.0, 3)
"""
    refused = refusal(text)
    assert refused.code == "E0307"
    assert [(found.code, found.span) for found in loads(text).check()] == [("E0307", refused.span)]


def test_a_function_without_a_result_may_return_early(run, capsys):
    text = """
fn show(n: int):
    if n > 2:
        return
    print(n)
fn main(n: int) -> int:
    show(n)
    return n
"""
    assert loads(text).check() == []
    assert [run(text, "main", n) for n in (2, 3)] == [2, 3]
    assert capsys.readouterr().out == "2\n"
