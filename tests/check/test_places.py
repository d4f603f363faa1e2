"""Failures inside the standard library are told at the line of the user's file that called it."""

from __future__ import annotations

import pytest

import difflang
from difflang.check import load, loads
from difflang.check.program import library_directory
from difflang.diagnostics import DiffLangError

HEAD = "import linalg\nimport optim\n\n"


def test_a_mistake_found_in_the_library_points_at_the_call():
    text = HEAD + "fn f(x: real[3]) -> real[3]:\n    return optim.minimize(fn(y) = 2.0 * y, x, optim.adam(lr = 0.1))\n"
    (found,) = loads(text, "mine.dl").check()
    assert found.code == "E0502"
    assert found.span is not None
    assert (found.span.path, found.span.line, found.span.column) == ("mine.dl", 5, 12)
    assert [label.span.path.endswith("adaptive.dl") for label in found.labels] == [True]


@pytest.mark.parametrize(
    "call",
    ["linalg.solve(zeros(n, n), ones(n))", "linalg.cholesky(zeros(n, n))[0]", "linalg.inv(zeros(n, n))[0]"],
)
def test_a_failure_at_run_time_in_the_library_points_at_the_call(call):
    module = difflang.loads(f"{HEAD}fn f(n: int) -> real[n]:\n    return {call} * ones(n)\n")
    with pytest.raises(DiffLangError) as failure:
        module.f.on(backend="reference")(3)
    assert failure.value.code == "E0805"
    assert failure.value.span is not None
    assert (failure.value.span.line, failure.value.span.column) == (5, 12)


def test_a_lambda_that_the_library_calls_keeps_its_own_place():
    text = HEAD + "fn f(x: real[3]) -> real[3]:\n    return linalg.cg(fn(v) = v[5] * v, x)\n"
    (found,) = loads(text, "mine.dl").check()
    assert found.code == "E0318"
    assert found.span is not None
    assert (found.span.path, found.span.line) == ("mine.dl", 5)
    assert found.span.column > 29


def test_the_author_of_a_library_file_sees_its_own_lines(tmp_path):
    program = load(library_directory() / "linalg.dl")
    span = program.tree.items[0].span
    assert not program.places.in_library(span)
