"""Fitting a value to a type, and the common type of two values."""

from __future__ import annotations

from dataclasses import replace

from difflang.check.context import Context
from difflang.check.types import (
    BOOL,
    FunctionType,
    SingletonType,
    StructType,
    TupleType,
    Type,
    is_float,
    is_int,
    same_scalar,
    type_text,
)
from difflang.check.values import (
    Array,
    ErrorValue,
    FunctionValue,
    NothingValue,
    Number,
    Scalar,
    StringValue,
    StructValue,
    TupleValue,
    TypeValue,
    Value,
)
from difflang.core.builder import literal
from difflang.core.ir import Atom, Literal
from difflang.core.ops import integer, same_dim
from difflang.diagnostics.model import DiffLangError, Span
from difflang.signature import ArrayType, ScalarType
from difflang.sizes import Size


def coerce(context: Context, value: Value, type_: Type, span: Span, what: str = "this") -> Value:
    """`value` as a value of `type_`: literals take it, `int` widens to real, sizes must agree.

    `what` names the value in messages. Raises DiffLangError E0301 or E0401.
    """
    match value, type_:
        case (ErrorValue(), _) | (_, SingletonType(value=ErrorValue())):
            return value
        case Number() | Scalar(), ScalarType():
            return as_scalar(context, value, type_, span, what)
        case Array(), ArrayType():
            return _as_array(context, value, type_, span, what)
        case TupleValue(), TupleType() if len(value.elements) == len(type_.elements):
            pairs = zip(value.elements, type_.elements, strict=True)
            return TupleValue(tuple(coerce(context, e, t, span, what) for e, t in pairs))
        case StructValue(), StructType() if value.type.info is type_.info:
            return _as_struct(context, value, type_, span, what)
        case ((FunctionValue() | TypeValue()), FunctionType()):
            return value
        case _, SingletonType() if value is type_.value:
            return value
        case _:
            raise mismatch(context, value, type_, span, what)


def mismatch(context: Context, value: Value, type_: Type, span: Span, what: str, hint: str | None = None):
    """The error that a value does not have the type that is needed."""
    found = context.text(value)
    message = f"{what} should be of type {type_text(type_)}, but it is {found}"
    return context.error("E0301", message, span, hint=hint or _mismatch_hint(value, type_))


def _mismatch_hint(value: Value, type_: Type) -> str:
    """What to write where a value of another kind stands."""
    match value, type_:
        case Array(), ScalarType():
            return "take one element, such as x[0], or reduce it, such as sum(x)"
        case ((Number() | Scalar()), ArrayType()):
            sizes = ", ".join(map(str, type_.shape))
            return f"repeat the number with full({sizes}, value), or write an array [a, b, c]"
        case Array(), ArrayType() if value.rank != len(type_.shape):
            return "a row is a[i], a column a[:, j]; reshape(a, n, m) gives other dimensions"
        case (FunctionValue(), _) if not isinstance(type_, FunctionType):
            return "call the function: write its arguments in parentheses behind it"
        case _, FunctionType():
            return "write the name of a function, or a lambda such as fn(x) = 2 * x"
        case TupleValue(), _:
            return "take a part of the tuple, such as t[0], or take it apart with `let (a, b) = t`"
        case StringValue(), _:
            return "strings stand in messages, file names and options only; write a number"
        case NothingValue(), _:
            return "let the function `return` a value"
        case _:
            return f"write a value of type {type_text(type_)} here, or change the type"


def convert(context: Context, atom: Atom, target: ScalarType) -> Atom:
    """A scalar atom converted to another element type (folded when literal)."""
    if atom.type.dtype == target.dtype:
        return atom
    if isinstance(atom, Literal):
        return literal(atom.value, target.dtype)
    return context.builder.prim("convert", atom, dtype=target.dtype)


def as_scalar(context: Context, value: Number | Scalar, type_: ScalarType, span: Span, what: str = "this") -> Scalar:
    """A literal or a scalar as a scalar of the given type."""
    if isinstance(value, Number):
        return _number(context, value, type_, span, what)
    if same_scalar(value.type, type_):
        return value
    if widens(value.type, type_):
        return Scalar(convert(context, value.atom, type_), type_, value.size if is_int(type_) else None)
    raise mismatch(context, value, type_, span, what, _conversion_hint(value.type, type_))


def widens(source: ScalarType, target: ScalarType) -> bool:
    """`int` widens to a real, `i32` to `int`; nothing else does."""
    if is_int(source) and is_float(target):
        return True
    return source.dtype == "i32" and target.dtype == "i64" and target.surface != "key"


def _conversion_hint(source: ScalarType, target: ScalarType) -> str | None:
    if is_float(source) and is_int(target):
        return "write int(...) to cut off the fraction, or round(...) first"
    if is_float(source) and is_float(target):
        return f"f32 and f64 never mix by themselves: write {target.surface}(...) to convert"
    if source.dtype == "bool":
        return "a bool is no number: write 1 if ... else 0"
    return None


def _number(context: Context, number: Number, type_: ScalarType, span: Span, what: str) -> Scalar:
    value = number.value
    if is_float(type_) or (is_int(type_) and isinstance(value, int)):
        bits = 31 if type_.dtype == "i32" else 63
        if isinstance(value, int) and is_int(type_) and not -(2**bits) <= value < 2**bits:
            message = f"{value} does not fit into {'an i32' if bits == 31 else 'an int'}"
            raise context.error("E0301", message, span, hint=f"the largest is {2**bits - 1}")
        size = Size.literal(value) if isinstance(value, int) and is_int(type_) else None
        return Scalar(literal(value, type_.dtype), type_, size)
    raise mismatch(context, number, type_, span, what, "write a whole number" if is_int(type_) else None)


def _as_array(context: Context, value: Array, type_: ArrayType, span: Span, what: str) -> Array:
    if value.rank != len(type_.shape):
        raise mismatch(context, value, type_, span, what)
    if not (same_scalar(value.element, type_.element) or widens(value.element, type_.element)):
        raise mismatch(context, value, type_, span, what, _conversion_hint(value.element, type_.element))
    if value.shape != type_.shape:
        message = f"{what} should be {type_text(type_)}, but it is {context.text(value)}"
        require_same_shape(context, type_.shape, value.shape, span, message)
        context.sizes.assume_shape(type_.shape)
    return with_element(context, Array(value.atom, value.element, type_.shape), type_.element)


def with_element(context: Context, value: Array, element: ScalarType) -> Array:
    """An array converted to another element type."""
    if value.element.dtype == element.dtype:
        return Array(value.atom, element, value.shape)
    atom = context.builder.map(lambda a: convert(context, a, element), value.atom)
    return Array(atom, element, value.shape)


def _as_struct(context: Context, value: StructValue, type_: StructType, span: Span, what: str) -> StructValue:
    """The fields one by one. Arguments that the type leaves out are those of the value."""
    from difflang.check.typing import field_types

    pairs = zip(type_.arguments, value.type.arguments, strict=True)
    type_ = replace(type_, arguments=tuple(own if wanted is None else wanted for wanted, own in pairs))
    types = field_types(context, type_)
    fields = {
        name: coerce(context, field, types[name], span, f"the field {name} of {what}")
        for name, field in value.fields.items()
    }
    return StructValue(type_, fields)


def require_same_shape(
    context: Context, expected: tuple[Size, ...], found: tuple[Size, ...], span: Span, message: str, code: str = "E0401"
) -> None:
    """Sizes that are provably equal pass; provably different ones raise; the rest is asserted at run time."""
    for left, right in zip(expected, found, strict=True):
        same = context.sizes.compare(left, right)
        if same is False:
            raise context.error(code, message, span, hint=_size_hint(*map(context.sizes.forward, (left, right))))
        if same is None:
            assert_same_size(context, left, right, span, message)


def _size_hint(left: Size, right: Size) -> str:
    """Two names may be meant to be one; sizes that differ by a number never agree."""
    if left.constant is not None and right.constant is not None:
        return f"{left} and {right} are different sizes: cut or build one of the two to the other's size"
    difference = (left - right).constant
    if difference is not None:
        return f"they differ by {abs(difference)} for every size: cut the longer one with a slice, such as x[1:]"
    names = [size for size in (left, right) if len(size.atoms) == 1 and size == Size.name(size.atoms[0])]
    if len(names) == 2 and str(left).rstrip("'") == str(right).rstrip("'"):
        name = str(left).rstrip("'")
        return f"two sizes are called {name} here: the type of a parameter binds {name} anew, whatever it is outside"
    if len(names) == 2:
        return f"`{left}` and `{right}` are different names for sizes; give both the same name if they are always equal"
    return f"`{left}` and `{right}` do not agree for all sizes: give both arrays the same size names"


def require_natural(context: Context, size: Size, span: Span, what: str) -> None:
    """Sees to it that the size of an array is not below 0: by proof, or at run time (E0810).

    `what` is the beginning of the message. Raises E0405 where the size is known, and below 0.
    """
    if (size.constant or 0) < 0:
        hint = "a size is 0 or more, such as max(n, 0)"
        raise context.error("E0405", f"{what} the size {size}, which is below 0", span, hint=hint)
    if context.sizes.is_natural(size):
        return
    with context.at(span):
        value = context.sizes.value(size)
        natural = context.builder.prim("le", integer(0), value)
        message = f"{what} the size {size}, which is {{0}} here: no size is below 0"
        context.builder.emit("assert", [natural, value], {"code": "E0810", "message": message})
        context.sizes.assume(size)


def assert_same_size(context: Context, left: Size, right: Size, span: Span, message: str) -> None:
    """Emits the run-time check that two sizes agree."""
    undecided = context.sizes.undecided_length(left, right)
    if undecided is not None:
        require_natural(context, undecided, span, "an array should have")
        return
    a, b = context.sizes.value(left), context.sizes.value(right)
    if isinstance(a, Literal) and isinstance(b, Literal) and same_dim(a, b):
        return
    with context.at(span):
        equal = context.builder.prim("eq", a, b)
        text = message.replace("{", "(").replace("}", ")") + f": {left} is {{0}}, {right} is {{1}}"
        context.builder.emit("assert", [equal, a, b], {"code": "E0809", "message": text})


def join(context: Context, left: Type, right: Type, span: Span, what: str) -> Type:
    """The type that fits two values of which one is taken at run time. Raises E0310 when there is none."""
    match left, right:
        case ScalarType(), ScalarType():
            found = join_scalars(left, right)
        case ArrayType(), ArrayType() if len(left.shape) == len(right.shape):
            element = join_scalars(left.element, right.element)
            found = element and ArrayType(element, left.shape)
        case TupleType(), TupleType() if len(left.elements) == len(right.elements):
            pairs = zip(left.elements, right.elements, strict=True)
            found = TupleType(tuple(join(context, a, b, span, what) for a, b in pairs))
        case StructType(), StructType() if left.info is right.info:
            found = left
        case SingletonType(), SingletonType() if left.value is right.value:
            found = left
        case _:
            found = None
    if found is None:
        raise no_join(context, left, right, span, what)
    return found


def no_join(context: Context, left: Type, right: Type, span: Span, what: str) -> DiffLangError:
    """The error that two values of which one is taken at run time have no common type."""
    hint = "give both cases one type, for instance by converting one of them"
    if isinstance(left, SingletonType) or isinstance(right, SingletonType):
        hint = "functions are known when the program is compiled: choose between their results instead"
    return context.error(
        "E0310", f"{what} is {type_text(left)} in one case and {type_text(right)} in the other", span, hint=hint
    )


def join_scalars(left: ScalarType, right: ScalarType) -> ScalarType | None:
    """The scalar type that both widen to."""
    if same_scalar(left, right):
        return left
    if widens(left, right):
        return right
    return left if widens(right, left) else None


def as_condition(context: Context, value: Value, span: Span) -> Scalar:
    """A value that decides something: it must be a bool."""
    if isinstance(value, Scalar) and value.type.dtype == "bool":
        return value
    hint = "compare it with something, such as x > 0" if isinstance(value, Number | Scalar) else None
    if isinstance(value, Array) and value.element == BOOL:
        hint = "write all(...) or any(...) for the elements of an array"
    raise mismatch(context, value, BOOL, span, "a condition", hint)


def boolean(value: bool) -> Scalar:
    """A bool that is known at compile time."""
    return Scalar(literal(value, "bool"), BOOL)


def as_int(context: Context, value: Value, span: Span, what: str) -> Scalar:
    """An integer scalar of type `int`."""
    from difflang.check.types import INT

    if isinstance(value, Number | Scalar):
        return as_scalar(context, value, INT, span, what)
    raise mismatch(context, value, INT, span, what)


def as_size(context: Context, value: Value, span: Span, what: str = "a size") -> Size:
    """An integer value as a size."""
    return context.size_of(as_int(context, value, span, what))


def as_real(context: Context, value: Value, span: Span, what: str = "this") -> Value:
    """Literals and ints (scalars or arrays) as reals of the working precision; reals and vectors as they are."""
    if isinstance(value, Number) or (isinstance(value, Scalar) and is_int(value.type)):
        return as_scalar(context, value, context.real, span, what)
    if isinstance(value, Array) and is_int(value.element):
        return with_element(context, value, context.real)
    return value
