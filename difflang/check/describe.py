"""The types of values in the form that callers from outside understand (`difflang.signature`)."""

from __future__ import annotations

from collections.abc import Mapping

from difflang import signature
from difflang.check.context import Context
from difflang.check.sparse import sparse_info
from difflang.check.types import type_text
from difflang.check.values import Array, Scalar, StructValue, TupleValue, Value
from difflang.sizes import Size


def describe_value(context: Context, value: Value, written: Mapping[str, Size]) -> signature.ValueType:
    """The type of a run-time value, with its structure. `written` says how internal sizes are written by the user."""
    match value:
        case Scalar():
            return value.type
        case Array():
            return signature.ArrayType(value.element, tuple(s.substitute(written) for s in value.shape))
        case TupleValue():
            return signature.TupleType(tuple(describe_value(context, e, written) for e in value.elements))
        case StructValue() if value.type.info is sparse_info():
            return _describe_sparse(context, value, written)
        case StructValue():
            fields = tuple((n, describe_value(context, f, written)) for n, f in value.fields.items())
            return signature.StructType(type_text(value.type, lambda s: str(s.substitute(written))), fields)
        case _:
            raise context.error(
                "E0320",
                f"{context.text(value)} cannot leave the program",
                context.builder.span,
                hint="print numbers and arrays, such as the fields of a struct",
            )


def _describe_sparse(context: Context, value: StructValue, written: Mapping[str, Size]) -> signature.SparseType:
    entries, shape = value.fields["values"], value.fields["shape"]
    assert isinstance(entries, Array) and isinstance(shape, TupleValue)
    rows, columns = (context.size_of(s).substitute(written) for s in shape.elements if isinstance(s, Scalar))
    return signature.SparseType(entries.element, (rows, columns))


def renamed(type_: signature.ValueType, names: Mapping[str, Size]) -> signature.ValueType:
    """A type with other names for some sizes."""
    match type_:
        case signature.ArrayType():
            return signature.ArrayType(type_.element, tuple(s.substitute(names) for s in type_.shape))
        case signature.TupleType():
            return signature.TupleType(tuple(renamed(e, names) for e in type_.elements))
        case _:
            return type_
