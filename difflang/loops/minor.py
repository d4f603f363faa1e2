"""Innermost loops that do next to nothing of a program's work: code generators may take the shortest code for them.

The work is estimated (`threads.work`) as if every size that is not known before the call were the same. A loop over
one dimension beside loops over four then does not count, whatever the sizes are in the end. A loop in a sequential one
always counts: how often that turns has nothing to do with the sizes of arrays, and loops of stretches and segments
inside each other may have one turn each.
"""

from __future__ import annotations

from collections.abc import Iterator

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import bodies, walk
from difflang.loops.ir import Body, Program, Register
from difflang.loops.threads.work import GUESS, Estimator, definitions

SIZE = 16.0
"""What sizes are taken for."""

SHARE = 1e-3
"""Of the work, which minor loops have together at most: vectors would make them some five times as fast."""


def minor_loops(program: Program) -> set[ir.For]:
    """The innermost loops with the least work, as many as stay within `SHARE`."""
    params = {param for param in program.params if isinstance(param, Register)}
    estimator = Estimator(definitions(program.body), params)
    works = list(_innermost(program.body, 1.0, estimator))
    room = SHARE * sum(work for _, work in works)
    steps = set(_within_steps(program.body, False))
    minor: set[ir.For] = set()
    for loop, work in sorted((pair for pair in works if pair[0] not in steps), key=lambda pair: pair[1]):
        room -= work
        if room < 0.0:
            break
        minor.add(loop)
    return minor


def _innermost(body: Body, turns: float, estimator: Estimator) -> Iterator[tuple[ir.For, float]]:
    """The loops without loops inside, with the work of all their runs."""
    for statement in body:
        inner = turns
        match statement:
            case ir.For():
                if not has_loops(statement.body):
                    yield statement, turns * estimator.statement(statement).value(SIZE)
                    continue
                inner = turns * estimator.size(statement.extent).value(SIZE)
            case ir.While():
                inner = turns * GUESS
            case _:
                pass
        for nested in bodies(statement):
            yield from _innermost(nested, inner, estimator)


def _within_steps(body: Body, within: bool) -> Iterator[ir.For]:
    """The loops inside of sequential ones that make an unknown number of steps."""
    for statement in body:
        if within and isinstance(statement, ir.For):
            yield statement
        inside = within or isinstance(statement, ir.While)
        if isinstance(statement, ir.For) and statement.kind == "serial":
            inside |= not isinstance(statement.extent, Literal)
        for nested in bodies(statement):
            yield from _within_steps(nested, inside)


def has_loops(body: Body) -> bool:
    return any(isinstance(s, ir.For | ir.While) for s in walk(body))
