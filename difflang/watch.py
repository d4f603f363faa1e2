"""Watching compilation: its stages, from reading to linking, tell who watches how long they took and what they made.

Nobody watches in general, and then a stage costs one test.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

Inputs = ParamSpec("Inputs")
Output = TypeVar("Output")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that has ended. `seconds` are its own: those of the stages inside it are theirs."""

    name: str
    seconds: float
    result: Any


Watcher = Callable[[Stage], None]

_watchers: list[Watcher] = []
_inside: list[float] = []
"""For each stage that runs, the seconds that stages inside it have taken."""


@contextmanager
def watching(watcher: Watcher) -> Generator[None]:
    """Meanwhile the watcher hears of every stage, in whatever thread it runs; one compilation at a time makes sense."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def run_stage(name: str, action: Callable[[], Output]) -> Output:
    """The result of an action that is a stage of compilation."""
    if not _watchers:
        return action()
    _inside.append(0.0)
    start = time.perf_counter()
    try:
        result = action()
    finally:
        elapsed = time.perf_counter() - start
        own = elapsed - _inside.pop()
        if _inside:
            _inside[-1] += elapsed
    for watcher in _watchers:
        watcher(Stage(name, own, result))
    return result


def stage(name: str) -> Callable[[Callable[Inputs, Output]], Callable[Inputs, Output]]:
    """Makes every call of a function a stage of compilation."""

    def staged(function: Callable[Inputs, Output]) -> Callable[Inputs, Output]:
        @functools.wraps(function)
        def wrapper(*args: Inputs.args, **kwargs: Inputs.kwargs) -> Output:
            return run_stage(name, lambda: function(*args, **kwargs))

        return wrapper

    return staged


def run_passes(passes: Sequence[Callable[[Output], Output]], subject: Output) -> Output:
    """What passes in a row make of a function or a program; each is a stage with the name of its class."""
    for step in passes:
        subject = run_stage(type(step).__name__, functools.partial(step, subject))
    return subject
