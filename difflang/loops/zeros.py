"""Sums of directions skip the directions that are known to be zero.

    for i < n: for b < m: for z < 26 vector: a[z] += w * (x * T[b, 0, z] + y * T[b, 1, z])
      ->  for b < m: from[b], to[b] = the shortest range of z outside of which T[b, 0, z] and T[b, 1, z] are 0
          for i < n: for b < m: for z in from[b] .. to[b] vector: a[z] += w * (x * T[b, 0, z] + y * T[b, 1, z])

The last axis of `T` holds the directions of a derivative. Which of them an intermediate value moves with is often known
at run time only (the bones below a joint, the neighbours in a list), and it is few. What is left out are additions of
zero: every addend is a sum of elements of `T` times factors. Where `w`, a factor of all that is added, is 0 (a vertex
that the bone does not carry, an entry that a sparse row lacks), the range is empty.

Where factors are infinite, NaN or so large that a product may overflow, the whole range is taken; where elements of `T`
are, a `w` of 0 leaves out nothing. So a product of 0 and infinity stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from difflang.core.ir import DType, Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.bodies import walk, with_bodies
from difflang.loops.ir import Array, For, Load, Operand, Program, Register, Statement
from difflang.loops.scheduler import zero
from difflang.loops.values import Name, all_assigned, written
from difflang.prims import PRIMITIVES

DIRECTIONS = 8
"""Shorter axes are not worth a look."""

SHORT = 8
"""Loops up to this length repeat too little to pay for the search; those inside the nest share one range."""

BITS: dict[DType, float] = {"f64": 960.0, "f32": 96.0}
"""The largest binary exponent of a product, which leaves room for sums of many of them."""

LANES = 4
"""Ranges are widened to multiples of this length where the axis has room: no lane of a vector then stays empty."""


@dataclass(frozen=True, slots=True)
class SkipZeros:
    """Restricts sums over stored directions, in loops around which these do not change, to those that are not zero."""

    def __call__(self, program: Program) -> Program:
        search = _Search(program)
        return replace(program, body=search.body(program.body))


@dataclass(frozen=True, slots=True)
class _Sum:
    """A loop that adds multiples of `loads`; `path` are the loops around it, from the repeated one inwards.

    `common` are the factors of all that is added. Elements and factors below `bound` have products without overflow.
    """

    loop: For
    loads: tuple[Load, ...]
    factors: tuple[Operand, ...]
    common: tuple[Register, ...]
    bound: Literal
    path: tuple[For, ...]


class _Search:
    """Finds repeated nests and rewrites them. `fixed` are arrays that no derivative made: parameters and tables."""

    def __init__(self, program: Program) -> None:
        self.views = {s.array: s.base for s in walk(program.body) if isinstance(s, ir.View)}
        tables = (s.array for s in walk(program.body) if isinstance(s, ir.Table))
        self.fixed = {p for p in program.params if isinstance(p, Array)}.union(tables)

    def root(self, array: Array) -> Array:
        while array in self.views:
            array = self.views[array]
        return array

    def body(self, body: ir.Body) -> ir.Body:
        return tuple(new for statement in body for new in self.statement(statement))

    def statement(self, statement: Statement) -> Sequence[Statement]:
        if not isinstance(statement, For) or _is_short(statement.extent):
            return (with_bodies(statement, self.body),)
        repeated = _Repeated(self, statement)
        found = [each for each in _sums(statement.body, (statement,)) if repeated.accepts(each)]
        if not found:
            return (with_bodies(statement, self.body),)
        before: list[Statement] = []
        changed = {each.loop: _restricted(each, _ranges(each, before)) for each in found}
        return (*before, replace(statement, body=_replaced(statement.body, changed)))


@dataclass(slots=True)
class _Repeated:
    """What a loop changes: the arrays that it writes to, and the names that it sets."""

    search: _Search
    loop: For
    set_inside: set[Name] = field(init=False)
    written: set[Array] = field(init=False)

    def __post_init__(self) -> None:
        self.set_inside = all_assigned(self.loop.body)
        self.written = {self.search.root(array) for s in walk(self.loop.body) for array in written(s)}

    def accepts(self, candidate: _Sum) -> bool:
        """Whether the loads read the same in every turn, each within its array whenever the inner loops run."""
        inner = {loop.index: loop.extent for loop in candidate.path[1:]}
        extents = (*inner.values(), *(dim for load in candidate.loads for dim in load.array.shape))
        steady = not any(extent in self.set_inside for extent in extents)
        return steady and all(self._is_steady(load, inner) for load in candidate.loads)

    def _is_steady(self, load: Load, inner: dict[Register, Operand]) -> bool:
        root = self.search.root(load.array)
        moving = any(array.mutable for array in (load.array, root, *self.written))
        if moving or load.array in self.set_inside or root in self.written or root in self.search.fixed:
            return False
        return all(_within(i, dim, inner) for i, dim in zip(load.indices[:-1], load.array.shape, strict=False))


def _within(index: Operand, dim: Operand, inner: dict[Register, Operand]) -> bool:
    """Whether a literal or the index of an inner loop is known to be in range."""
    last = inner.get(index) if isinstance(index, Register) else index
    if last is None:
        return False
    if isinstance(last, Literal) and isinstance(dim, Literal):
        return 0 <= last.value <= dim.value - (last is index)
    return last is dim


def _is_short(extent: Operand) -> bool:
    return isinstance(extent, Literal) and extent.value <= SHORT


# --- recognition ---


def _sums(body: ir.Body, path: tuple[For, ...]) -> Iterator[_Sum]:
    """The sums over directions in plain nests of loops."""
    for statement in body:
        if isinstance(statement, ir.Scope):
            yield from _sums(statement.body, path)
        elif isinstance(statement, For):
            yield from _sums(statement.body, (*path, statement))
            found = _as_sum(statement, path)
            if found:
                yield found


def _as_sum(loop: For, path: tuple[For, ...]) -> _Sum | None:
    if loop.kind != "vector" or loop.reverse or loop.reductions or loop.start != ir.ZERO:
        return None
    if not isinstance(loop.extent, Literal) or loop.extent.value < DIRECTIONS:
        return None
    linear = _Linear(loop.index, all_assigned(loop.body))
    if not all(linear.accepts(statement) for statement in loop.body) or not linear.loads:
        return None
    return _Sum(loop, tuple(linear.loads), tuple(linear.factors), linear.common(), linear.bound(), path)


@dataclass(slots=True)
class _Linear:
    """Which registers of a loop are sums of elements times factors that the loop does not change.

    `sums` are the factors of each as a whole, `depths` the most factors of an element in it.
    """

    index: Register
    inside: set[Name]
    loads: list[Load] = field(default_factory=list[Load])
    factors: dict[Operand, None] = field(default_factory=dict[Operand, None])
    sums: dict[Operand, frozenset[Operand]] = field(default_factory=dict[Operand, frozenset[Operand]])
    depths: dict[Operand, int] = field(default_factory=dict[Operand, int])
    added: list[Operand] = field(default_factory=list[Operand])

    def accepts(self, statement: Statement) -> bool:
        """Whether the statement adds such a sum, or makes one."""
        match statement:
            case Load():
                return self._load(statement)
            case ir.Apply():
                return not statement.out.mutable and self._apply(statement)
            case ir.Accumulate():
                self.added.append(statement.value)
                return statement.value in self.sums
            case _:
                return False

    def common(self) -> tuple[Register, ...]:
        """What divides everything that is added, once the statements are accepted."""
        shared = frozenset[Operand].intersection(*(self.sums[value] for value in self.added))
        return tuple(factor for factor in self.factors if isinstance(factor, Register) and factor in shared)

    def bound(self) -> Literal:
        """Products of an element and as many factors as one has here do not overflow below this."""
        most = max(self.depths[value] for value in self.added)
        dtype = self.added[0].dtype
        return Literal(2.0 ** (BITS[dtype] // (1 + most)), dtype)

    def _load(self, load: Load) -> bool:
        along = load.indices[-1:] == (self.index,) and self.index not in load.indices[:-1]
        self.loads.append(load)
        self._note(load.out, frozenset(), 0)
        return along and load.out.dtype in BITS

    def _apply(self, statement: ir.Apply) -> bool:
        sums = [arg for arg in statement.args if arg in self.sums]
        others = [arg for arg in statement.args if arg not in self.sums]
        if not sums:
            return False
        depth = max(self.depths[arg] for arg in sums)
        if statement.primitive in ("add", "sub", "neg"):
            self._note(statement.out, frozenset[Operand].intersection(*(self.sums[arg] for arg in sums)), depth)
            return not others
        self.factors.update(dict.fromkeys(others))
        self._note(statement.out, self.sums[sums[0]].union(others), depth + 1)
        return statement.primitive == "mul" and len(others) == 1 and others[0] not in self.inside

    def _note(self, out: Register, factors: frozenset[Operand], depth: int) -> None:
        self.sums[out], self.depths[out] = factors, depth


# --- rewriting ---


@dataclass(frozen=True, slots=True)
class _Ranges:
    """The first and the last direction (and one more) for every turn of the loops with these indices.

    `least` is the end where a common factor is 0: the first direction, unless an element is too large.
    """

    first: Array
    end: Array
    least: Array
    indices: tuple[Register, ...]

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        return self.first, self.end, self.least


def _apply(out: list[Statement], primitive: str, *args: Operand) -> Register:
    result = Register(PRIMITIVES[primitive].result_dtype([arg.dtype for arg in args], {}))
    out.append(ir.Apply(result, primitive, args))
    return result


def _ranges(found: _Sum, before: list[Statement]) -> _Ranges:
    """Memory for the ranges, and the loops that find them. Turns of a short loop have one range together."""
    used = {index for load in found.loads for index in load.indices}
    own = [loop for loop in found.path[1:] if loop.index in used and not _is_short(loop.extent)]
    shape = tuple(loop.extent for loop in own)
    first, end, least = (Array("i64", shape, name) for name in ("first", "end", "least"))
    ranges = _Ranges(first, end, least, tuple(loop.index for loop in own))
    before += [ir.Allocate(array) for array in ranges.arrays]
    shared = [loop for loop in found.path[1:] if loop.index in used and loop not in own]
    fresh = {loop.index: Register("i64", loop.index.name) for loop in (*own, *shared, found.loop)}
    body = _search(found, shared, ranges, fresh)
    for loop in reversed(own):
        body = [For(fresh[loop.index], loop.extent, tuple(body), "parallel")]
    before += body
    return ranges


def _search(found: _Sum, shared: Sequence[For], ranges: _Ranges, fresh: dict[Register, Register]) -> list[Statement]:
    """Finds and stores one range."""
    size, dtype = found.loop.extent, found.bound.dtype
    lowest, highest = Register("i64", "lowest", mutable=True), Register("i64", "highest", mutable=True)
    mass = Register(dtype, "mass", mutable=True)
    reductions = (ir.Reduction(lowest, "min"), ir.Reduction(highest, "max"), ir.Reduction(mass, "add"))
    look = tuple(_look(found, fresh, lowest, highest, mass))
    for loop in (found.loop, *reversed(shared)):
        kind = "vector" if loop is found.loop else "parallel"
        look = (For(fresh[loop.index], loop.extent, look, kind, reductions=reductions),)
    out: list[Statement] = [ir.Assign((lowest, highest, mass), (size, integer(0), zero(dtype))), *look]
    length = _apply(out, "sub", highest, lowest)
    vectors = _apply(out, "floordiv", _apply(out, "add", length, integer(LANES - 1)), integer(LANES))
    lanes = _apply(out, "mul", vectors, integer(LANES))
    latest = _apply(out, "max", _apply(out, "sub", size, lanes), integer(0))
    first = _apply(out, "min", lowest, latest)
    end = _apply(out, "min", _apply(out, "add", first, lanes), size)
    least = _apply(out, "select", _apply(out, "lt", mass, found.bound), first, end)
    at = tuple(fresh[index] for index in ranges.indices)
    stores = [ir.Store(array, at, value) for array, value in zip(ranges.arrays, (first, end, least), strict=True)]
    return [*out, *stores]


def _look(
    found: _Sum, fresh: dict[Register, Register], lowest: Register, highest: Register, mass: Register
) -> list[Statement]:
    """Widens the range by one direction if an element there is not zero; NaN is not zero. Adds up the magnitudes."""
    out: list[Statement] = []
    some: Operand = Literal(False, "bool")
    total: Operand = zero(found.bound.dtype)
    for load in found.loads:
        element = Register(load.out.dtype)
        indices = tuple(fresh.get(i, i) if isinstance(i, Register) else i for i in load.indices)
        out.append(Load(element, load.array, indices))
        some = _apply(out, "or", some, _apply(out, "ne", element, zero(element.dtype)))
        total = _apply(out, "add", total, _apply(out, "abs", element))
    index, size = fresh[found.loop.index], found.loop.extent
    out.append(ir.Apply(lowest, "min", (lowest, _apply(out, "select", some, index, size))))
    behind = _apply(out, "add", index, integer(1))
    out.append(ir.Apply(highest, "max", (highest, _apply(out, "select", some, behind, integer(0)))))
    out.append(ir.Apply(mass, "add", (mass, total)))
    return out


def _restricted(found: _Sum, ranges: _Ranges) -> list[Statement]:
    """The loop over its range, or over all directions where a factor is too large."""
    out: list[Statement] = []
    total: Operand = zero(found.bound.dtype)
    for factor in found.factors:
        total = _apply(out, "add", total, _apply(out, "abs", factor))
    tame = _apply(out, "lt", total, found.bound)
    first, end = (Register("i64", array.name) for array in (ranges.first, ranges.end))
    out += [Load(first, ranges.first, ranges.indices), Load(end, ranges.end, ranges.indices)]
    if found.common:
        least = Register("i64", ranges.least.name)
        out.append(Load(least, ranges.least, ranges.indices))
        for factor in found.common:
            end = _apply(out, "select", _apply(out, "eq", factor, zero(factor.dtype)), least, end)
    start = _apply(out, "select", tame, first, integer(0))
    stop = _apply(out, "select", tame, end, found.loop.extent)
    return [*out, replace(found.loop, start=start, extent=stop)]


def _replaced(body: ir.Body, changed: dict[For, list[Statement]]) -> ir.Body:
    def one(statement: Statement) -> Sequence[Statement]:
        if isinstance(statement, For) and statement in changed:
            return changed[statement]
        return (with_bodies(statement, lambda inner: _replaced(inner, changed)),)

    return tuple(new for statement in body for new in one(statement))
