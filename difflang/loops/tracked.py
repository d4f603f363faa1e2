"""The arrays of which a program tells at every write with which directions of a derivative they move."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import bodies, walk
from difflang.loops.ir import Array, For, Program, Register, Statement
from difflang.loops.scheduler import zero
from difflang.loops.supports import DIRECTIONS, Part, Paths, Rows, Unit, has_rows, nest_of
from difflang.loops.values import written


def directions(array: Array) -> int:
    """The length of the last axis, 0 where it is not literal."""
    extent = array.shape[-1] if array.shape else 0
    return int(extent.value) if isinstance(extent, Literal) else 0


class Tracked:
    """`arrays` are those all writes to which are understood, `moving` those that may hold anything but zeros, `filled`
    those that are made of zeros, and where. `rows` says what the nests write."""

    def __init__(self, program: Program) -> None:
        self.paths = Paths(program)
        made = {s.array for s in walk(program.body) if isinstance(s, ir.Allocate)}
        self.arrays = {a for a in made if directions(a) >= DIRECTIONS and a.dtype in ("f64", "f32") and not a.mutable}
        self.arrays.difference_update(self.paths.obscure())
        self.filled = dict(_filled_at_once(program.body))
        self.moving: set[Array] = set()
        self.rows: dict[For, Rows] = {}
        self._made_at: dict[Array, int] = {}
        self._copies: list[tuple[Array, Array]] = []
        before = -1
        while before != len(self.arrays):
            before = len(self.arrays)
            self._copies.clear()
            self._check(program.body, ())

    def keep(self, loops: Iterable[For]) -> bool:
        """Forgets the arrays that say nothing of what these loops write; whether they come from seeds."""
        sources: dict[Array, set[Array]] = {}
        for target, source in self._copies:
            sources.setdefault(target, set()).add(source)
        seeded, scaled = set[Array](), set[Array]()
        for own, write in ((rows, write) for rows in self.rows.values() for write in rows.writes):
            for part in write.support or ():
                if isinstance(part, Unit):
                    seeded.add(write.part.array)
                else:
                    sources.setdefault(write.part.array, set()).add(part.array)
            if own.factors:
                scaled.add(write.part.array)
        self.arrays &= _closure({w.part.array for loop in loops for w in self.rows[loop].writes}, sources)
        users: dict[Array, set[Array]] = {}
        for target, found in sources.items():
            for source in found:
                users.setdefault(source, set()).add(target)
        self.moving = _closure(seeded | scaled, users)
        return not seeded.isdisjoint(self.arrays)

    def part(self, array: Array) -> Part | None:
        """What a view of a tracked array shows, if one range is known for it."""
        root, path = self.paths.resolved(array)
        whole = has_rows(root) and not path
        return None if root not in self.arrays or whole else self.paths.part(array)

    def is_whole(self, array: Array, part: Part) -> bool:
        """Whether the view shows all of the part."""
        _, path = self.paths.resolved(array)
        return len(path) == (part.row is not None)

    def _check(self, body: ir.Body, loops: tuple[Register, ...]) -> None:
        """Drops the arrays that something else is written to; `loops` are the independent ones around the body."""
        for statement in body:
            nest = nest_of(statement)
            if nest is not None:
                self.rows[nest[0]] = Rows(nest, self.paths, self.arrays)
                for write in self.rows[nest[0]].writes:
                    if write.support is None or not self._may_write(write.part, loops):
                        self.arrays.discard(write.part.array)
                continue
            self._check_statement(statement, loops)
            around = loops
            if isinstance(statement, For) and statement.kind != "serial":
                around = (*loops, statement.index)
            for inner in bodies(statement):
                self._check(inner, around)

    def _check_statement(self, statement: Statement, loops: tuple[Register, ...]) -> None:
        match statement:
            case ir.Allocate(array):
                self._made_at[array] = len(loops)
            case ir.Fill(array, value):
                root, path = self.paths.resolved(array)
                part = self.paths.part(array)
                may = self._may_write(part, loops) if path else len(loops) == self._made_at.get(root)
                if value != zero(array.dtype) or not may:
                    self.arrays.discard(root)
            case ir.Copy(target, source):
                part, other = self.part(target), self.part(source)
                if part is None or other is None or not self._may_write(part, loops):
                    self.arrays.discard(self.paths.resolved(target)[0])
                else:
                    self._copies.append((part.array, other.array))
            case ir.Rebind(sources=sources):
                self.arrays.difference_update(self.paths.resolved(source)[0] for source in sources)
            case _:
                self.arrays.difference_update(self.paths.resolved(array)[0] for array in written(statement))

    def _may_write(self, part: Part, loops: tuple[Register, ...]) -> bool:
        """Whether no other turn of an independent loop widens the same range."""
        between = loops[self._made_at.get(part.array, 0) :]
        return part.array in self.arrays and (not between or (part.row is not None and between == (part.row,)))


def _closure(start: set[Array], following: Mapping[Array, set[Array]]) -> set[Array]:
    """What can be reached."""
    found, new = set[Array](), start
    while new:
        found |= new
        new = {array for one in new for array in following.get(one, ())} - found
    return found


def _filled_at_once(body: ir.Body) -> Iterator[tuple[Array, ir.Fill]]:
    """The arrays that are filled with zeros where they are allocated."""
    for made, then in itertools.pairwise(body):
        match made, then:
            case ir.Allocate(array), ir.Fill(filled, value) if filled is array and value == zero(array.dtype):
                yield array, then
            case _:
                pass
    for statement in body:
        for inner in bodies(statement):
            yield from _filled_at_once(inner)
