"""The partial derivatives of the scalar primitives, expanded from their text to Core.

The grammar of the texts is described in `difflang.prims.model`; it is a subset of Python's expressions,
so Python's own parser reads it, once a text. Expansion multiplies a tangent or cotangent into the partial:
the factor is pushed into the branches of `where`, so that a branch that is not chosen never meets it, and a
branch that computes something is emitted as `cond`: its inf or NaN stays out of derivatives of every order.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from operator import add, eq, ge, gt, le, lt, ne, sub

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, DType, Literal
from difflang.prims import PRIMITIVES

NAMES = ("a", "b", "c")
BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.BitAnd: "and",
    ast.BitOr: "or",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
FOLDED = {"eq": eq, "ne": ne, "lt": lt, "le": le, "gt": gt, "ge": ge, "add": add, "sub": sub}
INTEGER_PARAMETERS = {("polygamma", 0), ("powi", 1)}


def has_partial(op: str, position: int) -> bool:
    """Whether the primitive `op` has a derivative in that argument."""
    partials = PRIMITIVES[op].partials
    return position < len(partials) and partials[position] is not None


@cache
def partials_use_result(op: str) -> bool:
    """Whether a partial derivative of `op` is stated by means of its result, as that of exp is."""
    texts = [text for text in PRIMITIVES[op].partials if text is not None]
    return any(isinstance(n, ast.Name) and n.id == "y" for text in texts for n in ast.walk(parsed(text)))


def times_partial(
    builder: Builder, op: str, position: int, args: Sequence[Atom], result: Atom, factor: Atom
) -> Atom | None:
    """`factor` times the partial derivative of `op` in its argument `position`; None where that is zero everywhere.

    `args` and `result` are the values of the arguments and of the result in the primal program.
    """
    text = PRIMITIVES[op].partials[position]
    if text is None:
        return None
    names = dict(zip(NAMES, args, strict=False)) | {"y": result}
    return Expansion(builder, names, factor.type.dtype).scaled(parsed(text), factor)


@cache
def parsed(text: str) -> ast.expr:
    """The syntax of a text, read once."""
    return ast.parse(text, mode="eval").body


class Expansion:
    """Expands one partial: `names` are the values of its variables, `dtype` the type of its bare numbers."""

    def __init__(self, builder: Builder, names: Mapping[str, Atom], dtype: DType) -> None:
        self.builder = builder
        self.names = names
        self.dtype: DType = dtype

    def scaled(self, node: ast.expr, factor: Atom) -> Atom | None:
        """`factor * node`, without multiplications by 1 and 0."""
        match node:
            case ast.Constant(value=0):
                return None
            case ast.Constant(value=1):
                return factor
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.scaled(operand, factor)
                return None if inner is None else self.builder.prim("neg", inner)
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Div(), right=divisor):
                return self.builder.prim("div", factor, self.value(divisor))
            case ast.BinOp(left=ast.BinOp() as left, op=ast.Mult(), right=right):
                first = self.scaled(left, factor)
                return None if first is None else self._product(first, self.value(right))
            case ast.Call(func=ast.Name(id="where"), args=[test, then, otherwise]):
                return self._scaled_choice(self.value(test), then, otherwise, factor)
            case _:
                return self._product(factor, self.value(node))

    def _product(self, factor: Atom, value: Atom) -> Atom | None:
        if isinstance(value, Literal) and value.value in (0, 1):
            return factor if value.value else None
        return self.builder.prim("mul", factor, value)

    def _scaled_choice(self, test: Atom, then: ast.expr, otherwise: ast.expr, factor: Atom) -> Atom | None:
        if isinstance(test, Literal):
            return self.scaled(then if test.value else otherwise, factor)

        def branch(node: ast.expr) -> Atom:
            value = self.scaled(node, factor)
            return literal(0, self.dtype) if value is None else value

        if is_total(then) and is_total(otherwise):
            return self.builder.prim("select", test, branch(then), branch(otherwise))
        return self.builder.cond(test, lambda: [branch(then)], lambda: [branch(otherwise)])[0]

    def value(self, node: ast.expr, dtype: DType | None = None) -> Atom:
        """The value of an expression; a bare number has type `dtype` (that of the derivative if not given)."""
        match node:
            case ast.Name(id=name):
                return self.names[name]
            case ast.Constant(value=int() | float() as number):
                return literal(number, dtype or self.dtype)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.builder.prim("neg", self.value(operand, dtype))
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(BINARY[type(operator)], left, right)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._binary(COMPARISONS[type(operator)], left, right)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args)
            case _:
                raise ValueError(f"a partial derivative cannot say {ast.unparse(node)}")

    def _binary(self, op: str, left: ast.expr, right: ast.expr) -> Atom:
        """A bare number takes the type of the other operand."""
        if isinstance(left, ast.Constant):
            second = self.value(right)
            first = self.value(left, second.type.dtype)
        else:
            first = self.value(left)
            second = self.value(right, first.type.dtype)
        if isinstance(first, Literal) and isinstance(second, Literal) and op in FOLDED:
            result = FOLDED[op](first.value, second.value)
            return literal(result, "bool" if op in ("eq", "ne", "lt", "le", "gt", "ge") else first.dtype)
        return self.builder.prim(op, first, second)

    def _call(self, name: str, nodes: Sequence[ast.expr]) -> Atom:
        if name == "where":
            return self._choice(*nodes)
        if name == "convert_like":
            return self._converted(self.value(nodes[0]), self.value(nodes[1]).type.dtype)
        args = [self.value(node, "i64" if (name, k) in INTEGER_PARAMETERS else None) for k, node in enumerate(nodes)]
        if name == "powi" and isinstance(args[1], Literal) and args[1].value in (0, 1):
            return args[0] if args[1].value else literal(1, args[0].type.dtype)
        return self.builder.prim(name, *args)

    def _converted(self, value: Atom, dtype: DType) -> Atom:
        if isinstance(value, Literal):
            return literal(value.value, dtype)
        return self.builder.prim("convert", value, dtype=dtype)

    def _choice(self, test_node: ast.expr, then: ast.expr, otherwise: ast.expr) -> Atom:
        test = self.value(test_node)
        if isinstance(test, Literal):
            return self.value(then if test.value else otherwise)
        if is_total(then) and is_total(otherwise):
            return self.builder.prim("select", test, self.value(then), self.value(otherwise))
        return self.builder.cond(test, lambda: [self.value(then)], lambda: [self.value(otherwise)])[0]


def is_total(node: ast.expr) -> bool:
    """Whether an expression only names things, so that evaluating it in vain does no harm to any derivative."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.UnaryOp(operand=operand):
            return is_total(operand)
        case ast.Call(func=ast.Name(id="where"), args=[test, then, otherwise]):
            return isinstance(test, ast.Compare) and is_total(then) and is_total(otherwise)
        case _:
            return False
