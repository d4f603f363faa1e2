"""Short loops around a vector loop go inside it.

    for r < 3 parallel: w = ..; for z < n vector: t = a[r, z]; y[z] += w * t
      ->  w0 = ..; w1 = ..; w2 = ..; for z < n vector: t0 = a[0, z]; y[z] += w0 * t0; t1 = a[1, z]; ..

One vector loop instead of three (unroll and jam, Callahan, Carr and Kennedy 1990): what all turns compute alike is
computed once, and the values that one turn leaves in vector registers are there for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.bodies import walk, with_bodies
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
        views = {s.array: s.base for s in walk(program.body) if isinstance(s, ir.View)}

        def jammed(body: ir.Body) -> ir.Body:
            return tuple(new for s in body for new in self._statement(with_bodies(s, jammed), views))

        return replace(program, body=jammed(program.body))

    def _statement(self, statement: Statement, views: dict[Array, Array]) -> Sequence[Statement]:
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


def is_simple(loop: For, lengths: Collection[Name] = ()) -> bool:
    """Whether a loop has nothing inside but straight lines and vector loops, and no turn sets on what these run, nor
    how often, unless by one of `lengths`."""
    local = {*all_assigned(loop.body), loop.index}
    shapes = (dim for name in local if isinstance(name, Array) for dim in name.shape)
    if any(dim in local for dim in shapes):
        return False
    own = local.difference(lengths)
    return all(_is_plain(s, loop, local, own) if isinstance(s, For) else isinstance(s, Straight) for s in loop.body)


def _is_plain(inner: For, loop: For, local: set[Name], own: set[Name]) -> bool:
    if inner.kind != "vector" or inner.reverse or inner.extent in own or inner.start in local:
        return False
    if inner.extent in local and inner.start != ir.ZERO:
        return False
    if any(reduction.register in {r.register for r in loop.reductions} for reduction in inner.reductions):
        return False
    return all(isinstance(s, Simple) for s in inner.body)


@dataclass(slots=True)
class _Part:
    """The copies of a part of the body. `known` are what they compute, by what they compute it from; `earlier` the same
    of the parts before."""

    known: dict[Key, Register] = field(default_factory=dict[Key, Register])
    earlier: Mapping[Key, Register] = field(default_factory=dict[Key, Register])
    statements: list[Statement] = field(default_factory=list[Statement])


@dataclass(slots=True)
class Turns:
    """Turns of a loop side by side; `views` are those of the whole program, to which those of the copies come."""

    loop: For
    views: dict[Array, Array]
    written: set[Array] = field(init=False)

    def __post_init__(self) -> None:
        self.written = {self._root(array) for s in walk(self.loop.body) for array in written(s)}

    def _root(self, array: Array) -> Array:
        while array in self.views:
            array = self.views[array]
        return array

    def jammed(self, turns: Sequence[ir.Operand]) -> tuple[Statement, ...]:
        """The turns with these indices: each straight line of all of them, and the inner loops as one."""
        return tuple(self._side_by_side(self.loop.body, [self._names(turn) for turn in turns], {}))

    def _side_by_side(
        self, body: ir.Body, names: Sequence[dict[Name, Any]], earlier: Mapping[Key, Register]
    ) -> list[Statement]:
        known: dict[Key, Register] = {}
        out: list[Statement] = []
        for statement in body:
            around = {**earlier, **known}
            if isinstance(statement, For):
                out.append(self._together(statement, names, around))
                out += self._rest(statement, names, known)
            elif isinstance(statement, ir.Scope):
                out.append(ir.Scope(tuple(self._side_by_side(statement.body, names, around))))
            else:
                out += self._copies(statement, names, _Part(known, earlier))
        return out

    def _copies(self, statement: Statement, names: Sequence[dict[Name, Any]], part: _Part) -> list[Statement]:
        for own in names:
            self._copy((statement,), own, part)
        return part.statements

    def _together(self, inner: For, names: Sequence[dict[Name, Any]], earlier: Mapping[Key, Register]) -> For:
        """An inner loop for all turns, as far as the first of them goes."""
        reductions = dict[ir.Reduction, None]()
        for own in names:
            own[inner.index] = inner.index
            own_reductions = (replace(r, register=own.get(r.register, r.register)) for r in inner.reductions)
            reductions |= dict.fromkeys(own_reductions)
        body = self._loop_body(inner.body, names, earlier)
        extent, start = (_renamed(bound, names[0]) for bound in (inner.extent, inner.start))
        return replace(inner, extent=extent, start=start, body=tuple(body), reductions=tuple(reductions))

    def _loop_body(
        self, body: ir.Body, names: Sequence[dict[Name, Any]], earlier: Mapping[Key, Register]
    ) -> list[Statement]:
        if not all(isinstance(s, Simple) for s in body):
            return self._side_by_side(body, names, earlier)
        part = _Part(earlier=earlier)
        for own in names:
            self._copy(body, own, part)
        return self._added_once(part.statements)

    def _rest(self, inner: For, names: Sequence[dict[Name, Any]], known: dict[Key, Register]) -> list[Statement]:
        """What an inner loop that grows by one from turn to turn has left to do behind the length of the first one."""
        part, length = _Part(known), _renamed(inner.extent, names[0])
        if length is _renamed(inner.extent, names[-1]):
            return []
        indices = [Register("i64", inner.index.name) for _ in names[1:]]
        part.statements += [ir.Apply(index, "add", (length, integer(k))) for k, index in enumerate(indices)]
        for turn, own in enumerate(names):
            for index in indices[:turn]:
                fresh = {name: replace(name) for name in all_assigned(inner.body) if not name.mutable}
                self._copy(inner.body, {**own, **fresh, inner.index: index}, part)
        return self._added_once(part.statements)

    def _names(self, turn: ir.Operand) -> dict[Name, Any]:
        """Names of its own for what a turn sets, but for reductions, which all turns share."""
        shared = {reduction.register for reduction in self.loop.reductions}
        names: dict[Name, Any] = {name: replace(name) for name in all_assigned(self.loop.body) if name not in shared}
        return {**names, self.loop.index: turn}

    def _copy(self, body: Sequence[Statement], names: dict[Name, Any], part: _Part) -> None:
        for statement in body:
            (copy,) = substituted((statement,), names)
            if isinstance(copy, ir.View):
                self.views[copy.array] = copy.base
            key = self._key(statement, copy)
            if key is not None and isinstance(copy, ir.Apply | ir.Load) and isinstance(statement, ir.Apply | ir.Load):
                found = part.earlier.get(key) or part.known.setdefault(key, copy.out)
                names[statement.out] = found
                if found is not copy.out:
                    continue
            part.statements.append(copy)

    def _added_once(self, statements: Sequence[Statement]) -> list[Statement]:
        """The statements with all additions to an element as one, where the last of them was, if it is not read."""
        touched = {self._root(s.array) for s in statements if isinstance(s, ir.Load | ir.Store)}
        added = [s for s in statements if isinstance(s, ir.Accumulate) and self._root(s.array) not in touched]
        left, sums = Counter(map(_place, added)), dict[Key, ir.Operand]()
        out: list[Statement] = []
        for statement in statements:
            if not isinstance(statement, ir.Accumulate) or not left[place := _place(statement)]:
                out.append(statement)
                continue
            value = statement.value
            if place in sums:
                value = Register(value.dtype)
                out.append(ir.Apply(value, "add", (sums[place], statement.value)))
            sums[place] = value
            left[place] -= 1
            if not left[place]:
                out.append(replace(statement, value=value))
        return out

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


def _place(statement: ir.Accumulate) -> Key:
    """The same for additions to the same element; an index that may be set again is any."""
    own = (id(statement),) if any(map(_is_mutable, statement.indices)) else ()
    return (statement.array, *map(_identity, statement.indices), *own)


def _renamed(operand: ir.Operand, names: Mapping[Name, Any]) -> ir.Operand:
    return names.get(operand, operand) if isinstance(operand, Register) else operand


def _is_mutable(operand: object) -> bool:
    return isinstance(operand, Register) and operand.mutable


def _identity(operand: ir.Operand) -> object:
    return (repr(operand.value), operand.dtype) if isinstance(operand, Literal) else operand
