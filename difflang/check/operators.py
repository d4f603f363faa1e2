"""Arithmetic and comparison on values: scalars, arrays of one shape, vector types leaf by leaf."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from difflang.check.coerce import (
    as_scalar,
    boolean,
    convert,
    join_scalars,
    require_same_shape,
    with_element,
)
from difflang.check.context import Context
from difflang.check.leaves import element_of, materialize
from difflang.check.matrix import matmul
from difflang.check.sizing import always_whole
from difflang.check.types import BOOL, INT, is_float, is_int
from difflang.check.values import Array, FunctionValue, Number, Scalar, StringValue, StructValue, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom, Literal
from difflang.core.ops import integer
from difflang.diagnostics.model import DiffLangError, Span
from difflang.signature import ScalarType
from difflang.sizes import Size

PRIMITIVE = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow"}
COMPARISON = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
FOLDS: dict[str, Callable[..., int | float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow,
}  # fmt: skip
COMPARISON_FOLDS: dict[str, Callable[..., bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def binary(context: Context, symbol: str, left: Value, right: Value, span: Span) -> Value:
    """`left symbol right`. Raises E0305 where the operands do not fit, E0401 where the shapes differ."""
    if symbol == "@":
        return matmul(context, left, right, span)
    if isinstance(left, Number) and isinstance(right, Number):
        return _fold(context, symbol, left, right, span)
    if isinstance(left, TupleValue | StructValue) or isinstance(right, TupleValue | StructValue):
        return _structured(context, symbol, left, right, span)
    if _is_numeric(left) and _is_numeric(right):
        return _numeric(context, symbol, left, right, span)
    raise unfit(context, symbol, left, right, span)


def unfit(
    context: Context, symbol: str, left: Value, right: Value, span: Span, hint: str | None = None
) -> DiffLangError:
    message = f"`{symbol}` does not work on {context.text(left)} and {context.text(right)}"
    return context.error("E0305", message, span, hint=hint or _operand_hint(left, right))


def _operand_hint(*operands: Value) -> str:
    """What to write instead of the operand that is no number."""
    if any(isinstance(v, Scalar | Array) and element_of(v) == BOOL for v in operands):
        return "a bool is no number: use and, or, not, or write 1 if ... else 0"
    if any(isinstance(v, FunctionValue) for v in operands):
        return "call the function first: write its arguments in parentheses behind its name"
    if any(isinstance(v, StringValue) for v in operands):
        return 'strings stand in messages, file names and options only; `print("x =", x)` shows a text with a value'
    if any(isinstance(v, StructValue | TupleValue) for v in operands):
        return "both sides must be of one type made of reals only, or one of them a number; fields are read as p.name"
    return "only numbers, and arrays, tuples and structs of reals, can be calculated with"


def _is_numeric(value: Value) -> bool:
    if isinstance(value, Number):
        return True
    return isinstance(value, Scalar | Array) and (is_float(element_of(value)) or is_int(element_of(value)))


def _fold(context: Context, symbol: str, left: Number, right: Number, span: Span) -> Number:
    try:
        if symbol == "**" and isinstance(right.value, int) and abs(right.value) > 10_000:
            return Number(float(left.value) ** right.value)
        result = FOLDS[symbol](left.value, right.value)
    except ZeroDivisionError:
        if symbol == "/":
            value = float(left.value)
            return Number(
                float("nan") if value == 0 or value != value else float("inf") if value > 0 else -float("inf")
            )
        raise context.error(
            "E0305", f"`{symbol}` by zero has no value", span, hint="divide by another number, or by reals with `/`"
        ) from None
    except OverflowError:
        return Number(float("inf"))
    if isinstance(result, complex):
        return Number(float("nan"))
    return Number(result)


def _structured(context: Context, symbol: str, left: Value, right: Value, span: Span) -> Value:
    """Leaf by leaf; the other operand is of the same structure or a single number."""
    if symbol not in ("+", "-", "*", "/"):
        raise unfit(context, symbol, left, right, span)
    if isinstance(left, TupleValue) and isinstance(right, TupleValue) and len(left.elements) == len(right.elements):
        pairs = zip(left.elements, right.elements, strict=True)
        return TupleValue(tuple(binary(context, symbol, a, b, span) for a, b in pairs))
    if isinstance(left, StructValue) and isinstance(right, StructValue):
        if left.type.info is not right.type.info:
            raise unfit(context, symbol, left, right, span)
        fields = {n: binary(context, symbol, a, right.fields[n], span) for n, a in left.fields.items()}
        return StructValue(left.type, fields)
    if isinstance(right, Number | Scalar):
        return _each(left, lambda a: binary(context, symbol, a, right, span))
    if isinstance(left, Number | Scalar):
        return _each(right, lambda b: binary(context, symbol, left, b, span))
    raise unfit(context, symbol, left, right, span, "both sides must have the same structure, or one be a number")


def _each(value: Value, function: Callable[[Value], Value]) -> Value:
    match value:
        case TupleValue():
            return TupleValue(tuple(function(e) for e in value.elements))
        case StructValue():
            return StructValue(value.type, {n: function(f) for n, f in value.fields.items()})
        case _:
            return function(value)


def _numeric(context: Context, symbol: str, left: Value, right: Value, span: Span) -> Value:
    assert isinstance(left, Number | Scalar | Array) and isinstance(right, Number | Scalar | Array)
    if symbol == "**":
        return power(context, left, right, span)
    element = common_element(context, symbol, left, right, span)
    if symbol == "/" and is_int(element):
        element = context.real
    if isinstance(left, Array) or isinstance(right, Array):
        name = PRIMITIVE[symbol]
        return elementwise(
            context, lambda a, b: context.builder.prim(name, a, b), [left, right], element, element, span, symbol
        )
    return _scalars(
        context, symbol, as_scalar(context, left, element, span), as_scalar(context, right, element, span), element
    )


def common_element(context: Context, symbol: str, left: Value, right: Value, span: Span) -> ScalarType:
    """The element type in which two numbers or arrays meet."""
    if isinstance(left, Number):
        return _literal_element(context, left, right)
    if isinstance(right, Number):
        return _literal_element(context, right, left)
    assert isinstance(left, Scalar | Array) and isinstance(right, Scalar | Array)
    joined = join_scalars(element_of(left), element_of(right))
    if joined is None:
        raise unfit(context, symbol, left, right, span, _mixed_hint(element_of(left), element_of(right)))
    return joined


def _literal_element(context: Context, number: Number, other: Value) -> ScalarType:
    """A float literal beside an int makes both real."""
    assert isinstance(other, Scalar | Array)
    element = element_of(other)
    return context.real if isinstance(number.value, float) and is_int(element) else element


def _mixed_hint(left: ScalarType, right: ScalarType) -> str | None:
    if is_float(left) and is_float(right):
        return f"f32 and f64 never mix by themselves: convert one, with {left.surface}(...) or {right.surface}(...)"
    return None


def _scalars(context: Context, symbol: str, left: Scalar, right: Scalar, element: ScalarType) -> Scalar:
    if element == INT:
        return int_arithmetic(context, symbol, left, right)
    return Scalar(context.builder.prim(PRIMITIVE[symbol], left.atom, right.atom), element)


def int_arithmetic(context: Context, symbol: str, left: Scalar, right: Scalar) -> Scalar:
    """Ints keep their polynomial, so that sizes computed in the program are understood."""
    a, b = context.size_of(left), context.size_of(right)
    if symbol in ("+", "-", "*"):
        size = {"+": a + b, "-": a - b, "*": a * b}[symbol]
        if size.constant is not None:
            return Scalar(integer(size.constant), INT, size)
        return Scalar(context.builder.prim(PRIMITIVE[symbol], left.atom, right.atom), INT, size)
    if isinstance(left.atom, Literal) and isinstance(right.atom, Literal) and right.atom.value:
        value = int(FOLDS[symbol](int(left.atom.value), int(right.atom.value)))
        return Scalar(integer(value), INT, Size.literal(value))
    return _quotient(context, symbol, left, right)


def _quotient(context: Context, symbol: str, left: Scalar, right: Scalar) -> Scalar:
    """`//` and `%`. By a literal they cannot fail, so they are computed as far out as possible, and once."""
    a, b = context.size_of(left), context.size_of(right)
    text = f"({a}) {symbol} ({b})" if len(a.terms) > 1 or len(b.terms) > 1 else f"{a} {symbol} {b}"
    known = context.sizes.known(text)
    if known is not None:
        return Scalar(known, INT, Size.name(text))
    emit = context.builder.hoisted if b.constant else context.builder.prim
    atom = emit(PRIMITIVE[symbol], left.atom, right.atom)
    if symbol == "//" and b.constant and always_whole(a.divided(b.constant)):
        return Scalar(atom, INT, a.divided(b.constant))
    never_negative = context.sizes.at_least(b, 0) and (symbol == "%" or context.sizes.at_least(a, 0))
    return Scalar(atom, INT, (context.sizes.natural if never_negative else context.sizes.named)(text, atom))


def power(context: Context, left: Number | Scalar | Array, right: Number | Scalar | Array, span: Span) -> Value:
    """`left ** right`: whole literal and int exponents use repeated multiplication, the others `pow`."""
    exponent = right.value if isinstance(right, Number) else None
    if exponent is not None and float(exponent).is_integer() and abs(exponent) < 2**31:
        return _integer_power(context, left, int(exponent), isinstance(exponent, float), span)
    if isinstance(right, Scalar) and is_int(right.type):
        base = materialize(context, left)
        assert isinstance(base, Scalar | Array)
        to = convert(context, right.atom, INT)
        if is_int(element_of(base)):
            _require_no_inverse(context, right, to, span)
        return elementwise(
            context,
            lambda a: context.builder.prim("powi", a, to),
            [base],
            element_of(base),
            element_of(base),
            span,
            "**",
        )
    element = common_element(context, "**", left, right, span)
    element = context.real if is_int(element) else element
    return elementwise(
        context, lambda a, b: context.builder.prim("pow", a, b), [left, right], element, element, span, "**"
    )


def _require_no_inverse(context: Context, exponent: Scalar, to: Atom, span: Span) -> None:
    """An int has no int as its negative power. Raises E0305 where the exponent is known, E0814 is for the run."""
    if isinstance(to, Literal) and to.value < 0:
        message = f"the power {to.value} of an int is no int"
        raise context.error("E0305", message, span, hint="convert the base: real(n) ** k")
    if not isinstance(to, Literal) and not context.sizes.at_least(context.size_of(exponent), 0):
        positive = context.builder.prim("ge", to, integer(0))
        message = "the power {0} of an int is no int"
        with context.at(span):
            context.builder.emit("assert", [positive, to], {"code": "E0814", "message": message})


def _integer_power(context: Context, left: Value, exponent: int, real: bool, span: Span) -> Value:
    assert isinstance(left, Scalar | Array)
    element = element_of(left)
    if is_int(element) and (exponent < 0 or real):
        element = context.real
    if exponent == 2 and element == INT and isinstance(left, Scalar):
        return int_arithmetic(context, "*", left, left)
    return elementwise(
        context, lambda a: context.builder.prim("powi", a, integer(exponent)), [left], element, element, span, "**"
    )


def elementwise(
    context: Context,
    function: Callable[..., Atom],
    operands: Sequence[Value],
    element: ScalarType,
    result: ScalarType,
    span: Span,
    name: str,
) -> Value:
    """`function` of scalar atoms over numbers, scalars and arrays of one shape.

    Operands are first converted to `element`; the result has element type `result`. Raises E0401.
    """
    arrays = [o for o in operands if isinstance(o, Array)]
    for other in arrays[1:]:
        _same_shape(context, arrays[0], other, span, name)
    ready = [_prepared(context, o, element, span) for o in operands]
    if not arrays:
        return Scalar(function(*(r.atom for r in ready)), result)
    builder = context.builder

    def body(*index: Atom) -> list[Atom]:
        return [
            function(*(builder.get(r.atom, *index, inbounds=True) if isinstance(r, Array) else r.atom for r in ready))
        ]

    atom = builder.build(context.shape_atoms(arrays[0].shape), body)[0]
    return Array(atom, result, arrays[0].shape)


def _prepared(context: Context, operand: Value, element: ScalarType, span: Span) -> Scalar | Array:
    if isinstance(operand, Array):
        return with_element(context, operand, element)
    assert isinstance(operand, Number | Scalar)
    return as_scalar(context, operand, element, span)


def _same_shape(context: Context, left: Array, right: Array, span: Span, name: str) -> None:
    if left.shape == right.shape:
        return
    message = f"the shapes of the two sides of `{name}` differ: {context.text(left)} and {context.text(right)}"
    if left.rank != right.rank:
        raise context.error("E0401", message, span, hint=_broadcast_hint(left.rank, right.rank, name))
    require_same_shape(context, left.shape, right.shape, span, message)


def _broadcast_hint(left: int, right: int, name: str) -> str:
    """The comprehension for arrays of different ranks, aligned at their last dimensions as NumPy does."""
    indices = ["i", "j", "k", "l", "m"][: max(left, right)]
    if len(indices) < max(left, right):
        return "arrays do not broadcast: write what you mean as a comprehension"
    a, b = (f"{array}[{', '.join(indices[-rank:])}]" for array, rank in (("a", left), ("b", right)))
    operation = f"{name}({a}, {b})" if name.isidentifier() else f"{a} {name} {b}"
    product = "; the product of a matrix and a vector is `A @ x`" if name == "*" else ""
    return f"arrays do not broadcast: write what you mean, such as `[{operation} for {', '.join(indices)}]`{product}"


def negate(context: Context, value: Value, span: Span) -> Value:
    """`-value` on any vector type or integer."""
    match value:
        case Number():
            return Number(-value.value)
        case TupleValue() | StructValue():
            return _each(value, lambda v: negate(context, v, span))
        case Scalar() if value.type == INT:
            return int_arithmetic(context, "-", Scalar(integer(0), INT, Size.literal(0)), value)
        case Scalar() | Array() if _is_numeric(value):
            element = element_of(value)
            if isinstance(value, Scalar) and isinstance(value.atom, Literal):
                return Scalar(literal(-value.atom.value, element.dtype), element)
            return elementwise(context, lambda a: context.builder.prim("neg", a), [value], element, element, span, "-")
        case _:
            raise context.error(
                "E0305",
                f"`-` does not work on {context.text(value)}",
                span,
                hint="only numbers, and what is made of reals, have a negative; the opposite of a bool is `not c`",
            )


def compare(context: Context, symbol: str, left: Value, right: Value, span: Span) -> Scalar | Array:
    """A comparison, element by element for arrays; known at compile time for literals."""
    if isinstance(left, Number) and isinstance(right, Number):
        return boolean(COMPARISON_FOLDS[symbol](left.value, right.value))
    if not (isinstance(left, Number | Scalar | Array) and isinstance(right, Number | Scalar | Array)):
        raise unfit(context, symbol, left, right, span)
    element = common_element(context, symbol, left, right, span)
    if element == BOOL and symbol not in ("==", "!="):
        raise unfit(context, symbol, left, right, span)
    name = COMPARISON[symbol]
    if isinstance(left, Array) or isinstance(right, Array):
        found = elementwise(
            context, lambda a, b: context.builder.prim(name, a, b), [left, right], element, BOOL, span, symbol
        )
        assert isinstance(found, Array)
        return found
    a, b = as_scalar(context, left, element, span), as_scalar(context, right, element, span)
    if isinstance(a.atom, Literal) and isinstance(b.atom, Literal):
        return boolean(COMPARISON_FOLDS[symbol](a.atom.value, b.atom.value))
    return Scalar(context.builder.prim(name, a.atom, b.atom), BOOL)
