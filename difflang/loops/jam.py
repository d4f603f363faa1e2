"""Short loops around a vector loop go inside it.

    for r < 3 parallel: w = ..; for z < n vector: t = a[r, z]; y[z] += w * t
      ->  w0 = ..; w1 = ..; w2 = ..; for z < n vector: t0 = a[0, z]; y[z] += w0 * t0; t1 = a[1, z]; ..

One vector loop instead of three (unroll and jam, Callahan, Carr and Kennedy 1990): what all turns compute alike is
computed once, and the values that one turn leaves in vector registers are there for the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.ir import Array, For, Program, Register, Statement
from difflang.loops.values import Name, all_assigned, substituted, written

TURNS = 4
"""The longest loop that goes inside."""

STATEMENTS = 96
"""The most statements of the loop that comes of it; more would not stay in registers."""

Key = tuple[object, ...]

Simple = (ir.Apply, ir.Load, ir.Store, ir.Accumulate)
Straight = (*Simple, ir.Assign, ir.Allocate, ir.View, ir.Fill, ir.Copy)


@dataclass(frozen=True, slots=True)
class Jam:
    """Moves short independent loops into the only vector loop inside them, innermost ones first."""

    turns: int = TURNS
    statements: int = STATEMENTS

    def __call__(self, program: Program) -> Program:
        views = {s.array: s.base for s in ir.walk(program.body) if isinstance(s, ir.View)}

        def jammed(body: ir.Body) -> ir.Body:
            return tuple(new for s in body for new in self._statement(ir.with_bodies(s, jammed), views))

        return replace(program, body=jammed(program.body))

    def _statement(self, statement: Statement, views: Mapping[Array, Array]) -> Sequence[Statement]:
        if not isinstance(statement, For) or not self._is_wanted(statement):
            return (statement,)
        assert isinstance(statement.extent, Literal)
        return Turns(statement, views).jammed([integer(turn) for turn in range(int(statement.extent.value))])

    def _is_wanted(self, loop: For) -> bool:
        if loop.kind != "parallel" or loop.start != ir.ZERO or not isinstance(loop.extent, Literal):
            return False
        inner = [s for s in loop.body if isinstance(s, For)]
        if not 1 < loop.extent.value <= self.turns or len(inner) != 1:
            return False
        size = len(inner[0].body) * loop.extent.value
        return size <= self.statements and is_simple(loop)


def is_simple(loop: For) -> bool:
    """Whether a loop has nothing inside but straight lines and vector loops, and no turn sets how often or on what
    these run."""
    local = {*all_assigned(loop.body), loop.index}
    shapes = (dim for name in local if isinstance(name, Array) for dim in name.shape)
    if any(dim in local for dim in shapes):
        return False
    return all(_is_plain(s, loop, local) if isinstance(s, For) else isinstance(s, Straight) for s in loop.body)


def _is_plain(inner: For, loop: For, local: set[Name]) -> bool:
    if inner.kind != "vector" or inner.reverse or inner.extent in local or inner.start in local:
        return False
    if any(reduction.register in {r.register for r in loop.reductions} for reduction in inner.reductions):
        return False
    return all(isinstance(s, Simple) for s in inner.body)


@dataclass(slots=True)
class _Part:
    """The copies of a part of the body. `known` are what they compute, by what they compute it from; `earlier` the same
    of the parts before."""

    known: dict[Key, Register] = field(default_factory=dict[Key, Register])
    earlier: dict[Key, Register] = field(default_factory=dict[Key, Register])
    statements: list[Statement] = field(default_factory=list[Statement])


@dataclass(slots=True)
class Turns:
    """Turns of a simple loop side by side; `views` are those of the whole program."""

    loop: For
    views: Mapping[Array, Array]
    written: set[Array] = field(init=False)

    def __post_init__(self) -> None:
        self.written = {self._root(array) for s in ir.walk(self.loop.body) for array in written(s)}

    def _root(self, array: Array) -> Array:
        while array in self.views:
            array = self.views[array]
        return array

    def jammed(self, turns: Sequence[ir.Operand]) -> tuple[Statement, ...]:
        """The turns with these indices: each straight line of all of them, and the inner loops as one."""
        names = [self._names(turn) for turn in turns]
        known: dict[Key, Register] = {}
        out: list[Statement] = []
        for statement in self.loop.body:
            if isinstance(statement, For):
                out.append(self._together(statement, names, known))
                continue
            part = _Part(known)
            for own in names:
                self._copy((statement,), own, part)
            out += part.statements
        return tuple(out)

    def _together(self, inner: For, names: Sequence[dict[Name, Any]], known: dict[Key, Register]) -> For:
        """An inner loop for all turns."""
        part, reductions = _Part(earlier=known), list[ir.Reduction]()
        for own in names:
            own[inner.index] = inner.index
            self._copy(inner.body, own, part)
            reductions += [replace(r, register=own.get(r.register, r.register)) for r in inner.reductions]
        return replace(inner, body=tuple(part.statements), reductions=tuple(reductions))

    def _names(self, turn: ir.Operand) -> dict[Name, Any]:
        """Names of its own for what a turn sets, but for reductions, which all turns share."""
        shared = {reduction.register for reduction in self.loop.reductions}
        names: dict[Name, Any] = {name: replace(name) for name in all_assigned(self.loop.body) if name not in shared}
        return {**names, self.loop.index: turn}

    def _copy(self, body: Sequence[Statement], names: dict[Name, Any], part: _Part) -> None:
        for statement in body:
            (copy,) = substituted((statement,), names)
            key = self._key(statement, copy)
            if key is not None and isinstance(copy, ir.Apply | ir.Load) and isinstance(statement, ir.Apply | ir.Load):
                found = part.earlier.get(key) or part.known.setdefault(key, copy.out)
                names[statement.out] = found
                if found is not copy.out:
                    continue
            part.statements.append(copy)

    def _key(self, statement: Statement, copy: Statement) -> Key | None:
        """What a computation depends on; None where a second one might give something else."""
        if isinstance(copy, ir.Apply) and not any(_is_mutable(x) for x in (copy.out, *copy.args)):
            return (copy.primitive, *map(_identity, copy.args), *sorted(copy.attrs.items()))
        if isinstance(copy, ir.Load) and isinstance(statement, ir.Load) and self.is_steady(statement):
            return (copy.array, *map(_identity, copy.indices)) if not any(map(_is_mutable, copy.indices)) else None
        return None

    def is_steady(self, load: ir.Load) -> bool:
        """Whether no turn writes to the array; one whose pointer may be set again may be any other."""
        moving = any(array.mutable for array in (load.array, self._root(load.array), *self.written))
        return not moving and self._root(load.array) not in self.written


def _is_mutable(operand: object) -> bool:
    return isinstance(operand, Register) and operand.mutable


def _identity(operand: ir.Operand) -> object:
    return (repr(operand.value), operand.dtype) if isinstance(operand, Literal) else operand
