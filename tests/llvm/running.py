"""Functions of Core made in a line or two, compiled without the cache, with a host that records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from difflang_llvm.backend import LLVMBackend

from difflang.backend.protocol import CompileOptions, Value
from difflang.core.builder import Builder
from difflang.core.ir import Atom, Func, Type, Var

UNCACHED = CompileOptions(cache=False)


class Recorder:
    """A host that keeps what it is told and answers external functions from `functions`."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self.printed: list[str] = []
        self.reported: list[dict[str, Value]] = []
        self._functions = functions

    def print(self, text: str) -> None:
        self.printed.append(text)

    def report(self, figures: Mapping[str, Value]) -> None:
        self.reported.append(dict(figures))

    def extern(self, name: str, args: Sequence[Value]) -> Sequence[Value]:
        return self._functions[name](*args)


def function(params: Sequence[Type | Var], body: Callable[..., Sequence[Atom]]) -> Func:
    """`body(builder, *params)`; a parameter is a type, or a variable that later types mention."""
    builder = Builder()
    variables = [p if isinstance(p, Var) else Var(p) for p in params]
    return Func("f", builder.block_with(variables, lambda *args: body(builder, *args)))


def run(func: Func, *args: Value, host: Recorder | None = None, options: CompileOptions = UNCACHED) -> list[Any]:
    return LLVMBackend().compile(func, options)(args, host or Recorder())
