"""Products of one matrix with several vectors: text in, text out, and the values by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from difflang.core.ir import Func, walk
from difflang.core.parser import parse_func
from difflang.passes import PASSES
from difflang.passes.fuse import Fuse
from difflang.passes.model import Pipeline
from tests.passes.checking import value

PARAMS = "n: i64, m: i64, a: f64[n, m], v: f64[m], w: f64[m], x: f64[n], y: f64[n]"
ROWS = """\
p: f64[n] = contract[spec="ij,j->i"] a v
q: f64[n] = contract[spec="j,ij->i"] w a
yield p, q"""
COLUMNS = """\
p: f64[m] = contract[spec="ji,j->i"] a x
q: f64[m] = contract[spec="ji,j->i"] a y
yield p, q"""
BOTH = """\
p: f64[n] = contract[spec="ij,j->i"] a v
q: f64[m] = contract[spec="ji,j->i"] a y
yield p, q"""
AFTER = """\
p: f64[n] = contract[spec="ij,j->i"] a v
q: f64[m] = contract[spec="ji,j->i"] a p
r: f64[n] = contract[spec="ij,j->i"] a q
yield q, r"""


def function(lines: str) -> Func:
    return parse_func(f"func f({PARAMS}) {{\n{lines}\n}}")


def operations(func: Func) -> list[str]:
    return [eqn.op for eqn in walk(func.block) if eqn.regions or eqn.op == "contract"]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (ROWS, ["build", "reduce"]),
        (COLUMNS, ["reduce", "build"]),
        (BOTH, ["contract", "contract"]),
        (AFTER, ["contract", "contract", "contract"]),
    ],
)
def test_the_same_matrix_in_the_same_order_is_read_once(lines: str, found: list[str]) -> None:
    assert operations(Fuse(mixed=True)(function(lines))) == found


@pytest.mark.parametrize("lines", [ROWS, COLUMNS, BOTH, AFTER])
def test_values_stay(lines: str) -> None:
    random = np.random.default_rng(3)
    arguments: list[Any] = [3, 4, *(random.standard_normal(s) for s in ((3, 4), (4,), (4,), (3,), (3,)))]
    a, v, w, x, y = arguments[2:]
    second = a.T @ a @ v
    expected = {ROWS: (a @ v, a @ w), COLUMNS: (x @ a, y @ a), BOTH: (a @ v, y @ a), AFTER: (second, a @ second)}
    for step in (Fuse(mixed=True), Pipeline(PASSES)):
        for one, other in zip(value(step(function(lines)), arguments), expected[lines], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
