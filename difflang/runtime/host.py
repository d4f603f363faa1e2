"""What a running program may ask of its surroundings: printing, reporting, functions bound from Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from difflang.backend.notice import NOTICE, read_notice
from difflang.backend.protocol import Value
from difflang.diagnostics import Diagnostic, DiffLangError, error
from difflang.runtime.failures import residual_too_large
from difflang.runtime.progress import Sink, TerminalLine


@dataclass
class RunHost:
    """The host of one or several runs. `stream` takes what `print` writes; None is the standard output.

    `warn` is told of implicit functions whose condition is not met, each once; with `strict` that is an error.
    """

    sinks: Sequence[Sink] = ()
    externs: Mapping[str, Callable[..., Any]] = field(default_factory=dict[str, Callable[..., Any]])
    stream: IO[str] | None = None
    warn: Callable[[Diagnostic], None] | None = None
    strict: bool = False
    _warned: set[str] = field(default_factory=set[str])

    def print(self, text: str) -> None:
        for sink in self.sinks:
            if isinstance(sink, TerminalLine):
                sink.pause()
        print(text, file=self.stream or sys.stdout, flush=True)

    def report(self, figures: Mapping[str, Value]) -> None:
        for sink in self.sinks:
            sink.report(figures)

    def extern(self, name: str, args: Sequence[Value]) -> Sequence[Value]:
        """Calls the Python function bound to an `extern fn`. Raises E0611 where none is bound or it gives nothing."""
        if name.startswith(NOTICE):
            self._residual(name, float(args[0]))
            return []
        function = self.externs.get(name)
        if function is None:
            hint = f"Load the program in Python and bind it before the call: `module.bind({name} = python_function)`."
            raise error("E0611", f"The extern function `{name}` is not bound to a Python function.", hint=hint)
        result = function(*args)
        if result is None:
            hint = f"Return a value from the Python function `{getattr(function, '__name__', name)}`."
            raise error("E0611", f"The Python function bound to `{name}` returned None.", hint=hint)
        return [_flat(name, part) for part in (result if isinstance(result, tuple) else (result,))]

    def _residual(self, name: str, quotient: float) -> None:
        """Raises E0811 with `strict`."""
        if name in self._warned:
            return
        self._warned.add(name)
        found = residual_too_large(*read_notice(name), quotient, "error" if self.strict else "warning")
        if self.strict:
            raise DiffLangError(found)
        if self.warn is not None:
            self.warn(found)

    def close(self) -> None:
        """Finishes the progress line, the log and the plot."""
        for sink in self.sinks:
            sink.close()


def _flat(name: str, value: Any) -> Value:
    """A number as it is, anything else as an array. Raises E0611 for what cannot be one."""
    if isinstance(value, bool | int | float | np.generic):
        return value
    try:
        array = np.asarray(value, order="C")
    except (ValueError, TypeError) as problem:
        message = f"The Python function bound to `{name}` returned what is no array of numbers: {problem}."
        hint = "Return numbers and arrays; several results are a tuple, not a list."
        raise error("E0611", message, hint=hint) from None
    return array if array.ndim else array[()]
