"""Loops to LLVM assembly: one module for each program.

The module has an exported `difflang_entry(frame) -> i32`, which unpacks the frame (see `layout`) and calls
`dl.body`, whose pointer parameters are `noalias`: together with allocations that return `noalias` pointers this
tells LLVM all that Loops promises about overlap. The status returned is 0, or the number (from 1) of the check
that failed, or one of the negative codes below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from difflang.core.ir import DType, Literal
from difflang.loops import ir
from difflang.loops.ir import Array, Body, Program, Register
from difflang_llvm import kernels
from difflang_llvm.layout import FIRST_FAILURE_SLOT, HOST_FAILED, CheckRecord, HostRecord, Interface, plan
from difflang_llvm.math.library import INLINED
from difflang_llvm.memory import CACHE_LINE, Homes, Memory, Metadata, Registers
from difflang_llvm.module import assemble
from difflang_llvm.primitives import LOWERINGS, Operation
from difflang_llvm.text import MEMORY_TYPES, REGISTER_TYPES, Emitter, Needs

OUT_OF_MEMORY = -1
VECTORS_IN_REDUCTIONS = 4


@dataclass(frozen=True, slots=True)
class Module:
    """The text, what the host must know to call it, and the functions of the library that it uses."""

    text: str
    interface: Interface
    units: tuple[tuple[str, DType], ...]


def generate(program: Program) -> Module:
    generator = Generator(program)
    generator.run()
    units = tuple(unit for unit in generator.needs.functions if unit[0] not in INLINED)
    return Module(generator.module_text(), generator.interface, units)


class Generator:
    """Walks a program once. `_failures` collects the blocks that leave early, with their status."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.interface = plan(program)
        self.needs = Needs()
        self.emitter = Emitter(self.needs)
        self.metadata = Metadata()
        self.registers = Registers(self.emitter)
        self.memory = Memory(self.emitter, self.registers, Homes(program.body), self.metadata)
        self._failures: list[tuple[str, str]] = []
        self._deferred: list[str] = []
        self._reductions: list[Register] = []
        self._growable: dict[Array, str] = {}
        self._unlikely = self.metadata.add('!{!"branch_weights", i32 1048576, i32 1}')

    # --- the function ---

    def run(self) -> None:
        for k, param in enumerate(self.program.params):
            if isinstance(param, Array):
                self.memory.set_pointer(param, f"%p{k}")
            else:
                self.registers.write(param, f"%p{k}")
        for k, result in enumerate(self.program.results):
            if result.provided and isinstance(result.value, Array):
                self.memory.set_pointer(result.value, f"%r{k}")
        self.body(self.program.body)
        self._store_results()
        self._finish()

    def _slot_address(self, slot: int) -> str:
        return self.emitter.value(f"getelementptr i8, ptr %frame, i64 {8 * slot}")

    def _store_results(self) -> None:
        for slot, result in zip(self.interface.results, self.program.results, strict=True):
            if isinstance(result.value, Array):
                if slot.rank is not None:
                    for axis, dim in enumerate(result.value.shape):
                        text = self.registers.read(dim)
                        self.emitter.void(f"store i64 {text}, ptr {self._slot_address(slot.slot + 1 + axis)}")
            else:
                self._store_scalar(result.value, self._slot_address(slot.slot))

    def _store_scalar(self, operand: ir.Operand, address: str) -> None:
        text = self.registers.read(operand)
        if operand.dtype == "bool":
            text = self.emitter.value(f"zext i1 {text} to i8")
        self.emitter.void(f"store {MEMORY_TYPES[operand.dtype]} {text}, ptr {address}")

    def _finish(self) -> None:
        """The exit block: frees what grows on the heap and returns the status."""
        entries = [f"[ 0, %{self.emitter.block} ]", *(f"[ {status}, %{label} ]" for label, status in self._failures)]
        self.emitter.jump("exit")
        self.emitter.lines.extend(self._deferred)
        self.emitter.label("exit")
        status = self.emitter.value(f"phi i32 {', '.join(entries)}")
        for slot in self._growable.values():
            self.emitter.void(f"call void @dl.drop(ptr {slot})")
        self.emitter.void(f"ret i32 {status}")

    def module_text(self) -> str:
        parameters = ["ptr noalias %frame", "ptr noalias %arena"]
        for k, param in enumerate(self.program.params):
            kind = "ptr noalias readonly captures(none)" if isinstance(param, Array) else REGISTER_TYPES[param.dtype]
            parameters.append(f"{kind} %p{k}")
        parameters += [f"ptr noalias %r{k}" for k, result in enumerate(self.program.results) if result.provided]
        header = f"define internal i32 @dl.body({', '.join(parameters)}) #0 {{\nentry:"
        start = ["  br label %start", "start:"]
        body = "\n".join([header, *self.emitter.allocas, *self._growable_zeros(), *start, *self.emitter.lines, "}"])
        return assemble([self._entry_text(), body], self.needs, self.metadata.lines)

    def _growable_zeros(self) -> list[str]:
        return [f"  store {{ptr, i64}} zeroinitializer, ptr {slot}" for slot in self._growable.values()]

    def _entry_text(self) -> str:
        entry = Emitter(self.needs)
        arena = entry.alloca("{ptr, i64, i64, ptr}")
        entry.void(f"store {{ptr, i64, i64, ptr}} zeroinitializer, ptr {arena}")
        operands = ["ptr %frame", f"ptr {arena}"]
        slots = list(self.interface.params)
        slots += [s for s, r in zip(self.interface.results, self.program.results, strict=True) if r.provided]
        for slot in slots:
            address = entry.value(f"getelementptr i8, ptr %frame, i64 {8 * slot.slot}")
            type_ = MEMORY_TYPES[slot.dtype] if slot.shape is None else "ptr"
            value = entry.value(f"load {type_}, ptr {address}")
            if slot.shape is None and slot.dtype == "bool":
                type_, value = "i1", entry.value(f"trunc i8 {value} to i1")
            operands.append(f"{type_} {value}")
        status = entry.value(f"call i32 @dl.body({', '.join(operands)})")
        entry.void(f"call void @dl.release_all(ptr {arena})")
        entry.void(f"ret i32 {status}")
        return "\n".join(["define i32 @difflang_entry(ptr %frame) #0 {", *entry.allocas, *entry.lines, "}"])

    # --- statements ---

    def body(self, statements: Body) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, statement: ir.Statement) -> None:
        match statement:
            case ir.Apply():
                self._apply(statement)
            case ir.Assign():
                sources = [self.registers.read(s) for s in statement.sources]
                for target, text in zip(statement.targets, sources, strict=True):
                    self.registers.write(target, text)
            case ir.Load():
                self.registers.write(statement.out, self.memory.load(statement.array, statement.indices))
            case ir.Store():
                self.memory.store(statement.array, statement.indices, self.registers.read(statement.value))
            case ir.Accumulate():
                value = self.registers.read(statement.value)
                self.memory.accumulate(statement.array, statement.indices, value, statement.shared)
            case ir.For():
                self._for(statement)
            case ir.While():
                self._while(statement)
            case ir.If():
                self._if(statement)
            case ir.Scope():
                self._scope(statement)
            case ir.Check():
                self._check(statement)
            case ir.HostCall():
                self._host_call(statement)
            case ir.Kernel():
                self._kernel(statement)
            case _:
                self._memory_statement(statement)

    def _memory_statement(self, statement: ir.Statement) -> None:
        match statement:
            case ir.Allocate():
                self._allocate(statement)
            case ir.AllocateResult():
                self._allocate_result(statement)
            case ir.View():
                self.memory.set_pointer(statement.array, self.memory.address(statement.base, statement.indices))
            case ir.Rebind():
                sources = [self.memory.pointer(s) for s in statement.sources]
                for target, text in zip(statement.targets, sources, strict=True):
                    self.memory.set_pointer(target, text)
            case ir.Grow():
                self._growable[statement.array] = self.emitter.alloca("{ptr, i64}")
                self.memory.set_pointer(statement.array, "null")
            case ir.Reserve():
                self._reserve(statement)
            case ir.Copy():
                self._copy(statement)
            case ir.Fill():
                self._fill(statement)
            case _:
                raise AssertionError(f"unknown statement {type(statement).__name__}")

    def _apply(self, statement: ir.Apply) -> None:
        args = statement.args
        operation = Operation(
            self.emitter,
            tuple(self.registers.read(a) for a in args),
            tuple(a.dtype for a in args),
            statement.attrs,
            tuple(a.value if isinstance(a, Literal) else None for a in args),
            statement.out in self._reductions,
        )
        self.registers.write(statement.out, LOWERINGS[statement.primitive](operation))

    # --- memory ---

    def _allocate(self, statement: ir.Allocate) -> None:
        array = statement.array
        if statement.place == "stack":
            count = self.memory.elements(array.shape)
            self.memory.set_pointer(array, self.emitter.alloca(f"[{count} x {MEMORY_TYPES[array.dtype]}]", CACHE_LINE))
            return
        size = self.memory.bytes(array, array.shape, checked=True)
        pointer = self.emitter.value(f"call noalias align 64 ptr @dl.allocate(ptr %arena, i64 {size})")
        self._fail_if(self.emitter.value(f"icmp eq ptr {pointer}, null"), OUT_OF_MEMORY)
        self.memory.set_pointer(array, pointer)

    def _allocate_result(self, statement: ir.AllocateResult) -> None:
        array, slot = statement.array, self.interface.results[statement.position]
        size = self.memory.bytes(array, array.shape, checked=True)
        pointer = self.emitter.value(f"call noalias align 16 ptr @dl.heap(i64 {size})")
        self._fail_if(self.emitter.value(f"icmp eq ptr {pointer}, null"), OUT_OF_MEMORY)
        self.emitter.void(f"store ptr {pointer}, ptr {self._slot_address(slot.slot)}")
        self.memory.set_pointer(array, pointer)

    def _reserve(self, statement: ir.Reserve) -> None:
        array = statement.array
        slot = self._growable[array]
        size = self.memory.bytes(array, (statement.rows, *array.shape[1:]), checked=True)
        done = self.emitter.value(f"call i1 @dl.reserve(ptr {slot}, i64 {size})")
        self._fail_if(self.emitter.value(f"xor i1 {done}, true"), OUT_OF_MEMORY)
        self.memory.set_pointer(array, self.emitter.value(f"load ptr, ptr {slot}"))

    def _copy(self, statement: ir.Copy) -> None:
        target, source = self.memory.pointer(statement.target), self.memory.pointer(statement.source)
        size = self.memory.bytes(statement.target, statement.target.shape)
        self.needs.intrinsics["declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"] = None
        self.emitter.void(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)")

    def _fill(self, statement: ir.Fill) -> None:
        value, count = self.registers.read(statement.value), self.memory.elements(statement.array.shape)
        pointer, element = self.memory.pointer(statement.array), MEMORY_TYPES[statement.array.dtype]
        with self.emitter.counted(count) as index:
            address = self.emitter.value(f"getelementptr inbounds nuw {element}, ptr {pointer}, i64 {index}")
            self.memory.store_at(statement.array, address, value)

    def _scope(self, statement: ir.Scope) -> None:
        """Saves the first three fields of the arena and restores them; drops what has grown inside."""
        uses_arena = any(isinstance(s, ir.Allocate) and s.place == "arena" for s in _own_statements(statement.body))
        fields = [("ptr", 0), ("i64", 8), ("i64", 16)] if uses_arena else []
        places = [self.emitter.value(f"getelementptr i8, ptr %arena, i64 {offset}") for _, offset in fields]
        saved = [self.emitter.value(f"load {t}, ptr {p}") for (t, _), p in zip(fields, places, strict=True)]
        self.body(statement.body)
        for (type_, _), place, value in zip(fields, places, saved, strict=True):
            self.emitter.void(f"store {type_} {value}, ptr {place}")
        for inner in _own_statements(statement.body):
            if isinstance(inner, ir.Grow):
                self.emitter.void(f"call void @dl.drop(ptr {self._growable[inner.array]})")

    # --- control ---

    def _for(self, loop: ir.For) -> None:
        count = self.registers.read(loop.extent)
        metadata = self._loop_metadata(loop)
        reducing = len(self._reductions)
        self._reductions += [r.register for r in loop.reductions]
        with self.emitter.counted(count, metadata) as index:
            if loop.reverse:
                last = self.emitter.value(f"sub nsw i64 {count}, 1")
                index = self.emitter.value(f"sub nuw nsw i64 {last}, {index}")
            self.registers.write(loop.index, index)
            self.body(loop.body)
        del self._reductions[reducing:]
        if loop.kind != "serial":
            self.memory.loops.pop()

    def _loop_metadata(self, loop: ir.For) -> str:
        """Enters an independent loop with its access group; gives the hints on the branch back.

        Loops of unknown length are not unrolled: that doubles the time to compile and gains next to nothing. Several
        vectors side by side pay where a sum has to wait for itself, unless the next one can begin meanwhile.
        """
        waits = bool(loop.reductions) and not self.memory.loops
        hints = [self.metadata.shared('!{!"llvm.loop.unroll.runtime.disable"}')]
        if loop.kind != "serial":
            group = self.metadata.add("distinct !{}")
            self.memory.loops.append((loop, group))
            hints.append(self.metadata.add(f'!{{!"llvm.loop.parallel_accesses", {group}}}'))
        side_by_side = VECTORS_IN_REDUCTIONS if waits else 1
        hints.append(self.metadata.shared(f'!{{!"llvm.loop.interleave.count", i32 {side_by_side}}}'))
        listed = ", ".join(["{self}", *hints])
        node = self.metadata.add(f"distinct !{{{listed}}}")
        return f", !llvm.loop {node}"

    def _while(self, statement: ir.While) -> None:
        e = self.emitter
        test, body, after = e.fresh("test"), e.fresh("body"), e.fresh("after")
        e.jump(test)
        e.label(test)
        self.body(statement.condition)
        e.branch(self.registers.read(statement.test), body, after)
        e.label(body)
        self.body(statement.body)
        e.jump(test)
        e.label(after)

    def _if(self, statement: ir.If) -> None:
        e = self.emitter
        then, otherwise, after = e.fresh("then"), e.fresh("else"), e.fresh("after")
        e.branch(self.registers.read(statement.test), then, otherwise)
        e.label(then)
        self.body(statement.then)
        e.jump(after)
        e.label(otherwise)
        self.body(statement.otherwise)
        e.jump(after)
        e.label(after)

    # --- failures and the host ---

    def _fail_if(self, condition: str, status: int, values: Sequence[ir.Operand] = ()) -> None:
        """Leaves the function with this status if the condition holds; the values go to the frame."""
        e = self.emitter
        good, bad = e.fresh("good"), e.fresh("bad")
        e.branch(condition, bad, good, f", !prof {self._unlikely}")
        main, e.lines = e.lines, self._deferred
        e.label(bad)
        for k, value in enumerate(values):
            self._store_scalar(value, self._slot_address(FIRST_FAILURE_SLOT + k))
        e.jump("exit")
        e.lines = main
        self._failures.append((bad, str(status)))
        e.label(good)

    def _check(self, statement: ir.Check) -> None:
        values = statement.values
        self.interface.checks.append(CheckRecord(statement.site, tuple(v.dtype for v in values)))
        status = len(self.interface.checks)
        wrong = self.emitter.value(f"xor i1 {self.registers.read(statement.condition)}, true")
        self._fail_if(wrong, status, values)

    def _host_call(self, statement: ir.HostCall) -> None:
        """Packs arguments and outputs into slots (an array is its pointer and dimensions) and calls back."""
        e = self.emitter
        call = len(self.interface.host_calls)
        self.interface.host_calls.append(
            HostRecord(statement.site, tuple(map(_kind, statement.args)), tuple(map(_kind, statement.outs)))
        )
        width = sum(1 if isinstance(v, (Register, Literal)) else 1 + v.rank for v in (*statement.args, *statement.outs))
        slots = e.alloca(f"[{max(width, 1)} x i64]")
        places = self._pack(slots, statement)
        callback = e.value("load ptr, ptr %frame")
        status = e.value(f"call i32 {callback}(i64 {call}, ptr {slots})")
        self._fail_if(e.value(f"icmp ne i32 {status}, 0"), HOST_FAILED)
        for out, place in places:
            type_ = MEMORY_TYPES[out.dtype]
            value = e.value(f"load {type_}, ptr {place}")
            self.registers.write(out, e.value(f"trunc i8 {value} to i1") if out.dtype == "bool" else value)

    def _pack(self, slots: str, statement: ir.HostCall) -> list[tuple[Register, str]]:
        """Stores the arguments; gives the outputs that are registers, with their places."""
        e, position = self.emitter, 0
        places: list[tuple[Register, str]] = []
        for k, value in enumerate((*statement.args, *statement.outs)):
            place = e.value(f"getelementptr i8, ptr {slots}, i64 {8 * position}")
            position += 1
            if isinstance(value, Array):
                e.void(f"store ptr {self.memory.pointer(value)}, ptr {place}")
                for dim in value.shape:
                    place = e.value(f"getelementptr i8, ptr {slots}, i64 {8 * position}")
                    e.void(f"store i64 {self.registers.read(dim)}, ptr {place}")
                    position += 1
            elif k < len(statement.args):
                self._store_scalar(value, place)
            else:
                assert isinstance(value, Register)
                places.append((value, place))
        return places

    def _kernel(self, statement: ir.Kernel) -> None:
        """A routine of `kernels`; its status is 0, the number of a failure, or that there is no memory."""
        status = kernels.call(statement, self.emitter, self.memory, self.registers)
        self._fail_if(self.emitter.value(f"icmp eq i64 {status}, {kernels.NO_MEMORY}"), OUT_OF_MEMORY)
        if statement.site is not None:
            self.interface.checks.append(CheckRecord(statement.site, ()))
            self._fail_if(self.emitter.value(f"icmp ne i64 {status}, 0"), len(self.interface.checks))


def _kind(value: ir.Value) -> tuple[ir.DType, int | None]:
    return (value.dtype, value.rank if isinstance(value, Array) else None)


def _own_statements(body: Body) -> Iterator[ir.Statement]:
    """The statements inside a scope that are not inside a further scope."""
    for statement in body:
        yield statement
        if not isinstance(statement, ir.Scope):
            for inner in ir.bodies(statement):
                yield from _own_statements(inner)
