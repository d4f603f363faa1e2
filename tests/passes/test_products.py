"""Contractions that feed one another: text in, text out, and the values by NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from difflang.core.parser import parse_func
from difflang.passes.dead import DeadCode
from difflang.passes.model import Pipeline
from difflang.passes.products import Products
from tests.passes.checking import after, value

PARAMS = "n: i64, m: i64, a: f64[n, m], b: f64[m, n], v: f64[m], w: f64[n]"
STEP = Pipeline((Products(), DeadCode()))
TRANSPOSE = """\
t: f64[m, n] = build m n { i: i64, j: i64
e: f64 = get[inbounds] a j i
yield e
}"""


def arguments() -> list[Any]:
    random = np.random.default_rng(1)
    return [3, 4, *(random.standard_normal(shape) for shape in ((3, 4), (4, 3), (4,), (3,)))]


def result(lines: str) -> Any:
    return value(STEP(parse_func(f"func f({PARAMS}) {{\n{lines}\n}}")), arguments())[0]


def test_a_transpose_is_read_where_it_lies() -> None:
    lines = f'{TRANSPOSE}\nr: f64[m] = contract[spec="ij,j->i"] t w\nyield r'
    assert after(STEP, lines, PARAMS) == 'r: f64[m] = contract[spec="ji,j->i"] a w; yield r'


def test_a_transpose_of_a_part_stays() -> None:
    lines = f'{TRANSPOSE.replace("build m n", "build n n")}\nr: f64[n] = contract[spec="ij,j->i"] t w\nyield r'
    assert "build" in after(STEP, lines.replace("t: f64[m, n]", "t: f64[n, n]"), PARAMS)


@pytest.mark.parametrize(
    ("spec", "vector", "expected"),
    [
        ("ij,j->i", "w", lambda a, b, v, w: a @ b @ w),
        ("j,ji->i", "w", lambda a, b, v, w: w @ a @ b),
        ("ji,j->i", "w", lambda a, b, v, w: (a @ b).T @ w),
    ],
)
def test_products_with_a_vector_are_products_with_vectors(spec: str, vector: str, expected: Callable[..., Any]) -> None:
    operands = f"p {vector}" if spec.startswith(("ij", "ji")) else f"{vector} p"
    lines = f'p: f64[n, n] = contract[spec="ij,jk->ik"] a b\nr: f64[n] = contract[spec="{spec}"] {operands}\nyield r'
    assert "f64[n, n]" not in after(STEP, lines, PARAMS)
    np.testing.assert_allclose(result(lines), expected(*arguments()[2:]), rtol=1e-13)


def test_a_product_that_is_needed_stays() -> None:
    lines = 'p: f64[n, n] = contract[spec="ij,jk->ik"] a b\nr: f64[n] = contract[spec="ij,j->i"] p w\nyield r, p'
    assert after(STEP, lines, PARAMS).count("p") >= 3


def test_rows_are_passed_once() -> None:
    lines = 't: f64[n] = contract[spec="ij,j->i"] a v\nr: f64[m] = contract[spec="ji,j->i"] a t\nyield r'
    text = after(STEP, lines, PARAMS)
    assert "contract" not in text
    assert "f64[n]" not in text.replace(PARAMS, "")
    _, _, a, _, v, _ = arguments()
    np.testing.assert_allclose(result(lines), a.T @ (a @ v), rtol=1e-13)


def test_columns_are_not_rows() -> None:
    lines = 't: f64[n] = contract[spec="ij,j->i"] a v\nr: f64[m] = contract[spec="ij,j->i"] b t\nyield r'
    assert after(STEP, lines, PARAMS).count("contract") == 2
