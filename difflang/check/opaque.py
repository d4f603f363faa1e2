"""A function of which only the type is known: stands for a function-typed parameter while its user is checked alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from difflang.check.coerce import coerce
from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.typing import resolve
from difflang.check.values import Arguments, FunctionValue, Value
from difflang.syntax import ast

if TYPE_CHECKING:
    from difflang.check.specimens import SpecimenMaker


class OpaqueFunction(FunctionValue):
    """Checks its arguments against the declared type, and gives a new value of the declared result type."""

    def __init__(self, name: str, node: ast.FunctionType, scope: Scope, maker: SpecimenMaker) -> None:
        self.name = name
        self.node = node
        self.scope = scope
        self.maker = maker

    def call(self, context: Context, arguments: Arguments) -> Value:
        wanted = self.node.parameters
        if len(arguments.positional) + len(arguments.keywords) != len(wanted):
            count = len(arguments.positional) + len(arguments.keywords)
            raise context.error(
                "E0302",
                f"`{self.name}` takes {len(wanted)} arguments, but {count} are given",
                arguments.span,
                hint=f"call it with {len(wanted)} values, in the order of its type",
            )
        for k, (value, node) in enumerate(zip(arguments.positional, wanted, strict=False)):
            type_ = resolve(context, node, self.scope)
            coerce(context, value, type_, arguments.span_of(k), f"argument {k + 1} of `{self.name}`")
        return self.maker.make(self.node.result, self.scope, f"{self.name} result")
