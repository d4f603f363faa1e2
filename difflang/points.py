"""A function at a point, its differentiated arguments packed into one vector: derivatives and differences there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from difflang import api
from difflang.diagnostics import DiffLangError, error
from difflang.differences import SINGLE, TIGHT, USUAL, Differences, differences, largest
from difflang.extended import Values, extended_values
from difflang.runtime.marshal import match
from difflang.signature import ArrayType, ScalarType, StructType, TupleType, ValueType

Vector = npt.NDArray[np.float64]


class Point:
    """A function at a point: the differentiated arguments as one vector. What the function prints is not shown."""

    def __init__(self, function: api.Function, positional: Any, named: Mapping[str, Any], wrt: api.Wrt) -> None:
        self.function = function.silenced()
        parameters = function.signature.parameters
        self.arguments = dict(match(parameters, function.__name__, positional, named))
        self.names = api.parameter_names("check_grad", function, wrt)
        for name in self.names:
            if name not in self.arguments:
                hint = "The default in the program is no point to differentiate at."
                raise error(
                    "E0601", f"`check_grad` needs the argument `{name}`, by which it differentiates.", hint=hint
                )
        self.types: dict[str, ValueType] = {p.name: p.type for p in parameters}
        self.vector = self._pack(self.arguments)
        self.wrt = self.names[0] if len(self.names) == 1 else tuple(self.names)

    def _pack(self, arguments: Mapping[str, Any]) -> Vector:
        return _packed([(arguments[name], self.types[name]) for name in self.names])

    def _unpacked(self, vector: Vector) -> list[Any]:
        entries = iter(vector)
        return [_unpack(self.arguments[name], self.types[name], entries) for name in self.names]

    def value(self, vector: Vector) -> Vector:
        arguments = {**self.arguments, **dict(zip(self.names, self._unpacked(vector), strict=True))}
        return _packed([(self.function(**arguments), self.function.signature.result)])

    def forward(self, direction: Vector) -> Vector:
        """J v by forward mode."""
        derived = api.jvp(self.function, wrt=self.wrt)
        return _packed([(self._call(derived, self._unpacked(direction))[1], self.function.signature.result)])

    def reverse(self, weights: Vector) -> Vector:
        """J^T u by reverse mode."""
        derived = api.vjp(self.function, wrt=self.wrt)
        result = self.function(**self.arguments)
        cotangent = _unpack(result, self.function.signature.result, iter(weights))
        pulled = self._call(derived, [cotangent])[1]
        parts = [pulled] if len(self.names) == 1 else list(pulled)
        return _packed([(part, self.types[name]) for part, name in zip(parts, self.names, strict=True)])

    def _call(self, derived: api.Function, directions: list[Any]) -> Any:
        """A derivative with its directions (or its cotangent), which are its last parameters."""
        names = [parameter.name for parameter in derived.signature.parameters][-len(directions) :]
        return derived(**self.arguments, **dict(zip(names, directions, strict=True)))

    def second(self, direction: Vector) -> tuple[Vector, Vector]:
        """The second derivative along a direction: twice the Taylor coefficient, and forward mode over itself.

        Both are empty where there is none: a rule may call what has no derivative itself.
        """
        try:
            return self._second(direction)
        except DiffLangError:
            return np.zeros(0), np.zeros(0)

    def _second(self, direction: Vector) -> tuple[Vector, Vector]:
        along = self._unpacked(direction)
        series = self._call(api.jet(self.function, order=2, wrt=self.wrt), along)
        nested = api.jvp(api.jvp(self.function, wrt=self.wrt), wrt=self.wrt)
        found = self._call(nested, [*along, *along])[1][1]
        result = self.function.signature.result
        return 2 * _packed([(series[2], result)]), _packed([(found, result)])

    @cached_property
    def size(self) -> float:
        """The size of the values here, between 1e-6 and 1: what a difference of derivatives is measured by at least."""
        return min(1.0, max(1e-6, largest(self.value(self.vector))))

    @cached_property
    def extended(self) -> Values | None:
        """The values in extended precision, where the program has them."""
        return extended_values(self.function, self.arguments, self.names)

    def differences(self, direction: Vector, single: bool = False) -> Differences:
        """J v by extrapolated differences: of values in extended precision, or else as the program computes them."""
        longer = self._extended_differences(direction)
        if longer is not None:
            return longer
        step, kind = (0.1, np.float32) if single else (1e-2, np.float64)
        found = differences(
            lambda h: self.value(self.vector + h * direction), self._step(step, direction), float(np.finfo(kind).eps)
        )
        return replace(found, tolerance=SINGLE if single else USUAL)

    def _extended_differences(self, direction: Vector) -> Differences | None:
        """Some fifteen digits; None where there is no such evaluation."""
        from difflang_reference.extended import NotExtended

        values = self.extended
        if values is None:
            return None
        start, along = values.start, direction.astype(np.longdouble)
        try:
            found = differences(
                lambda h: values(start + np.longdouble(h) * along),
                self._step(2.0**-6, direction),
                float(np.finfo(np.longdouble).eps),
            )
        except (NotExtended, TypeError, DiffLangError):
            return None
        return replace(found, precision="extended", tolerance=TIGHT if values.is_exact else USUAL)

    def _step(self, width: float, direction: Vector) -> float:
        """A first step: of a width relative to the point, along a direction of any length."""
        return width * (1.0 + largest(self.vector)) / max(1.0, largest(direction))


def relative(actual: Vector, expected: Vector, floor: float = 1.0) -> float:
    """The largest difference, relative to the size of the expected values (absolute below `floor`)."""
    with np.errstate(invalid="ignore"):
        apart = largest(actual - expected)
    return apart / max(floor, float(np.abs(expected).max(initial=0.0)))


def has_derivative(type_: ValueType | None) -> bool:
    """Whether there are reals in a type."""
    match type_:
        case StructType(fields=fields):
            return any(has_derivative(field) for _, field in fields)
        case TupleType(elements=elements):
            return any(map(has_derivative, elements))
        case ScalarType() | ArrayType():
            return _element(type_).dtype in ("f64", "f32")
        case _:
            return False


def _field(struct: Any, name: str) -> Any:
    """A field of a dict, a dataclass or a named tuple."""
    return struct[name] if isinstance(struct, Mapping) else getattr(struct, name)


def _real_leaves(value: Any, type_: ValueType | None) -> Iterator[Any]:
    """The parts of a value that have derivatives."""
    if isinstance(type_, StructType):
        for name, field in type_.fields:
            yield from _real_leaves(_field(value, name), field)
    elif isinstance(type_, TupleType):
        for part, element in zip(value, type_.elements, strict=True):
            yield from _real_leaves(part, element)
    elif isinstance(type_, ScalarType | ArrayType) and _element(type_).dtype in ("f64", "f32"):
        yield value


def _element(type_: ScalarType | ArrayType) -> ScalarType:
    return type_ if isinstance(type_, ScalarType) else type_.element


def _packed(parts: list[tuple[Any, ValueType | None]]) -> Vector:
    flat = [np.ravel(np.asarray(leaf, np.float64)) for value, type_ in parts for leaf in _real_leaves(value, type_)]
    return np.concatenate(flat) if flat else np.zeros(0)


def _unpack(template: Any, type_: ValueType | None, entries: Iterator[Any]) -> Any:
    """A value like `template` with its real leaves taken from `entries`."""
    if isinstance(type_, StructType):
        return {name: _unpack(_field(template, name), field, entries) for name, field in type_.fields}
    if isinstance(type_, TupleType):
        return tuple(_unpack(part, element, entries) for part, element in zip(template, type_.elements, strict=True))
    if not isinstance(type_, ScalarType | ArrayType) or _element(type_).dtype not in ("f64", "f32"):
        return template
    dtype = np.float32 if _element(type_).dtype == "f32" else np.float64
    shape = np.shape(template)
    flat = np.array([next(entries) for _ in range(int(np.prod(shape)))], dtype)
    return float(flat[0]) if isinstance(type_, ScalarType) else flat.reshape(shape)
