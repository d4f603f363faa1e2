"""An interpreter stops when its time is over, also in a loop without end."""

from __future__ import annotations

import time

import pytest

import difflang as dl
from difflang.backend.patience import OutOfPatience, patience

ENDLESS = """
fn endless(x: real) -> real:
    var y = x
    while y < 2.0:
        y = sin(y)
    return y
"""


def test_a_loop_without_end_is_left() -> None:
    f = dl.loads(ENDLESS).endless.on(backend="reference")
    assert f(3.0) == 3.0
    start = time.perf_counter()
    with pytest.raises(OutOfPatience), patience(0.2):
        f(1.0)
    assert time.perf_counter() - start >= 0.2


def test_there_is_all_the_time_behind_it() -> None:
    f = dl.loads(ENDLESS).endless.on(backend="reference")
    with patience(0.0), pytest.raises(OutOfPatience):
        f(3.0)
    assert f(3.0) == 3.0
