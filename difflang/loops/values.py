"""What statements set and mention, and statements with other values in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import Any, cast, get_args

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import BODIES, walk
from difflang.loops.ir import Array, Body, Register, Statement

Name = Register | Array


def assigned(statement: Statement) -> Iterator[Name]:
    """The registers and the pointers that a statement sets, without those of the bodies inside it."""
    match statement:
        case ir.Apply() | ir.Load():
            yield statement.out
        case ir.Assign() | ir.Rebind():
            yield from statement.targets
        case ir.Room():
            yield from statement.outs
        case ir.Allocate() | ir.AllocateResult() | ir.Table() | ir.View() | ir.Grow() | ir.Reserve():
            yield statement.array
        case ir.For():
            yield statement.index
        case ir.Parallel():
            yield from (statement.chunk, statement.begin, statement.end)
        case ir.HostCall():
            yield from (out for out in statement.outs if isinstance(out, Register))
        case _:
            pass


def written(statement: Statement) -> Iterator[Array]:
    """The arrays to whose elements a statement writes, without those of the bodies inside it."""
    match statement:
        case ir.Store() | ir.Accumulate() | ir.Fill():
            yield statement.array
        case ir.Copy():
            yield statement.target
        case ir.Kernel():
            yield from statement.outputs
        case ir.HostCall():
            yield from (out for out in statement.outs if isinstance(out, Array))
        case _:
            pass


def all_assigned(body: Body) -> set[Name]:
    """All registers and pointers that a body sets."""
    return {name for statement in walk(body) for name in assigned(statement)}


def mentioned(statement: Statement) -> list[Name]:
    """The registers and arrays in a statement, also in shapes, but not in the bodies inside it."""
    found: list[Name] = []
    for part in _parts(type(statement))(statement):
        _collect(part, found)
    return found


def all_mentioned(body: Body) -> dict[Name, None]:
    """All registers and arrays in a body, in the order of their first use."""
    return dict.fromkeys(name for statement in walk(body) for name in mentioned(statement))


@cache
def _parts(kind: type[Statement]) -> Callable[[Statement], tuple[object, ...]]:
    """Reads the fields of a kind of statement, without its bodies."""
    inside = BODIES.get(kind, ())
    names = [name for name in kind.__slots__ if name not in inside]
    return attrgetter(*names) if len(names) > 1 else lambda statement: tuple(getattr(statement, n) for n in names)


def _collect(value: object, found: list[Name]) -> None:
    """Adds the names in a part of a statement. Passes ask for all parts of all statements: no generators inside."""
    kind = type(value)
    if kind is Register:
        found.append(cast(Register, value))
    elif kind is tuple:
        for part in cast(tuple[object, ...], value):
            _collect(part, found)
    elif kind is Array:
        found.append(cast(Array, value))
        _collect(cast(Array, value).shape, found)
    elif kind is ir.Reduction:
        found.append(cast(ir.Reduction, value).register)


def substituted(body: Body, mapping: Mapping[Name, Name | Literal]) -> Body:
    """The body with other registers and arrays; shapes stay."""
    return tuple(_replaced(statement, mapping) for statement in body)


def renamed(statement: Statement, mapping: Mapping[Name, Name | Literal]) -> Statement:
    """A statement with other registers and arrays, but the old ones in the bodies inside it; shapes stay."""
    inside = BODIES.get(type(statement), ())
    return _changed(statement, [name for name in type(statement).__slots__ if name not in inside], mapping)


def _replaced(value: Any, mapping: Mapping[Name, Name | Literal]) -> Any:
    """A part of a statement with other values; the same object if it has none of the old ones."""
    kind = type(value)
    if kind is Register or kind is Array:
        return mapping.get(value, value)
    if kind is tuple:
        parts = tuple([_replaced(part, mapping) for part in value])
        return value if parts == value else parts
    return _changed(value, kind.__slots__, mapping) if kind in _RECORDS else value


def _changed(value: Any, names: Iterable[str], mapping: Mapping[Name, Name | Literal]) -> Any:
    """A record with other values in the fields with these names."""
    changes: dict[str, Any] = {}
    for name in names:
        old = getattr(value, name)
        new = _replaced(old, mapping)
        if new is not old:
            changes[name] = new
    return replace(value, **changes) if changes else value


_RECORDS = frozenset({ir.Reduction, *get_args(ir.ScalarStatement), *get_args(ir.MemoryStatement)}) | {
    *get_args(ir.ControlStatement),
    *get_args(ir.CallStatement),
}
