"""The C backend computes what Core means: the conformance suite, all its functions in two libraries."""

from __future__ import annotations

import shutil

import pytest

from difflang.backend.conformance import Case, cases, check
from difflang.backend.protocol import CompileOptions
from difflang.backend.registry import get
from difflang.core.parser import parse_func
from difflang.prims import PRIMITIVES

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")

CASES = cases()


class Ready:
    """A backend whose function is there already."""

    name = "c"

    def __init__(self, function: object) -> None:
        self.function = function

    def compile(self, func, options):
        return self.function

    def emit(self, func, stage, options):
        return ""


@pytest.fixture(scope="module")
def functions() -> dict[str, object]:
    found: dict[str, object] = {}
    for check_nan in (False, True):
        group = [case for case in CASES if case.check_nan == check_nan]
        options = CompileOptions(check_nan=check_nan, optimize=0)
        compiled = get("c").compile_all([parse_func(case.text) for case in group], options)
        found |= {case.name: function for case, function in zip(group, compiled, strict=True)}
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_conformance(case: Case, functions: dict[str, object]) -> None:
    check(Ready(functions[case.name]), case)


def test_every_primitive_has_an_expression() -> None:
    from difflang_c.expressions import LOWERINGS

    assert set(LOWERINGS) == set(PRIMITIVES)
