"""Random functions give the same results when scheduled as when interpreted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from difflang.core.ir import Func
from tests.core.generators import arguments, functions
from tests.loops.running import agree


@given(functions(size=16))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("n", [1, 3])
def test_random_functions(n: int, func: Func) -> None:
    agree(func, arguments(func, n))
