"""Resolved types: what a type expression means once its size and type names are bound.

Scalars, arrays and tuples are those of `difflang.signature`; structs and functions have their own
form here, because the checker needs their definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from difflang.core.ir import FLOATS, DType
from difflang.signature import ArrayType, ScalarType
from difflang.sizes import Size
from difflang.syntax import ast

if TYPE_CHECKING:
    from difflang.check.environment import Scope

INT = ScalarType("i64", "int")
I32 = ScalarType("i32", "i32")
BOOL = ScalarType("bool", "bool")
KEY = ScalarType("i64", "key")
F64 = ScalarType("f64", "f64")
F32 = ScalarType("f32", "f32")


@dataclass(frozen=True, slots=True)
class TupleType:
    elements: tuple[Type, ...]


@dataclass(eq=False, slots=True)
class StructInfo:
    """A struct definition in its module. `kinds` says of each parameter whether it is a `size` or a `type`."""

    definition: ast.StructDef
    scope: Scope
    kinds: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.definition.type_parameters)


@dataclass(frozen=True, slots=True)
class StructType:
    """A struct with its arguments; an argument is None where nothing determines it."""

    info: StructInfo
    arguments: tuple[Size | Type | None, ...]


@dataclass(frozen=True, slots=True)
class FunctionType:
    """`fn(real[n]) -> real`. A None stands for a part that is not known."""

    parameters: tuple[Type, ...]
    result: Type | None


@dataclass(frozen=True, slots=True)
class SingletonType:
    """The type of one compile-time value (a function, a module, a string): nothing else has it."""

    value: Any
    description: str


Type = ScalarType | ArrayType | TupleType | StructType | FunctionType | SingletonType


def is_float(type_: Type) -> bool:
    """Whether a type is a real scalar."""
    return isinstance(type_, ScalarType) and type_.dtype in FLOATS


def is_int(type_: Type) -> bool:
    """Whether a type is an integer scalar (a key is none)."""
    return isinstance(type_, ScalarType) and type_.dtype in ("i64", "i32") and type_.surface != "key"


def same_scalar(left: ScalarType, right: ScalarType) -> bool:
    """`real` equals `f64` where that is the working precision; a `key` equals only a `key`."""
    return left.dtype == right.dtype and (left.surface == "key") == (right.surface == "key")


def real_of(precision: str) -> ScalarType:
    """The scalar type that `real` names under a working precision."""
    dtype: DType = "f32" if precision == "f32" else "f64"
    return ScalarType(dtype, "real")


def type_text(type_: Type | None, size_text: Callable[[Size], str] = str) -> str:
    """A type as the user writes it."""
    match type_:
        case None:
            return "_"
        case ScalarType():
            return type_.surface
        case ArrayType():
            return f"{type_.element.surface}[{', '.join(size_text(s) for s in type_.shape)}]"
        case TupleType():
            return f"({', '.join(type_text(e, size_text) for e in type_.elements)})"
        case StructType():
            return _struct_text(type_, size_text)
        case FunctionType():
            parameters = ", ".join(type_text(p, size_text) for p in type_.parameters)
            return f"fn({parameters}) -> {type_text(type_.result, size_text)}"
        case SingletonType():
            return type_.description


def _struct_text(type_: StructType, size_text: Callable[[Size], str]) -> str:
    if not type_.arguments:
        return type_.info.name
    arguments = (size_text(a) if isinstance(a, Size) else type_text(a, size_text) for a in type_.arguments)
    return f"{type_.info.name}[{', '.join(arguments)}]"
