"""With which directions of a derivative the elements of arrays move, as far as a loop over directions tells.

The last axis of an array of tangents holds directions. A loop over them,

    for z < 26 vector: t = a[r, z]; u = mul t, w; c[r, z] = u

makes zeros of zeros: where all elements that it reads with the subscript z are 0, so are those that it writes, if `w`
is finite. A `Support` names what is read so; the directions outside all of it are 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.ir import Array, For, Operand, Program, Register, Statement
from difflang.loops.values import Name, all_assigned, substituted, written

DIRECTIONS = 8
"""Shorter axes are not worth a look."""

SHORT = 8
"""The longest loop of a nest around a loop over directions."""

FEW = 7
"""Up to so many rows of an array have one range of directions together."""

MOST = 32
"""The most rows of an array that are looked at one by one."""

Simple = (ir.Apply, ir.Load, ir.Store, ir.Accumulate)


@dataclass(frozen=True, slots=True)
class Part:
    """The directions with which an array moves, or one row of it."""

    array: Array
    row: Operand | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One direction, that of a seed, out of so many."""

    direction: Operand
    size: Operand


Support = tuple[Part | Unit, ...]
NOTHING: Support = ()


def has_rows(array: Array) -> bool:
    """Whether every row along the first axis has a range of directions of its own."""
    extent = array.shape[0]
    return array.rank > 1 and not (isinstance(extent, Literal) and extent.value <= FEW)


def places(array: Array) -> list[tuple[Literal, ...]]:
    """The places of all rows of directions of an array; none where they are many."""
    dims = [int(dim.value) if isinstance(dim, Literal) else MOST + 1 for dim in array.shape[:-1]]
    if math.prod(dims) > MOST:
        return []
    return [tuple(map(integer, place)) for place in itertools.product(*map(range, dims))]


class Paths:
    """From views to the arrays below them."""

    def __init__(self, program: Program) -> None:
        self.views = {s.array: s for s in walk(program.body) if isinstance(s, ir.View)}

    def resolved(self, array: Array, indices: tuple[Operand, ...] = ()) -> tuple[Array, tuple[Operand, ...]]:
        """The array that was allocated, and the indices there."""
        while (view := self.views.get(array)) is not None:
            array, indices = view.base, (*view.indices, *indices)
        return array, indices

    def part(self, array: Array, indices: tuple[Operand, ...] = ()) -> Part:
        root, path = self.resolved(array, indices)
        return Part(root, path[0] if path and has_rows(root) else None)

    def obscure(self) -> Iterator[Array]:
        """Arrays that are also seen in another shape, or at places that may change while they are looked at."""
        for view in self.views.values():
            moving = any(isinstance(i, Register) and i.mutable for i in view.indices)
            if moving or view.array.shape != view.base.shape[len(view.indices) :]:
                yield self.resolved(view.array)[0]


def nest_of(statement: Statement) -> tuple[For, ...] | None:
    """A loop over directions, last, and the short independent loops around nothing but it."""
    if not isinstance(statement, For):
        return None
    loops = [statement]
    while _is_short(loops[-1]):
        (inner,) = loops[-1].body
        assert isinstance(inner, For)
        loops.append(inner)
    last = loops[-1]
    rows = last.kind == "vector" and _is_plain(last) and _extent(last) >= DIRECTIONS
    return tuple(loops) if rows and all(isinstance(s, Simple) for s in last.body) else None


def _is_short(loop: For) -> bool:
    alone = len(loop.body) == 1 and isinstance(loop.body[0], For)
    return alone and loop.kind == "parallel" and _is_plain(loop) and 0 < _extent(loop) <= SHORT


def _is_plain(loop: For) -> bool:
    return not loop.reverse and not loop.reductions and loop.start == ir.ZERO


def _extent(loop: For) -> int:
    return int(loop.extent.value) if isinstance(loop.extent, Literal) else 0


@dataclass(frozen=True, slots=True)
class Write:
    """A store or an addition to a part; `support` is None where nothing is known of the value."""

    part: Part
    support: Support | None
    adds: bool


@dataclass(slots=True)
class Rows:
    """What a nest over directions writes. `tracked` are the arrays of which zeros are known.

    `factors` has to be finite for that; `steady` are the registers of the loop that are the same for all directions,
    with the statements that set them.
    """

    loops: Sequence[For]
    paths: Paths
    tracked: set[Array]
    writes: list[Write] = field(default_factory=list[Write])
    factors: dict[Register, None] = field(default_factory=dict[Register, None])
    steady: dict[Register, ir.Apply | ir.Load] = field(default_factory=dict[Register, ir.Apply | ir.Load])
    work: int = 0
    _inside: set[Name] = field(init=False)
    _moving: set[Operand] = field(default_factory=set[Operand])
    _written: set[Array] = field(init=False)
    _supports: dict[Register, Support | None] = field(default_factory=dict[Register, Support | None])
    _is_at: dict[Register, Operand] = field(default_factory=dict[Register, Operand])

    def __post_init__(self) -> None:
        body = self.loops[-1].body
        self._moving.add(self.index)
        self._inside = {*all_assigned(body), *(loop.index for loop in self.loops)}
        self._written = {self.paths.resolved(array)[0] for s in body for array in written(s)}
        for statement in body:
            self._statement(statement)

    @property
    def index(self) -> Register:
        return self.loops[-1].index

    @property
    def turns(self) -> int:
        """How often the loop over directions runs."""
        return math.prod(map(_extent, self.loops[:-1]))

    @property
    def cost(self) -> int:
        """The operations on directions in all turns."""
        return self.work * self.turns * _extent(self.loops[-1]) if self.writes else 0

    def _statement(self, statement: Statement) -> None:
        match statement:
            case ir.Load():
                self._load(statement)
            case ir.Apply():
                self._apply(statement)
            case ir.Store() | ir.Accumulate():
                part = self.paths.part(statement.array, statement.indices)
                known = self._is_along(statement.indices) and part.row not in self._inside
                support = self._support(statement.value) if known else None
                self.writes.append(Write(part, support, isinstance(statement, ir.Accumulate)))
            case _:
                raise AssertionError(statement)

    def _load(self, load: ir.Load) -> None:
        root, _ = self.paths.resolved(load.array)
        if root in self._written or root.mutable or load.out.mutable:
            self._note(load.out, None)
        elif self._moving.isdisjoint(load.indices):
            self.steady[load.out] = load
        else:
            part = self.paths.part(load.array, load.indices)
            known = self._is_along(load.indices) and root in self.tracked and part.row not in self._inside
            self._note(load.out, (part,) if known else None)

    def _note(self, out: Register, support: Support | None) -> None:
        self._moving.add(out)
        self._supports[out] = support

    def _is_along(self, indices: tuple[Operand, ...]) -> bool:
        return indices[-1:] == (self.index,) and self._moving.isdisjoint(indices[:-1])

    def _apply(self, apply: ir.Apply) -> None:
        if apply.out.mutable:
            self._note(apply.out, None)
        elif self._moving.isdisjoint(apply.args):
            self.steady[apply.out] = apply
        else:
            self.work += 1
            self._note(apply.out, self._result(apply))

    def _result(self, apply: ir.Apply) -> Support | None:
        match apply.primitive, apply.args:
            case "eq", (one, other) if self.index in (one, other):
                place = other if one is self.index else one
                if place not in self._inside:
                    self._is_at[apply.out] = place
                return None
            case (("add" | "sub" | "neg"), args):
                return self._union(args)
            case "mul", args:
                moving = [arg for arg in args if arg in self._moving]
                steady = [arg for arg in args if isinstance(arg, Register) and arg not in moving]
                self.factors.update(dict.fromkeys(steady))
                finite = all(abs(arg.value) < float("inf") for arg in args if isinstance(arg, Literal))
                return self._union(moving) if finite else None
            case "select", (test, *values):
                place = self._is_at.get(test) if isinstance(test, Register) else None
                if place is not None and _is_zero(values[1]):
                    return (Unit(place, self.loops[-1].extent),)
                return self._union(values)
            case _:
                return None

    def _union(self, args: Sequence[Operand]) -> Support | None:
        found: dict[Part | Unit, None] = {}
        for arg in args:
            support = self._support(arg)
            if support is None:
                return None
            found.update(dict.fromkeys(support))
        return tuple(found)

    def _support(self, value: Operand) -> Support | None:
        if isinstance(value, Literal):
            return NOTHING if _is_zero(value) else None
        return self._supports.get(value)

    def covers(self, array: Array) -> bool:
        """Whether the nest stores all elements of an array of few rows."""
        stores = [s for s in self.loops[-1].body if isinstance(s, ir.Store) and s.indices[-1] is self.index]
        written: set[tuple[Operand, ...]] = set()
        for turn in self._turns():
            for root, path in (self.paths.resolved(s.array, s.indices) for s in stores):
                if root is array:
                    written.add(tuple(turn.get(i, i) if isinstance(i, Register) else i for i in path[:-1]))
        return bool(places(array)) and written.issuperset(places(array))

    def _turns(self) -> Iterator[dict[Register, Literal]]:
        """The indices of the loops around, in every turn."""
        around = self.loops[:-1]
        for turn in itertools.product(*(range(_extent(loop)) for loop in around)):
            yield {loop.index: integer(place) for loop, place in zip(around, turn, strict=True)}

    def before(self, out: list[Statement]) -> list[Register]:
        """The factors of all turns, computed before the nest, those that are the same in all turns once."""
        names: dict[Name, Name | Literal] = {}
        found: dict[Register, None] = {}
        for turn in self._turns():
            names |= turn
            changing: set[Operand] = {*turn}
            for register, statement in self._needed():
                operands = statement.args if isinstance(statement, ir.Apply) else statement.indices
                if register in names and changing.isdisjoint(operands):
                    continue
                changing.add(register)
                names[register] = Register(register.dtype, register.name)
                out += substituted((statement,), names)
            now = (names.get(factor, factor) for factor in self.factors)
            found.update({factor: None for factor in now if isinstance(factor, Register)})
        return list(found)

    def _needed(self) -> list[tuple[Register, ir.Apply | ir.Load]]:
        """What the factors are computed from."""
        needed, found = set[Operand](self.factors), list[tuple[Register, ir.Apply | ir.Load]]()
        for register, statement in reversed(self.steady.items()):
            if register in needed:
                found.append((register, statement))
                needed.update(statement.args if isinstance(statement, ir.Apply) else statement.indices)
        return found[::-1]


def _is_zero(value: Operand) -> bool:
    return isinstance(value, Literal) and value.dtype in ("f64", "f32") and value.value == 0
