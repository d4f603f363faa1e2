"""Functions of several values of one structure, leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from difflang.check.context import Context
from difflang.check.values import Array, Number, Scalar, StructValue, TupleValue, Value
from difflang.diagnostics.model import DiffLangError, Span

Combine = Callable[[Context, Sequence[Value], Span], Value]


def leafwise(context: Context, name: str, values: Sequence[Value], span: Span, combine: Combine) -> Value:
    """`combine` of the corresponding leaves; a number goes with every leaf of the others. Raises E0305."""
    structures = [v for v in values if isinstance(v, TupleValue | StructValue)]
    if not structures:
        if not all(isinstance(v, Number | Scalar | Array) for v in values):
            raise unfit(context, name, values, span)
        return combine(context, values, span)
    first = structures[0]
    parts = [_parts(v, first) for v in values]
    if any(p is None for p in parts):
        raise unfit(context, name, values, span)
    keys = range(len(first.elements)) if isinstance(first, TupleValue) else list(first.fields)
    results = [
        leafwise(context, name, [p[key] if p else v for p, v in zip(parts, values, strict=True)], span, combine)
        for key in keys
    ]
    if isinstance(first, TupleValue):
        return TupleValue(tuple(results))
    return StructValue(first.type, dict(zip(first.fields, results, strict=True)))


def _parts(value: Value, like: TupleValue | StructValue) -> dict[Any, Value] | None:
    """The parts of a value of this structure; none of a number, which goes with all parts; None if it does not fit."""
    if isinstance(value, Number | Scalar):
        return {}
    if isinstance(value, TupleValue) and isinstance(like, TupleValue) and len(value.elements) == len(like.elements):
        return dict(enumerate(value.elements))
    if isinstance(value, StructValue) and isinstance(like, StructValue) and value.type.info is like.type.info:
        return dict(value.fields)
    return None


def unfit(context: Context, name: str, values: Sequence[Value], span: Span) -> DiffLangError:
    """The error that a function does not work on these values."""
    shown = " and ".join(context.text(v) for v in values)
    return context.error(
        "E0305",
        f"`{name}` does not work on {shown}",
        span,
        hint=f"`{name}` takes reals, or arrays, tuples and structs of them",
    )
