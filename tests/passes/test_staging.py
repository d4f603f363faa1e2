"""The two stages of a function compute what the function computes, and the early one from integers alone."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.passes.staging import Stages, staged
from tests.derive.toolkit import run

TEXT = """func "f"(n: i64, m: i64, p: i64[n], x: f64[n]) {
  %1: i64 = add n 1
  %2: i64[%1] = build %1 { i: i64
    yield 0
  }
  %3: i64[%1] = fold[carries=1, reverse=false] n %2 { i.1: i64, %4: i64[%1]
    %5: i64 = get[inbounds] p i.1
    %6: i64[%1] = set[inbounds] %4 i.1 %5
    yield %6
  }
  %7: f64[n] = build n { i.2: i64
    %8: i64 = get[inbounds] %3 i.2
    %9: f64 = get x %8
    yield %9
  }
  yield %3, %7, m
}
"""


def stages(text: str) -> Stages:
    found = staged(parse_func(text))
    assert found is not None
    verify(found.early)
    verify(found.late)
    return found


def test_the_stages_together_are_the_function() -> None:
    found = stages(TEXT)
    x, p = np.array([1.0, 2, 3]), np.array([2, 0, 1])
    args = [3, 7, p, x]
    early = run(found.early, *(args[k] for k in found.read))
    late = iter(run(found.late, *args, *early))
    together = [next(late) if place is None else early[place] for place in found.given]
    for left, right in zip(together, run(parse_func(TEXT), *args), strict=True):
        np.testing.assert_array_equal(left, right)
    assert found.given[0] is not None and found.given[1:] == (None, None)


def test_only_what_is_read_is_asked_for() -> None:
    """The number m is an integer too, but decides nothing."""
    found = stages(TEXT)
    assert [parse_func(TEXT).params[k].name for k in found.read] == ["n", "p"]


INDEX = "%5: i64 = get[inbounds] p i.1"
CHANGES = {
    "an index made of reals": (INDEX, '%10: f64 = get[inbounds] x i.1\n    %5: i64 = convert[dtype="i64"] %10'),
    "printing": (INDEX, f'{INDEX}\n    print[template="{{0}}"] %5'),
}


@pytest.mark.parametrize("name", CHANGES)
def test_reals_and_effects_are_late(name: str) -> None:
    old, new = CHANGES[name]
    assert old in TEXT
    assert staged(parse_func(TEXT.replace(old, new))) is None
