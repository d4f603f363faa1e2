"""A stack deep enough for programs that nest: trees and regions are walked by recursion."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

STACK_BYTES = 512 * 1024 * 1024
RECURSION_LIMIT = 200_000
YOUNG_OBJECTS = 100_000
"""How many new objects make the garbage collector look for cycles meanwhile. Compilers make many objects and few
cycles, and with Python's own 700 a fifth of their time goes to looking."""

T = TypeVar("T")
_lock = threading.Lock()
_running = 0
_usual_limit = 0
_usual_young = 0


def deeply(action: Callable[[], T]) -> T:
    """Runs `action` in a thread with a stack that deep programs need (inlining nests Python calls)."""
    results: list[T] = []
    failures: list[BaseException] = []

    def body() -> None:
        try:
            results.append(action())
        except BaseException as failure:
            failures.append(failure)

    with _deep_recursion():
        thread = _DeepThread(body)
        thread.start()
        thread.join()
    if failures:
        raise failures[0]
    return results[0]


@contextmanager
def _deep_recursion() -> Generator[None]:
    """Python's limits are one for all threads: they are raised while any deep action runs."""
    global _running, _usual_limit, _usual_young
    with _lock:
        if _running == 0:
            _usual_limit = sys.getrecursionlimit()
            sys.setrecursionlimit(max(_usual_limit, RECURSION_LIMIT))
            _usual_young, *older = gc.get_threshold()
            gc.set_threshold(max(_usual_young, YOUNG_OBJECTS) if _usual_young else 0, *older)
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                sys.setrecursionlimit(_usual_limit)
                gc.set_threshold(_usual_young, *gc.get_threshold()[1:])


class _DeepThread(threading.Thread):
    """A thread whose stack has STACK_BYTES, whatever the usual size is."""

    def __init__(self, body: Callable[[], None]) -> None:
        super().__init__(target=body, name="difflang-deep")

    def start(self) -> None:
        with _lock:
            usual = threading.stack_size(STACK_BYTES)
            try:
                super().start()
            finally:
                threading.stack_size(usual)
