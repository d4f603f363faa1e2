"""Signatures and diagnostics as JSON and back: frozen dataclasses, tuples and fractions, and no code."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

from difflang.diagnostics.model import Diagnostic, Label, Span
from difflang.signature import (
    ArrayType,
    DataInfo,
    ParameterInfo,
    ScalarType,
    Signature,
    SparseType,
    StructType,
    TupleType,
)
from difflang.sizes import Size

CLASSES: dict[str, type[Any]] = {
    class_.__name__: class_
    for class_ in (
        ArrayType, DataInfo, Diagnostic, Label, ParameterInfo, ScalarType, Signature, Size, Span, SparseType,
        StructType, TupleType,
    )
}  # fmt: skip


def encode(value: Any) -> Any:
    """What `json.dumps` can write: a dataclass is a list of its name and fields, a tuple one of `()` and its parts."""
    if isinstance(value, tuple):
        return ["()", *(encode(part) for part in value)]
    if isinstance(value, Fraction):
        return ["/", value.numerator, value.denominator]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *(encode(getattr(value, field.name)) for field in fields(value))]
    return value


def decode(value: Any) -> Any:
    """The value that was encoded. Raises ValueError for anything else."""
    if not isinstance(value, list):
        return value
    kind, *parts = value
    if kind == "/":
        return Fraction(*parts)
    decoded = [decode(part) for part in parts]
    if kind == "()":
        return tuple(decoded)
    if kind not in CLASSES or len(decoded) != len(fields(CLASSES[kind])):
        raise ValueError(f"no encoded value: {kind}")
    return CLASSES[kind](*decoded)
