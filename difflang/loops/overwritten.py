"""Arrays whose rows are all written one after the other need not be filled before.

    fill a = 0.0; copy a[0] = u; copy a[1] = v   ->   copy a[0] = u; copy a[1] = v      (a has two rows)

An array that a program writes as the list of its rows begins as zeros, since each row is a pure update of the one
before. The fill, or the copy, is dropped if in the same straight line every row is written before anything else touches
the array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.ir import Array, Program, Statement
from difflang.loops.values import mentioned

ROWS = 16
"""The most rows that are looked for."""


@dataclass(frozen=True, slots=True)
class Overwritten:
    """Drops fills and copies that are written over before they are read."""

    rows: int = ROWS

    def __call__(self, program: Program) -> Program:
        return replace(program, body=self._body(program.body))

    def _body(self, body: ir.Body) -> ir.Body:
        kept = (s for k, s in enumerate(body) if not self._is_useless(s, islice(body, k + 1, None)))
        return tuple(ir.with_bodies(statement, self._body) for statement in kept)

    def _is_useless(self, statement: Statement, rest: Iterable[Statement]) -> bool:
        match statement:
            case ir.Fill(array) | ir.Copy(target=array) if not array.mutable and array.rank > 1:
                extent = array.shape[0]
                return isinstance(extent, Literal) and 0 < extent.value <= self.rows and _is_made_of_rows(array, rest)
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
            case _ if any(name is array or name in views for s in ir.walk((statement,)) for name in mentioned(s)):
                return False
            case _:
                pass
        if not missing:
            return True
    return False
