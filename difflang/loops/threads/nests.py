"""Pieces of one loop that stand one after the other, and are cut into ranges together.

A stencil with a border is a loop for each edge and one for the inside: to share them one by one would leave the edges
to one thread, and begin a job for each piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from difflang.loops import ir
from difflang.loops.ir import Body, Register, Statement


@dataclass(frozen=True, slots=True)
class Pieces:
    """Loops of one nest, and the arithmetic between them, which may as well stand before the first."""

    loops: tuple[ir.For, ...]
    between: tuple[ir.Apply, ...]
    statements: Body
    """Both as they stand in the program."""


def with_pieces(body: Body) -> Iterator[Statement | Pieces]:
    """The statements of a body, pieces of one loop together."""
    place = 0
    while place < len(body):
        statement = body[place]
        end = _end(body, place) if isinstance(statement, ir.For) and statement.nest is not None else place + 1
        yield _pieces(body[place:end]) if end > place + 1 else statement
        place = end


def _end(body: Body, place: int) -> int:
    """The place behind the last loop of the nest of the loop at `place` that can be reached from it."""
    first, end = body[place], place + 1
    assert isinstance(first, ir.For)
    for k, statement in enumerate(body[place + 1 :], place + 1):
        if isinstance(statement, ir.For) and statement.nest is first.nest:
            end = k + 1
        elif not _may_move(statement):
            break
    return end


def _may_move(statement: Statement) -> bool:
    """Whether a statement does not read what a loop sets, and can stand before it."""
    if not isinstance(statement, ir.Apply):
        return False
    return not any(isinstance(x, Register) and x.mutable for x in (statement.out, *statement.args))


def _pieces(statements: Body) -> Pieces:
    loops = tuple(s for s in statements if isinstance(s, ir.For))
    return Pieces(loops, tuple(s for s in statements if isinstance(s, ir.Apply)), statements)
