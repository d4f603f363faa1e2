"""The door: `BACKEND` compiles nothing, it keeps the function and interprets it at each call."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from difflang.backend.protocol import CompileOptions, Host, Value
from difflang.backend.registry import unknown_stage
from difflang.core.ir import Block, Func
from difflang.runtime.failures import out_of_memory
from difflang_reference.interpreter import Interpreter, scalar_types

FRAMES_PER_REGION = 12
"""Python frames that one level of nested regions may take, generously."""


@dataclass(frozen=True, slots=True)
class ReferenceExecutable:
    """A function together with its options; a call interprets it."""

    func: Func
    options: CompileOptions

    def __call__(self, args: Sequence[Value], host: Host) -> list[Value]:
        """Raises DiffLangError for every failure at run time."""
        values = [_own(arg, param.type.dtype) for arg, param in zip(args, self.func.params, strict=True)]
        with np.errstate(all="ignore"):
            try:
                results = Interpreter(host, self.options).run(self.func.block, values)
            except MemoryError as failure:
                raise out_of_memory(None) from failure
        return [np.array(r, order="C") if np.ndim(r) else r for r in results]


def _own(value: Value, dtype: str) -> Value:
    """Scalars become NumPy scalars of the parameter's type; arrays are used as they are."""
    return value if isinstance(value, np.ndarray) and value.ndim else scalar_types[dtype](value)


@dataclass(frozen=True, slots=True)
class ReferenceBackend:
    """See `difflang.backend.protocol.Backend`."""

    name: str = "reference"

    def compile(self, func: Func, options: CompileOptions) -> ReferenceExecutable:
        needed = 1000 + FRAMES_PER_REGION * _depth(func.block)
        sys.setrecursionlimit(max(sys.getrecursionlimit(), needed))
        return ReferenceExecutable(func, options)

    def emit(self, func: Func, stage: str, options: CompileOptions) -> str:
        raise unknown_stage(self.name, stage, ())


def _depth(block: Block) -> int:
    """How deep regions are nested, found without recursion."""
    deepest, pending = 0, [(block, 1)]
    while pending:
        current, level = pending.pop()
        deepest = max(deepest, level)
        pending += [(region, level + 1) for eqn in current.eqns for region in eqn.regions]
    return deepest


BACKEND = ReferenceBackend()
