"""The values of a caller to the flat arguments of a Core function, and the flat results back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from difflang.backend.protocol import Value
from difflang.diagnostics import Label, Span, error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.runtime.arrays import NUMPY_DTYPES, leaf_value
from difflang.runtime.binding import SizeBinder
from difflang.runtime.compressed import csr_array
from difflang.runtime.structs import Struct, flatten
from difflang.runtime.types import type_text
from difflang.signature import ArrayType, ParameterInfo, ScalarType, Signature, SparseType, StructType, ValueType

Given = TypeVar("Given")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Flat arguments of a call, in the order of the Core parameters, and the sizes that they bound."""

    flat: list[Value]
    sizes: SizeBinder


def match(
    parameters: Sequence[ParameterInfo], function: str, positional: Sequence[Given], named: Mapping[str, Given]
) -> dict[str, Given]:
    """The arguments (or whatever stands for them) by the names of their parameters.

    Raises E0609 for too many or doubled arguments, E0602 for an unknown name, E0601 for a missing one.
    """
    names = [parameter.name for parameter in parameters]
    shape = f"{function}({', '.join(names)})"
    if len(positional) > len(names):
        message = (
            f"`{function}` takes {len(names)} argument{'s' * (len(names) != 1)}, but {len(positional)} were given."
        )
        raise error("E0609", message, hint=f"Call it as `{shape}`.")
    given = dict(zip(_positional_names(parameters, len(positional), named), positional, strict=False))
    for name, value in named.items():
        if name not in names:
            hint = did_you_mean(name, names, f"It has {listing(names)}." if names else "It has no parameters.")
            raise error("E0602", f"`{function}` has no parameter `{name}`.", hint=hint)
        if name in given:
            message = f"`{function}` was given `{name}` twice: by position and by name."
            raise error("E0609", message, hint=f"Give `{name}` once: `{shape}`.")
        given[name] = value
    for parameter in parameters:
        if parameter.required and parameter.name not in given:
            raise _missing(parameter, function)
    return given


def _positional_names(parameters: Sequence[ParameterInfo], count: int, named: Mapping[str, object]) -> list[str]:
    """The parameters that positional arguments stand for.

    The directions of a derivative come after all parameters of the function, also after those with defaults:
    `jvp(f)(x, dx)` leaves the latter out when there are just as many arguments as parameters without a default.
    """
    required = [parameter.name for parameter in parameters if parameter.required and parameter.name not in named]
    defaults_last = all(parameter.required for parameter in parameters[: sum(p.required for p in parameters)])
    if not defaults_last and count == len(required):
        return required
    return [parameter.name for parameter in parameters]


def _missing(parameter: ParameterInfo, function: str) -> Exception:
    labels = [Label(parameter.span, "it is declared here")] if parameter.span else []
    text = type_text(parameter.type)
    message = f"`{function}` needs the argument `{parameter.name}: {text}`."
    return error("E0601", message, None, *labels, hint=f"Give it by position or by name: `{parameter.name} = ...`.")


def marshal(signature: Signature, given: Mapping[str, object], data: Mapping[str, object]) -> Arguments:
    """The flat arguments of a function whose signature has exactly the parameters that are `given`.

    `data` holds the loaded values of the data items. Raises E06xx with the path of the wrong argument.
    """
    sizes = SizeBinder()
    flat: list[Value] = []
    items: list[tuple[str, ValueType, Span | None, object]] = [
        *((p.name, p.type, p.span, given[p.name]) for p in signature.parameters),
        *((d.name, d.type, d.span, data[d.name]) for d in signature.data),
    ]
    for name, type_, span, raw in items:
        for leaf, part in flatten(raw, type_, name, span):
            value = leaf_value(part, leaf, span)
            flat.append(value)
            if leaf.shape:
                assert isinstance(value, np.ndarray)
                sizes.shape(leaf, value.shape, span)
            elif leaf.element.surface == "int":
                sizes.bind(leaf.path, int(value), leaf.path, span)
        _bind_sparse_shape(type_, raw, sizes)
    return Arguments([*sizes.finish(signature.sizes), *flat], sizes)


def _bind_sparse_shape(type_: ValueType, raw: Any, sizes: SizeBinder) -> None:
    if isinstance(type_, SparseType):
        for size, extent in zip(type_.shape, raw.shape, strict=True):
            for atom in size.atoms:
                sizes.bind(atom, int(extent), "the shape of a sparse matrix")


def unmarshal(type_: ValueType | None, values: Sequence[Value], arguments: Arguments) -> Any:
    """The result of a call as Python sees it: NumPy scalars and arrays, tuples, `Struct`s, sparse arrays.

    Arrays that share memory with an argument (a program may return what it was given) are copied.
    """
    if type_ is None:
        return None
    shared = [value for value in arguments.flat if isinstance(value, np.ndarray)]
    return _build(type_, iter([_owned(value, shared) for value in values]), arguments.sizes)


def _owned(value: Value, shared: list[Any]) -> Value:
    if isinstance(value, np.ndarray):
        if any(np.may_share_memory(value, other) for other in shared):
            value = value.copy()
        shared.append(value)
    return value


def _build(type_: ValueType, values: Iterator[Value], sizes: SizeBinder) -> Any:
    if isinstance(type_, ScalarType):
        return NUMPY_DTYPES[type_.dtype].type(next(values))
    if isinstance(type_, ArrayType):
        return owned(next(values))
    if isinstance(type_, StructType):
        return Struct(type_.name, {name: _build(field, values, sizes) for name, field in type_.fields})
    if isinstance(type_, SparseType):
        return sparse_matrix(*islice(values, len(SPARSE_LEAVES)))
    return tuple(_build(element, values, sizes) for element in type_.elements)


def owned(array: Any) -> Any:
    """The array, or a copy of one that is kept for other calls, and therefore read-only."""
    return array if array.flags.writeable else array.copy()


SPARSE_LEAVES = ("rows", "cols", "values", "height", "width", "colours")
"""The flat results that a compressed matrix is made of."""


def sparse_matrix(rows: Any, columns: Any, entries: Any, height: Any, width: Any, colours: Any) -> Any:
    """A compressed matrix as scipy.sparse.csr_array, which does not know its colours."""
    return csr_array(rows, columns, entries, (int(height), int(width)))
