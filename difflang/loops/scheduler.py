"""The state of scheduling: where every variable is, what is still needed, and the statements made so far.

Arrays are made where they are wanted (destination passing): the results of a block carry hints, handed back
through updates to the equation that first makes the array. Memory is overwritten only when no variable
whose elements lie in it is used any more (`Scheduler.needed`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from difflang.core.ir import Atom, Attribute, Block, DType, Eqn, Func, Literal, Type, Var
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.elements import Elements
from difflang.loops.hints import plan_hints
from difflang.loops.ir import Array, Operand, Register, Statement
from difflang.loops.liveness import START, Liveness
from difflang.loops.storage import Destination, Place, ReshapedDestination, Storage
from difflang.loops.sums import Sums
from difflang.passes.bounds import Bounds
from difflang.prims import PRIMITIVES

STACK_BYTES = 1024
"""Arrays of literal shape up to this size live on the stack frame, where LLVM can keep them in registers."""

ITEM_BYTES: Mapping[DType, int] = {"f64": 8, "f32": 4, "i64": 8, "i32": 4, "bool": 1}

Handler = Callable[["Scheduler", Eqn], None]


@dataclass(eq=False, slots=True)
class Frame:
    """A block that is being scheduled. `repeated`: its code runs many times, so what is outside stays needed.

    `after` holds what to do as soon as a variable is known; `sums` the arrays that are made for an `add_to` alone;
    `added` where arrays are added by what makes them; `taken` the wanted places that a result of the present
    equation has; `leaving` what to do at the end.
    """

    block: Block
    last_use: Mapping[Var, int]
    repeated: bool
    hints: Mapping[Var, Destination]
    after: Mapping[Var, Sequence[Callable[[], None]]] = field(default_factory=dict[Var, list[Callable[[], None]]])
    sums: Mapping[Var, Eqn] = field(default_factory=dict[Var, Eqn])
    added: dict[Var, Total] = field(default_factory=dict[Var, "Total"])
    position: int = START
    taken: set[Array] = field(default_factory=set[Array])
    leaving: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])


@dataclass(frozen=True, slots=True)
class Total:
    """Memory that is only added to: a sub-array of `array`."""

    array: Array
    indices: tuple[Operand, ...] = ()

    def at(self, indices: Sequence[Operand]) -> Total:
        """A part of it."""
        return Total(self.array, (*self.indices, *indices))


@dataclass(eq=False, slots=True)
class Loop:
    """A loop that is being made, for the accumulators that code inside it adds to."""

    index: Register
    independent: bool
    reductions: dict[Register, str] = field(default_factory=dict[Register, str])


class Scheduler:
    def __init__(self, func: Func, handlers: Mapping[str, Handler], check_nan: bool) -> None:
        self.handlers = handlers
        self.check_nan = check_nan
        self.liveness = Liveness()
        self.sums = Sums(func, self.liveness)
        self.bounds = Bounds()
        self.elements = Elements(func)
        self.scalars: dict[Var, Operand] = {}
        self.decided: dict[Var, bool] = {}
        self.places: dict[Var, Place] = {}
        self.constants: dict[Var, Operand] = {}
        self.saved: dict[Var, int] = {}
        self.saved_elements: dict[Var, Register] = {}
        self.unreshaped: dict[Array, tuple[Place, Destination]] = {}
        self.totals: dict[Var, Total] = {}
        self.register_depth: dict[Register, int] = {}
        self.frames: list[Frame] = []
        self.loops: list[Loop] = []
        self.sites: dict[ir.Site, int] = {}
        self.host_sites: dict[ir.HostSite, int] = {}
        self.statements: list[Statement] = []

    # --- statements ---

    def emit(self, statement: Statement) -> None:
        self.statements.append(statement)

    @contextmanager
    def collect(self) -> Generator[list[Statement]]:
        """Gathers the statements made meanwhile instead of appending them."""
        outer, self.statements = self.statements, []
        try:
            yield self.statements
        finally:
            self.statements = outer

    def apply(self, primitive: str, *args: Operand, out: Register | None = None, **attrs: Attribute) -> Register:
        """Emits a scalar primitive; `out` is a new register unless given."""
        if out is None:
            out = Register(PRIMITIVES[primitive].result_dtype([_dtype(a) for a in args], attrs))
        self.emit(ir.Apply(out, primitive, args, attrs))
        return out

    def check(self, condition: Operand, site: ir.Site, *values: Operand) -> None:
        self.emit(ir.Check(condition, self.sites.setdefault(site, len(self.sites)), values))

    def host_call(self, site: ir.HostSite, args: Sequence[ir.Value], outs: Sequence[ir.Value] = ()) -> None:
        number = self.host_sites.setdefault(site, len(self.host_sites))
        self.emit(ir.HostCall(number, tuple(args), tuple(outs)))

    # --- values ---

    def operand(self, atom: Atom) -> Operand:
        """The register or literal of a scalar atom."""
        return atom if isinstance(atom, Literal) else self.scalars[atom]

    def operands(self, atoms: Sequence[Atom]) -> tuple[Operand, ...]:
        return tuple(self.operand(a) for a in atoms)

    def place(self, atom: Atom) -> Place:
        assert isinstance(atom, Var)
        return self.places[atom]

    def value(self, atom: Atom) -> Operand | Place:
        return self.place(atom) if atom.type.shape else self.operand(atom)

    def settle(self, var: Var, place: Place) -> None:
        """Says that the elements of `var` are at `place` from now on."""
        place.storage.root().variables.append(var)
        self.places[var] = place

    def bind(self, var: Var, value: Operand | Place) -> None:
        """Gives a variable its scalar or its place."""
        if isinstance(value, Place):
            self.settle(var, value)
        else:
            self.scalars[var] = value

    # --- memory ---

    def array(self, type_: Type, name: str = "", mutable: bool = False) -> Array:
        return Array(type_.dtype, self.operands(type_.shape), name, mutable)

    def allocate(self, type_: Type, name: str = "") -> Place:
        """Fresh memory that belongs to the innermost frame."""
        place = self.unallocated(type_, name)
        self.emit(allocation(place.array))
        return place

    def unallocated(self, type_: Type, name: str = "", mutable: bool = False) -> Place:
        """A pointer that belongs to the innermost frame and is set elsewhere."""
        return Place(self.array(type_, name, mutable), Storage(len(self.frames) - 1))

    def view(self, place: Place, indices: Sequence[Operand], type_: Type, name: str = "") -> Place:
        """A sub-array; it shares the storage."""
        array = self.array(type_, name)
        self.emit(ir.View(array, place.array, tuple(indices)))
        return Place(array, place.storage)

    def row_destination(self, place: Place, indices: Sequence[Operand], type_: Type) -> Destination:
        """Where the array-valued result of one iteration is wanted: memory that nothing else in the iteration sees."""

        def make() -> Place:
            return Place(self.view(place, indices, type_).array, Storage(len(self.frames) - 1))

        return Destination(make)

    def _reshaped(self, wanted: Destination, final: Type, type_: Type) -> Destination | None:
        """A destination for an array that is reshaped into what is wanted; `unreshaped` leads back."""
        if not wanted.early or not self.elements.equally_many(final.shape, type_.shape):
            return None

        def reshape(place: Place) -> Place:
            view = self.view(place, (), type_)
            self.unreshaped[view.array] = (place, wanted)
            return view

        return ReshapedDestination(wanted, reshape)

    def needed(self, storage: Storage, now: bool = False, but: Var | None = None) -> bool:
        """Whether the present content of a storage may still be read after the present equation (or `now`, by it).

        Uses of `but` in the innermost block do not count.
        """
        storage = storage.root()
        if not storage.writable:
            return True
        for depth in range(len(self.frames) - 1, storage.level - 1, -1):
            frame, innermost = self.frames[depth], depth == len(self.frames) - 1
            bound = frame.position - (now and innermost)
            counted = (v for v in storage.variables if not (innermost and v is but))
            if any(frame.last_use.get(v, START - 1) > bound for v in counted):
                return True
            if frame.repeated and depth > storage.level:
                return True
        return False

    def destination(self, out: Var, shareable: Callable[[Place], bool] = lambda place: False) -> Place:
        """Memory for a result of the present equation: where it is wanted, if that is free, else fresh.

        `shareable` says that the equation may write to the place while it still reads what is there.
        """
        frame = self.frames[-1]
        hint = frame.hints.get(out)
        for place in hint.candidates() if hint else ():
            if place.array not in frame.taken and not self.needed(place.storage, now=not shareable(place)):
                frame.taken.add(place.array)
                return place
        return self.allocate(out.type, out.name)

    # --- blocks ---

    @contextmanager
    def frame(
        self,
        block: Block,
        *,
        repeated: bool,
        destinations: Sequence[Destination | None] = (),
        kept: Sequence[Atom] | None = None,
        after: Mapping[Var, Sequence[Callable[[], None]]] | None = None,
        added: Mapping[Var, Total] | None = None,
    ) -> Generator[None]:
        """Enters a block; `kept` are the results whose memory must stay as it is to the end (all unless given)."""
        last_use = self.liveness.last_uses(block, block.results if kept is None else kept)
        hints = plan_hints(block, destinations, self._reshaped)
        self.frames.append(
            Frame(block, last_use, repeated, hints, after or {}, self.sums.plan(block), dict(added or {}))
        )
        try:
            yield
        finally:
            for action in self.frames.pop().leaving:
                action()

    def equations(self, block: Block) -> None:
        """Schedules the equations of the block whose frame was entered last; its parameters are bound already."""
        frame = self.frames[-1]
        self._note(frame, block.params)
        with self.bounds.region():
            self.bounds.dimensions(block.params)
            for position, eqn in enumerate(block.eqns):
                frame.position = position
                frame.taken.clear()
                self._learn(eqn)
                self.handlers[eqn.op](self, eqn)
                self._note(frame, eqn.outs)
        frame.position = len(block.eqns)

    def _learn(self, eqn: Eqn) -> None:
        """Notes what proves indices to be in range."""
        self.bounds.dimensions(eqn.outs)
        if eqn.op in ("build", "reduce"):
            self.bounds.loop(eqn.regions[0].params, eqn.args)
        elif eqn.op == "fold":
            self.bounds.loop(eqn.regions[0].params[:1], eqn.args[:1])
        else:
            self.bounds.define(eqn)

    def _note(self, frame: Frame, variables: Sequence[Var]) -> None:
        for variable in variables:
            for action in frame.after.get(variable, ()):
                action()

    def deliver(self, values: Sequence[Place], targets: Sequence[Place]) -> None:
        """Copies values to where they are wanted, all at once: no copy overwrites what another still reads."""
        pending = [(v, t) for v, t in zip(values, targets, strict=True) if v.array is not t.array]
        while pending:
            ready = next((k for k in range(len(pending)) if _is_ready(pending, k)), None)
            if ready is None:
                blocking = next(k for k in range(len(pending)) if _is_overwritten(pending, k))
                value, target = pending[blocking]
                pending[blocking] = (self.duplicate(value), target)
            else:
                value, target = pending.pop(ready)
                self.emit(ir.Copy(target.array, value.array))

    def duplicate(self, place: Place) -> Place:
        """A copy in fresh memory."""
        array = Array(place.array.dtype, place.array.shape, place.array.name)
        self.emit(allocation(array))
        self.emit(ir.Copy(array, place.array))
        return Place(array, Storage(len(self.frames) - 1))

    # --- loops ---

    def nest(
        self,
        extents: Sequence[Operand],
        body: Callable[[tuple[Register, ...]], None],
        *,
        independent: bool = True,
        reductions: Sequence[ir.Reduction] = (),
        indices: tuple[Register, ...] = (),
    ) -> None:
        """A perfect nest of loops around `body`, which is given the indices."""
        if not extents:
            body(indices)
            return
        index = Register("i64", "ijklmn"[len(indices) % 6])

        def inner() -> None:
            self.nest(extents[1:], body, independent=independent, reductions=reductions, indices=(*indices, index))

        self.loop(index, extents[0], inner, independent=independent, reductions=reductions)

    def loop(
        self,
        index: Register,
        extent: Operand,
        body: Callable[[], None],
        *,
        independent: bool = False,
        reverse: bool = False,
        reductions: Sequence[ir.Reduction] = (),
        nest: object = None,
    ) -> None:
        """One loop; what `body` emits goes inside. Scalar accumulators of outer frames become reductions."""
        record = Loop(index, independent, {r.register: r.op for r in reductions})
        self.loops.append(record)
        with self.collect() as statements:
            body()
        self.loops.pop()
        kind = loop_kind(independent, statements)
        found = tuple(ir.Reduction(register, op) for register, op in record.reductions.items())
        self.emit(ir.For(index, extent, scoped(statements), kind, reverse, found, nest=nest))


def loop_kind(independent: bool, statements: Sequence[Statement]) -> ir.LoopKind:
    """Independent iterations are worth SIMD lanes when there is no loop inside, threads when there is."""
    if not independent:
        return "serial"
    has_loop = any(isinstance(s, ir.For | ir.While) for s in walk(tuple(statements)))
    return "parallel" if has_loop else "vector"


def allocation(array: Array) -> ir.Allocate:
    """Fresh memory for an array, on the stack if it is small."""
    return ir.Allocate(array, "stack" if is_small(array) else "arena")


def scoped(statements: Sequence[Statement]) -> ir.Body:
    """A body that gives its arena memory back, if it takes any."""
    takes = any(isinstance(s, ir.Grow) or (isinstance(s, ir.Allocate) and s.place == "arena") for s in statements)
    return (ir.Scope(tuple(statements)),) if takes else tuple(statements)


def is_small(array: Array) -> bool:
    """Whether the size is literal and fits the stack frame."""
    if not all(isinstance(dim, Literal) for dim in array.shape):
        return False
    count = ITEM_BYTES[array.dtype]
    for dim in array.shape:
        count *= max(0, int(dim.value)) if isinstance(dim, Literal) else 0
    return count <= STACK_BYTES


def zero(dtype: DType) -> Literal:
    return Literal({"bool": False, "f64": 0.0, "f32": 0.0}.get(dtype, 0), dtype)


def _dtype(operand: Operand) -> DType:
    return operand.dtype


def _is_ready(pending: Sequence[tuple[Place, Place]], k: int) -> bool:
    """Whether the target of move `k` is not read by another pending move.

    Its own value may lie in the same storage: sub-arrays of one shape are the same memory or disjoint, because each
    begins at a multiple of its own size.
    """
    target = pending[k][1].storage.root()
    return all(value.storage.root() is not target for j, (value, _) in enumerate(pending) if j != k)


def _is_overwritten(pending: Sequence[tuple[Place, Place]], k: int) -> bool:
    """Whether the value of move `k` lies where some pending move writes."""
    value = pending[k][0].storage.root()
    return any(target.storage.root() is value for _, target in pending)
