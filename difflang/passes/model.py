"""What a pass is: a frozen dataclass whose fields are its options, called with a function, giving a function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from difflang.core.ir import Func
from difflang.watch import run_passes


class Pass(Protocol):
    """Core to Core; the meaning of the function stays."""

    def __call__(self, func: Func) -> Func: ...


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Passes in a row; itself a pass. Each is a stage that can be watched."""

    passes: Sequence[Pass]

    def __call__(self, func: Func) -> Func:
        return run_passes(self.passes, func)
