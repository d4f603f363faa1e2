"""Random programs: forward = reverse = differences, at first and second order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.core.ir import Func
from tests.core.generators import arguments, functions
from tests.derive.toolkit import check_all_orders, check_modes, copied_function, run

SIZES = st.sampled_from([1, 2, 3, 4])


@settings(max_examples=60, deadline=None)
@given(functions(size=14, smooth=True), SIZES)
def test_smooth_programs(func: Func, n: int) -> None:
    check_modes(func, arguments(func, n))


@settings(max_examples=40, deadline=None)
@given(functions(size=14, smooth=False), SIZES)
def test_programs_with_kinks(func: Func, n: int) -> None:
    check_modes(func, arguments(func, n), smooth=False)


@settings(max_examples=15, deadline=None)
@given(functions(size=8, smooth=True))
def test_smooth_programs_twice(func: Func) -> None:
    check_all_orders(func, arguments(func, 2))


@settings(max_examples=10, deadline=None)
@given(func=functions(size=10))
def test_a_copy_computes_the_same(func: Func) -> None:
    args = arguments(func, 3)
    for value, expected in zip(run(copied_function(func), *args), run(func, *args), strict=True):
        assert (value == expected).all() if hasattr(value, "all") else value == expected
