"""Python functions written for one purpose: lines of text with the constants that they mention.

What happens on every call of a compiled function is decided once, when the function is made; the written text has
neither loops nor choices, which take longer than many a compiled function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Writer:
    """Collects the lines of a function. Names of constants begin with `k_`."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._constants: dict[str, Any] = {}

    def line(self, text: str) -> None:
        self._lines.append(f"    {text}\n")

    def constant(self, value: object) -> str:
        """A name for a value in the text."""
        name = f"k_{len(self._constants)}"
        self._constants[name] = value
        return name

    def function(self, parameters: Sequence[str]) -> Callable[..., Any]:
        """The function; the text may hold only what this program chose, never a text of a user but as a constant."""
        text = f"def written({', '.join(parameters)}):\n{''.join(self._lines)}"
        namespace = dict(self._constants)
        exec(compile(text, "<a call of a compiled function>", "exec"), namespace)
        return namespace["written"]
