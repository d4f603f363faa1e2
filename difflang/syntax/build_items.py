"""Nodes of the items of a module. Each function is the action of the grammar rule of its name."""

from __future__ import annotations

from typing import Any, cast

from difflang.diagnostics import Label, Span
from difflang.syntax import ast
from difflang.syntax.build_expressions import sequence, string, token_span
from difflang.syntax.builder import Action, Builder
from difflang.syntax.lexer import Token

Types = tuple[ast.TypeParameter, ...] | None
Parameters = tuple[ast.Parameter, ...]
Block = tuple[ast.Statement, ...]


def module(builder: Builder, span: Span, *items: ast.Item | None) -> ast.Module:
    return ast.Module(span, builder.path, tuple(item for item in items if item is not None), None)


def dotted(_builder: Builder, _span: Span, *tokens: Token) -> tuple[str, ...]:
    return tuple(token.text for token in tokens)


def import_module(_builder: Builder, span: Span, *tokens: Token | None) -> ast.Import:
    alias = tokens[-1].text if tokens[-1] else None
    return ast.Import(span, tuple(token.text for token in tokens[:-1] if token), alias)


def imported_name(_builder: Builder, span: Span, token: Token, alias: Token | None) -> tuple[str, str | None, Span]:
    return token.text, alias.text if alias else None, span


def import_names(
    _builder: Builder, span: Span, module: tuple[str, ...], *names: tuple[str, str | None, Span]
) -> ast.FromImport:
    return ast.FromImport(span, module, names)


def const_definition(
    builder: Builder, span: Span, token: Token, type: ast.TypeExpr | None, value: ast.Expr
) -> ast.ConstDef:
    return ast.ConstDef(span, token.text, token_span(builder, token), type, value, builder.doc(span))


def data_definition(builder: Builder, span: Span, token: Token, type: ast.TypeExpr, source: ast.Expr) -> ast.DataDef:
    return ast.DataDef(span, token.text, token_span(builder, token), type, source, builder.doc(span))


def struct_definition(
    builder: Builder, span: Span, token: Token, types: Types, fields: tuple[ast.Field, ...]
) -> ast.StructDef:
    _refuse_twice(builder, fields, "field")
    _refuse_twice(builder, types or (), "type parameter")
    return ast.StructDef(span, token.text, token_span(builder, token), types or (), fields, builder.doc(span))


def field(_builder: Builder, span: Span, token: Token, type: ast.TypeExpr) -> ast.Field:
    return ast.Field(span, token.text, type)


def size_parameter(_builder: Builder, span: Span, token: Token) -> ast.TypeParameter:
    return ast.TypeParameter(span, token.text, static=False)


def static_parameter(_builder: Builder, span: Span, token: Token) -> ast.TypeParameter:
    return ast.TypeParameter(span, token.text, static=True)


def expression_body(_builder: Builder, _span: Span, value: ast.Expr) -> Block:
    return (ast.Return(value.span, value),)


def function_definition(
    builder: Builder,
    span: Span,
    token: Token,
    types: Types,
    parameters: Parameters,
    result: ast.TypeExpr | None,
    body: Block,
) -> ast.FunctionDef:
    _check_parameters(builder, parameters)
    _refuse_twice(builder, types or (), "type parameter")
    place = token_span(builder, token)
    return ast.FunctionDef(span, token.text, place, types or (), parameters, result, body, builder.doc(span))


def extern_definition(
    builder: Builder, span: Span, token: Token, parameters: Parameters, result: ast.TypeExpr | None
) -> ast.ExternDef:
    _check_parameters(builder, parameters)
    return ast.ExternDef(span, token.text, token_span(builder, token), parameters, result, builder.doc(span))


def unknown(_builder: Builder, span: Span, token: Token, type: ast.TypeExpr) -> ast.Parameter:
    return ast.Parameter(span, token.text, type, None)


def condition(_builder: Builder, span: Span, left: ast.Expr, right: ast.Expr, solver: ast.Expr | None) -> ast.Condition:
    return ast.Condition(span, left, right, solver)


def implicit_definition(
    builder: Builder,
    span: Span,
    token: Token,
    types: Types,
    parameters: Parameters,
    unknowns: Parameters,
    body: tuple[tuple[ast.Condition, ...], Block],
) -> ast.ImplicitDef:
    _check_parameters(builder, parameters)
    _refuse_twice(builder, (*parameters, *unknowns), "name")
    place = token_span(builder, token)
    return ast.ImplicitDef(span, token.text, place, types or (), parameters, unknowns, *body, builder.doc(span))


def implicit_body(
    _builder: Builder, _span: Span, conditions: tuple[ast.Condition | None, ...], *statements: ast.Statement | None
) -> tuple[tuple[ast.Condition, ...], Block]:
    found = tuple(condition for condition in conditions if condition is not None)
    return found, tuple(statement for statement in statements if statement is not None)


def rule_definition(
    builder: Builder, span: Span, mode: Token, function: Token, parameters: Parameters, body: Block
) -> ast.RuleDef:
    if mode.text not in ("jvp", "vjp"):
        hint = "Write `rule jvp f(x, dx) = ...` for the tangent or `rule vjp f(x, y, ybar) = ...` for the cotangents."
        builder.report("E0165", f"There is no rule of the kind `{mode.text}`.", token_span(builder, mode), hint=hint)
    _check_parameters(builder, parameters)
    return ast.RuleDef(span, cast(Any, mode.text), function.text, token_span(builder, function), parameters, body)


def test_definition(builder: Builder, span: Span, token: Token, body: Block) -> ast.TestDef:
    return ast.TestDef(span, string(builder, token_span(builder, token), token).value, body)


def _check_parameters(builder: Builder, parameters: Parameters) -> None:
    """Names differ, and parameters with defaults come last."""
    _refuse_twice(builder, parameters, "parameter")
    with_default: ast.Parameter | None = None
    for parameter in parameters:
        if parameter.default is not None:
            with_default = parameter
        elif with_default is not None:
            label = Label(with_default.span, "this one has a default")
            hint = f"Put `{parameter.name}` in front of it, or give it a default too."
            message = f"The parameter `{parameter.name}` has no default, but one before it has."
            builder.report("E0166", message, parameter.span, label, hint=hint)


def _refuse_twice(
    builder: Builder, parts: tuple[ast.Parameter | ast.Field | ast.TypeParameter, ...], what: str
) -> None:
    seen: dict[str, Span] = {}
    for part in parts:
        if part.name in seen:
            label = Label(seen[part.name], "here it stands first")
            message = f"The {what} `{part.name}` is there twice."
            builder.report("E0167", message, part.span, label, hint="Give each its own name.")
        seen.setdefault(part.name, part.span)


ACTIONS: dict[str, Action] = {
    "module": module, "dotted": dotted, "import_module": import_module, "imported_name": imported_name,
    "import_names": import_names, "const_definition": const_definition, "data_definition": data_definition,
    "struct_definition": struct_definition, "fields": sequence, "field": field, "type_parameters": sequence,
    "size_parameter": size_parameter, "static_parameter": static_parameter, "expression_body": expression_body,
    "function_definition": function_definition, "extern_definition": extern_definition, "unknowns": sequence,
    "unknown": unknown, "conditions": sequence, "condition": condition, "implicit_definition": implicit_definition,
    "implicit_body": implicit_body, "rule_definition": rule_definition, "test_definition": test_definition,
}  # fmt: skip
