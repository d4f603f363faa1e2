"""`const` and `data` items: their values where they are used."""

from __future__ import annotations

from difflang.check.coerce import coerce
from difflang.check.context import Activation, Context
from difflang.check.typing import resolve
from difflang.check.values import ItemValue, Value
from difflang.syntax import ast


def item_value(context: Context, item: ItemValue) -> Value:
    """The value of a `const` (elaborated in place) or of a `data` item (a parameter of the program)."""
    node = item.node
    if isinstance(node, ast.DataDef):
        from difflang.check.entry import data_value

        return data_value(context, node, item.scope)
    if any(a.node is node for a in context.activations):
        raise context.error(
            "E0304",
            f"the const `{node.name}` is defined by itself",
            node.name_span,
            hint="write its value without the const itself, or make it a function",
        )
    context.activations.append(Activation(node, node.name, node.name_span, False))
    try:
        type_ = resolve(context, node.type, item.scope) if node.type else None
        value = context.evaluate(node.value, item.scope, type_)
        return coerce(context, value, type_, node.value.span, f"`{node.name}`") if type_ else value
    finally:
        context.activations.pop()
