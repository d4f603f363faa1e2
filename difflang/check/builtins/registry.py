"""The table of builtin functions, and the decorator that fills it.

    @builtin("clip", "x low high")
    def clip(context, call):
        x, low, high = call.arguments
        ...

`parameters` names the parameters, in order; `name?` may be left out (None then), `name..` takes all that
is left (a tuple), so that a `name?` behind it is given by its name only. Keyword arguments are matched to
the names before the function is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from difflang.check.types import Type
from difflang.check.values import Value
from difflang.diagnostics.model import Span

if TYPE_CHECKING:
    from difflang.check.context import Context


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a builtin: `arguments` has one entry for each parameter of the declaration.

    `spans` are the places of the arguments, in the same order (of a `name..`, that of the first).
    """

    name: str
    arguments: tuple[Any, ...]
    spans: tuple[Span, ...]
    span: Span
    expected: Type | None = None


Implementation = Callable[["Context", Call], Value]


@dataclass(frozen=True, slots=True)
class Builtin:
    name: str
    parameters: tuple[str, ...]
    implementation: Implementation

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names without their marks."""
        return tuple(p.rstrip("?.") for p in self.parameters)


BUILTINS: dict[str, Builtin] = {}


def builtin(name: str, parameters: str) -> Callable[[Implementation], Implementation]:
    """Registers the decorated function under `name`."""

    def register(implementation: Implementation) -> Implementation:
        BUILTINS[name] = Builtin(name, tuple(parameters.split()), implementation)
        return implementation

    return register
