"""Elementwise functions, over any vector type leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.check.builtins.registry import BUILTINS, Builtin, Call, builtin
from difflang.check.coerce import as_int, as_real, join_scalars
from difflang.check.context import Context
from difflang.check.leafwise import leafwise, unfit
from difflang.check.leaves import element_of, materialize
from difflang.check.operators import binary, elementwise
from difflang.check.types import BOOL, is_float, is_int
from difflang.check.values import Array, Number, Scalar, Value
from difflang.diagnostics.model import Span
from difflang.signature import ScalarType

REAL_FUNCTIONS = [
    "floor",
    "ceil",
    "round",
    "sqrt",
    "cbrt",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "erfc",
    "lgamma",
    "digamma",
    "sigmoid",
    "softplus",
    "relu",
]
PREDICATES = ("isfinite", "isnan")


def _real_function(name: str) -> Callable[[Context, Call], Value]:
    def combine(context: Context, values: Sequence[Value], span: Span) -> Value:
        value = as_real(context, values[0], span)
        if not isinstance(value, Scalar | Array) or not is_float(element_of(value)):
            raise unfit(context, name, values, span)
        element = element_of(value)
        result = BOOL if name in PREDICATES else element
        return elementwise(context, lambda a: context.builder.prim(name, a), [value], element, result, span, name)

    return lambda context, call: leafwise(context, name, call.arguments, call.span, combine)


for _name in (*REAL_FUNCTIONS, *PREDICATES):
    BUILTINS[_name] = Builtin(_name, ("x",), _real_function(_name))


def common(context: Context, name: str, values: Sequence[Value], span: Span) -> ScalarType:
    """The element type in which all values meet: the widest of those that have one; a literal `0.5` makes ints real."""
    elements = [element_of(v) for v in values if isinstance(v, Scalar | Array)]
    if not elements:
        elements = [element_of(v) for v in (materialize(context, v) for v in values) if isinstance(v, Scalar)]
    joined = elements[0]
    for element in elements[1:]:
        wider = join_scalars(joined, element)
        if wider is None:
            raise unfit(context, name, values, span)
        joined = wider
    if is_int(joined) and any(isinstance(v, Number) and isinstance(v.value, float) for v in values):
        return context.real
    return joined


def _numeric(name: str, *, real: bool) -> Callable[[Context, Call], Value]:
    """The builtin of a primitive on numbers of one common type; ints become reals if `real`."""

    def combine(context: Context, values: Sequence[Value], span: Span) -> Value:
        element = common(context, name, values, span)
        if real and is_int(element):
            element = context.real
        if not (is_float(element) or is_int(element)):
            raise unfit(context, name, values, span)
        return elementwise(context, lambda *a: context.builder.prim(name, *a), values, element, element, span, name)

    return lambda context, call: leafwise(context, name, call.arguments, call.span, combine)


for _record in (
    Builtin("abs", ("x",), _numeric("abs", real=False)),
    Builtin("sign", ("x",), _numeric("sign", real=False)),
    Builtin("clip", ("x", "low", "high"), _numeric("clip", real=False)),
    Builtin("atan2", ("y", "x"), _numeric("atan2", real=True)),
    Builtin("hypot", ("x", "y"), _numeric("hypot", real=True)),
):
    BUILTINS[_record.name] = _record


@builtin("square", "x")
def square(context: Context, call: Call) -> Value:
    """`x * x` leaf by leaf."""
    return leafwise(context, "square", call.arguments, call.span, lambda c, v, span: binary(c, "*", v[0], v[0], span))


@builtin("pow", "x y")
def power(context: Context, call: Call) -> Value:
    """`x ** y` leaf by leaf."""
    return leafwise(context, "pow", call.arguments, call.span, lambda c, v, span: binary(c, "**", v[0], v[1], span))


@builtin("polygamma", "n x")
def polygamma(context: Context, call: Call) -> Value:
    """The n-th derivative of `digamma`, elementwise in `x`."""
    order = as_int(context, call.arguments[0], call.spans[0], "the order of `polygamma`")
    x = as_real(context, call.arguments[1], call.spans[1])
    if not isinstance(x, Scalar | Array) or not is_float(element_of(x)):
        raise unfit(context, "polygamma", [x], call.span)
    element = element_of(x)
    return elementwise(
        context,
        lambda a: context.builder.prim("polygamma", order.atom, a),
        [x],
        element,
        element,
        call.span,
        "polygamma",
    )
