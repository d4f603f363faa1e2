"""The carried values of sequential loops: registers, and arrays that are updated in place or take turns.

A carried array has a slot, a pointer to the present value. The next value is made over the present one where
that is safe; otherwise in a spare buffer, which has a slot too. At the end of a step the pointers of the
slots are permuted (`Rebind`), so that each slot of a carry points to its next value: swaps of carries, and the
rotation (u, v) -> (v, f(u, v)), move no elements. Small arrays are copied instead, which keeps them in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from difflang.core.ir import Atom, Eqn, Type, Var
from difflang.core.ops import same_dim
from difflang.loops import ir
from difflang.loops.ir import Array, Operand, Register, Statement
from difflang.loops.lower_arrays import owned
from difflang.loops.rows import RowCarry
from difflang.loops.scheduler import Scheduler, allocation, is_small
from difflang.loops.storage import CarryDestination, Destination, Place, Storage


@dataclass(eq=False, slots=True)
class Slot:
    """A pointer that the loop may permute, and the memory that it points to at first."""

    array: Array
    memory: Place


class ArrayCarry:
    """One carried array; `preheader` takes what has to stand before the loop."""

    def __init__(self, s: Scheduler, out: Var, start: Place, preheader: list[Statement]) -> None:
        self.s = s
        self.type = out.type
        self.start = start
        self.preheader = preheader
        self.slots = [self._slot(start)]
        # The storages as the body of the loop sees them: one level further in.
        self.storages = [Storage(len(s.frames))]
        self.destination = CarryDestination(Place(self.slots[0].array, self.storages[0]), self.add_spare)

    def _slot(self, memory: Place) -> Slot:
        return Slot(self.s.array(self.type, memory.array.name), memory)

    def add_spare(self) -> Place:
        """A further buffer of the same shape, allocated before the loop."""
        array = self.s.array(self.type, "spare")
        self.preheader.append(allocation(array))
        slot = self._slot(Place(array, self.start.storage))
        self.slots.append(slot)
        self.storages.append(Storage(self.storages[0].level))
        return Place(slot.array, self.storages[-1])

    @property
    def permuted(self) -> bool:
        return self.slots[0].array.mutable

    def result(self) -> Place:
        """Where the last value is after the loop."""
        return Place(self.slots[0].array, self.start.storage) if self.permuted else self.start


Carried = Register | ArrayCarry | RowCarry


@dataclass(eq=False, slots=True)
class Carry:
    """All carried values of a loop, in order."""

    s: Scheduler
    values: list[Carried] = field(default_factory=list["Carried"])
    preheader: list[Statement] = field(default_factory=list[Statement])

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def destinations(self) -> list[Destination | None]:
        return [None if isinstance(value, Register) else value.destination for value in self.values]

    @property
    def stacks(self) -> list[Place]:
        """Memory in which carries lie and are stacked by that."""
        return [value.stack for value in self.values if isinstance(value, RowCarry)]

    def begin(self, index: Register) -> None:
        """Before the frame of a step."""
        for value in self.values:
            if isinstance(value, RowCarry):
                value.begin(index)

    def bind(self, params: Sequence[Var], index: Register) -> None:
        """Binds the parameters of a region (inside its frame) to the present values."""
        for param, value in zip(params, self.values, strict=True):
            self.s.bind(param, _present(value, index))

    def loop(self, make: Callable[[], None]) -> None:
        """Emits the loop that `make` makes, after what allocates and sets the slots."""
        with self.s.collect() as made:
            make()
        arrays = [value for value in self.values if isinstance(value, ArrayCarry)]
        slots = [_set_slot(slot) for array in arrays for slot in array.slots]
        self.s.statements.extend([*self.preheader, *slots, *made])

    def results(self) -> list[Operand | Place]:
        return [value if isinstance(value, Register) else value.result() for value in self.values]


def _present(value: Carried, index: Register) -> Operand | Place:
    if isinstance(value, RowCarry):
        return value.present(index)
    return value.destination.place if isinstance(value, ArrayCarry) else value


def _set_slot(slot: Slot) -> Statement:
    if slot.array.mutable:
        return ir.Rebind((slot.array,), (slot.memory.array,))
    return ir.View(slot.array, slot.memory.array)


def enter_carries(s: Scheduler, eqn: Eqn, inits: Sequence[Atom], in_rows: Mapping[int, RowCarry]) -> Carry:
    """Registers and memory with the initial values; `in_rows` are those that have it already."""
    state = Carry(s)
    scalars: list[tuple[Register, Operand]] = []
    params = eqn.regions[-1].params[-len(inits) :] if inits else ()
    for k, (init, out, param) in enumerate(zip(inits, eqn.outs, params, strict=False)):
        if k in in_rows:
            state.values.append(in_rows[k])
        elif out.type.shape:
            others = (*inits[:k], *inits[k + 1 :])
            state.values.append(ArrayCarry(s, out, owned(s, eqn, init, out, others), state.preheader))
        else:
            register = Register(out.type.dtype, param.name, mutable=True)
            scalars.append((register, s.operand(init)))
            state.values.append(register)
    if scalars:
        s.emit(ir.Assign(tuple(r for r, _ in scalars), tuple(v for _, v in scalars)))
    return state


def deliver_rows(
    s: Scheduler, rows: Sequence[tuple[Place, Place]], values: Sequence[Operand | Place]
) -> list[Operand | Place]:
    """Copies values to rows (pairs of both); gives the other `values` of a step, of which none is overwritten by that.

    A loop in which carries take turns may have left another value in the memory of a row.
    """
    written = {row.storage.root() for value, row in rows if value.array is not row.array}
    safe = [s.duplicate(v) if isinstance(v, Place) and v.storage.root() in written else v for v in values]
    s.deliver([value for value, _ in rows], [row for _, row in rows])
    return safe


def finish_carries(s: Scheduler, state: Carry, values: Sequence[Operand | Place]) -> None:
    """The end of a step: every row and slot gets its next value, then the registers, all at once."""
    rows = [
        (value, carry.destination.place)
        for carry, value in zip(state.values, values, strict=True)
        if isinstance(carry, RowCarry) and isinstance(value, Place)
    ]
    values = deliver_rows(s, rows, values)
    pairs = [
        (carry, value)
        for carry, value in zip(state.values, values, strict=True)
        if isinstance(carry, ArrayCarry) and isinstance(value, Place)
    ]
    _Permutation(s, [carry for carry, _ in pairs], [value for _, value in pairs]).emit()
    moves = [
        (carry, value)
        for carry, value in zip(state.values, values, strict=True)
        if isinstance(carry, Register) and not isinstance(value, Place) and carry is not value
    ]
    if moves:
        s.emit(ir.Assign(tuple(r for r, _ in moves), tuple(v for _, v in moves)))


class _Permutation:
    """Which slot holds the next value of each carry. Values that are in no slot are copied to a free one first."""

    def __init__(self, s: Scheduler, carries: Sequence[ArrayCarry], values: Sequence[Place]) -> None:
        self.s = s
        self.carries = carries
        self.values = values
        self.claimed: dict[Array, ArrayCarry] = {}
        self.next: dict[ArrayCarry, Array] = {}

    def emit(self) -> None:
        for carry, value in zip(self.carries, self.values, strict=True):
            self._claim(carry, value)
        for carry, value in zip(self.carries, self.values, strict=True):
            if carry not in self.next:
                self._copy(carry, value)
        moved = [carry for carry in self.carries if self.next[carry] is not carry.slots[0].array]
        self._copy_back([carry for carry in moved if is_small(carry.slots[0].array)])
        self._rebind([carry for carry in moved if not is_small(carry.slots[0].array)])

    def _claim(self, carry: ArrayCarry, value: Place) -> None:
        """Takes the slot in which the value already is, if its kind fits and no other carry has it."""
        for owner in self.carries:
            fits = _same_type(owner.type, carry.type)
            if fits and any(slot.array is value.array for slot in owner.slots) and value.array not in self.claimed:
                self.claimed[value.array] = carry
                self.next[carry] = value.array

    def _copy(self, carry: ArrayCarry, value: Place) -> None:
        """Copies to a slot of the carry whose content nothing needs any more."""
        read = {v.storage.root() for v in self.values}
        free = (
            slot.array
            for slot, storage in zip(carry.slots, carry.storages, strict=True)
            if slot.array not in self.claimed and storage.root() not in read
        )
        target = next(free, None) or carry.add_spare().array
        self.s.emit(ir.Copy(target, value.array))
        self.claimed[target] = carry
        self.next[carry] = target

    def _copy_back(self, moved: Sequence[ArrayCarry]) -> None:
        """Copies the next values over the present ones; those that would be overwritten too early go aside first."""
        present = {carry.slots[0].array for carry in moved}
        for carry in moved:
            if self.next[carry] in present:
                aside = carry.add_spare().array
                self.s.emit(ir.Copy(aside, self.next[carry]))
                self.next[carry] = aside
        for carry in moved:
            self.s.emit(ir.Copy(carry.slots[0].array, self.next[carry]))

    def _rebind(self, moved: Sequence[ArrayCarry]) -> None:
        """Permutes the pointers: the slots that are left over get the buffers that are left over."""
        targets = [carry.slots[0].array for carry in moved]
        sources = [self.next[carry] for carry in moved]
        given = set(sources)
        left = [array for array in targets if array not in given]
        losers = [array for array in sources if array not in set(targets)]
        pairs = list(zip(targets, sources, strict=True))
        for array in losers:
            match = next(a for a in left if _same_array(a, array))
            left.remove(match)
            pairs.append((array, match))
        for target, _ in pairs:
            target.mutable = True
        if not pairs:
            return
        self.s.emit(ir.Rebind(tuple(t for t, _ in pairs), tuple(v for _, v in pairs)))
        for carry in moved:
            self._merge(carry)

    def _merge(self, carry: ArrayCarry) -> None:
        """After the loop a permuted carry may lie in the memory of any carry whose slots it went through."""
        for other in self.carries:
            if _same_type(other.type, carry.type) and other.permuted:
                carry.start.storage.merge(other.start.storage)


def _same_array(one: Array, other: Array) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape


def _same_type(one: Type, other: Type) -> bool:
    same = one.dtype == other.dtype and one.rank == other.rank
    return same and all(same_dim(a, b) for a, b in zip(one.shape, other.shape, strict=True))
