"""Memory that a function takes: the arena, the stack, the heap; copies and fills."""

from __future__ import annotations

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.ir import Array, Body
from difflang.loops.scopes import own_statements
from difflang_llvm import runtime
from difflang_llvm.exits import Exits
from difflang_llvm.layout import OUT_OF_MEMORY, Interface
from difflang_llvm.memory import CACHE_LINE, Memory, Registers
from difflang_llvm.text import MEMORY_TYPES, Emitter, literal_text

ARENA_FIELDS = (("ptr", 0), ("i64", 8), ("i64", 16))
"""What of the arena is saved and restored (see `runtime.ll`)."""

ZEROS = frozenset({"0", "false", literal_text(Literal(0.0, "f64"))})
"""The texts of literals all of whose bits are 0."""

LIMIT = 32
"""The place in the arena of the bytes that chunks may still take; 0 without a limit."""

ARENA = "{ptr, i64, i64, ptr, i64}"

Marks = list[tuple[str, str, str]]


def new_arena(emitter: Emitter) -> str:
    """An empty arena."""
    arena = emitter.alloca(ARENA)
    emitter.void(f"store {ARENA} zeroinitializer, ptr {arena}")
    return arena


class Allocation:
    """Growable arrays have a slot {pointer, capacity} on the stack, empty while there is no array."""

    def __init__(self, emitter: Emitter, registers: Registers, memory: Memory, exits: Exits) -> None:
        self._emitter = emitter
        self._registers = registers
        self._memory = memory
        self._exits = exits
        self._growable: dict[Array, str] = {}

    def limit(self, statement: ir.Limit) -> None:
        place = self._emitter.value(f"getelementptr i8, ptr %arena, i64 {LIMIT}")
        self._emitter.void(f"store i64 {self._registers.read(statement.bytes)}, ptr {place}")

    def allocate(self, statement: ir.Allocate) -> None:
        array = statement.array
        if statement.place == "stack":
            element, count = MEMORY_TYPES[array.dtype], self._memory.elements(array.shape)
            self._memory.set_pointer(array, self._emitter.alloca(f"[{count} x {element}]", CACHE_LINE))
            return
        size = self._memory.bytes(array, array.shape, checked=True)
        allocate = runtime.function("allocate", self._emitter.needs)
        pointer = self._emitter.value(f"call noalias align 64 ptr {allocate}(ptr %arena, i64 {size})")
        self._refuse_null(pointer)
        self._memory.set_pointer(array, pointer)

    def _refuse_null(self, pointer: str) -> None:
        self._exits.leave_if(self._emitter.value(f"icmp eq ptr {pointer}, null"), OUT_OF_MEMORY)

    def allocate_result(self, statement: ir.AllocateResult, interface: Interface) -> None:
        array, slot = statement.array, interface.results[statement.position]
        size = self._memory.bytes(array, array.shape, checked=True)
        heap = runtime.function("heap", self._emitter.needs)
        pointer = self._emitter.value(f"call noalias align 16 ptr {heap}(i64 {size})")
        self._refuse_null(pointer)
        self._emitter.void(f"store ptr {pointer}, ptr {self._exits.slot_address(slot.slot)}")
        self._memory.set_pointer(array, pointer)

    def grow(self, statement: ir.Grow) -> None:
        self._growable[statement.array] = self._emitter.alloca("{ptr, i64}")
        self._memory.set_pointer(statement.array, "null")

    def reserve(self, statement: ir.Reserve) -> None:
        array = statement.array
        slot = self._growable[array]
        size = self._memory.bytes(array, (statement.rows, *array.shape[1:]), checked=True)
        reserve = runtime.function("reserve", self._emitter.needs)
        done = self._emitter.value(f"call i1 {reserve}(ptr {slot}, i64 {size})")
        self._exits.leave_if(self._emitter.value(f"xor i1 {done}, true"), OUT_OF_MEMORY)
        self._memory.set_pointer(array, self._emitter.value(f"load ptr, ptr {slot}"))

    def initial_stores(self) -> list[str]:
        """At the start of the function: no growable array has memory yet."""
        return [f"  store {{ptr, i64}} zeroinitializer, ptr {slot}" for slot in self._growable.values()]

    def drops(self) -> list[str]:
        """Frees all growable arrays."""
        return [self._drop(slot) for slot in self._growable.values()]

    def _drop(self, slot: str) -> str:
        return f"call void {runtime.function('drop', self._emitter.needs)}(ptr {slot})"

    def enter(self, body: Body) -> Marks:
        """The state of the arena before a scope; nothing where the scope takes nothing from it."""
        uses_arena = any(isinstance(s, ir.Allocate) and s.place == "arena" for s in own_statements(body))
        e, marks = self._emitter, Marks()
        for type_, offset in ARENA_FIELDS if uses_arena else ():
            place = e.value(f"getelementptr i8, ptr %arena, i64 {offset}")
            marks.append((type_, place, e.value(f"load {type_}, ptr {place}")))
        return marks

    def leave(self, body: Body, marks: Marks) -> None:
        for type_, place, value in marks:
            self._emitter.void(f"store {type_} {value}, ptr {place}")
        for statement in own_statements(body):
            if isinstance(statement, ir.Grow):
                self._emitter.void(self._drop(self._growable[statement.array]))

    def copy(self, statement: ir.Copy) -> None:
        target, source = self._memory.pointer(statement.target), self._memory.pointer(statement.source)
        size = self._memory.bytes(statement.target, statement.target.shape)
        self._emitter.needs.intrinsics["declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"] = None
        self._emitter.void(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)")

    def fill(self, statement: ir.Fill) -> None:
        value = self._registers.read(statement.value)
        if value in ZEROS:
            self._clear(statement.array)
            return
        count = self._memory.elements(statement.array.shape)
        pointer, element = self._memory.pointer(statement.array), MEMORY_TYPES[statement.array.dtype]
        with self._emitter.counted(count) as index:
            address = self._emitter.value(f"getelementptr inbounds nuw {element}, ptr {pointer}, i64 {index}")
            self._memory.store_at(statement.array, address, value)

    def _clear(self, array: Array) -> None:
        """Zeros are bytes of 0, which is what LLVM would find out about the loop."""
        pointer, size = self._memory.pointer(array), self._memory.bytes(array, array.shape)
        self._emitter.needs.intrinsics["declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"] = None
        self._emitter.void(f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 0, i64 {size}, i1 false)")
