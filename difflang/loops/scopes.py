"""Which statements belong to a scope: what they take from the arena is released when it ends."""

from __future__ import annotations

from collections.abc import Iterator

from difflang.loops import ir
from difflang.loops.bodies import bodies
from difflang.loops.ir import Body


def own_statements(body: Body) -> Iterator[ir.Statement]:
    """The statements inside a scope that are not inside a further scope."""
    for statement in body:
        yield statement
        if not isinstance(statement, ir.Scope):
            for inner in bodies(statement):
                yield from own_statements(inner)
