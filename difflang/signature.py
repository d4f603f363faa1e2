"""How the values of a caller (Python, the command line) map to the flat parameters of a Core function.

A `Lowered` function pairs a closed Core function with the description of its parameters and results.
The order of the Core parameters is: the size parameters (i64), then the leaves of each named parameter,
then the leaves of each `data` item; leaves of a struct or tuple stand in the order of its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from difflang.diagnostics.model import Diagnostic, Span
from difflang.sizes import Size

if TYPE_CHECKING:
    from difflang.core.ir import DType, Func


@dataclass(frozen=True, slots=True)
class ScalarType:
    """`surface` is the name that users know: `real`, `f32`, `int`, `bool`, `key`."""

    dtype: DType
    surface: str


@dataclass(frozen=True, slots=True)
class ArrayType:
    element: ScalarType
    shape: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class TupleType:
    elements: tuple[ValueType, ...]


@dataclass(frozen=True, slots=True)
class StructType:
    """`name` is the full name with its arguments as the user writes it, such as `Mixture[k, d]`."""

    name: str
    fields: tuple[tuple[str, ValueType], ...]


@dataclass(frozen=True, slots=True)
class SparseType:
    """A compressed matrix: leaves rows, cols, values (1-D), with the given shape."""

    element: ScalarType
    shape: tuple[Size, Size]


ValueType = ScalarType | ArrayType | TupleType | StructType | SparseType


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """A named parameter. `required` is false where the program gives a default."""

    name: str
    type: ValueType
    span: Span | None
    required: bool = True


@dataclass(frozen=True, slots=True)
class DataInfo:
    """A `data` item: its file (as written), the directory it is relative to, and its type."""

    name: str
    path: str
    directory: str
    type: ValueType
    span: Span | None


@dataclass(frozen=True, slots=True)
class Signature:
    """Sizes that occur in result types but are not parameters are found from the results' shapes."""

    sizes: tuple[str, ...]
    parameters: tuple[ParameterInfo, ...]
    data: tuple[DataInfo, ...]
    result: ValueType | None


@dataclass(frozen=True, slots=True)
class Lowered:
    func: Func
    signature: Signature
    warnings: tuple[Diagnostic, ...] = ()
