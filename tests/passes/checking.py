"""What every test of a pass needs: text in, text out, and the reference before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
from difflang_reference import BACKEND

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Func
from difflang.core.parser import parse_func
from difflang.core.printer import format_func
from difflang.core.verifier import verify
from difflang.passes.dead import DeadCode
from difflang.passes.model import Pass, Pipeline
from difflang.passes.simplify import Simplify


def value(func: Func, args: list[Any]) -> list[Any]:
    """The results under the reference backend; these programs have no effects, so there is no host."""
    return BACKEND.compile(func, CompileOptions())(args, None)  # pyright: ignore[reportArgumentType]


def rewritten(step: Pass, text: str) -> str:
    """The text after a pass; the function is verified before and after."""
    func = parse_func(text)
    verify(func)
    after = step(func)
    verify(after)
    return format_func(after)


def unchanged_value(step: Pass, func: Func, args: list[Any], tolerance: float = 1e-12) -> None:
    """The pass keeps the function well formed and its results the same (up to the order of sums)."""
    try:
        after = step(func)
        verify(after)
        for before, now in zip(value(func, args), value(after, args), strict=True):
            np.testing.assert_allclose(now, before, rtol=tolerance, atol=tolerance)
    except Exception as failure:
        failure.add_note(format_func(func))
        raise


VECTORS = "n: i64, m: i64, x: f64[n], y: f64[n], a: f64[n, m], w: f64[m]"
"""Parameters for programs about loops."""


def after(step: Pass, lines: str, params: str) -> str:
    """What becomes of a function body under a pass and cleaning up, on one line."""
    func = f"func f({params}) {{\n{lines}\n}}\n"
    text = rewritten(Pipeline((Simplify(), step, Simplify(), DeadCode())), func)
    return "; ".join(line.strip() for line in text.splitlines()[1:-1]).replace("[inbounds]", "")
