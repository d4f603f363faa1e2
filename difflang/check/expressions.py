"""Expressions that need no chapter of their own: literals, names, attributes, operators, tuples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce as left_fold
from math import prod

from difflang.check.coerce import as_condition, boolean, coerce, join
from difflang.check.context import Context
from difflang.check.dispatch import expression
from difflang.check.environment import Scope
from difflang.check.functions import Closure
from difflang.check.items import item_value
from difflang.check.leaves import atoms, element_of, materialize, settle
from difflang.check.matrix import transpose
from difflang.check.names import suggestion, unknown_name
from difflang.check.operators import binary, compare, negate
from difflang.check.regions import capture, choose, common_type, finish
from difflang.check.types import BOOL, TupleType, Type
from difflang.check.values import (
    Array,
    FunctionValue,
    ItemValue,
    ModuleValue,
    NothingValue,
    Number,
    PrecisionConstant,
    Scalar,
    StringValue,
    StructValue,
    TupleValue,
    Value,
)
from difflang.core.builder import literal
from difflang.core.ir import Atom, Literal
from difflang.core.ops import integer
from difflang.diagnostics.model import DiffLangError
from difflang.diagnostics.suggest import listing
from difflang.prims import PRIMITIVES
from difflang.signature import ArrayType
from difflang.sizes import Size
from difflang.syntax import ast

MAY_FAIL = frozenset({"floordiv", "mod"})


@expression(ast.Number)
def number(context: Context, node: ast.Number, scope: Scope, expected: Type | None) -> Value:
    return Number(node.value)


@expression(ast.Boolean)
def truth(context: Context, node: ast.Boolean, scope: Scope, expected: Type | None) -> Value:
    return boolean(node.value)


@expression(ast.String)
def string(context: Context, node: ast.String, scope: Scope, expected: Type | None) -> Value:
    return StringValue(node.value)


@expression(ast.Name)
def name(context: Context, node: ast.Name, scope: Scope, expected: Type | None) -> Value:
    """A size name in the body of a function is an int."""
    level: Scope | None = scope
    while level is not None:
        binding = level.own(node.name)
        if binding is not None:
            return _used(context, binding.value)
        bound = level.types.get(node.name)
        if isinstance(bound, Size):
            return context.int_of(bound)
        level = level.parent
    raise unknown_name(context, node.name, node.span, scope)


def _used(context: Context, value: Value) -> Value:
    """What a name stands for where it is used: items and constants are made there."""
    match value:
        case ItemValue():
            return item_value(context, value)
        case PrecisionConstant():
            number = value.single if context.real.dtype == "f32" else value.double
            return Scalar(literal(number, context.real.dtype), context.real)
        case _:
            return value


@expression(ast.Attribute)
def attribute(context: Context, node: ast.Attribute, scope: Scope, expected: Type | None) -> Value:
    value = context.evaluate(node.value, scope)
    match value:
        case ModuleValue():
            return _member(context, value, node)
        case StructValue() if node.name in value.fields:
            return value.fields[node.name]
        case StructValue():
            hint = suggestion(node.name, value.fields, f"its fields are {', '.join(value.fields)}")
            message = f"{context.text(value)} has no field `{node.name}`"
            raise context.error("E0205", message, node.name_span, hint=hint)
        case Array() if node.name == "T":
            return transpose(context, value)
        case FunctionValue():
            message = f"{context.text(value)} has no `.{node.name}`"
            hint = f"call it: what it gives may have it, as in `{value.name}().{node.name}`"
            raise context.error("E0205", message, node.name_span, hint=hint)
        case _:
            message = f"{context.text(value)} has no `.{node.name}`"
            raise context.error("E0205", message, node.name_span, hint=_attribute_hint(node))


def _attribute_hint(node: ast.Attribute) -> str:
    owner = node.value.name if isinstance(node.value, ast.Name) else "x"
    if node.name in FOREIGN_ATTRIBUTES:
        return FOREIGN_ATTRIBUTES[node.name].format(x=owner)
    return f"values have no methods: write the function, as in `{node.name}({owner})`"


FOREIGN_ATTRIBUTES = {
    "T": "only arrays are transposed",
    "shape": "give the sizes names in the type, such as {x}: real[n, d]; len({x}) is the first",
    "size": "give the sizes names in the type, such as {x}: real[n, d]; len({x}) is the first",
    "ndim": "the number of dimensions stands in the type, such as {x}: real[n, d]",
    "dtype": "the element type stands in the type, such as {x}: real[n]",
    "append": "the size of an array is fixed: write all of it, `[e for i in 0..n]`, or use concat({x}, [e])",
    "at": "write `{x}[i] = e` with a `var`; no other name sees the change",
    "copy": "leave it out: every value is its own copy",
    "astype": "write real(a) or int(a) around a number, or `[real({x}[i]) for i]`",
    "reshape": "write `reshape({x}, n, m)`",
    "flatten": "write `ravel({x})`",
    "item": "an element is read as {x}[0]",
}
"""What programmers of other languages look for behind a dot, and what to write here."""


def _member(context: Context, module: ModuleValue, node: ast.Attribute) -> Value:
    binding = module.scope.own(node.name)
    if binding is None or node.name.startswith("__"):
        public = [n for n in module.scope.names() if not n.startswith("__")]
        hint = suggestion(node.name, public, f"it has {listing(public)}")
        raise context.error("E0207", f"the module {module.name} has no `{node.name}`", node.name_span, hint=hint)
    return item_value(context, binding.value) if isinstance(binding.value, ItemValue) else binding.value


@expression(ast.Unary)
def unary(context: Context, node: ast.Unary, scope: Scope, expected: Type | None) -> Value:
    value = context.evaluate(node.operand, scope, expected)
    if node.operator == "-":
        return negate(context, value, node.span)
    if node.operator == "+":
        return value
    condition = as_condition(context, value, node.operand.span)
    if isinstance(condition.atom, Literal):
        return boolean(not condition.atom.value)
    return Scalar(context.builder.prim("not", condition.atom), BOOL)


@expression(ast.Binary)
def binary_operation(context: Context, node: ast.Binary, scope: Scope, expected: Type | None) -> Value:
    if node.operator == "and" or node.operator == "or":
        return _connective(context, node, scope)
    left = context.evaluate(node.left, scope)
    return binary(context, node.operator, left, context.evaluate(node.right, scope), node.span)


def _connective(context: Context, node: ast.Binary, scope: Scope) -> Value:
    """`and`, `or`: the right side is evaluated only if the left does not decide (or evaluating it is harmless)."""
    left = as_condition(context, context.evaluate(node.left, scope), node.left.span)
    decided = node.operator == "or"
    if isinstance(left.atom, Literal):
        if left.atom.value == decided:
            return left
        return as_condition(context, context.evaluate(node.right, scope), node.right.span)
    captured = capture(context, lambda: as_condition(context, context.evaluate(node.right, scope), node.right.span))
    right = captured.payload.atom
    if all(e.op in PRIMITIVES and e.op not in MAY_FAIL for e in captured.eqns):
        captured.replay(context)
        return Scalar(context.builder.prim(node.operator, left.atom, right), BOOL)
    block = finish(context, captured, lambda: [right])
    constant = finish(context, capture(context, lambda: None), lambda: [boolean(decided).atom])
    regions = [constant, block] if decided else [block, constant]
    return Scalar(context.builder.emit("cond", [left.atom], {}, regions)[0], BOOL)


@expression(ast.Comparison)
def comparison(context: Context, node: ast.Comparison, scope: Scope, expected: Type | None) -> Value:
    """`a < b <= c` evaluates b once."""
    values = [context.evaluate(operand, scope) for operand in node.operands]
    pairs = zip(values, node.operators, values[1:], strict=False)
    parts: list[Value] = [compare(context, symbol, a, b, node.span) for a, symbol, b in pairs]
    if len(parts) == 1:
        return parts[0]
    return left_fold(lambda a, b: _both(context, a, b), [as_condition(context, p, node.span) for p in parts])


def _both(context: Context, left: Scalar, right: Scalar) -> Scalar:
    for one, other in ((left, right), (right, left)):
        if isinstance(one.atom, Literal):
            return other if one.atom.value else one
    return Scalar(context.builder.prim("and", left.atom, right.atom), BOOL)


@expression(ast.Conditional)
def conditional(context: Context, node: ast.Conditional, scope: Scope, expected: Type | None) -> Value:
    condition = as_condition(context, context.evaluate(node.condition, scope), node.condition.span)
    if isinstance(condition.atom, Literal):
        return _decided(context, node, bool(condition.atom.value), scope, expected)
    return choose(
        context,
        condition.atom,
        lambda: context.evaluate(node.then, scope, expected),
        lambda: context.evaluate(node.otherwise, scope, expected),
        node.span,
        expected,
    )


def _decided(context: Context, node: ast.Conditional, first: bool, scope: Scope, expected: Type | None) -> Value:
    """What is chosen where the call at hand decides the condition: of the type that it has where it is open."""
    taken, other = (node.then, node.otherwise) if first else (node.otherwise, node.then)
    value = context.evaluate(taken, scope, expected)
    if not isinstance(value, Number):
        return materialize(context, value)
    try:
        values = (value, capture(context, lambda: context.evaluate(other, scope, expected)).payload)
        return coerce(context, value, common_type(context, values, node.span, "the value", expected), taken.span)
    except DiffLangError:
        return materialize(context, value)  # what is not taken may be wrong in this call, such as an index


@expression(ast.Lambda)
def lambda_(context: Context, node: ast.Lambda, scope: Scope, expected: Type | None) -> Value:
    return Closure(node, scope.fork(), "fn")


@expression(ast.Tuple)
def tuple_(context: Context, node: ast.Tuple, scope: Scope, expected: Type | None) -> Value:
    wanted: list[Type | None] = [None] * len(node.elements)
    if isinstance(expected, TupleType) and len(expected.elements) == len(wanted):
        wanted = list(expected.elements)
    return TupleValue(
        tuple(_usable(context, e, context.evaluate(e, scope, t)) for e, t in zip(node.elements, wanted, strict=True))
    )


def _usable(context: Context, node: ast.Expr, value: Value) -> Value:
    if isinstance(value, NothingValue):
        raise context.error(
            "E0301",
            "this gives no value",
            node.span,
            hint="let the function `return` a value, or write the call as a statement of its own",
        )
    return value


@expression(ast.ArrayLiteral)
def array_literal(context: Context, node: ast.ArrayLiteral, scope: Scope, expected: Type | None) -> Value:
    """`[a, b, c]`: scalars, or arrays of one shape, which are stacked."""
    if not node.elements:
        raise context.error("E0313", "an empty array has no element type", node.span, hint="write zeros(0)")
    wanted = _element_type(expected)
    values = [context.evaluate(e, scope, wanted) for e in node.elements]
    type_ = wanted
    if type_ is None:
        type_ = context.type_of(values[0])
        for value, element in zip(values[1:], node.elements[1:], strict=True):
            type_ = join(context, type_, context.type_of(value), element.span, "an element of this array")
    fitted = [
        coerce(context, materialize(context, v) if wanted is None else v, type_, e.span, "an element of this array")
        for v, e in zip(values, node.elements, strict=True)
    ]
    return stack(context, fitted, node)


def _element_type(expected: Type | None) -> Type | None:
    if not isinstance(expected, ArrayType):
        return None
    return ArrayType(expected.element, expected.shape[1:]) if len(expected.shape) > 1 else expected.element


LONG = 16
"""With more literals than this among its elements, an array begins as a table of them."""


def stack(context: Context, values: list[Value], node: ast.ArrayLiteral) -> Value:
    """An array with the given values as its rows."""
    first = values[0]
    if not isinstance(first, Scalar | Array):
        raise context.error(
            "E0313",
            f"an array cannot hold {context.text(first)}",
            node.span,
            hint="arrays hold numbers, bools and arrays of one shape",
        )
    builder = context.builder
    element = element_of(first)
    inner = first.shape if isinstance(first, Array) else ()
    settled = [atoms(settle(context, v, node.span))[0] for v in values]
    known = [builder.literals(atom) for atom in settled]
    shape = (Size.literal(len(values)), *inner)
    made = [k for k, part in enumerate(known) if part is None]
    zero = literal(0, element.dtype)
    if not made or len(values) - len(made) > LONG:
        row = [int(dim.value) for dim in settled[0].type.shape if isinstance(dim, Literal)]
        empty = [zero] * prod(row)
        if len(row) == len(inner):
            array = builder.table([e for part in known for e in part or empty], [len(values), *row])
            return Array(_with_rows(context, array, settled, made), element, shape)
    array = builder.full(zero, [integer(len(values)), *context.shape_atoms(inner)])
    return Array(_with_rows(context, array, settled, range(len(values))), element, shape)


def _with_rows(context: Context, array: Atom, rows: Sequence[Atom], places: Iterable[int]) -> Atom:
    for k in places:
        array = context.builder.set(array, integer(k), rows[k], inbounds=True)
    return array


@expression(ast.Slice)
def slice_(context: Context, node: ast.Slice, scope: Scope, expected: Type | None) -> Value:
    raise context.error(
        "E0306",
        "a slice stands between the brackets of an index only",
        node.span,
        hint="write a[1:n]; a range in a loop or comprehension is 1..n",
    )


@expression(ast.Spread)
def spread(context: Context, node: ast.Spread, scope: Scope, expected: Type | None) -> Value:
    raise context.error(
        "E0302", "`..` stands in the constructor of a struct only", node.span, hint="write P(..p, w = w2)"
    )


@expression(ast.Generator)
def generator(context: Context, node: ast.Generator, scope: Scope, expected: Type | None) -> Value:
    raise context.error(
        "E0302", "only a reduction takes `e for i`", node.span,
        hint="reductions are sum, prod, max, min, mean, any, all, argmax, argmin, logsumexp; an array is [e for i]",
    )  # fmt: skip


@expression(ast.FunctionType)
def function_type(context: Context, node: ast.FunctionType, scope: Scope, expected: Type | None) -> Value:
    raise context.error(
        "E0311",
        "a type stands where a value is needed",
        node.span,
        hint="write a value; a type stands after a `:` or `->`, as in `let x: real = 0`",
    )
