"""`assert`, `print` and `report`."""

from __future__ import annotations

from difflang.check.coerce import as_condition
from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.leaves import leaves, materialize
from difflang.check.values import (
    Arguments,
    Array,
    FunctionValue,
    NothingValue,
    Number,
    Scalar,
    StringValue,
    StructValue,
    TupleValue,
    Value,
)
from difflang.core.ir import Atom
from difflang.runtime.text import quoted
from difflang.syntax import ast


def emit_assert(context: Context, node: ast.Assert, scope: Scope) -> None:
    """`assert c, "message"`; a comparison that fails shows its two sides."""
    if isinstance(node.condition, ast.Tuple) and node.message is None:
        raise context.error(
            "E0301",
            "an assert needs a condition, but this is a tuple",
            node.condition.span,
            hint='write it without parentheses: `assert n > 0, "n is not positive"`',
        )
    condition = as_condition(context, context.evaluate(node.condition, scope), node.condition.span)
    message = "its condition is false"
    if node.message is not None:
        text = context.evaluate(node.message, scope)
        if not isinstance(text, StringValue):
            raise context.error(
                "E0301",
                "the message of an assert is a string",
                node.message.span,
                hint='write the message between double quotes: `assert n > 0, "n is not positive"`',
            )
        message = quoted(text.text)
    with context.at(node.condition.span):
        context.builder.emit("assert", [condition.atom], {"code": "E0803", "message": message})


class Print(FunctionValue):
    """`print(a, "text", b)`: one line, values separated by spaces."""

    name = "print"

    def call(self, context: Context, arguments: Arguments) -> Value:
        if arguments.keywords:
            raise context.error(
                "E0302",
                "`print` takes no named arguments",
                arguments.span,
                hint='write the text in front of the value: `print("loss", loss)`',
            )
        atoms: list[Atom] = []
        parts = [_template(context, materialize(context, v), atoms) for v in arguments.positional]
        context.builder.emit("print", atoms, {"template": " ".join(parts)})
        return NothingValue()


def _template(context: Context, value: Value, atoms: list[Atom]) -> str:
    match value:
        case StringValue():
            return quoted(value.text)
        case Scalar() | Array():
            atoms.append(value.atom)
            return f"{{{len(atoms) - 1}}}"
        case TupleValue():
            return f"({', '.join(_template(context, e, atoms) for e in value.elements)})"
        case StructValue():
            fields = (f"{n} = {_template(context, v, atoms)}" for n, v in value.fields.items())
            return f"{value.type.info.name}({', '.join(fields)})"
        case _:
            return context.text(value)


class Report(FunctionValue):
    """`report(step = t, loss = l)`: named scalars for the progress line."""

    name = "report"

    def call(self, context: Context, arguments: Arguments) -> Value:
        if arguments.positional:
            raise context.error(
                "E0302", "`report` takes named figures only", arguments.span_of(0), hint="write report(loss = loss)"
            )
        atoms: list[Atom] = []
        for name, value in arguments.keywords.items():
            if not isinstance(value, Number | Scalar):
                raise context.error(
                    "E0301",
                    f"`{name}` should be a number, but it is {context.text(value)}",
                    arguments.span_of(name),
                    hint="report a number made from it, such as sum(x), norm(x) or x[0]",
                )
            atoms.extend(leaf.atom for leaf in leaves(materialize(context, value)))
        context.builder.emit("report", atoms, {"names": tuple(arguments.keywords)})
        return NothingValue()
