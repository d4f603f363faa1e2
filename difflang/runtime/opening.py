"""Writing functions that take arguments apart: structs and tuples into their leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod

from difflang.diagnostics import Span
from difflang.runtime.structs import Struct
from difflang.runtime.types import Leaf, leaves
from difflang.runtime.writing import Writer
from difflang.signature import ArrayType, ScalarType, StructType, TupleType, ValueType


class NoQuickWay(Exception):
    """The signature has something that only the general way handles."""


class OpeningWriter(Writer, ABC):
    """`unusual` is the statement that gives up."""

    def __init__(self, unusual: str) -> None:
        super().__init__()
        self.unusual = unusual

    @abstractmethod
    def leaf(self, local: str, leaf: Leaf, span: Span | None) -> None:
        """Takes a number or an array, which the local variable holds."""

    def local_constant(self, value: object) -> str:
        """A local variable with a value, as `take` wants it."""
        constant = self.constant(value)
        local = f"d{constant}"
        self.line(f"{local} = {constant}")
        return local

    def take(self, local: str, type_: ValueType, path: str, span: Span | None) -> None:
        """Takes a value apart, in the order of its leaves. Locals below it are `local_k`."""
        if isinstance(type_, ScalarType | ArrayType):
            self.leaf(local, leaves(type_, path)[0], span)
        elif isinstance(type_, StructType):
            self._take_struct(local, type_, path, span)
        elif isinstance(type_, TupleType):
            self.line(f"if type({local}) is not tuple or len({local}) != {len(type_.elements)}: {self.unusual}")
            for k, element in enumerate(type_.elements):
                self.line(f"{local}_{k} = {local}[{k}]")
                self.take(f"{local}_{k}", element, f"{path}[{k}]", span)
        else:
            raise NoQuickWay

    def _take_struct(self, local: str, type_: StructType, path: str, span: Span | None) -> None:
        kinds = self.constant((dict, Struct))
        self.line(f"if type({local}) not in {kinds} or len({local}) != {len(type_.fields)}: {self.unusual}")
        locals_ = [f"{local}_{k}" for k in range(len(type_.fields))]
        if locals_:
            values = (f"{local}[{self.constant(name)}]" for name, _ in type_.fields)
            self.line(f"try: {', '.join(locals_)}, = {', '.join(values)},")
            self.line(f"except {self.constant(KeyError)}: {self.unusual}")
        for field_local, (name, field) in zip(locals_, type_.fields, strict=True):
            self.take(field_local, field, f"{path}.{name}", span)
