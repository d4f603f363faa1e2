"""What a running program refuses, with the same words on every backend."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl
from tests.language.conftest import Run

PROGRAM = """
fn part(x: real[n], a: int, b: int) -> real[b - a] = x[a:b]
fn middle(x: real[n]) -> real[2] = x[1:3]
fn filled(x: real[n], a: int) -> real[n]:
    var y = x
    y[a:] = 1
    return y
fn stepped(n: int, k: int) -> int:
    var s = 0
    for i in 0..n by k:
        s += i
    return s
fn added(n: int, k: int) -> int = sum(i for i in 0..n by k)
fn raised(n: int, k: int) -> int = n ** k
fn all_raised(n: int[m], k: int) -> int[m] = n ** k
fn whole(x: real[n]) -> int[n] = int(x)
fn narrow(x: real) -> i32 = i32(x)
fn finite(x: real[n]) -> int = sum(int(x[i]) for i if isfinite(x[i]))
fn guarded(n: int, k: int) -> int = n ** k if k >= 0 else 0
"""
X = np.arange(5.0)


@pytest.mark.parametrize(
    ("name", "arguments", "code", "message"),
    [
        ("part", (X, 3, 1), "E0801", "The slice 3:1 is out of range: this dimension has the size 5."),
        ("part", (X, -1, 3), "E0801", "The slice -1:3 is out of range: this dimension has the size 5."),
        ("part", (X, 1, 9), "E0801", "The slice 1:9 is out of range: this dimension has the size 5."),
        ("middle", (X[:2],), "E0801", "The slice 1:3 is out of range: this dimension has the size 2."),
        ("filled", (X, 8), "E0801", "The slice 8:5 is out of range: this dimension has the size 5."),
        ("stepped", (6, 0), "E0317", "A range cannot have the step 0."),
        ("added", (6, 0), "E0317", "A range cannot have the step 0."),
        ("raised", (3, -1), "E0814", "The power -1 of an int is no int."),
        ("all_raised", (np.array([2, 3]), -2), "E0814", "The power -2 of an int is no int."),
        ("whole", (np.array([2.5, np.nan]),), "E0816", "An `int` cannot hold the number nan."),
        ("whole", (np.array([2.0**63, 0.5]),), "E0816", "An `int` cannot hold the number 9.223372036854776e+18."),
        ("narrow", (-(2.0**31) - 1,), "E0816", "An `i32` cannot hold the number -2147483649.0."),
    ],
)
def test_refused(run: Run, name: str, arguments: tuple[object, ...], code: str, message: str) -> None:
    with pytest.raises(dl.DiffLangError) as failure:
        run(PROGRAM, name, *arguments)
    found = failure.value.diagnostic
    assert (found.code, found.message) == (code, message)
    assert found.span is not None and found.hint is not None


def test_not_refused(run: Run) -> None:
    np.testing.assert_array_equal(run(PROGRAM, "part", X, 1, 3), [1, 2])
    assert run(PROGRAM, "guarded", 3, -1) == 0
    assert run(PROGRAM, "narrow", -(2.0**31) - 0.5) == -(2**31)
    assert run(PROGRAM, "finite", np.array([-2.5, np.inf, 3.9, np.nan])) == -2 + 3
    np.testing.assert_array_equal(run(PROGRAM, "whole", np.array([-(2.0**63), 2.9])), [-(2**63), 2])
    assert run(PROGRAM, "raised", -2, 3) == -8
    assert run(PROGRAM, "stepped", 9, 4) == 0 + 4 + 8


@pytest.mark.parametrize("number", ["nan", "1.0e300", "-inf"])
def test_known_numbers_that_no_int_holds(number: str) -> None:
    for body in (f"int({number})", f"fn(x: real) = int(x))({number}"):
        with pytest.raises(dl.DiffLangError, match="E0816: An `int` cannot hold the number"):
            dl.loads(f"fn f() -> int = ({body})").f()
