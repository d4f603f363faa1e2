"""Scheduling of `fold`, `while` and `cond`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from difflang.core.ir import Atom, Block, Eqn, Literal, Type, Var
from difflang.core.ops import carries, integer
from difflang.loops import ir
from difflang.loops.carry import Carry, deliver_rows, enter_carries, finish_carries
from difflang.loops.hints import branch_origins
from difflang.loops.ir import Operand, Register
from difflang.loops.rows import RowCarry, carries_in_rows
from difflang.loops.scheduler import Scheduler, scoped
from difflang.loops.storage import Destination, Place

Row = Callable[[Type], Place]


def fold(s: Scheduler, eqn: Eqn) -> None:
    """A counted loop. Carried scalars are registers, carried arrays are updated in place or take turns."""
    region, k = eqn.regions[0], carries(eqn.attrs)
    extent = s.operand(eqn.args[0])
    rows = carries_in_rows(s, eqn)
    state = enter_carries(s, eqn, eqn.args[1 : 1 + k], rows)
    stacks = [_stack(s, out, rows.values()) for out in eqn.outs[k:]]
    index = Register("i64", region.params[0].name or "i")

    def body() -> None:
        step(s, region, index, state, stacks)

    state.loop(lambda: s.loop(index, extent, body, reverse=bool(eqn.attrs.get("reverse"))))
    for out, value in zip(eqn.outs, [*state.results(), *stacks], strict=True):
        s.bind(out, value)


def _stack(s: Scheduler, out: Var, rows: Iterable[RowCarry]) -> Place:
    """The memory for what a loop stacks."""
    return next((row.stack for row in rows if row.stacked is out), None) or s.destination(out)


def step(s: Scheduler, region: Block, index: Register, state: Carry, stacks: Sequence[Place]) -> None:
    """The body of a `fold` (its first parameter is the index) or `while`: one step, its rows stacked at `index`."""
    params = region.params[len(region.params) - state.count :]
    state.begin(index)
    plan = StackPlan(s, region, index, state, stacks)
    with s.frame(
        region, repeated=True, destinations=[*state.destinations, *plan.rows], kept=plan.kept, after=plan.after
    ):
        for param in region.params[: len(region.params) - state.count]:
            s.scalars[param] = index
        state.bind(params, index)
        for write in plan.first:
            write()
        s.equations(region)
        values = plan.deliver([s.value(result) for result in region.results[: state.count]])
        finish_carries(s, state, values)


class StackPlan:
    """When each stacked value of a loop is written to its row.

    A carry that lies in the stack is there already. A value that exists anyway (another carry, something from outside)
    is copied as soon as it is known, so that its memory may be overwritten afterwards; any other array is made in the
    row.
    """

    def __init__(
        self,
        s: Scheduler,
        region: Block,
        index: Register,
        state: Carry,
        stacks: Sequence[Place],
    ) -> None:
        self.s = s
        self.index = index
        self.rows: list[Destination | None] = []
        self.kept: list[Atom] = list(region.results[: state.count])
        self.first: list[Callable[[], None]] = []
        self.after: dict[Var, list[Callable[[], None]]] = {}
        self._in_rows: list[tuple[Atom, Destination]] = []
        local = {out for eqn in region.eqns for out in eqn.outs} | set(region.params)
        made = {out for eqn in region.eqns for out in eqn.outs if eqn.op not in ("get", "reshape")}
        for atom, stack in zip(region.results[state.count :], stacks, strict=True):
            if stack in state.stacks:
                self.rows.append(None)
                continue
            in_row = bool(atom.type.shape) and atom in made and atom not in self.kept
            row = s.row_destination(stack, (index,), atom.type) if in_row else None
            self.rows.append(row)
            if row:
                self.kept.append(atom)
                self._in_rows.append((atom, row))
            elif isinstance(atom, Var) and atom in local:
                self.after.setdefault(atom, []).append(self._writer(atom, stack))
            else:
                self.first.append(self._writer(atom, stack))

    def _writer(self, atom: Atom, stack: Place) -> Callable[[], None]:
        def write() -> None:
            s = self.s
            if atom.type.shape:
                row = s.view(stack, (self.index,), atom.type)
                s.emit(ir.Copy(row.array, s.place(atom).array))
            else:
                s.emit(ir.Store(stack.array, (self.index,), s.operand(atom)))

        return write

    def deliver(self, carried: Sequence[Operand | Place]) -> list[Operand | Place]:
        """Copies what was to be made in a row but had to be made elsewhere; gives the next values of the carries."""
        return deliver_rows(self.s, [(self.s.place(atom), row.place) for atom, row in self._in_rows], carried)


def while_(s: Scheduler, eqn: Eqn) -> None:
    """A loop with a condition; the stacked values go to growable arrays."""
    (test, region), k = eqn.regions, carries(eqn.attrs)
    count_out, stack_outs = eqn.outs[k], eqn.outs[k + 1 :]
    count = Register("i64", count_out.name or "count", mutable=True)
    s.emit(ir.Assign((count,), (integer(0),)))
    s.scalars[count_out] = count
    state = enter_carries(s, eqn, eqn.args, {})
    stacks = [_growing(s, out) for out in stack_outs]
    state.loop(lambda: _while_loop(s, test, region, count, state, stacks))
    for out, value in zip((*eqn.outs[:k], *stack_outs), [*state.results(), *stacks], strict=True):
        s.bind(out, value)


def _growing(s: Scheduler, out: Var) -> Place:
    place = s.unallocated(out.type, out.name, mutable=True)
    s.emit(ir.Grow(place.array))
    return place


def _while_loop(
    s: Scheduler, test: Block, region: Block, count: Register, state: Carry, stacks: Sequence[Place]
) -> None:
    with s.collect() as condition, s.frame(test, repeated=True):
        state.bind(test.params, count)
        s.equations(test)
        going = s.operand(test.results[0])
    with s.collect() as body:
        if stacks:
            rows = s.apply("add", count, integer(1))
            for stack in stacks:
                s.emit(ir.Reserve(stack.array, rows))
        step(s, region, count, state, stacks)
        s.apply("add", count, integer(1), out=count)
    s.emit(ir.While(scoped(condition), going, scoped(body)))


def cond(s: Scheduler, eqn: Eqn) -> None:
    """Scalars meet in mutable registers; arrays in memory that is, if possible, what a branch updates in place."""
    test = s.operand(eqn.args[0])
    if isinstance(test, Literal) and not any(out.type.shape for out in eqn.outs):
        _only(s, eqn, bool(test.value))
        return
    outs: list[Register | Place] = []
    for k, out in enumerate(eqn.outs):
        if out.type.shape:
            outs.append(_updated_place(s, eqn, k, outs) or s.destination(out))
        else:
            outs.append(Register(out.type.dtype, out.name, mutable=True))
    branches: list[ir.Body] = []
    for holds, region in zip((True, False), eqn.regions, strict=True):
        with s.bounds.assuming(eqn.args[0], holds):
            branches.append(_branch(s, region, outs))
    s.emit(ir.If(test, *branches))
    for out, value in zip(eqn.outs, outs, strict=True):
        s.bind(out, value)


def _only(s: Scheduler, eqn: Eqn, holds: bool) -> None:
    """The branch that is taken, in line, where the condition is known."""
    region = eqn.regions[0 if holds else 1]
    with s.bounds.assuming(eqn.args[0], holds), s.frame(region, repeated=False):
        s.equations(region)
        values = s.operands(region.results)
    s.scalars.update(zip(eqn.outs, values, strict=True))


def _branch(s: Scheduler, region: Block, outs: Sequence[Register | Place]) -> ir.Body:
    destinations = [_fixed(out) if isinstance(out, Place) else None for out in outs]
    with s.collect() as body, s.frame(region, repeated=False, destinations=destinations):
        s.equations(region)
        values = [s.value(result) for result in region.results]
        targets = [out for out in outs if isinstance(out, Place)]
        s.deliver([value for value in values if isinstance(value, Place)], targets)
        registers = tuple(out for out in outs if isinstance(out, Register))
        sources: tuple[Operand, ...] = tuple(value for value in values if not isinstance(value, Place))
        if registers:
            s.emit(ir.Assign(registers, sources))
    return scoped(body)


def _fixed(place: Place) -> Destination:
    return Destination(lambda: place)


def _updated_place(s: Scheduler, eqn: Eqn, k: int, taken: Sequence[Register | Place]) -> Place | None:
    """The memory of an outer array that a branch updates or passes on, if nothing needs that array afterwards."""
    others = {place.storage.root() for place in taken if isinstance(place, Place)}
    for base in branch_origins(eqn, k):
        place = s.places.get(base)
        if place is None or base.type.rank != eqn.outs[k].type.rank:
            continue
        if place.storage.root() not in others and not s.needed(place.storage):
            return place
    return None
