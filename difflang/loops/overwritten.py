"""Arrays whose rows are all written one after the other need not be filled before.

    fill a = 0.0; copy a[0] = u; copy a[1] = v   ->   copy a[0] = u; copy a[1] = v      (a has two rows)

    fill a = 0.0; for i < n: copy a[i] = u       ->   for i < n: copy a[i] = u          (a has n rows)

An array that a program writes as the list of its rows begins as zeros, since each row is a pure update of the one
before. The fill, or the copy, is dropped if in the same straight line every row is written before anything else touches
the array, one by one or by a loop over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import walk, with_bodies
from difflang.loops.ir import Array, Program, Statement
from difflang.loops.values import mentioned

ROWS = 16
"""The most rows that are looked for."""

REACH = 100
"""Statements among which a loop over all rows is looked for: programs can be long."""


@dataclass(frozen=True, slots=True)
class Overwritten:
    """Drops fills and copies that are written over before they are read."""

    rows: int = ROWS

    def __call__(self, program: Program) -> Program:
        return replace(program, body=self._body(program.body))

    def _body(self, body: ir.Body) -> ir.Body:
        kept = (s for k, s in enumerate(body) if not self._is_useless(s, islice(body, k + 1, None)))
        return tuple(with_bodies(statement, self._body) for statement in kept)

    def _is_useless(self, statement: Statement, rest: Iterable[Statement]) -> bool:
        match statement:
            case ir.Fill(array) | ir.Copy(target=array) if not array.mutable and array.rank > 0:
                extent = array.shape[0]
                few = array.rank > 1 and isinstance(extent, Literal) and 0 < extent.value <= self.rows
                return _is_made_of_rows(array, rest) if few else _is_made_by_loop(array, islice(rest, REACH))
            case _:
                return False


def _is_made_of_rows(array: Array, rest: Iterable[Statement]) -> bool:
    """Whether the statements write all rows of an array before they do anything else with it."""
    assert isinstance(array.shape[0], Literal)
    missing = set(range(int(array.shape[0].value)))
    views: dict[Array, int] = {}
    for statement in rest:
        match statement:
            case ir.View(view, base, (Literal(place),)) if base is array and view.shape == array.shape[1:]:
                views[view] = int(place)
                continue
            case ir.Copy(target, source) if target in views and source is not array and source not in views:
                missing.discard(views[target])
            case ir.Fill(target, _) if target in views:
                missing.discard(views[target])
            case _ if _mentions(statement, {array, *views}):
                return False
            case _:
                pass
        if not missing:
            return True
    return False


def _is_made_by_loop(array: Array, rest: Iterable[Statement]) -> bool:
    """Whether a loop writes all rows of an array before anything else is done with it."""
    near = list(rest)
    if not any(_may_make_rows(statement, array) for statement in near):
        return False
    same = {array}
    for statement in near:
        match statement:
            case ir.View(view, base, ()) if base in same and view.shape == array.shape:
                same.add(view)
            case ir.For(start=start) if _may_make_rows(statement, array):
                return start == ir.ZERO and _makes_row(statement, same)
            case _ if _mentions(statement, same):
                return False
            case _:
                pass
    return False


def _may_make_rows(statement: Statement, array: Array) -> bool:
    """Whether a statement is a loop over all rows of an array, or of one like it. Costs less than to look for names."""
    if not isinstance(statement, ir.For) or statement.extent != array.shape[0]:
        return False
    return any(_is_own_row(inner, statement, array) for inner in _turn(statement))


def _is_own_row(statement: Statement, loop: ir.For, array: Array) -> bool:
    match statement:
        case ir.View(base=base, indices=(index,)) | ir.Store(array=base, indices=(index,)):
            return index is loop.index and base.shape == array.shape
        case _:
            return False


def _turn(loop: ir.For) -> ir.Body:
    """The statements of a turn, without the scope around all of them."""
    return loop.body[0].body if len(loop.body) == 1 and isinstance(loop.body[0], ir.Scope) else loop.body


def _makes_row(loop: ir.For, same: set[Array]) -> bool:
    """Whether each turn writes its own row of an array, by one of its names, and does nothing else with it before."""
    rows, made = set[Array](), False
    for statement in _turn(loop):
        match statement:
            case ir.View(view, base, (index,)) if base in same and index is loop.index:
                rows.add(view)
            case ir.Copy(target, source) if target in rows and source not in same | rows:
                made = True
            case ir.Fill(target, _) if target in rows:
                made = True
            case ir.Store(target, (index,), _) if target in same and index is loop.index:
                made = True
            case _ if _mentions(statement, same) or (not made and _mentions(statement, rows)):
                return False
            case _:
                pass
    return made


def _mentions(statement: Statement, arrays: set[Array]) -> bool:
    return any(name in arrays for inner in walk((statement,)) for name in mentioned(inner))
