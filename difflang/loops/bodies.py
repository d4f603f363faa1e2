"""Statements inside of statements: what every pass over Loops asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from difflang.loops.ir import Body, For, If, Parallel, Scope, Statement, While

BODIES: Mapping[type, tuple[str, ...]] = {
    For: ("body",),
    Parallel: ("body",),
    Scope: ("body",),
    While: ("condition", "body"),
    If: ("then", "otherwise"),
}
"""The fields of statements that hold bodies. Every pass asks for every statement, so it costs one look."""


def bodies(statement: Statement) -> tuple[Body, ...]:
    """The bodies inside a statement."""
    return tuple([getattr(statement, name) for name in BODIES.get(type(statement), ())])


def with_bodies(statement: Statement, change: Callable[[Body], Body]) -> Statement:
    """The statement with every body inside it changed; the same object if nothing has."""
    names = BODIES.get(type(statement))
    if names is None:
        return statement
    old = {name: getattr(statement, name) for name in names}
    new = {name: change(body) for name, body in old.items()}
    return statement if new == old else replace(statement, **new)


def walk(body: Body) -> list[Statement]:
    """Every statement of a body and of the bodies inside it, outermost first, in a list: passes walk all the time."""
    found: list[Statement] = []
    _walk(body, found)
    return found


def _walk(body: Body, found: list[Statement]) -> None:
    for statement in body:
        found.append(statement)
        for name in BODIES.get(type(statement), ()):
            _walk(getattr(statement, name), found)
