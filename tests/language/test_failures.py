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
    assert run(PROGRAM, "raised", -2, 3) == -8
    assert run(PROGRAM, "stepped", 9, 4) == 0 + 4 + 8
