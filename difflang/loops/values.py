"""What statements set and mention, and statements with other values in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.ir import Array, Body, Register, Statement

Name = Register | Array


def assigned(statement: Statement) -> Iterator[Name]:
    """The registers and the pointers that a statement sets, without those of the bodies inside it."""
    match statement:
        case ir.Apply() | ir.Load():
            yield statement.out
        case ir.Assign() | ir.Rebind():
            yield from statement.targets
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
    return {name for statement in ir.walk(body) for name in assigned(statement)}


def mentioned(statement: Statement) -> Iterator[Name]:
    """The registers and arrays in a statement, also in shapes, but not in the bodies inside it."""
    for name in type(statement).__slots__:
        yield from _names(getattr(statement, name))


def all_mentioned(body: Body) -> dict[Name, None]:
    """All registers and arrays in a body, in the order of their first use."""
    return dict.fromkeys(name for statement in ir.walk(body) for name in mentioned(statement))


def _names(value: object) -> Iterator[Name]:
    if isinstance(value, Register):
        yield value
    elif isinstance(value, Array):
        yield value
        yield from _names(value.shape)
    elif isinstance(value, ir.Reduction):
        yield value.register
    elif isinstance(value, tuple):
        for part in value:
            yield from _names(part)


def substituted(body: Body, mapping: Mapping[Name, Name | Literal]) -> Body:
    """The body with other registers and arrays; shapes stay."""
    return tuple(_replaced(statement, mapping) for statement in body)


def _replaced(value: Any, mapping: Mapping[Name, Name | Literal]) -> Any:
    if isinstance(value, Register | Array):
        return mapping.get(value, value)
    if isinstance(value, tuple):
        return tuple(_replaced(part, mapping) for part in value)
    if isinstance(value, ir.Reduction | Statement):
        return replace(value, **{f.name: _replaced(getattr(value, f.name), mapping) for f in fields(value)})
    return value
