"""Long array literals of numbers with something computed among them."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl
from difflang.core.ir import walk


@pytest.mark.parametrize("backend", ["reference", "llvm"])
def test_computed_elements_stand_in_their_places(backend):
    flat = ", ".join("x" if k % 7 == 3 else str(k / 4) for k in range(40))
    rows = ", ".join("[x, 1.0, x * x]" if k % 5 == 0 else f"[{k}.0, 0.5, -1.0]" for k in range(30))
    ints = ", ".join("n" if k == 20 else str(k) for k in range(25))
    text = f"""
fn flat(x: real) -> real[40] = [{flat}]
fn rows(x: real) -> real[30, 3] = [{rows}]
fn ints(n: int) -> int[25] = [{ints}]
fn total(x: real) -> real = sum(flat(x)) + sum(rows(x))
"""
    module = dl.loads(text)
    at = {name: module[name].on(backend=backend) for name in ("flat", "rows", "ints", "total")}
    np.testing.assert_array_equal(at["flat"](3.0), [3.0 if k % 7 == 3 else k / 4 for k in range(40)])
    wanted = [[3.0, 1.0, 9.0] if k % 5 == 0 else [k, 0.5, -1.0] for k in range(30)]
    np.testing.assert_array_equal(at["rows"](3.0), wanted)
    np.testing.assert_array_equal(at["ints"](-7), [-7 if k == 20 else k for k in range(25)])
    assert dl.grad(at["total"])(3.0) == 6 + 6 * (1 + 2 * 3.0)


def test_literals_cost_no_operations():
    elements = ", ".join("x" if k == 500 else "0.0" for k in range(1000))
    func = dl.loads(f"fn f(x: real) -> real[1000] = [{elements}]")._engine.program.lower("f", optimize=False).func
    assert sum(eqn.op == "set" for eqn in walk(func.block)) == 1
