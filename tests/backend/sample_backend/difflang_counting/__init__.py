"""A backend that interprets Core and counts the primitives it evaluates.

It shows all that a backend needs: an object with `name`, `compile` and `emit`, named by an entry point of the group
`difflang.backends`. Evaluation is left to the reference interpreter; `BACKEND.counts` has the counts of the last call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from difflang_reference.interpreter import Interpreter

from difflang.backend.protocol import CompileOptions, Host, Value
from difflang.core.ir import Eqn, Func, walk
from difflang.diagnostics.model import error
from difflang.prims.arithmetic import NUMPY_DTYPES


class CountingInterpreter(Interpreter):
    """The reference interpreter with a counter at every primitive."""

    def __init__(self, host: Host, options: CompileOptions, counts: Counter[str]) -> None:
        super().__init__(host, options)
        self.counts = counts

    def primitive(self, eqn: Eqn) -> Any:
        self.counts[eqn.op] += 1
        return super().primitive(eqn)


class CountingBackend:
    """See `difflang.backend.protocol.Backend`."""

    name = "counting"

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def compile(self, func: Func, options: CompileOptions) -> Any:
        def call(args: Sequence[Value], host: Host) -> list[Value]:
            self.counts = Counter()
            values = [_typed(arg, p.type.dtype) for arg, p in zip(args, func.params, strict=True)]
            with np.errstate(all="ignore"):
                return CountingInterpreter(host, options, self.counts).run(func.block, values)

        return call

    def emit(self, func: Func, stage: str, options: CompileOptions) -> str:
        """The only stage is `counts`: how often each operation stands in the program."""
        if stage != "counts":
            raise error("E0905", f"the counting backend has no stage `{stage}`", hint="Its only stage is `counts`.")
        written = Counter(eqn.op for eqn in walk(func.block))
        return "".join(f"{op} {count}\n" for op, count in sorted(written.items()))


def _typed(value: Value, dtype: str) -> Value:
    return value if isinstance(value, np.ndarray) else np.dtype(NUMPY_DTYPES[dtype]).type(value)


BACKEND = CountingBackend()
