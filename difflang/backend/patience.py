"""How long an interpreter may take for a value, where nobody knows how long that will be."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_end: ContextVar[float] = ContextVar("end", default=float("inf"))


class OutOfPatience(Exception):
    """The time is over. For whoever has set it, and never seen by users."""


@contextmanager
def patience(seconds: float) -> Generator[None]:
    """In here interpreters raise OutOfPatience after that time; compiled code does not."""
    token = _end.set(time.perf_counter() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def end() -> float:
    """When the time is over, in the seconds of `time.perf_counter`."""
    return _end.get()
