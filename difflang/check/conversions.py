"""Types called as conversions: `real(i)`, `int(x)`, `f32(x)`."""

from __future__ import annotations

from difflang.check.coerce import coerce, convert
from difflang.check.context import Context
from difflang.check.leaves import element_of
from difflang.check.operators import elementwise
from difflang.check.types import is_int
from difflang.check.typing import scalar_type
from difflang.check.values import Arguments, Array, Number, Scalar, StringValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom, Attribute, Literal
from difflang.diagnostics.model import DiffLangError, Span
from difflang.signature import ScalarType
from difflang.sizes import Size


def conversion(context: Context, name: str, arguments: Arguments) -> Value:
    """The call of a scalar type. Raises E0301 for what is no number, E0302 for other than one argument, E0816."""
    target = scalar_type(context, name)
    assert target is not None
    if len(arguments.positional) != 1 or arguments.keywords:
        raise context.error(
            "E0302",
            f"`{name}` converts one number",
            arguments.span,
            hint=f"write {name}(x); for an array, [{name}(x[i]) for i]",
        )
    return _convert_value(context, arguments.positional[0], target, arguments.span)


def _convert_value(context: Context, value: Value, target: ScalarType, span: Span) -> Value:
    """A number or an array of numbers in another scalar type; reals are cut off towards zero for integers."""
    if isinstance(value, Number):
        number = _cut(context, value.value, target, span) if is_int(target) else value.value
        return coerce(context, Number(number), target, span)
    if not isinstance(value, Scalar | Array) or element_of(value).surface == "key" or target.surface == "key":
        raise context.error(
            "E0301",
            f"{context.text(value)} cannot be converted to {target.surface}",
            span,
            hint=_conversion_hint(value),
        )
    if isinstance(value, Scalar):
        return _convert_scalar(context, value, target, span)
    return elementwise(
        context,
        lambda a: _converted(context, a, target, span),
        [value],
        value.element,
        target,
        span,
        target.surface,
    )


def _convert_scalar(context: Context, value: Scalar, target: ScalarType, span: Span) -> Scalar:
    if isinstance(value.atom, Literal) and is_int(target):
        number = _cut(context, value.atom.value, target, span)
        return Scalar(literal(number, target.dtype), target, Size.literal(number))
    kept = value.size if is_int(target) and is_int(value.type) else None
    return Scalar(_converted(context, value.atom, target, span), target, kept)


def _cut(context: Context, number: float, target: ScalarType, span: Span) -> int:
    """A known number cut off towards zero. Raises E0816 where an integer of that type has no such value."""
    limit = 2 ** _bits(target)
    if not (-limit - 1 < number < limit if isinstance(number, float) else -limit <= number < limit):
        raise _beyond(context, str(number), target, span)
    return int(number)


def _converted(context: Context, atom: Atom, target: ScalarType, span: Span) -> Atom:
    """A scalar in another type; that a real has a place there is checked when the program runs (E0816)."""
    if not (is_int(target) and atom.type.dtype in ("f64", "f32")):
        return convert(context, atom, target)
    prim, limit = context.builder.prim, float(2 ** _bits(target))
    seen = prim("stop_grad", atom)  # no derivative depends on what is only checked
    below = prim("lt", seen, literal(limit, atom.type.dtype))
    # Between -limit - 1 and -limit only f64 has numbers, and only beside the least i32; they are cut off to it.
    narrow = atom.type.dtype == "f64" and target.dtype == "i32"
    above = prim("gt" if narrow else "ge", seen, literal(-limit - 1 if narrow else -limit, atom.type.dtype))
    attrs: dict[str, Attribute] = {"code": "E0816", "message": _message("{0}", target)}
    with context.at(span):
        (fitting,) = context.builder.emit("require", [prim("and", below, above), atom], attrs)
    return convert(context, fitting, target)


def _bits(target: ScalarType) -> int:
    return 31 if target.dtype == "i32" else 63


def _message(number: str, target: ScalarType) -> str:
    return f"an `{target.surface}` cannot hold the number {number}"


def _beyond(context: Context, number: str, target: ScalarType, span: Span) -> DiffLangError:
    from difflang.runtime.failures import HINTS

    return context.error("E0816", _message(number, target), span, hint=HINTS["E0816"])


def _conversion_hint(value: Value) -> str:
    if isinstance(value, StringValue):
        return SPECIAL_NUMBERS.get(value.text.lower(), "write the number without quotes")
    return "give it a number or an array of numbers, such as an element x[i] or a field p.name"


SPECIAL_NUMBERS = {
    "inf": "infinity is the constant `inf`",
    "infinity": "infinity is the constant `inf`",
    "-inf": "infinity is the constant `inf`: write -inf",
    "nan": "the number that is none is the constant `nan`",
}
"""What Python writes as `float("inf")`."""
