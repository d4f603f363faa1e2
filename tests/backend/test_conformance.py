"""The backends of the project compute what Core means."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.backend.conformance import Case, cases, check
from difflang.backend.registry import get
from difflang.prims import PRIMITIVES

CASES = cases()


@pytest.mark.parametrize("backend", ["reference", "llvm"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_conformance(case: Case, backend: str) -> None:
    check(get(backend), case)


def test_every_primitive_has_a_case() -> None:
    assert {case.name.split("-")[0] for case in CASES} >= set(PRIMITIVES)
    assert len({case.name for case in CASES}) == len(CASES)


class Wrong:
    """A backend that gets something wrong in a way of its own."""

    name = "wrong"

    def __init__(self, spoil: object) -> None:
        self.spoil = spoil

    def compile(self, func, options):
        right = get("reference").compile(func, options)
        return lambda args, host: self.spoil(right(args, host))

    def emit(self, func, stage, options):
        raise NotImplementedError


@pytest.mark.parametrize(
    "spoil",
    [
        lambda results: [np.nextafter(r, np.inf) * (1 + 1e-12) for r in results],
        lambda results: [np.float32(r) for r in results],
        lambda results: results[:-1],
        lambda results: [np.atleast_1d(r) for r in results],
    ],
    ids=["value", "type", "count", "shape"],
)
def test_the_suite_finds_faults(spoil: object) -> None:
    case = next(case for case in CASES if case.name == "reduce-sum-4")
    check(get("reference"), case)
    with pytest.raises(AssertionError, match="reduce-sum-4"):
        check(Wrong(spoil), case)


def test_the_suite_finds_a_missing_failure() -> None:
    case = next(case for case in CASES if case.name == "assert-fails")

    class Careless(Wrong):
        def compile(self, func, options):
            return lambda args, host: [np.int64(4)]

    with pytest.raises(AssertionError, match="should fail with E0803"):
        check(Careless(None), case)
