"""The types of values in the form that callers from outside understand (`difflang.signature`)."""

from __future__ import annotations

from difflang import signature
from difflang.check.context import Context
from difflang.check.types import type_text
from difflang.check.values import Array, Scalar, StructValue, TupleValue, Value


def describe_value(context: Context, value: Value) -> signature.ValueType:
    """The type of a run-time value, with its structure."""
    match value:
        case Scalar():
            return value.type
        case Array():
            return signature.ArrayType(value.element, value.shape)
        case TupleValue():
            return signature.TupleType(tuple(describe_value(context, e) for e in value.elements))
        case StructValue():
            fields = tuple((n, describe_value(context, f)) for n, f in value.fields.items())
            return signature.StructType(type_text(value.type), fields)
        case _:
            raise context.error("E0320", f"{context.text(value)} cannot leave the program", context.builder.span)
