"""Running Core both ways: by the reference interpreter, and scheduled to Loops and executed by the test machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from difflang_reference import BACKEND

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Func
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.diagnostics.model import DiffLangError
from difflang.loops.ir import Program
from difflang.loops.schedule import schedule
from tests.loops.interpreter import Machine


class Recorder:
    """A host that keeps what it is told; `extern` is a table of functions."""

    def __init__(self, **externs: Any) -> None:
        self.events: list[Any] = []
        self.externs = externs

    def print(self, text: str) -> None:
        self.events.append(text)

    def report(self, figures: Any) -> None:
        self.events.append({name: np.asarray(value).tolist() for name, value in figures.items()})

    def extern(self, name: str, args: Sequence[Any]) -> Sequence[Any]:
        return self.externs[name](*args)


def program(text: str) -> Program:
    """Core, scheduled to Loops."""
    return schedule(parse_func(text), CompileOptions())


def results(text: str, *args: Any) -> Sequence[Any]:
    """What the test machine makes of a program."""
    return Machine(program(text), Recorder()).run(args)


def agree(func: Func, args: Sequence[Any], **externs: Any) -> Machine:
    """Asserts that both runs give the same results and effects; returns the machine for further questions."""
    verify(func)
    options = CompileOptions()
    one, two = Recorder(**externs), Recorder(**externs)
    expected = BACKEND.compile(func, options)(args, one)
    machine = Machine(schedule(func, options), two)
    found = machine.run(args)
    for value, wanted in zip(found, expected, strict=True):
        assert np.shape(value) == np.shape(wanted)
        np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-12)
    assert one.events == two.events
    return machine


def agree_text(text: str, *args: Any, **externs: Any) -> Machine:
    return agree(parse_func(text), args, **externs)


def failing(text: str, *args: Any, options: CompileOptions | None = None) -> DiffLangError:
    """The failure of a program, which must be the same both ways."""
    func = parse_func(text)
    options = options or CompileOptions()
    failures: list[DiffLangError] = []
    for run in (BACKEND.compile(func, options), lambda a, h: Machine(schedule(func, options), h).run(a)):
        try:
            run(args, Recorder())
        except DiffLangError as failure:
            failures.append(failure)
    one, two = failures
    assert one.diagnostics == two.diagnostics
    return two
