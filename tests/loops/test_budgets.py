"""Memory budgets: the bytes that are alive at one time in a gradient, counted while a machine runs it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from difflang.backend.protocol import CompileOptions
from difflang.check import loads
from difflang.diagnostics import DiffLangError
from difflang.loops import budgets, ir
from difflang.loops.schedule import schedule
from difflang.loops.threads import ForThreads
from tests.loops.interpreter import Machine
from tests.loops.running import Recorder

SMOOTHED = "[y[i] + 0.1 * sin(y[(i + 1) % n]) for i in 0..n]"
PROGRAMS = {
    "counted": f"""
    for t in 0..steps:
        y = {SMOOTHED}
""",
    "unknown": f"""
    var t = 0
    while t < steps:
        y = {SMOOTHED}
        t += 1
""",
    "nested": f"""
    for t in 0..steps:
        for s in 0..t % 3 + 2:
            y = {SMOOTHED}
        y = [0.5 * y[n - 1 - i] for i in 0..n]
""",
    "two": f"""
    for t in 0..steps:
        y = {SMOOTHED}
    let z = y
    for t in 0..steps:
        y = [y[i] * z[i] + 0.1 * cos(y[(i + 1) % n]) for i in 0..n]
""",
    "comprehension": """
    let ends = [inner([x[i] * x[k] for i in 0..n])[0] for k in 0..n]
    y = ends
""",
    "checkpointed": """
    for t in 0..steps:
        y = checkpoint(inner, levels = 2)(y)
""",
    "surprising": """
    for t in 0..steps:
        let k = 1 + int(floor(abs(y[0]) * 100.0)) % n
        let w = [sin(y[i]) for i in 0..k]
        y = [y[i] + 0.1 * w[i % k] * y[(i + 1) % n] for i in 0..n]
""",
}
TEXT = """
fn inner(x: real[n]) -> real[n]:
    var y = x
    for t in 0..4:
        y = [y[i] + 0.1 * sin(y[(i + 1) % n]) for i in 0..n]
    return y

fn f(x: real[n], steps: int) -> real:
    var y = x
"""
SIZE, STEPS = 8, 4


@pytest.fixture(autouse=True)
def everything_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "PAGE", 0)


class Counting(Machine):
    """`most`: the bytes of all arrays that were alive at one time."""

    def __init__(self, program: ir.Program) -> None:
        super().__init__(program, Recorder())
        self.levels = [0]
        self.most = 0

    def fresh(self, array: ir.Array) -> Any:
        pointer = super().fresh(array)
        self.levels[-1] += pointer.memory.nbytes
        self.most = max(self.most, sum(self.levels))
        return pointer

    def scope(self, statement: ir.Scope) -> None:
        self.levels.append(0)
        super().scope(statement)
        self.levels.pop()


def peak(name: str, operator: str, memory: int, *, threads: bool = False) -> int:
    """The bytes that the derivative takes at its peak; 0 - the least budget if this one is refused."""
    call = f"{operator}(f, memory = {memory})"
    func = loads(TEXT + PROGRAMS[name] + "    return sum(y)\n").lower(call).func
    machine = Counting(schedule(func, CompileOptions(), (ForThreads(),) if threads else ()))
    directions = [np.ones(SIZE)] if operator == "hvp" else []
    point = np.linspace(-0.4, 0.6, SIZE)
    try:
        machine.run([SIZE, point, STEPS, *directions])
    except DiffLangError as refusal:
        assert refusal.diagnostic.code == "E0812"
        found = re.search(r"Give at least (\d+) bytes", refusal.diagnostic.message)
        assert found
        return -int(found.group(1))
    return machine.most


@pytest.mark.parametrize(("name", "operator"), [*((name, "grad") for name in PROGRAMS), ("counted", "hvp")])
def test_a_budget_is_never_exceeded_and_the_least_is_named(name: str, operator: str) -> None:
    least = -peak(name, operator, 1)
    assert least > 8 * SIZE, "nothing works in less than a state"
    taken = peak(name, operator, least)
    if taken < 0:
        assert name == "surprising", "what is needed is known before it runs"
        least = -taken
        taken = peak(name, operator, least)
    assert 0 < taken <= least
    assert peak(name, operator, least - 8 * SIZE) < 0


def test_threads_have_a_budget_together() -> None:
    assert 0 < peak("comprehension", "grad", 1_000_000, threads=True) <= 1_000_000
