"""Ranges near the ends of int: the count of Python's `range`, or an error with a place; and arrays too large to be."""

from __future__ import annotations

import pytest

import difflang as dl

BACKENDS = ("reference", "llvm", "c")
LARGEST = 2**63 - 1
SMALLEST = -(2**63)
COUNT = """
fn f(a: int, b: int, s: int) -> int:
    var steps = 0
    for i in a..b by s:
        steps += 1
        if steps > 10:
            return steps
    return steps
fn single(a: int, b: int) -> int = sum(1 for i in a..b)
fn whole() -> int = len(arange(0, 9223372036854775807, 2))
"""
COUNTED = [
    (0, LARGEST, 2**62), (0, LARGEST, 2**61), (0, LARGEST, 2**62 + 1), (LARGEST, 0, -(2**62)), (0, LARGEST, LARGEST),
    (LARGEST - 3, LARGEST, 1), (LARGEST - 3, LARGEST, 2), (SMALLEST, SMALLEST + 3, 1), (0, SMALLEST + 1, -LARGEST),
    (SMALLEST, -1, 2**62), (LARGEST, LARGEST - 3, -1), (3, 3, -7), (3, -8, -5), (3, -8, 5),
]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_steps_are_counted_right(backend):
    module = dl.loads(COUNT)
    for a, b, s in COUNTED:
        assert module.f.on(backend=backend)(a, b, s) == len(range(a, b, s)), (a, b, s)
    assert module.single.on(backend=backend)(SMALLEST, SMALLEST + 2) == 2
    assert module.single.on(backend=backend)(LARGEST - 2, LARGEST) == 2
    assert module.whole.on(backend=backend)() == len(range(0, LARGEST, 2))


APART = [(SMALLEST, LARGEST, 2**62), (LARGEST, SMALLEST, -(2**62)), (5, SMALLEST, 1), (-5, LARGEST, -1),
         (0, SMALLEST, SMALLEST), (LARGEST, SMALLEST, 2)]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_bounds_too_far_apart_are_refused(backend):
    module = dl.loads(COUNT)
    calls = [(module.f, bounds) for bounds in APART] + [(module.single, bounds[:2]) for bounds in APART if bounds[0]]
    for function, bounds in calls:
        with pytest.raises(dl.DiffLangError) as caught:
            function.on(backend=backend)(*bounds)
        assert caught.value.diagnostic.code == "E0815", bounds


def test_bounds_that_are_written_too_far_apart_are_refused_at_once():
    with pytest.raises(dl.DiffLangError, match="too far apart"):
        dl.loads("fn f() -> int = sum(1 for i in -9223372036854775807..9223372036854775807)").f()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("body", ["[1.0 for i in 0..9223372036854775807 by 2]", "zeros(4611686018427387904, 4, 3)"])
def test_arrays_that_no_memory_holds_are_refused(backend, body):
    with pytest.raises(dl.DiffLangError) as caught:
        dl.loads(f"fn f() = {body}").f.on(backend=backend)()
    assert caught.value.diagnostic.code == "E0807"
