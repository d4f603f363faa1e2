"""The types at the boundary: how they read, and the flat leaves they consist of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from difflang.signature import ArrayType, ScalarType, SparseType, StructType, ValueType
from difflang.sizes import Size

if TYPE_CHECKING:
    from difflang.core.ir import DType

INDEX = ScalarType("i64", "int")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One flat value. `path` is what users call it: `x`, `p.weight`, `pair[0]`."""

    path: str
    element: ScalarType
    shape: tuple[Size, ...]

    @property
    def dtype(self) -> DType:
        return self.element.dtype


def leaves(type_: ValueType, path: str) -> list[Leaf]:
    """The leaves of a type in the order of the flat parameters."""
    if isinstance(type_, ScalarType):
        return [Leaf(path, type_, ())]
    if isinstance(type_, ArrayType):
        return [Leaf(path, type_.element, type_.shape)]
    if isinstance(type_, SparseType):
        entries = (Size.name(f"entries of {path}"),)
        parts = (("rows", INDEX), ("cols", INDEX), ("values", type_.element))
        return [Leaf(f"{path}.{name}", element, entries) for name, element in parts]
    if isinstance(type_, StructType):
        return [leaf for name, field in type_.fields for leaf in leaves(field, f"{path}.{name}" if path else name)]
    return [leaf for k, element in enumerate(type_.elements) for leaf in leaves(element, f"{path}[{k}]")]


def type_text(type_: ValueType | None) -> str:
    """A type as users write it: `real[n, d]`, `(real, int)`, `Mixture[k, d]`."""
    if type_ is None:
        return "()"
    if isinstance(type_, ScalarType):
        return type_.surface
    if isinstance(type_, ArrayType):
        return f"{type_.element.surface}[{shape_text(type_.shape)}]"
    if isinstance(type_, SparseType):
        return f"sparse {type_.element.surface}[{shape_text(type_.shape)}]"
    if isinstance(type_, StructType):
        return type_.name
    return f"({', '.join(type_text(element) for element in type_.elements)})"


def leaf_text(leaf: Leaf) -> str:
    """The type of a leaf as users write it."""
    return type_text(ArrayType(leaf.element, leaf.shape) if leaf.shape else leaf.element)


def shape_text(shape: tuple[Size, ...]) -> str:
    return ", ".join(str(size) for size in shape)
