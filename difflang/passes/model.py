"""What a pass is: a frozen dataclass whose fields are its options, called with a function, giving a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from difflang.core.ir import Func


class Pass(Protocol):
    """Core to Core; the meaning of the function stays."""

    def __call__(self, func: Func) -> Func: ...


Observer = Callable[[str, Func], None]
"""Called after each pass with its name and what it gave (for printing, timing, verification)."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Passes in a row; itself a pass."""

    passes: Sequence[Pass]
    observer: Observer | None = None

    def __call__(self, func: Func) -> Func:
        for step in self.passes:
            func = step(func)
            if self.observer is not None:
                self.observer(type(step).__name__, func)
        return func
