"""The table from the classes of the syntax tree to the functions that elaborate them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from difflang.check.types import Type
from difflang.check.values import Value
from difflang.syntax import ast

if TYPE_CHECKING:
    from difflang.check.context import Context
    from difflang.check.environment import Scope

Handler = Callable[["Context", Any, "Scope", Type | None], Value]

EXPRESSIONS: dict[type[ast.Node], Handler] = {}


def expression(*classes: type[ast.Node]) -> Callable[[Handler], Handler]:
    """Registers the decorated function `(context, node, scope, expected) -> Value` for expression classes."""

    def register(handler: Handler) -> Handler:
        for cls in classes:
            EXPRESSIONS[cls] = handler
        return handler

    return register
