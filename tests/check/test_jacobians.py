"""Jacobians and Hessians of structures: refused in the words of the program, with a way out that works."""

from __future__ import annotations

import numpy as np
import pytest

from difflang.check import loads
from tests.check.conftest import refusal

TEXT = """
struct P[n]: w: real[n]; b: real
fn f(p: P[n]) -> real = sum(p.w ** 3) * p.b
fn pair(x: real) -> (real, real) = (x * x, x ** 3)
"""


@pytest.mark.parametrize("operator", ["jacobian", "hessian"])
@pytest.mark.parametrize("option", ["", ", sparse = true"])
def test_the_operator_of_the_program_is_named(operator, option):
    refused = refusal(TEXT, f"{operator}(f{option})")
    assert refused.code == "E0505"
    assert refused.hint is not None
    assert f"{operator}(fn(v) = f(unravel(v, p)){option})(ravel(p))" in refused.hint


def test_the_way_out_gives_the_matrix_over_all_numbers(run):
    main = """
fn main(w: real[n], b: real) -> real[n + 1, n + 1]:
    let p = P(w, b)
    return hessian(fn(v) = f(unravel(v, p)))(ravel(p))
"""
    matrix = run(TEXT + main, "main", np.array([1.0, 2.0]), 5)
    np.testing.assert_allclose(matrix, [[30, 0, 3], [0, 60, 12], [3, 12, 0]], rtol=1e-13)


def test_a_structured_result_is_flattened(run):
    assert refusal(TEXT, "jacobian(pair)").hint == "Write jacobian(fn(x) = ravel(pair(x))), or use jvp or vjp."
    main = "fn main(x: real) -> real[2] = jacobian(fn(x: real) = ravel(pair(x)))(x)\n"
    np.testing.assert_allclose(run(TEXT + main, "main", 2.0), [4, 12], rtol=1e-14)


def test_an_int_result_has_no_matrix():
    text = "fn f(x: real) -> int = int(x)\nfn main(x: real) = jacobian(f)(x)\n"
    (found,) = [found for found in loads(text).check() if found.code == "E0505"]
    assert found.hint is not None
    assert "return a real" in found.hint


def test_fields_that_are_no_reals_are_named():
    text = "struct P: w: real; k: int; on: bool\nfn f(p: P) -> real = p.w * p.k\n"
    refused = refusal(text, "grad(f)")
    assert refused.code == "E0503"
    assert refused.hint is not None and refused.hint.startswith("`k`, `on` are not made of reals")
