"""Calls: of functions, of struct constructors, of types."""

from __future__ import annotations

from difflang.check.builtins.registry import Builtin, Call
from difflang.check.coerce import coerce
from difflang.check.context import Context
from difflang.check.conversions import conversion
from difflang.check.dispatch import expression
from difflang.check.environment import Scope
from difflang.check.functions import Given, match_arguments
from difflang.check.operator_calls import Operator
from difflang.check.reductions import Reduction
from difflang.check.types import StructInfo, StructType, Type
from difflang.check.typing import Binder, field_types
from difflang.check.values import (
    Arguments,
    Array,
    FunctionValue,
    ModuleValue,
    Number,
    Scalar,
    StructValue,
    TypeValue,
    Value,
    describe,
)
from difflang.diagnostics.model import DiffLangError, Span
from difflang.sizes import Size
from difflang.syntax import ast


@expression(ast.Call)
def call(context: Context, node: ast.Call, scope: Scope, expected: Type | None) -> Value:
    function = context.evaluate(node.function, scope)
    if isinstance(function, Reduction) and any(isinstance(a, ast.Generator) for a in node.args):
        return function.over_generator(context, node, scope)
    if isinstance(function, Operator):
        return function.written(context, node, scope)
    match function:
        case TypeValue(info=info) if info is not None:
            return construct(context, info, node, scope)
        case TypeValue():
            return conversion(context, function.name, evaluate_arguments(context, node, scope, expected))
        case FunctionValue():
            return function.call(context, evaluate_arguments(context, node, scope, expected))
        case _:
            raise context.error(
                "E0303",
                f"{_subject(node.function, function, context)} is no function, so it cannot be called",
                node.span,
                hint=_call_hint(function),
            )


def _call_hint(value: Value) -> str:
    match value:
        case Array():
            return "an element is read with brackets, such as x[i]"
        case Number() | Scalar():
            return "a product is written with `*`, such as a * (b + c)"
        case ModuleValue():
            return f"write the function of the module, such as {value.name}.name(x)"
        case _:
            return "only functions, structs and types are called"


def _subject(node: ast.Expr, value: Value, context: Context) -> str:
    if isinstance(node, ast.Name):
        return f"`{node.name}`"
    return context.text(value) if isinstance(value, Number | Scalar | Array) else describe(value)


def evaluate_arguments(context: Context, node: ast.Call, scope: Scope, expected: Type | None) -> Arguments:
    """The arguments of a call from left to right."""
    positional = tuple(context.evaluate(a, scope) for a in node.args)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        if keyword.name in keywords:
            raise context.error(
                "E0302",
                f"`{keyword.name}` is given twice",
                keyword.span,
                hint=f"leave out one of the two values of `{keyword.name}`",
            )
        keywords[keyword.name] = context.evaluate(keyword.value, scope)
    spans = {k.name: k.value.span for k in node.keywords}
    return Arguments(positional, keywords, node.span, tuple(a.span for a in node.args), spans, expected)


class BuiltinFunction(FunctionValue):
    """A function of the table of builtins."""

    def __init__(self, record: Builtin) -> None:
        self.record = record
        self.name = record.name

    def parameter_names(self) -> tuple[str, ...]:
        return self.record.names

    def call(self, context: Context, arguments: Arguments) -> Value:
        return self.record.implementation(context, arrange(context, self.record, arguments))


def arrange(context: Context, record: Builtin, arguments: Arguments) -> Call:
    """The arguments in the order of the declared parameters. Raises E0302 when they do not fit."""
    values: list[Value | tuple[Value, ...] | None] = []
    spans: list[Span] = []
    position = 0
    count = len(arguments.positional)
    for parameter in record.parameters:
        name = parameter.rstrip("?.")
        if parameter.endswith(".."):
            behind = record.parameters[len(values) + 1 :]
            trailing = sum(1 for p in behind if not p.endswith("?") and p not in arguments.keywords)
            stop = max(count - trailing, position)
            values.append(arguments.positional[position:stop])
            spans.append(arguments.span_of(position))
            position = stop
        elif name in arguments.keywords:
            values.append(arguments.keywords[name])
            spans.append(arguments.span_of(name))
        elif position < count:
            values.append(arguments.positional[position])
            spans.append(arguments.span_of(position))
            position += 1
        elif parameter.endswith("?"):
            values.append(None)
            spans.append(arguments.span)
        else:
            raise _misfit(context, record, arguments, f"this call of `{record.name}` leaves out `{name}`")
    unknown = [k for k in arguments.keywords if k not in record.names]
    if unknown:
        raise _misfit(context, record, arguments, f"`{record.name}` has no parameter called `{unknown[0]}`")
    if position < count:
        raise _misfit(context, record, arguments, f"`{record.name}` is given too many arguments ({count})")
    return Call(record.name, tuple(values), tuple(spans), arguments.span, arguments.expected)


def _misfit(context: Context, record: Builtin, arguments: Arguments, message: str) -> DiffLangError:
    return context.error(
        "E0302", message, arguments.span, hint=f"`{record.name}` takes ({', '.join(record.parameters)})"
    )


def construct(context: Context, info: StructInfo, node: ast.Call, scope: Scope) -> StructValue:
    """`P(a, b = c)` and `P(..p, b = c)`."""
    spreads = [a for a in node.args if isinstance(a, ast.Spread)]
    plain = ast.Call(
        node.span, node.function, tuple(a for a in node.args if not isinstance(a, ast.Spread)), node.keywords
    )
    given = _given_fields(context, info, evaluate_arguments(context, plain, scope, None), partial=bool(spreads))
    for spread in spreads[:1]:
        base = context.evaluate(spread.value, scope)
        if not isinstance(base, StructValue) or base.type.info is not info:
            message = f"`..` takes a value of the type {info.name} here, but this is {context.text(base)}"
            hint = f"write {info.name}(..p, field = e) with p of the type {info.name}"
            raise context.error("E0301", message, spread.span, hint=hint)
        given = {f: given.get(f, (v, spread.span)) for f, v in base.fields.items()}
    return build_struct(context, info, given, node.span)


def _given_fields(context: Context, info: StructInfo, arguments: Arguments, partial: bool) -> Given:
    default = ast.Boolean(info.definition.span, True)
    fields = [ast.Parameter(f.span, f.name, None, default if partial else None) for f in info.definition.fields]
    return match_arguments(context, info.name, fields, arguments, info.definition.name_span)


def build_struct(context: Context, info: StructInfo, given: Given, span: Span) -> StructValue:
    """A struct from its fields; its size and type arguments are found from them."""
    inner = info.scope.child()
    kinds = dict(zip(info.parameters, info.kinds, strict=True))
    sizes = frozenset(n for n, k in kinds.items() if k == "size")
    binder = Binder(context, inner, sizes, frozenset(kinds) - sizes)
    definition = info.definition
    for field in sorted(definition.fields, key=lambda f: isinstance(given[f.name][0], Number)):
        value, place = given[field.name]
        message = f"the sizes of the fields of {info.name} do not fit together: `{field.name}` is {context.text(value)}"
        binder.match(field.type, context.type_of(value), place, message)
    binder.finish()
    type_ = StructType(info, tuple(_bound(inner.types.get(p)) for p in info.parameters))
    types = field_types(context, type_)
    fields = {
        f.name: coerce(
            context, given[f.name][0], types[f.name], given[f.name][1], f"the field `{f.name}` of {info.name}"
        )
        for f in definition.fields
    }
    return StructValue(type_, fields)


def _bound(value: Type | Size | None) -> Type | Size | None:
    return value
