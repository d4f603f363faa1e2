"""Registers, arrays and their addresses while a function is being generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from difflang.core.ir import FLOATS, Literal
from difflang.loops.bodies import bodies
from difflang.loops.ir import Allocate, AllocateResult, Array, Body, For, Grow, Operand, Rebind, Register, Reserve, View
from difflang_llvm.text import ITEM_SIZES, MEMORY_TYPES, REGISTER_TYPES, Emitter, literal_text

CACHE_LINE = 64


@dataclass(slots=True)
class Metadata:
    """Numbered metadata nodes of a module."""

    lines: list[str] = field(default_factory=list[str])
    _shared: dict[str, str] = field(default_factory=dict[str, str])

    def shared(self, text: str) -> str:
        """One node for all uses of the same text."""
        if text not in self._shared:
            self._shared[text] = self.add(text)
        return self._shared[text]

    def add(self, text: str) -> str:
        """`{self}` in the text stands for the number of the node itself."""
        name = f"!{len(self.lines)}"
        self.lines.append(f"{name} = {text.replace('{self}', name)}")
        return name


class Homes:
    """Which independent loops an array's memory is local to: iterations may share that memory, so the accesses
    to it are not independent."""

    def __init__(self, body: Body) -> None:
        self._loops: dict[Array, set[For]] = {}
        self._bases: dict[Array, Array] = {}
        self._scan(body, ())

    def _scan(self, body: Body, loops: tuple[For, ...]) -> None:
        for statement in body:
            inner = loops
            match statement:
                case Allocate() | AllocateResult() | Grow() | Reserve():
                    self._loops.setdefault(statement.array, set()).update(loops)
                case Rebind():
                    for target in statement.targets:
                        self._loops.setdefault(target, set()).update(loops)
                case View():
                    self._bases[statement.array] = statement.base
                case For() if statement.kind != "serial":
                    inner = (*loops, statement)
                case _:
                    pass
            for nested in bodies(statement):
                self._scan(nested, inner)

    def is_local(self, array: Array, loop: For) -> bool:
        while array in self._bases:
            array = self._bases[array]
        return loop in self._loops.get(array, ())


class Registers:
    """The values of registers: the name of an immutable one, a stack slot for a mutable one (which LLVM's
    `sroa` turns into phi nodes)."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._names: dict[Register, str] = {}
        self._slots: dict[Register, str] = {}

    def read(self, operand: Operand) -> str:
        if isinstance(operand, Literal):
            return literal_text(operand)
        if operand.mutable:
            return self._emitter.value(f"load {REGISTER_TYPES[operand.dtype]}, ptr {self._slot(operand)}")
        return self._names[operand]

    def write(self, register: Register, text: str) -> None:
        if register.mutable:
            self._emitter.void(f"store {REGISTER_TYPES[register.dtype]} {text}, ptr {self._slot(register)}")
        else:
            self._names[register] = text

    def _slot(self, register: Register) -> str:
        if register not in self._slots:
            self._slots[register] = self._emitter.alloca(REGISTER_TYPES[register.dtype])
        return self._slots[register]


class Memory:
    """Pointers of arrays, addresses of elements, loads and stores with their independence metadata."""

    def __init__(self, emitter: Emitter, registers: Registers, homes: Homes, metadata: Metadata) -> None:
        self._emitter = emitter
        self._registers = registers
        self._homes = homes
        self._metadata = metadata
        self._pointers: dict[Array, str] = {}
        self._groups: dict[tuple[str, ...], str] = {}
        self.loops: list[tuple[For, str]] = []
        """The independent loops around the current statement, each with its access group."""

    def pointer(self, array: Array) -> str:
        if array.mutable:
            return self._emitter.value(f"load ptr, ptr {self._slot(array)}")
        return self._pointers[array]

    def set_pointer(self, array: Array, text: str) -> None:
        if array.mutable:
            self._emitter.void(f"store ptr {text}, ptr {self._slot(array)}")
        else:
            self._pointers[array] = text

    def _slot(self, array: Array) -> str:
        if array not in self._pointers:
            self._pointers[array] = self._emitter.alloca("ptr")
        return self._pointers[array]

    def elements(self, shape: Sequence[Operand], checked: bool = False) -> str:
        """The number of elements, where a dimension below 0 counts as 0.

        `checked`: what does not fit saturates, so that an allocation fails.
        """
        total, known = "1", 1
        for dim in shape:
            if isinstance(dim, Literal):
                known *= max(int(dim.value), 0)
                continue
            size = self._emitter.intrinsic("smax.i64", "i64", ("i64", self._registers.read(dim)), ("i64", "0"))
            total = size if total == "1" else self._times(total, size, checked)
        if total == "1":
            return str(known)
        return total if known == 1 else self._times(total, str(known), checked)

    def _times(self, a: str, b: str, checked: bool) -> str:
        if checked:
            return self._emitter.intrinsic("umul.fix.sat.i64", "i64", ("i64", a), ("i64", b), ("i32", "0"))
        return self._emitter.value(f"mul nuw nsw i64 {a}, {b}")

    def bytes(self, array: Array, shape: Sequence[Operand], checked: bool = False) -> str:
        size = ITEM_SIZES[array.dtype]
        return self.elements([*shape, Literal(size, "i64")], checked)

    def address(self, array: Array, indices: Sequence[Operand]) -> str:
        """The address of `array[indices]`; missing trailing indices are 0.

        Made in the order that costs a loop along the row least: the row, which is the same in all its turns, the index
        in it, and what is a literal, which loads and stores add themselves.
        """
        split = max(array.rank - 1, 0)
        row, more = self._offset(array, indices[:split])
        last = self._registers.read(indices[-1]) if len(indices) > split else "0"
        if last.isdecimal():
            last, more = "0", more + int(last)
        pointer = self.pointer(array)
        for offset in (row, last, str(more)):
            pointer = self._moved(array, pointer, offset)
        return pointer

    def _moved(self, array: Array, pointer: str, offset: str) -> str:
        if offset == "0":
            return pointer
        element = MEMORY_TYPES[array.dtype]
        return self._emitter.value(f"getelementptr inbounds nuw {element}, ptr {pointer}, i64 {offset}")

    def _offset(self, array: Array, indices: Sequence[Operand]) -> tuple[str, int]:
        """The place of an element, in part known: so many elements behind the first, and so many more."""
        offset, more = "0", 0
        for position in range(array.rank):
            if position > 0:
                length = self._registers.read(array.shape[position])
                if not length.isdecimal():
                    offset, more = self._sum(offset, str(more)), 0
                offset, more = self._product(offset, length), more and more * int(length)
            index = self._registers.read(indices[position]) if position < len(indices) else "0"
            if index.isdecimal():
                more += int(index)
            else:
                offset = self._sum(offset, index)
        return offset, more

    def _product(self, left: str, right: str) -> str:
        if "0" in (left, right):
            return "0"
        return left if right == "1" else self._emitter.value(f"mul nuw nsw i64 {left}, {right}")

    def _sum(self, left: str, right: str) -> str:
        if left == "0":
            return right
        return left if right == "0" else self._emitter.value(f"add nuw nsw i64 {left}, {right}")

    def load(self, array: Array, indices: Sequence[Operand]) -> str:
        address = self.address(array, indices)
        value = self._emitter.value(f"load {MEMORY_TYPES[array.dtype]}, ptr {address}{self._independence(array)}")
        return self._emitter.value(f"icmp ne i8 {value}, 0") if array.dtype == "bool" else value

    def store(self, array: Array, indices: Sequence[Operand], value: str) -> None:
        self.store_at(array, self.address(array, indices), value)

    def store_at(self, array: Array, address: str, value: str) -> None:
        if array.dtype == "bool":
            value = self._emitter.value(f"zext i1 {value} to i8")
        self._emitter.void(f"store {MEMORY_TYPES[array.dtype]} {value}, ptr {address}{self._independence(array)}")

    def accumulate(self, array: Array, indices: Sequence[Operand], value: str, apart: Sequence[Register]) -> None:
        address, type_ = self.address(array, indices), MEMORY_TYPES[array.dtype]
        independence = self._independence(array, apart)
        old = self._emitter.value(f"load {type_}, ptr {address}{independence}")
        if array.dtype in FLOATS:
            new = self._emitter.add_float(array.dtype, old, value)
        else:
            new = self._emitter.value(f"add {type_} {old}, {value}")
        self._emitter.void(f"store {type_} {new}, ptr {address}{independence}")

    def _independence(self, array: Array, apart: Sequence[Register] | None = None) -> str:
        """The access groups of the loops whose iterations meet nowhere in the memory of this array.

        With `apart`, iterations of other loops than those with these indices may meet.
        """
        groups = tuple(
            group
            for loop, group in self.loops
            if not self._homes.is_local(array, loop) and (apart is None or loop.index in apart)
        )
        if not groups:
            return ""
        if groups not in self._groups:
            node = groups[0] if len(groups) == 1 else self._metadata.add(f"!{{{', '.join(groups)}}}")
            self._groups[groups] = node
        return f", !llvm.access.group {self._groups[groups]}"
