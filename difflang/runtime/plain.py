"""Calls that are plain enough for a backend to take them from Python with little code of Python between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from difflang.backend.protocol import Dimension, PlainArgument, PlainCall, Step
from difflang.diagnostics import Span
from difflang.runtime.binding import plain_name
from difflang.runtime.opening import NoQuickWay, OpeningWriter
from difflang.runtime.structs import Struct
from difflang.runtime.types import Leaf
from difflang.signature import ArrayType, ScalarType, Signature, StructType, TupleType, ValueType
from difflang.sizes import Size


def plain_call(signature: Signature, order: Mapping[str, int], data: Mapping[str, object]) -> PlainCall | None:
    """What a call with the parameters at the places that `order` gives consists of; None where it is not plain.

    Plain are numbers and arrays, and structs and tuples of them, where every dimension is a number, a size, or a
    multiple of one and a number more.
    """
    if signature.result is None:
        return None
    writer = _LeafWriter(signature, len(order))
    try:
        for parameter in signature.parameters:
            writer.take(f"a{order[parameter.name]}", parameter.type, parameter.name, parameter.span)
        for item in signature.data:
            writer.take(writer.local_constant(data[item.name]), item.type, item.name, item.span)
        steps = tuple(_steps(signature.result))
    except NoQuickWay:
        return None
    if not writer.sizes.issuperset(signature.sizes):
        return None
    return PlainCall(tuple(writer.arguments), signature.sizes, writer.opener(), steps)


class _LeafWriter(OpeningWriter):
    """Collects the leaves of the arguments, and what is to be done with their sizes."""

    def __init__(self, signature: Signature, count: int) -> None:
        super().__init__("return ()")
        self.arguments: list[PlainArgument] = []
        self.sizes: set[str] = set()
        self._wanted = set(signature.sizes)
        self._locals: list[str] = []
        self._given = [f"a{place}" for place in range(count)]
        if count:
            self.line(f"{', '.join(self._given)}, = arguments")

    def leaf(self, local: str, leaf: Leaf, span: Span | None) -> None:
        self._locals.append(local)
        if leaf.shape:
            self.arguments.append(PlainArgument(leaf.dtype, tuple(map(self._dimension, leaf.shape))))
            return
        binds = leaf.element.surface == "int" and leaf.path not in self.sizes
        if binds:
            self.sizes.add(leaf.path)
        self.arguments.append(PlainArgument(leaf.dtype, None, leaf.path if binds else None))

    def _dimension(self, size: Size) -> Dimension:
        name = plain_name(size)
        if name is not None and name not in self.sizes:
            self.sizes.add(name)
            return Dimension(tells=name)
        factor, multiple, offset, known = size.denominator, 0, 0, None
        for names, coefficient in size.terms:
            if not names:
                offset = int(coefficient * factor)
            elif len(names) == 1 and names[0] in self.sizes and known is None:
                known, multiple = names[0], int(coefficient * factor)
            else:
                raise NoQuickWay
        text = str(size)
        tells = text if text in self._wanted - self.sizes else None
        self.sizes.update(() if tells is None else (tells,))
        return Dimension(tells, known, factor, multiple, offset)

    def opener(self) -> Callable[..., Any] | None:
        """The function of a tuple of arguments that gives a tuple of the leaves, an empty one where an argument is
        unusual. None where the arguments are the leaves themselves."""
        if self._locals == self._given:
            return None
        self.line(f"return ({''.join(f'{local}, ' for local in self._locals)})")
        return self.function(["arguments"])


def _steps(type_: ValueType) -> list[Step]:
    """How a result is put together of its leaves."""
    if isinstance(type_, ScalarType | ArrayType):
        return [Step(None)]
    if isinstance(type_, StructType) and type_.fields:
        inner = [step for _, field in type_.fields for step in _steps(field)]
        return [*inner, Step(len(type_.fields), _struct_maker(type_))]
    if isinstance(type_, TupleType) and type_.elements:
        inner = [step for element in type_.elements for step in _steps(element)]
        return [*inner, Step(len(type_.elements))]
    raise NoQuickWay


def _struct_maker(type_: StructType) -> Callable[..., Struct]:
    names = [name for name, _ in type_.fields]
    return lambda *values: Struct(type_.name, dict(zip(names, values, strict=True)))
