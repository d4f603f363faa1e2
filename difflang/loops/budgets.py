"""Memory budgets: how much a program takes besides what its loops store within a budget.

Arrays whose sizes follow from the parameters are counted before anything is allocated: what a scope takes, and the most
that any one of the scopes inside it takes on top. This leaves the room of every loop (`ir.Room`), from which its plan
follows. An array of any other size is checked where it is allocated: what a loop stores against its room, all else, of
which nothing can be known before, against one half of what is left, the rooms being parts of the other half. So the
arrays of a program never take more than its budget.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from difflang.core.ir import Attribute, Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.bodies import walk, with_bodies
from difflang.loops.ir import Array, Body, Operand, Program, Register, Statement
from difflang.loops.scheduler import ITEM_BYTES
from difflang.loops.threads.ranges import MOST
from difflang.prims import PRIMITIVES

PAGE = 4096
"""What is not counted: scalars, the smallest arrays, and what arrays take more to begin with a line of the cache."""

LINE = 64
WORKSPACE = 4
"""A library routine takes at most so many times the memory of its arguments and results to work in."""

GROWTH = 3
"""An array that grows is copied into one of twice the size."""

NO_ROOM = (
    "A memory budget of {0} bytes is too small for this gradient: there is no room for {1} bytes whose number is known "
    "only while it runs. Give at least {2} bytes."
)
FOLDED: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sub": lambda a, b: a - b,
    "max": max,
    "floordiv": lambda a, b: a // b,
}

Amounts = Counter[Operand]
"""A sum of sizes, each with how often it is added."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """Counts the memory of a program that has loops with a budget, and defines their rooms."""

    def __call__(self, program: Program) -> Program:
        rooms = [s for s in walk(program.body) if isinstance(s, ir.Room)]
        counted = [room for room in rooms if not room.free]
        if counted:
            program = _Counting(program, counted).program()
        return replace(program, body=_freed(program.body)) if len(rooms) > len(counted) else program


def _freed(body: Body) -> Body:
    """A body in which nothing is counted beside the loops that have a room."""
    made = list[Statement]()
    for statement in body:
        if isinstance(statement, ir.Room):
            made += _defined(statement, Register("i64"), ir.ZERO, integer(1), ir.ZERO)
        else:
            made.append(with_bodies(statement, _freed))
    return tuple(made)


def _defined(room: ir.Room, bound: Register, beside: Operand, halves: Operand, whole: Operand) -> Body:
    """The definition of a room, and of the `bound` of what the loop stores all in all."""
    code = _Code()
    parts = code.apply("mul", halves, integer(room.share))
    part = code.apply("floordiv", code.apply("sub", integer(room.memory), beside), parts)
    once = code.apply("floordiv", part, room.times)
    least = code.apply("mul", code.apply("mul", room.least, room.times), parts)
    needed = code.apply("max", whole, code.apply("add", beside, least))
    return (*code.statements, *_set((bound, *room.outs), (part, once, beside, needed)))


def _set(registers: Sequence[Register], values: Sequence[Operand]) -> Body:
    return tuple(ir.Apply(r, "add", (value, ir.ZERO)) for r, value in zip(registers, values, strict=True))


class _Code:
    """Integer arithmetic that is made at one place; what literals give is known at once."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._made: dict[tuple[object, ...], Register] = {}

    def apply(self, primitive: str, *args: Operand, **attrs: Attribute) -> Operand:
        numbers = [int(a.value) for a in args if isinstance(a, Literal)]
        if len(numbers) == len(args) == 2 and primitive in FOLDED:
            return integer(FOLDED[primitive](*numbers))
        key = (primitive, *args, *attrs.items())
        if key not in self._made:
            dtype = PRIMITIVES[primitive].result_dtype([arg.dtype for arg in args], attrs)
            self._made[key] = Register(dtype)
            self.statements.append(ir.Apply(self._made[key], primitive, args, attrs))
        return self._made[key]

    def bytes(self, array: Array, dims: Sequence[Operand]) -> Operand:
        size: Operand = integer(ITEM_BYTES[array.dtype])
        for dim in dims:
            size = self.apply("mul", self.apply("max", dim, ir.ZERO), size)
        return size

    def total(self, amounts: Amounts) -> Operand:
        found: Operand = ir.ZERO
        for size, count in amounts.items():
            found = self.apply("add", found, self.apply("mul", size, integer(count)))
        return found


class _Start(_Code):
    """The start of a program, where the parameters are known and what follows from them."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        applied = (s for s in walk(program.body) if isinstance(s, ir.Apply) and not s.out.mutable)
        self._definitions = {s.out: s for s in applied}
        self._known: dict[Register, Operand | None] = {p: p for p in program.params if isinstance(p, Register)}

    def operand(self, operand: Operand) -> Operand | None:
        """What an operand is, if that is known at the start."""
        if isinstance(operand, Literal):
            return operand
        if operand not in self._known:
            definition = self._definitions.get(operand)
            self._known[operand] = None if definition is None else self._again(definition)
        return self._known[operand]

    def operands(self, operands: Sequence[Operand]) -> list[Operand] | None:
        found = [self.operand(operand) for operand in operands]
        return None if None in found else [operand for operand in found if operand is not None]

    def padded(self, array: Array) -> Operand | None:
        """The bytes that the arena gives for an array, if its size is known."""
        dims = self.operands(array.shape)
        if dims is None:
            return None
        lines = self.apply("floordiv", self.apply("add", self.bytes(array, dims), integer(LINE - 1)), integer(LINE))
        return self.apply("mul", lines, integer(LINE))

    def _again(self, definition: ir.Apply) -> Operand | None:
        args = self.operands(definition.args)
        divides = definition.primitive in ("floordiv", "mod") and definition.out.dtype in ("i64", "i32")
        if args is None or (divides and (not isinstance(args[1], Literal) or not args[1].value)):
            return None
        return self.apply(definition.primitive, *args, **definition.attrs)


@dataclass(slots=True)
class _Taken:
    """What statements take: until the scope around them ends, and at one time or another within themselves."""

    kept: Amounts = field(default_factory=Counter[Operand])
    passing: list[Amounts] = field(default_factory=list[Amounts])

    def add(self, other: _Taken) -> None:
        self.kept += other.kept
        self.passing += [amounts for amounts in other.passing if amounts not in self.passing]

    def together(self, times: int = 1) -> _Taken:
        """The same where all is given back at the end."""
        most = [amounts for amounts in self.passing if not any(_covers(o, amounts) for o in self.passing)]
        sums = [self.kept + amounts for amounts in most or [Counter[Operand]()]]
        return _Taken(passing=[Counter({size: times * n for size, n in amounts.items()}) for amounts in sums])


def _covers(one: Amounts, other: Amounts) -> bool:
    return one is not other and one != other and all(one[size] >= n for size, n in other.items())


class _Counting:
    """`live` is what the statements so far hold of sizes that are not known at the start: by room, or by no room."""

    def __init__(self, program: Program, rooms: Sequence[ir.Room]) -> None:
        self.old = program
        self.rooms = rooms
        self.start = _Start(program)
        self.origins = _origins(program.body, rooms)
        self.live: dict[ir.Room | None, Operand] = {}
        self.sites = list(program.sites)
        self.results = Counter[Operand]()
        names = ("beside", "whole", "half", "halves")
        self.beside, self.whole, self.half, self.halves = (Register("i64", name) for name in names)
        self.bounds = {room: Register("i64", "bound") for room in rooms}
        self.surprised = False

    def program(self) -> Program:
        body, taken = self.body(self.old.body)
        for result in self.old.results:
            if result.provided and isinstance(result.value, Array):
                self.results += Counter(filter(None, [self.start.padded(result.value)]))
        return replace(self.old, body=(*self._head(taken), *body), sites=tuple(self.sites))

    def _head(self, taken: _Taken) -> Body:
        """What is taken `beside` the rooms, the `whole` that loops of known sizes need, one `half` of what is left, and
        how many `halves` of it there are (one where the rooms have all)."""
        start = self.start
        results = start.total(self.results)
        most: Operand = ir.ZERO
        for amounts in taken.together().passing:
            most = start.apply("max", most, start.total(amounts))
        counted = start.apply("add", start.apply("add", most, results), integer(-PAGE))
        beside = start.apply("max", counted, ir.ZERO)
        smallest, largest = (integer(choose(room.memory for room in self.rooms)) for choose in (min, max))
        limit = start.apply("max", start.apply("sub", largest, results), integer(1))
        half = start.apply("floordiv", start.apply("sub", smallest, beside), integer(2))
        halves = integer(2 if self.surprised else 1)
        whole = beside
        for room in self.rooms:
            known = start.operands((room.least, room.times))
            least = start.apply("mul", *known) if known else ir.ZERO
            needed = start.apply("mul", start.apply("mul", least, integer(room.share)), halves)
            whole = start.apply("max", whole, start.apply("add", beside, needed))
        targets = (self.beside, self.whole, self.half, self.halves)
        return (*start.statements, ir.Limit(limit), *_set(targets, (beside, whole, half, halves)))

    # --- statements ---

    def body(self, body: Body) -> tuple[Body, _Taken]:
        """A body with checks, and what it takes. What only a branch or a step of a loop holds is not live after it."""
        made, taken, before = list[Statement](), _Taken(), dict(self.live)
        for statement in body:
            made += self.statement(statement, taken)
        self.live = before
        return tuple(made), taken

    def statement(self, statement: Statement, taken: _Taken) -> Sequence[Statement]:
        match statement:
            case ir.Room() if not statement.free:
                return _defined(statement, self.bounds[statement], self.beside, self.halves, self.whole)
            case ir.Allocate(array, "arena"):
                return (*self._taken(array, taken.kept), statement)
            case ir.AllocateResult(array):
                return (*self._taken(array, self.results), statement)
            case ir.Reserve(array, rows):
                return (*self._surprise(array, (rows, *array.shape[1:]), GROWTH), statement)
            case ir.Kernel(name, inputs, outputs) if name != "gemm":
                checks = [s for a in (*inputs, *outputs) for s in self._workspace(a, taken)]
                return (*checks, statement)
            case _:
                return (self._control(statement, taken),)

    def _control(self, statement: Statement, taken: _Taken) -> Statement:
        inside = _Taken()

        def counted(body: Body) -> Body:
            changed, found = self.body(body)
            inside.add(found)
            return changed

        statement = with_bodies(statement, counted)
        released = isinstance(statement, ir.Scope | ir.Parallel)
        taken.add(inside.together(MOST if isinstance(statement, ir.Parallel) else 1) if released else inside)
        return statement

    # --- sizes ---

    def _taken(self, array: Array, amounts: Amounts) -> Sequence[Statement]:
        size = self.start.padded(array)
        if size is None:
            return self._surprise(array, array.shape)
        amounts[size] += 1
        return ()

    def _workspace(self, array: Array, taken: _Taken) -> Sequence[Statement]:
        size = self.start.padded(array)
        if size is None:
            before = dict(self.live)
            checks = self._surprise(array, array.shape, WORKSPACE)
            self.live = before
            return checks
        # The most of several counts, not their sum; no routine has more than three arrays of the largest size.
        taken.passing.append(Counter({size: WORKSPACE * 3}))
        return ()

    def _surprise(self, array: Array, dims: Sequence[Operand], times: int = 1) -> Sequence[Statement]:
        """Checks that there is room for an array whose size is not known at the start."""
        origins = {self.origins[dim] for dim in dims if isinstance(dim, Register) and dim in self.origins}
        room = self.rooms[max(origins)] if origins else None
        code = _Code()
        size = code.apply("mul", code.bytes(array, dims), integer(times))
        self.live[room] = live = code.apply("add", self.live.get(room, ir.ZERO), size)
        if room is None:
            self.surprised = True
            bound, parts, memory = self.half, integer(2), min(r.memory for r in self.rooms)
        else:
            bound, memory = self.bounds[room], room.memory
            parts = code.apply("mul", self.halves, integer(room.share))
        needed = code.apply("add", code.apply("mul", live, parts), self.beside)
        fits = code.apply("le", live, bound)
        return (*code.statements, ir.Check(fits, self._site(room), (integer(memory), size, needed)))

    def _site(self, room: ir.Room | None) -> int:
        span = (room or self.rooms[0]).span
        site = ir.Site("assert", span, code="E0812", message=NO_ROOM)
        if site not in self.sites:
            self.sites.append(site)
        return self.sites.index(site)


def _origins(body: Body, rooms: Sequence[ir.Room]) -> dict[Register, int]:
    """The last of the rooms from which a register follows, also by way of loops: the room of the loop that it serves.

    How often a loop inside another one runs may follow from the room of that one.
    """
    found = {room.outs[0]: number for number, room in enumerate(rooms)}
    flows: list[tuple[Register, Sequence[Operand]]] = []
    for statement in walk(body):
        match statement:
            case ir.Apply(out, _, args):
                flows.append((out, args))
            case ir.Assign(targets, sources):
                flows += [(target, (source,)) for target, source in zip(targets, sources, strict=True)]
            case ir.For(index, extent):
                flows.append((index, (extent,)))
            case _:
                pass
    changed = True
    while changed:
        changed = False
        for out, sources in flows:
            last = max((found.get(s, -1) for s in sources if isinstance(s, Register)), default=-1)
            if last > found.get(out, -1):
                found[out], changed = last, True
    return found
