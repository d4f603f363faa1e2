"""The work of compilation grows with the length of the program and no faster."""

from __future__ import annotations

import cProfile
import pstats
import threading
from collections.abc import Callable

import pytest

from difflang.backend.protocol import CompileOptions
from difflang.check import loads
from difflang.loops.schedule import schedule

FEW = 50
"""Lines of the program that longer ones are compared with."""
SCALARS = """\
fn layer{k}(x: real, w: real) -> real:
    let y = tanh(w * x + {k}.5)
    return y * y + x
"""
ARRAYS = """\
fn layer{k}(x: real[n], w: real) -> real[n]:
    let s = sum(x * x) / n
    return [tanh(w * x[i] + {k}.5) * s for i]
"""


def program(layer: str, lines: int) -> str:
    """A program of so many lines: layers, and a function that runs through all of them."""
    count = (lines - 3) // 4
    steps = "".join(f"    y = layer{k}(y, w)\n" for k in range(count))
    layers = "".join(layer.format(k=k) for k in range(count))
    kind = "real[n]" if layer is ARRAYS else "real"
    result = "sum(y)" if layer is ARRAYS else "y"
    return f"{layers}fn loss(x: {kind}, w: real) -> real:\n    var y = x\n{steps}    return {result}\n"


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, also in the thread that the compiler starts."""
    profile = cProfile.Profile()
    threading.setprofile(lambda *_: profile.enable())
    try:
        work()
    finally:
        threading.setprofile(None)
        profile.disable()
    return pstats.Stats(profile).total_calls


def compiled(text: str) -> None:
    schedule(loads(text).lower("grad(loss)").func, CompileOptions())


@pytest.mark.parametrize(("layer", "lines"), [(SCALARS, 1600), (ARRAYS, 150)], ids=["scalars", "arrays"])
def test_work_grows_with_the_length_of_the_program(layer, lines):
    compiled(program(layer, FEW))
    per_line = [calls(lambda n=n: compiled(program(layer, n))) / n for n in (FEW, lines)]
    assert per_line[1] < 1.3 * per_line[0]
