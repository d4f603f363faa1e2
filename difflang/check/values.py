"""Compile-time values: what an expression means while the program is elaborated.

A value of run time is a `Scalar` or an `Array` around a Core atom; tuples and structs hold such values,
and exist at elaboration only, like functions, modules and strings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from difflang.check.types import SingletonType, StructInfo, StructType, TupleType, Type
from difflang.core.ir import Atom
from difflang.diagnostics.model import Span
from difflang.signature import ArrayType, ScalarType
from difflang.sizes import Size
from difflang.syntax import ast

if TYPE_CHECKING:
    from difflang.check.context import Context
    from difflang.check.environment import Scope
    from difflang.check.specimens import SpecimenMaker


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal, or arithmetic on such: it has no type until its context gives it one."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar. `size` is its value as a polynomial of sizes, where it is an int for which that is known."""

    atom: Atom
    type: ScalarType
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Array:
    atom: Atom
    element: ScalarType
    shape: tuple[Size, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass(frozen=True, slots=True)
class TupleValue:
    elements: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class StructValue:
    type: StructType
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class StringValue:
    text: str


@dataclass(frozen=True, slots=True)
class NothingValue:
    """What `print` gives: it cannot be used."""


@dataclass(frozen=True, slots=True)
class ErrorValue:
    """Stands for an expression that failed; using it fails silently, so that one mistake gives one message."""


@dataclass(frozen=True, slots=True)
class ModuleValue:
    name: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type used as a value: a struct's name (its constructor), or `real`, `int` (conversions)."""

    name: str
    info: StructInfo | None = None


@dataclass(frozen=True, slots=True)
class Arguments:
    """The evaluated arguments of a call, with their places. `expected` is the type the caller wants, if known."""

    positional: tuple[Value, ...]
    keywords: Mapping[str, Value]
    span: Span
    spans: tuple[Span, ...] = ()
    keyword_spans: Mapping[str, Span] = field(default_factory=dict[str, Span])
    expected: Type | None = None

    def span_of(self, position: int | str) -> Span:
        """The place of a positional or keyword argument (the whole call where it is not known)."""
        if isinstance(position, str):
            return self.keyword_spans.get(position, self.span)
        return self.spans[position] if position < len(self.spans) else self.span


@dataclass(frozen=True, slots=True)
class ItemValue:
    """A `const` or `data` item, whose value is made where it is used."""

    node: ast.ConstDef | ast.DataDef
    scope: Scope


@dataclass(frozen=True, slots=True)
class PrecisionConstant:
    """A real constant that depends on the working precision, such as `eps`: its value in `f64` and in `f32`."""

    double: float
    single: float


class FunctionValue(ABC):
    """A function. Subclasses: closures, overload sets, builtins, derivatives of functions, externs."""

    name: str = "fn"

    @abstractmethod
    def call(self, context: Context, arguments: Arguments) -> Value:
        """The result of a call, elaborated in place. Raises DiffLangError when the arguments do not fit."""

    @property
    def declared(self) -> FunctionValue:
        """The function that declares the parameters: of a derivative, the one that it is of."""
        return self

    def parameter_names(self) -> Sequence[str] | None:
        """The names of the parameters, where they have any."""
        return None

    def specimens(self, context: Context, maker: SpecimenMaker) -> list[tuple[str, Value]]:
        """Named arguments made up from the declared types of the parameters. Raises E0322 where these are not known."""
        message = f"the types of the parameters of `{self.name}` are not known"
        hint = f"wrap it: fn(x: real) = {self.name}(x)"
        raise context.error("E0322", message, context.builder.span, hint=hint)


Value = (
    Number | Scalar | Array | TupleValue | StructValue | StringValue | NothingValue | ErrorValue | ModuleValue
    | ItemValue | PrecisionConstant | TypeValue | FunctionValue
)  # fmt: skip


def type_of(value: Value, real: ScalarType) -> Type:
    """The type of a value; a bare number counts as `int` or as `real` (the given type)."""
    match value:
        case Number():
            return ScalarType("i64", "int") if isinstance(value.value, int) else real
        case Scalar():
            return value.type
        case Array():
            return ArrayType(value.element, value.shape)
        case TupleValue():
            return TupleType(tuple(type_of(e, real) for e in value.elements))
        case StructValue():
            return value.type
        case _:
            return SingletonType(value, describe(value))


def describe(value: Value) -> str:
    """A value that has no run-time form, in words."""
    match value:
        case FunctionValue():
            return f"the function {value.name}" if value.name != "fn" else "a function"
        case ModuleValue():
            return f"the module {value.name}"
        case TypeValue():
            return f"the type {value.name}"
        case StringValue():
            return "a string"
        case NothingValue():
            return "nothing"
        case _:
            return "a value"


def has_function(value: Value) -> bool:
    """Whether a value is, or holds, a function."""
    match value:
        case FunctionValue():
            return True
        case TupleValue():
            return any(has_function(e) for e in value.elements)
        case StructValue():
            return any(has_function(e) for e in value.fields.values())
        case _:
            return False
