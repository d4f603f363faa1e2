"""Compiles one primitive as a loop over arrays, and measures errors in units in the last place."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from difflang_llvm import backend, compiler

from difflang.backend.protocol import CompileOptions
from difflang.loops.ir import Apply, Array, For, Load, Program, Register, Result, Store


def loop_program(name: str, dtype: Any, arity: int) -> Program:
    """`y[i] = name(x0[i], ..)` as a vector loop."""
    n, i = Register("i64", "n"), Register("i64", "i")
    inputs = [Array(dtype, (n,), f"x{k}") for k in range(arity)]
    output = Array(dtype, (n,), "y")
    elements = [Register(dtype) for _ in inputs]
    value = Register(dtype)
    body = (
        *(Load(e, a, (i,)) for e, a in zip(elements, inputs, strict=True)),
        Apply(value, name, tuple(elements)),
        Store(output, (i,), value),
    )
    return Program("f", (n, *inputs), (Result(output, provided=True),), (For(i, n, body, "vector"),))


@cache
def compiled(name: str, dtype: str, arity: int) -> Callable[..., npt.NDArray[Any]]:
    """The elementwise function over contiguous vectors."""
    function = backend.loaded(compiler.compiled_program(loop_program(name, dtype, arity)), None, CompileOptions())

    def apply(*arrays: npt.NDArray[Any]) -> npt.NDArray[Any]:
        result = function([len(arrays[0]), *map(np.ascontiguousarray, arrays)], None)[0]
        assert isinstance(result, np.ndarray)
        return result

    return apply
