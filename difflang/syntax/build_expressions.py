"""Nodes of expressions and types. Each function is the action of the grammar rule of its name."""

from __future__ import annotations

import math
import re
from typing import Any, cast

from difflang.diagnostics import Span
from difflang.syntax import ast
from difflang.syntax.builder import Action, Builder
from difflang.syntax.lexer import Token

MAXIMUM_CHAIN = 200
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
PYTHON_CONSTANTS = {"True": "true", "False": "false"}
Arguments = ast.Expr | ast.Keyword


def token_span(builder: Builder, token: Token) -> Span:
    return Span(builder.path, token.line, token.column, token.line, token.end_column)


def name(builder: Builder, span: Span, token: Token) -> ast.Name:
    if token.text in PYTHON_CONSTANTS:
        written = PYTHON_CONSTANTS[token.text]
        builder.report("E0134", f"`{token.text}` is written `{written}` here.", span, hint=f"Write `{written}`.")
    elif token.text == "None":
        hint = (
            "Every value has a type and is always there: return a number or a `bool`, or nothing; a new axis is made "
            "by `reshape(x, n, 1)`."
        )
        builder.report("E0135", "There is no `None`.", span, hint=hint)
    return ast.Name(span, token.text)


def number(builder: Builder, span: Span, token: Token) -> ast.Number:
    digits = token.text.replace("_", "")
    if digits.isdigit():
        # Python itself refuses to convert very long digit strings, so their length is looked at first.
        if len(digits) > 19 or int(digits) >= 2**63:
            hint = "The largest `int` is 9223372036854775807; write a larger number as a real, such as `1e20`."
            builder.report("E0115", "This number is too large for an `int`.", span, hint=hint)
            return ast.Number(span, 0)
        return ast.Number(span, int(digits))
    value = float(digits)
    if math.isinf(value):
        builder.report("E0115", "This number is too large for a `real`.", span, hint="Infinity is `inf`.")
    elif value == 0.0 and re.search("[1-9]", re.split("[eE]", digits)[0]):
        builder.report(
            "E0115", "This number is too small for a `real`: it would become zero.", span, hint="Zero is `0.0`."
        )
    return ast.Number(span, value)


def string(builder: Builder, span: Span, token: Token) -> ast.String:
    def replace(match: re.Match[str]) -> str:
        character = match.group(1)
        if character not in ESCAPES:
            hint = 'The escapes are `\\n`, `\\t`, `\\"` and `\\\\`; a backslash itself is written `\\\\`.'
            builder.report("E0116", f"`\\{character}` means nothing in a string.", span, hint=hint)
        return ESCAPES.get(character, character)

    return ast.String(span, re.sub(r"\\(.)", replace, token.text[1:-1]))


def true(_builder: Builder, span: Span) -> ast.Boolean:
    return ast.Boolean(span, True)


def false(_builder: Builder, span: Span) -> ast.Boolean:
    return ast.Boolean(span, False)


def attribute(builder: Builder, span: Span, value: ast.Expr, token: Token) -> ast.Attribute:
    return ast.Attribute(span, value, token.text, token_span(builder, token))


def index(_builder: Builder, span: Span, value: ast.Expr, *indices: ast.Expr) -> ast.Index:
    return ast.Index(span, value, indices)


def slice_(_builder: Builder, span: Span, start: ast.Expr | None, stop: ast.Expr | None) -> ast.Slice:
    return ast.Slice(span, start, stop)


def keyword(_builder: Builder, span: Span, token: Token, value: ast.Expr) -> ast.Keyword:
    return ast.Keyword(span, token.text, value)


def spread(_builder: Builder, span: Span, value: ast.Expr) -> ast.Spread:
    return ast.Spread(span, value)


def call(builder: Builder, span: Span, function: ast.Expr, *arguments: Arguments) -> ast.Call:
    keywords = tuple(argument for argument in arguments if isinstance(argument, ast.Keyword))
    args = tuple(argument for argument in arguments if not isinstance(argument, ast.Keyword))
    first_keyword = next(
        (i for i, argument in enumerate(arguments) if isinstance(argument, ast.Keyword)), len(arguments)
    )
    for position, argument in enumerate(arguments):
        if isinstance(argument, ast.Spread) and position > 0:
            hint = "Write `P(..p, w = w2)`: the record first, then what changes."
            builder.report("E0160", "`..` stands in front of the other arguments.", argument.span, hint=hint)
        elif position > first_keyword and not isinstance(argument, ast.Keyword):
            hint = "Put it in front of the named ones, or name it too."
            builder.report("E0161", "An argument without a name follows a named one.", argument.span, hint=hint)
    seen: set[str] = set()
    for argument in keywords:
        if argument.name in seen:
            hint = "Give each argument once."
            builder.report("E0162", f"The argument `{argument.name}` is given twice.", argument.span, hint=hint)
        seen.add(argument.name)
    return ast.Call(span, function, args, keywords)


def unary(_builder: Builder, span: Span, operator: Token, operand: ast.Expr) -> ast.Unary:
    return ast.Unary(span, cast(Any, operator.text), operand)


def binary(_builder: Builder, span: Span, left: ast.Expr, operator: Token, right: ast.Expr) -> ast.Binary:
    return ast.Binary(span, cast(Any, operator.text), left, right)


def comparison(builder: Builder, span: Span, *parts: Any) -> ast.Comparison:
    if len(parts) > MAXIMUM_CHAIN:
        builder.report(
            "E0110", "This comparison has too many parts.", span, hint="Join several comparisons with `and`."
        )
    return ast.Comparison(span, tuple(parts[0::2]), tuple(operator.text for operator in parts[1::2]))


def conditional(
    _builder: Builder, span: Span, then: ast.Expr, condition: ast.Expr, otherwise: ast.Expr
) -> ast.Conditional:
    return ast.Conditional(span, condition, then, otherwise)


def parameter(
    _builder: Builder, span: Span, token: Token, type: ast.TypeExpr | None, default: ast.Expr | None
) -> ast.Parameter:
    return ast.Parameter(span, token.text, type, default)


def lambda_(_builder: Builder, span: Span, parameters: tuple[ast.Parameter, ...], body: ast.Expr) -> ast.Lambda:
    return ast.Lambda(span, parameters, body)


def tuple_(_builder: Builder, span: Span, *elements: ast.Expr) -> ast.Tuple:
    return ast.Tuple(span, elements)


def array(_builder: Builder, span: Span, *elements: ast.Expr) -> ast.ArrayLiteral:
    return ast.ArrayLiteral(span, elements)


def open_clause(_builder: Builder, span: Span, token: Token) -> ast.Clause:
    return ast.Clause(span, token.text, None, None, None)


def clause(
    _builder: Builder, span: Span, token: Token, start: ast.Expr, stop: ast.Expr, step: ast.Expr | None
) -> ast.Clause:
    return ast.Clause(span, token.text, start, stop, step)


def generator(
    _builder: Builder, span: Span, element: ast.Expr, clauses: tuple[ast.Clause, ...], condition: ast.Expr | None
) -> ast.Generator:
    return ast.Generator(span, element, clauses, condition)


def comprehension(
    _builder: Builder, span: Span, element: ast.Expr, clauses: tuple[ast.Clause, ...]
) -> ast.Comprehension:
    return ast.Comprehension(span, element, clauses)


def function_type(_builder: Builder, span: Span, *types: ast.TypeExpr) -> ast.FunctionType:
    return ast.FunctionType(span, types[:-1], types[-1])


def sequence(_builder: Builder, _span: Span, *children: Any) -> tuple[Any, ...]:
    return children


ACTIONS: dict[str, Action] = {
    "name": name, "number": number, "string": string, "true": true, "false": false, "attribute": attribute,
    "index": index, "slice": slice_, "keyword": keyword, "spread": spread, "call": call, "unary": unary,
    "binary": binary, "comparison": comparison, "conditional": conditional, "parameter": parameter,
    "parameters": sequence, "lambda_": lambda_, "tuple": tuple_, "array": array, "open_clause": open_clause,
    "clause": clause, "clauses": sequence, "generator": generator, "comprehension": comprehension,
    "function_type": function_type,
}  # fmt: skip
