"""Structs at the boundary: what counts as one on the way in, and what comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from difflang.diagnostics import DiffLangError, Span, error
from difflang.diagnostics.suggest import did_you_mean, kind_of, listing
from difflang.runtime.types import Leaf, leaves, type_text
from difflang.signature import SparseType, StructType, TupleType, ValueType


class Struct(dict[str, Any]):
    """A struct as a result: a dict whose fields are attributes too. Equal to a dict of the same fields.

    A field that has the name of a dict method (`items`, `values`, ...) is reached as `s["values"]` only.
    """

    type_name: str

    def __init__(self, type_name: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        object.__setattr__(self, "type_name", type_name)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{self.type_name} has no field {name!r}; it has {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self:
            raise AttributeError(f"{self.type_name} has no field {name!r}; it has {', '.join(self)}")
        self[name] = value

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __reduce__(self) -> tuple[Any, ...]:
        return (Struct, (self.type_name, dict(self)))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name} = {value!r}" for name, value in self.items())
        return f"{self.type_name.split('[')[0]}({fields})"


def flatten(raw: object, type_: ValueType, path: str, span: Span | None = None) -> Iterator[tuple[Leaf, object]]:
    """The leaves of a type with what the caller gave for each.

    Raises E0603 for what is no struct or tuple, E0607 for missing, unknown or too many parts.
    """
    if isinstance(type_, StructType):
        yield from _flatten_struct(raw, type_, path, span)
    elif isinstance(type_, TupleType):
        yield from _flatten_tuple(raw, type_, path, span)
    elif isinstance(type_, SparseType):
        yield from zip(leaves(type_, path), _sparse_parts(raw, type_, path, span), strict=True)
    else:
        yield leaves(type_, path)[0], raw


def _flatten_struct(raw: object, type_: StructType, path: str, span: Span | None) -> Iterator[tuple[Leaf, object]]:
    fields = _fields_of(raw)
    if fields is None:
        raise _no_struct(raw, type_, path, span)
    names = [name for name, _ in type_.fields]
    for name in fields:
        if name not in names:
            hint = did_you_mean(str(name), names, f"{type_.name} has {listing(names)}.")
            raise error("E0607", f"`{path}` has a field `{name}` that {type_.name} does not have.", span, hint=hint)
    for name, field in type_.fields:
        if name not in fields:
            hint = f"{type_.name} needs {listing(names)}."
            raise error("E0607", f"`{path}` lacks the field `{name}` of {type_.name}.", span, hint=hint)
        yield from flatten(fields[name], field, f"{path}.{name}", span)


def _fields_of(raw: object) -> Mapping[str, object] | None:
    """The fields of a dict, a dataclass or a named tuple; None for anything else."""
    if isinstance(raw, Mapping):
        return cast("Mapping[str, object]", raw)
    if dataclasses.is_dataclass(raw) and not isinstance(raw, type):
        return {field.name: getattr(raw, field.name) for field in dataclasses.fields(raw)}
    if isinstance(raw, tuple) and hasattr(raw, "_fields"):
        return {name: getattr(raw, name) for name in raw._fields}  # pyright: ignore[reportAttributeAccessIssue]
    return None


def _no_struct(raw: object, type_: StructType, path: str, span: Span | None) -> DiffLangError:
    example = ", ".join(f'"{name}": ...' for name, _ in type_.fields)
    message = f"`{path}` must be a {type_.name}, but it is {kind_of(raw)}."
    return error("E0603", message, span, hint=f"Give a dict, a dataclass or a named tuple: {{{example}}}.")


def _flatten_tuple(raw: object, type_: TupleType, path: str, span: Span | None) -> Iterator[tuple[Leaf, object]]:
    count = len(type_.elements)
    if not isinstance(raw, tuple | list):
        message = f"`{path}` must be a tuple {type_text(type_)}, but it is {kind_of(raw)}."
        raise error("E0603", message, span, hint=f"Give a tuple of {count} values.")
    parts = cast("Sequence[object]", raw)
    if len(parts) != count:
        message = f"`{path}` must have {count} elements, {type_text(type_)}, but it has {len(parts)}."
        raise error("E0607", message, span, hint=f"Give a tuple of {count} values.")
    for position, (part, element) in enumerate(zip(parts, type_.elements, strict=True)):
        yield from flatten(part, element, f"{path}[{position}]", span)


def _sparse_parts(raw: Any, type_: SparseType, path: str, span: Span | None) -> list[object]:
    if not hasattr(raw, "tocoo"):
        message = f"`{path}` must be a {type_text(type_)}, but it is {kind_of(raw)}."
        raise error("E0603", message, span, hint="Give a scipy.sparse array.")
    entries = raw.tocoo()
    return [entries.row.astype("int64"), entries.col.astype("int64"), entries.data]
