"""Nodes of statements. Each function is the action of the grammar rule of its name."""

from __future__ import annotations

from typing import Any, cast

from difflang.diagnostics import Span
from difflang.syntax import ast
from difflang.syntax.builder import Action, Builder
from difflang.syntax.lexer import UNKNOWN, Token

MAXIMUM_BRANCHES = 200
Block = tuple[ast.Statement, ...]


def block(_builder: Builder, _span: Span, *statements: ast.Statement | None) -> Block:
    """The statements of a block, without those that recovery left out."""
    return tuple(statement for statement in statements if statement is not None)


def let(
    _builder: Builder, span: Span, target: ast.Name | ast.Tuple, type: ast.TypeExpr | None, value: ast.Expr
) -> ast.Let:
    return ast.Let(span, target, type, value, mutable=False)


def var(
    _builder: Builder, span: Span, target: ast.Name | ast.Tuple, type: ast.TypeExpr | None, value: ast.Expr
) -> ast.Let:
    return ast.Let(span, target, type, value, mutable=True)


def expression_statement(builder: Builder, span: Span, value: ast.Expr) -> ast.ExprStatement:
    unread = isinstance(value, ast.Name) and value.name == UNKNOWN
    if not isinstance(value, ast.Call) and not unread:
        message, hint = _useless(value)
        builder.report("E0163", message, span, hint=hint)
    return ast.ExprStatement(span, value)


def _useless(value: ast.Expr) -> tuple[str, str]:
    """What to say of an expression that stands alone and computes nothing that is kept."""
    if isinstance(value, ast.Name) and value.name == "pass":
        return "There is no `pass`.", "Leave the branch out, or write what it does."
    if isinstance(value, ast.Comparison) and value.operators == ("==",):
        return "This comparison is not used.", "To set a variable write `=`; to check something write `assert`."
    if isinstance(value, ast.Unary) and isinstance(value.operand, ast.Unary) and value.operator in "+-":
        return f"There is no `{value.operator * 2}`.", f"Write `x {value.operator}= 1`."
    if isinstance(value, ast.String):
        return (
            "A string that stands alone does nothing.",
            "Describe a function with `##` comments on the lines before it.",
        )
    return "The value of this expression is not used.", "Write `return` in front of it, or give it a name with `let`."


def assign(builder: Builder, span: Span, target: ast.Expr, value: ast.Expr) -> ast.Assign:
    _check_target(builder, target)
    return ast.Assign(span, target, None, value)


def augmented_assign(builder: Builder, span: Span, target: ast.Expr, operator: Token, value: ast.Expr) -> ast.Assign:
    if isinstance(target, ast.Tuple):
        hint = "Update its parts one by one."
        builder.report("E0164", f"A tuple cannot be updated with `{operator.text}`.", target.span, hint=hint)
    else:
        _check_target(builder, target)
    return ast.Assign(span, target, cast(Any, operator.text[:-1]), value)


def _check_target(builder: Builder, target: ast.Expr) -> None:
    """Only a variable, its parts and tuples of these can be assigned."""
    match target:
        case ast.Name():
            pass
        case ast.Tuple(elements=elements):
            for element in elements:
                _check_target(builder, element)
        case ast.Index(value=value) | ast.Attribute(value=value):
            _check_target(builder, value)
        case ast.Call(span=span):
            hint = "A function is defined at top level: `fn f(x: real) = ...`; an element is set by `a[i] = e`."
            builder.report("E0164", "The result of a call cannot be assigned to.", span, hint=hint)
        case _:
            hint = "On the left of `=` stands a variable, an element `a[i]` or a field `p.w`; `==` compares."
            builder.report("E0164", "This cannot be assigned to.", target.span, hint=hint)


def return_(_builder: Builder, span: Span, value: ast.Expr | None) -> ast.Return:
    return ast.Return(span, value)


def break_(_builder: Builder, span: Span) -> ast.Break:
    return ast.Break(span)


def continue_(_builder: Builder, span: Span) -> ast.Continue:
    return ast.Continue(span)


def assert_(_builder: Builder, span: Span, condition: ast.Expr, message: ast.Expr | None) -> ast.Assert:
    return ast.Assert(span, condition, message)


def elif_branch(_builder: Builder, _span: Span, condition: ast.Expr, body: Block) -> list[Any]:
    return [condition, body]


def if_(builder: Builder, span: Span, condition: ast.Expr, body: Block, *rest: Any) -> ast.If:
    branches = ((condition, body), *((part[0], part[1]) for part in rest[:-1]))
    if len(branches) > MAXIMUM_BRANCHES:
        hint = "Look the answer up in an array, or split the function."
        first = Span(span.path, span.line, span.column, span.line, span.column + 2)
        builder.report("E0110", f"This `if` has more than {MAXIMUM_BRANCHES} branches.", first, hint=hint)
    return ast.If(span, branches, rest[-1] or ())


def for_(
    builder: Builder, span: Span, token: Token, start: ast.Expr, stop: ast.Expr, step: ast.Expr | None, body: Block
) -> ast.For:
    place = Span(builder.path, token.line, token.column, token.line, token.end_column)
    return ast.For(span, ast.Name(place, token.text), start, stop, step, body)


def while_(_builder: Builder, span: Span, condition: ast.Expr, body: Block) -> ast.While:
    return ast.While(span, condition, body)


ACTIONS: dict[str, Action] = {
    "block": block, "let": let, "var": var, "expression_statement": expression_statement, "assign": assign,
    "augmented_assign": augmented_assign, "return_": return_, "break_": break_, "continue_": continue_,
    "assert_": assert_, "elif_branch": elif_branch, "if_": if_, "for_": for_, "while_": while_,
}  # fmt: skip
