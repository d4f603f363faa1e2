"""Directions that are known to be zero are followed from array to array, and left out.

    for i < n serial:                                  for i < n serial:
      for r < 4: for z < 26 vector:                      from, to = the range of a[p[i]], as wide as that of seed[i]
        c[r, z] = w * a[p[i], r, z] + s * seed[i, z]  ->   for r < 4: for z in from .. to vector: c[r, z] = ..
      a[i] = c                                           range of a[i] = from, to

The seeds of a derivative are rows of the identity: each has one direction that is not zero. What is computed from few
of them moves in few directions (the bones below a joint, with the angles of these joints), and which ones is often
known at run time only. So each array of tangents that the program allocates has beside it a range of directions,
outside of which all its elements are zero: two registers, or for arrays of many rows two numbers a row. Statements that
write to the array widen its range, in the same place; a loop that only makes zeros of zeros (see `supports`) runs over
the ranges that it reads, and over those that it overwrites. Its arrays are filled with zeros when they are allocated;
those of the turns of a sequential loop before that loop, and in each turn what the last one left behind is cleared.

A factor that is infinite or NaN makes the range that of all directions, so that 0 times infinity stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.bodies import bodies, walk, with_bodies
from difflang.loops.ir import Array, For, Operand, Program, Register, Statement
from difflang.loops.scheduler import allocation, zero
from difflang.loops.supports import NOTHING, Part, Rows, Support, Unit, has_rows, nest_of, places
from difflang.loops.tracked import Tracked, directions
from difflang.loops.values import mentioned
from difflang.prims import PRIMITIVES

WORK = 256
"""Operations of all turns of a nest; below, finding the range takes as long as the nest."""

FACTORS = 64
"""The most factors of a nest that are looked at."""

FEWEST = 4
"""The fewest rows that are made along their range."""

COPIED = 8
"""The fewest rows that are copied along their range."""

LANES = 4
"""Ranges are widened to multiples of this length where the axis has room: no lane of a vector then stays empty."""


@dataclass(frozen=True, slots=True)
class FollowZeros:
    """Restricts loops that store tangents to the directions that are not zero."""

    work: int = WORK

    def __call__(self, program: Program) -> Program:
        if not any(isinstance(s, For) and _has_seed(s) for s in walk(program.body)):
            return program
        tracked = Tracked(program)
        restricted = {loop for loop, rows in tracked.rows.items() if self._is_wanted(rows, tracked)}
        if not tracked.keep(restricted):
            return program
        return replace(program, body=_Follower(tracked, restricted).body(program.body))

    def _is_wanted(self, rows: Rows, tracked: Tracked) -> bool:
        """Whether finding the range pays. What is written twice, at the end of an axis, may not be added."""
        known = all(not w.adds and w.support is not None and w.part.array in tracked.arrays for w in rows.writes)
        arrays = {write.part.array for write in rows.writes}
        return known and all(map(_has_many, arrays)) and rows.cost >= self.work


def _has_many(array: Array) -> bool:
    return has_rows(array) or len(places(array)) >= FEWEST


def _is_small(array: Array) -> bool:
    """Whether an array has one range, and few rows."""
    return bool(places(array)) and not has_rows(array)


def _has_seed(loop: For) -> bool:
    """Whether a loop asks which of its turns is a given one."""
    return loop.kind == "vector" and any(
        isinstance(s, ir.Apply) and s.primitive == "eq" and loop.index in s.args for s in loop.body
    )


# --- rewriting ---


@dataclass(frozen=True, slots=True)
class _Range:
    """The first direction and the one behind the last: two registers, or two arrays with an element for each row."""

    first: Register | Array
    end: Register | Array


@dataclass(slots=True)
class _Follower:
    """`zeroed` are the arrays whose memory is zero outside of their ranges, `early` those made before a loop, `again`
    the nests that write all of an array, `now` the ranges that the straight line at hand has set."""

    tracked: Tracked
    restricted: set[For]
    ranges: dict[Array, _Range] = field(default_factory=dict[Array, _Range])
    zeroed: set[Array] = field(default_factory=set[Array])
    early: set[Array] = field(default_factory=set[Array])
    again: set[For] = field(default_factory=set[For])
    now: dict[Array, tuple[Operand, Operand]] = field(default_factory=dict[Array, tuple[Operand, Operand]])

    def __post_init__(self) -> None:
        targets = (write.part.array for loop in self.restricted for write in self.tracked.rows[loop].writes)
        self.zeroed.update(self.tracked.arrays.intersection((*targets, *self.tracked.filled)))

    def body(self, body: ir.Body) -> ir.Body:
        out: list[Statement] = []
        for k, statement in enumerate(body):
            again = self._made_again(statement, body[k + 1 :])
            if again is None:
                out += self._statement(statement)
            else:
                self.again.add(again)
        return tuple(out)

    def _made_again(self, statement: Statement, rest: ir.Body) -> For | None:
        """The nest that writes all of an array before anything else touches it, so that it need not be cleared."""
        if not isinstance(statement, ir.Allocate) or statement.array not in self.early:
            return None
        resolved = self.tracked.paths.resolved
        for other in rest:
            arrays = (name for s in walk((other,)) for name in mentioned(s) if isinstance(name, Array))
            if any(resolved(array)[0] is statement.array for array in arrays):
                rows = self.tracked.rows.get(other) if isinstance(other, For) else None
                return rows.loops[0] if rows and rows.covers(statement.array) else None
        return None

    def _statement(self, statement: Statement) -> Sequence[Statement]:
        nest = nest_of(statement)
        if nest is not None:
            return self._nest(nest)
        match statement:
            case ir.Allocate(array) if array in self.tracked.arrays:
                return self._cleared(array) if array in self.early else self._allocated(statement)
            case ir.Fill():
                return self._filled(statement)
            case ir.Copy():
                return self._copied(statement)
            case For(kind="serial"):
                before = [new for made in self._movable(statement.body) for new in self._allocated(made)]
                self.early.update(made.array for made in before if isinstance(made, ir.Allocate))
                return (*before, with_bodies(statement, self._apart))
            case ir.Scope() | ir.If():
                return (with_bodies(statement, self._within),)
            case _:
                return (with_bodies(statement, self._apart),)

    def _apart(self, body: ir.Body) -> ir.Body:
        """A body that may run any number of times."""
        self.now.clear()
        new = self.body(body)
        self.now.clear()
        return new

    def _within(self, body: ir.Body) -> ir.Body:
        """A body that begins where the line has come to, and does not always run."""
        before = dict(self.now)
        new = self.body(body)
        same = {array: range_ for array, range_ in before.items() if self.now.get(array) == range_}
        self.now.clear()
        self.now.update(same)
        return new

    def _movable(self, body: ir.Body) -> Iterator[ir.Allocate]:
        """The arrays of the turns of a sequential loop that may be made before it."""
        for statement in body:
            if isinstance(statement, ir.Allocate):
                array = statement.array
                if array in self.zeroed and array not in self.early and _is_small(array):
                    yield statement
            elif not isinstance(statement, For) or statement.kind == "serial":
                for inner in bodies(statement):
                    yield from self._movable(inner)

    # --- ranges ---

    def _allocated(self, statement: ir.Allocate) -> list[Statement]:
        array = statement.array
        out: list[Statement] = [statement]
        if array in self.zeroed:
            out.append(ir.Fill(array, zero(array.dtype)))
        if array not in self.tracked.moving:
            return out
        if has_rows(array):
            arrays = [Array("i64", array.shape[:1], name) for name in ("first", "end")]
            out += [allocation(each) for each in arrays]
            self.ranges[array] = _Range(*arrays)
        else:
            self.ranges[array] = _Range(*(Register("i64", name, mutable=True) for name in ("first", "end")))
        return [*out, *self._empty(array)]

    def _cleared(self, array: Array) -> list[Statement]:
        """Zeros in the range of an array of few rows."""
        out: list[Statement] = []
        before = self._read(Part(array), out)
        if before[1] == integer(0):
            return []
        nothing, index = zero(array.dtype), Register("i64", "z")
        stores = tuple(ir.Store(array, (*row, index), nothing) for row in places(array))
        return [*out, *_vectors(index, stores, *before, array.shape[-1], out), *self._empty(array)]

    def _empty(self, array: Array) -> list[Statement]:
        """All of an array is zero."""
        if array not in self.tracked.moving:
            return []
        own, nothing = self.ranges[array], (integer(directions(array)), integer(0))
        if isinstance(own.first, Register):
            return self._set(Part(array), *nothing)
        assert isinstance(own.first, Array) and isinstance(own.end, Array)
        return [ir.Fill(own.first, nothing[0]), ir.Fill(own.end, nothing[1])]

    def _filled(self, statement: ir.Fill) -> list[Statement]:
        """Ranges after zeros have been stored; those of a part of what has one range stay as they are."""
        root, path = self.tracked.paths.resolved(statement.array)
        if root not in self.tracked.arrays or path:
            return [statement]
        if statement in self.tracked.filled.values():
            return []
        return self._cleared(root) if root in self.zeroed and _is_small(root) else [statement, *self._empty(root)]

    def _copied(self, statement: ir.Copy) -> list[Statement]:
        target, source = statement.target, statement.source
        part, other = self.tracked.part(target), self.tracked.part(source)
        if part is None or other is None:
            return [statement]
        out: list[Statement] = []
        bounds = self._read(other, out)
        wider = self._wider(part, *bounds, out)
        if part.array in self.zeroed and len(places(target)) >= COPIED:
            index = Register("i64", "z")
            out += _vectors(index, _moves(target, source, index), *wider, target.shape[-1], out)
        else:
            out.append(statement)
        return [*out, *self._set(part, *(bounds if self.tracked.is_whole(target, part) else wider))]

    def _read(self, part: Part | Unit, out: list[Statement]) -> tuple[Operand, Operand]:
        if isinstance(part, Unit):
            first = _apply(out, "max", part.direction, integer(0))
            return first, _apply(out, "min", _apply(out, "add", part.direction, integer(1)), part.size)
        if part.array not in self.tracked.moving:
            return integer(directions(part.array)), integer(0)
        if part.array in self.now:
            return self.now[part.array]
        own = self.ranges[part.array]
        first, end = Register("i64", "first"), Register("i64", "end")
        if isinstance(own.first, Register) and isinstance(own.end, Register):
            out += [ir.Apply(first, "max", (own.first, integer(0))), ir.Apply(end, "max", (own.end, integer(0)))]
            self.now[part.array] = first, end
        else:
            assert isinstance(own.first, Array) and isinstance(own.end, Array) and part.row is not None
            out += [ir.Load(first, own.first, (part.row,)), ir.Load(end, own.end, (part.row,))]
        return first, end

    def _wider(self, part: Part | Unit, first: Operand, end: Operand, out: list[Statement]) -> tuple[Operand, Operand]:
        """A range that has that of a part in it too."""
        one, other = (first, end), self._read(part, out)
        if one == other or other[1] == integer(0):
            return one
        if end == integer(0):
            return other
        return _apply(out, "min", first, other[0]), _apply(out, "max", end, other[1])

    def _set(self, part: Part, first: Operand, end: Operand) -> list[Statement]:
        if part.array not in self.tracked.moving:
            return []
        own = self.ranges[part.array]
        if isinstance(own.first, Register) and isinstance(own.end, Register):
            self.now[part.array] = first, end
            return [ir.Assign((own.first, own.end), (first, end))]
        assert isinstance(own.first, Array) and isinstance(own.end, Array) and part.row is not None
        return [ir.Store(own.first, (part.row,), first), ir.Store(own.end, (part.row,), end)]

    # --- loops ---

    def _nest(self, nest: tuple[For, ...]) -> list[Statement]:
        rows = self.tracked.rows[nest[0]]
        targets = dict.fromkeys(w.part for w in rows.writes if w.part.array in self.tracked.arrays)
        if not targets:
            return [nest[0]]
        size, out = nest[-1].extent, list[Statement]()
        supports = [write.support or NOTHING for write in rows.writes if write.part in targets]
        first, end = self._reached(rows, supports, size, out)
        new: ir.Body = (nest[0],)
        if nest[0] in self.restricted:
            new = self._restricted(nest, targets, first, end, out)
        after: list[Statement] = []
        for part in targets:
            alone = nest[0] in self.again and rows.covers(part.array)
            after += self._set(part, *((first, end) if alone else self._wider(part, first, end, after)))
        return [*out, *new, *after]

    def _reached(
        self, rows: Rows, supports: Iterable[Support], size: Operand, out: list[Statement]
    ) -> tuple[Operand, Operand]:
        """The directions that values of these supports may have, all of them if a factor is not finite."""
        first, end = size, integer(0)
        for part in dict.fromkeys(part for support in supports for part in support):
            first, end = self._wider(part, first, end, out)
        if len(rows.factors) * rows.turns > FACTORS:
            return integer(0), size
        sizes = [_apply(out, "abs", factor) for factor in rows.before(out)]
        if sizes:
            finite = _apply(out, "lt", _summed(sizes, out), Literal(float("inf"), sizes[0].dtype))
            first = _apply(out, "select", finite, first, integer(0))
            end = _apply(out, "select", finite, end, size)
        return first, end

    def _restricted(
        self, nest: Sequence[For], targets: Iterable[Part], first: Operand, end: Operand, out: list[Statement]
    ) -> ir.Body:
        """The nest over a range, and over the ranges of what it overwrites, in whole vectors."""
        for part in targets:
            first, end = self._wider(part, first, end, out)
        body = _vectors(nest[-1].index, nest[-1].body, first, end, nest[-1].extent, out)
        for around in reversed(nest[:-1]):
            body = (replace(around, body=body),)
        return body


def _moves(target: Array, source: Array, index: Register) -> ir.Body:
    """Copies of one direction of all rows."""
    out: list[Statement] = []
    for row in places(target):
        element = Register(source.dtype)
        out += [ir.Load(element, source, (*row, index)), ir.Store(target, (*row, index), element)]
    return tuple(out)


def _vectors(
    index: Register, body: ir.Body, first: Operand, end: Operand, size: Operand, out: list[Statement]
) -> ir.Body:
    """A loop over a range in whole vectors; the last one begins early enough to end with the axis, and some of what it
    computes is computed twice."""
    room = _apply(out, "add", _apply(out, "sub", end, first), integer(LANES - 1))
    count = _apply(out, "floordiv", room, integer(LANES))
    latest = _apply(out, "sub", size, integer(LANES))
    turn, lane, place = Register("i64", "v"), Register("i64", "lane"), Register("i64", "place", mutable=True)
    inside: list[Statement] = []
    start = _apply(inside, "min", place, latest)
    following = _apply(inside, "add", place, integer(LANES))
    inside.append(For(lane, integer(LANES), (ir.Apply(index, "add", (start, lane)), *body), "vector"))
    inside.append(ir.Assign((place,), (following,)))
    return ir.Assign((place,), (first,)), For(turn, count, tuple(inside), "serial")


def _apply(out: list[Statement], primitive: str, *args: Operand) -> Register:
    result = Register(PRIMITIVES[primitive].result_dtype([arg.dtype for arg in args], {}))
    out.append(ir.Apply(result, primitive, args))
    return result


def _summed(terms: Sequence[Register], out: list[Statement]) -> Register:
    """The sum of the terms, by halves: few of the additions wait for each other."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return _apply(out, "add", _summed(terms[:half], out), _summed(terms[half:], out))
