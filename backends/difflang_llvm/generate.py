"""Loops to LLVM assembly: one module for each program.

The module has an exported `difflang_entry(frame) -> i32`, which unpacks the frame (see `layout`) and calls
`dl.body`, whose pointer parameters are `noalias`: together with allocations that return `noalias` pointers this
tells LLVM all that Loops promises about overlap. The status returned is 0, or the number (from 1) of the check
that failed, or one of the negative codes of `layout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from difflang.backend.lowering import no_lowering
from difflang.core.ir import DType, Literal
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.ir import Array, Body, Program, Register
from difflang.watch import stage
from difflang_llvm import parts, runtime
from difflang_llvm.allocation import Allocation, new_arena
from difflang_llvm.calls import Calls
from difflang_llvm.common import Common
from difflang_llvm.exits import Exits
from difflang_llvm.layout import INTERRUPT_SLOT, PREFERS_THREADS, THREADS_SLOT, Interface
from difflang_llvm.math import library
from difflang_llvm.math.library import INLINED
from difflang_llvm.memory import Memory, Registers
from difflang_llvm.module import assemble
from difflang_llvm.pairs import Pairs
from difflang_llvm.parts import Function
from difflang_llvm.primitives import LOWERINGS, Operation
from difflang_llvm.text import MEMORY_TYPES, REGISTER_TYPES, Emitter, constant_array

VECTORS_IN_REDUCTIONS = 4
UNROLLED = 16
"""The longest loop that LLVM may unroll: two vectors. What gains more by it, `passes/unroll.py` has unrolled."""
SHORT_CODE: tuple[str, ...] = ('!{!"llvm.loop.unroll.disable"}', '!{!"llvm.loop.vectorize.enable", i1 false}')
"""The hints for loops that hardly matter."""

ONE_VECTOR = 4
"""The turns of a loop that fills one vector."""

WIDE: dict[DType, int] = {"f64": 8, "i64": 8, "f32": 16}


@dataclass(frozen=True, slots=True)
class Module:
    """The text, what the host must know to call it, and the functions of the library that it declares."""

    text: str
    interface: Interface
    functions: tuple[tuple[str, DType], ...]


@stage("generate")
def generate(program: Program) -> Module:
    common = Common(program)
    generator = Generator(common)
    generator.run()
    functions = tuple(function for function in common.needs.functions if function[0] not in INLINED)
    return Module(generator.module_text(), common.interface, functions)


class Generator:
    """Makes one function, in one walk; `HANDLERS` has a method for every kind of statement."""

    def __init__(self, common: Common) -> None:
        self.common = common
        self.program = common.program
        self.interface = common.interface
        self.needs = common.needs
        self.emitter = Emitter(self.needs, block="start")
        self.metadata = common.metadata
        self.registers = Registers(self.emitter)
        self.memory = Memory(self.emitter, self.registers, common.homes, self.metadata)
        self.exits = Exits(self.emitter, self.registers, self.metadata)
        self.allocation = Allocation(self.emitter, self.registers, self.memory, self.exits)
        self.calls = Calls(self.emitter, self.registers, self.memory, self.exits, self.interface)
        self.function = Function(self.emitter, self.registers, self.memory, self.exits)
        self.pairs = Pairs()
        self._loops_around = 0
        self._reductions: list[Register] = []

    # --- the function ---

    def run(self) -> None:
        """The main function: the body of the program."""
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
        self.exits.finish(self.allocation.drops())

    def _store_results(self) -> None:
        for slot, result in zip(self.interface.results, self.program.results, strict=True):
            if not isinstance(result.value, Array):
                self.exits.store_scalar(result.value, self.exits.slot_address(slot.slot))
            elif slot.rank is not None:
                for axis, dim in enumerate(result.value.shape):
                    self.exits.store_scalar(dim, self.exits.slot_address(slot.slot + 1 + axis))

    def module_text(self) -> str:
        parameters = ["ptr noalias %frame", "ptr noalias %arena", "ptr noalias %interrupt"]
        for k, param in enumerate(self.program.params):
            kind = "ptr noalias readonly" if isinstance(param, Array) else REGISTER_TYPES[param.dtype]
            parameters.append(f"{kind} %p{k}")
        parameters += [f"ptr noalias %r{k}" for k, result in enumerate(self.program.results) if result.provided]
        texts = [*self.common.definitions, self._entry_text(), self._text("dl.body", parameters)]
        return assemble(texts, self.needs, self.metadata.lines)

    def _text(self, name: str, parameters: Sequence[str]) -> str:
        """The whole function, when its body has been emitted.

        It begins with a line of the cache, so that loops lie the same way whatever stands before it.
        """
        header = f"define internal i32 @{name}({', '.join(parameters)}) #0 align 64 {{\nentry:"
        first = [*self.emitter.allocas, *self.allocation.initial_stores(), "  br label %start", "start:"]
        return "\n".join([header, *first, *self.emitter.lines, "}"])

    def _entry_text(self) -> str:
        """Loads the parameters from the frame, makes the arena, calls the body."""
        entry = Emitter(self.needs)
        arena = new_arena(entry)
        interrupt = _slot_value(entry, INTERRUPT_SLOT, "ptr")
        if not self.interface.brief:
            entry.void(f"store volatile i32 0, ptr {interrupt}")  # one from before the call is none of its business
        operands = ["ptr %frame", f"ptr {arena}", f"ptr {interrupt}"]
        results = zip(self.interface.results, self.program.results, strict=True)
        for slot in (*self.interface.params, *(slot for slot, result in results if result.provided)):
            type_ = MEMORY_TYPES[slot.dtype] if slot.shape is None else "ptr"
            value = _slot_value(entry, slot.slot, type_)
            if slot.shape is None and slot.dtype == "bool":
                type_, value = "i1", entry.value(f"trunc i8 {value} to i1")
            operands.append(f"{type_} {value}")
        status = entry.value(f"call i32 @dl.body({', '.join(operands)})")
        if runtime.uses_arena(self.needs):
            entry.void(f"call void {runtime.function('release_all', self.needs)}(ptr {arena})")
        entry.void(f"ret i32 {status}")
        return "\n".join(["define i32 @difflang_entry(ptr %frame) #0 {", *entry.allocas, *entry.lines, "}"])

    # --- statements ---

    def body(self, statements: Body) -> None:
        self.pairs.look(statements)
        for statement in statements:
            HANDLERS[type(statement)](self, statement)

    def apply(self, statement: ir.Apply) -> None:
        args = statement.args
        operation = Operation(
            self.emitter,
            tuple(self.registers.read(a) for a in args),
            tuple(a.dtype for a in args),
            statement.attrs,
            tuple(a.value if isinstance(a, Literal) else None for a in args),
            statement.out in self._reductions,
        )
        if statement.primitive not in LOWERINGS:
            raise no_lowering(statement.primitive, "llvm")
        found = self.pairs.result(statement, operation) or LOWERINGS[statement.primitive](operation)
        self.registers.write(statement.out, found)

    def assign(self, statement: ir.Assign) -> None:
        sources = [self.registers.read(s) for s in statement.sources]
        for target, text in zip(statement.targets, sources, strict=True):
            self.registers.write(target, text)

    def load(self, statement: ir.Load) -> None:
        self.registers.write(statement.out, self.memory.load(statement.array, statement.indices))

    def store(self, statement: ir.Store) -> None:
        self.memory.store(statement.array, statement.indices, self.registers.read(statement.value))

    def accumulate(self, statement: ir.Accumulate) -> None:
        value = self.registers.read(statement.value)
        self.memory.accumulate(statement.array, statement.indices, value, statement.apart)

    def view(self, statement: ir.View) -> None:
        self.memory.set_pointer(statement.array, self.memory.address(statement.base, statement.indices))

    def table(self, statement: ir.Table) -> None:
        name = f"@dl.table.{len(self.common.definitions)}"
        self.common.definitions.append(constant_array(name, statement.elements))
        self.memory.set_pointer(statement.array, name)

    def rebind(self, statement: ir.Rebind) -> None:
        sources = [self.memory.pointer(s) for s in statement.sources]
        for target, text in zip(statement.targets, sources, strict=True):
            self.memory.set_pointer(target, text)

    # --- control ---

    def for_(self, loop: ir.For) -> None:
        count, start = self.registers.read(loop.extent), self.registers.read(loop.start)
        if start != "0":
            count = self.emitter.value(f"sub nsw i64 {count}, {start}")
        metadata = self._loop_metadata(loop)
        self._loops_around += 1
        reducing = len(self._reductions)
        self._reductions += [r.register for r in loop.reductions]
        with self.emitter.counted(count, metadata) as index:
            if loop.reverse:
                last = self.emitter.value(f"sub nsw i64 {count}, 1")
                index = self.emitter.value(f"sub nuw nsw i64 {last}, {index}")
            if start != "0":
                index = self.emitter.value(f"add nuw nsw i64 {index}, {start}")
            self.registers.write(loop.index, index)
            if _repeats(loop.body):
                self.exits.leave_if_interrupted()
            self.body(loop.body)
        del self._reductions[reducing:]
        self._loops_around -= 1
        if loop.kind != "serial":
            self.memory.loops.pop()

    def _loop_metadata(self, loop: ir.For) -> str:
        """Enters an independent loop with its access group; gives the hints on the branch back."""
        hints = list(SHORT_CODE) if loop in self.common.minor else self._hints(loop)
        if loop.kind != "serial":
            group = self.metadata.add("distinct !{}")
            self.memory.loops.append((loop, group))
            hints.append(f'!{{!"llvm.loop.parallel_accesses", {group}}}')
        listed = ", ".join(["{self}", *map(self.metadata.shared, hints)])
        return f", !llvm.loop {self.metadata.add(f'distinct !{{{listed}}}')}"

    def _hints(self, loop: ir.For) -> list[str]:
        """Only the shortest loops are unrolled: more doubles the time to compile and gains next to nothing. Several
        vectors side by side pay where a sum has to wait for itself, unless the next one can begin meanwhile. Elementary
        functions are long chains: twice the lanes fill the time in which one of them waits, if the loop is not short;
        one inside another may be. A width also permits LLVM to change the order of sums, so loops in order have none.
        """
        waits = bool(loop.reductions) and not self.memory.loops
        unrolling = "runtime.disable" if _is_shortest(loop) and not _is_one_vector(loop) else "disable"
        hints = [f'!{{!"llvm.loop.unroll.{unrolling}"}}']
        lanes = 0 if self._loops_around or loop.kind == "serial" else _lanes(loop)
        if lanes:
            hints.append(f'!{{!"llvm.loop.vectorize.width", i32 {lanes}}}')
            waits = False
        side_by_side = VECTORS_IN_REDUCTIONS if waits else 1
        return [*hints, f'!{{!"llvm.loop.interleave.count", i32 {side_by_side}}}']

    def parallel(self, statement: ir.Parallel) -> None:
        """The ranges of a loop: a function of their own, called through the pool of threads."""
        self.common.parts += 1
        name, inner = f"dl.part.{self.common.parts}", Generator(self.common)
        captures = parts.Captures(self.common, self.function, inner.function)
        captures.take(statement)
        inner.part(statement, name, captures.parameters)
        self.common.definitions.append(parts.range_text(self.common, statement, name, captures.parameters))
        parts.call(self.common, self.function, statement, name, captures.parameters)

    def part(self, statement: ir.Parallel, name: str, captured: Sequence[parts.Parameter]) -> None:
        """The function of one range."""
        for register, text in zip((statement.chunk, statement.begin, statement.end), parts.RANGE, strict=True):
            self.registers.write(register, text)
        self.body(statement.body)
        self.exits.finish(self.allocation.drops())
        parameters = ["ptr noalias %frame", "ptr noalias %arena", "ptr noalias %interrupt"]
        parameters += [*(f"i64 {text}" for text in parts.RANGE), *(f"{p.type} {p.name}" for p in captured)]
        self.common.definitions.append(self._text(name, parameters))

    def prefer_threads(self, statement: ir.PreferThreads) -> None:
        threads = self.emitter.value(f"load i64, ptr {self.exits.slot_address(THREADS_SLOT)}")
        have = self.emitter.value(f"icmp ne i64 {threads}, 0")
        both = self.emitter.value(f"and i1 {have}, {self.registers.read(statement.condition)}")
        self.exits.leave_if(both, PREFERS_THREADS)

    def while_(self, statement: ir.While) -> None:
        e = self.emitter
        test, body, after = e.fresh("test"), e.fresh("body"), e.fresh("after")
        e.jump(test)
        e.label(test, inside=True)
        self.exits.leave_if_interrupted()
        self._loops_around += 1
        self.body(statement.condition)
        e.branch(self.registers.read(statement.test), body, after)
        with e.known.branch():
            e.label(body, inside=True)
            self.body(statement.body)
            e.jump(test)
        self._loops_around -= 1
        e.label(after, inside=True)

    def if_(self, statement: ir.If) -> None:
        e = self.emitter
        then, otherwise, after = e.fresh("then"), e.fresh("else"), e.fresh("after")
        e.branch(self.registers.read(statement.test), then, otherwise)
        for label, body in ((then, statement.then), (otherwise, statement.otherwise)):
            with e.known.branch():
                e.label(label, inside=True)
                self.body(body)
                e.jump(after)
        e.label(after, inside=True)

    def scope(self, statement: ir.Scope) -> None:
        marks = self.allocation.enter(statement.body)
        self.body(statement.body)
        self.allocation.leave(statement.body, marks)


def _slot_value(entry: Emitter, slot: int, type_: str) -> str:
    address = entry.value(f"getelementptr i8, ptr %frame, i64 {8 * slot}")
    return entry.value(f"load {type_}, ptr {address}")


def _is_shortest(loop: ir.For) -> bool:
    """Whether it is innermost and of a small literal length."""
    if not isinstance(loop.extent, Literal) or loop.extent.value > UNROLLED:
        return False
    return not any(isinstance(s, ir.For | ir.While) for s in walk(loop.body))


def _is_one_vector(loop: ir.For) -> bool:
    """Whether its turns are the lanes of one vector at a place that is computed first.

    In a row they would have to be found again, lane by lane, and nothing is gained: what they load and store there is
    not known before.
    """
    literal = isinstance(loop.extent, Literal) and loop.extent.value == ONE_VECTOR
    placed = bool(loop.body) and isinstance(loop.body[0], ir.Apply) and loop.index in loop.body[0].args
    return loop.kind == "vector" and literal and placed


def _lanes(loop: ir.For) -> int:
    """How many lanes suit the elementary functions of a loop; 0 where there are none, or where it is not made vectors.

    LLVM tells the world on stderr where it cannot follow a hint: constants that go side by side, too, become a call
    that fills memory.
    """
    statements = list(walk(loop.body))
    constants = sum(isinstance(s, ir.Store) and isinstance(s.value, Literal) for s in statements)
    if constants > 1 or any(_stops_vectors(s, loop) for s in statements):
        return 0
    applied = (s for s in statements if isinstance(s, ir.Apply) and library.has_vector_forms(s.primitive))
    return min((WIDE[s.out.dtype] for s in applied), default=0)


def _stops_vectors(statement: ir.Statement, loop: ir.For) -> bool:
    """Whether it is a loop, a branch, a way out, a call for single numbers or an addition in which turns may meet."""
    match statement:
        case ir.For() | ir.While() | ir.If() | ir.Check() | ir.HostCall() | ir.Kernel() | ir.Fill() | ir.Copy():
            return True
        case ir.Accumulate():
            return loop.index not in statement.apart
        case ir.Apply():
            return library.is_called_alone(statement.primitive, statement.out.dtype)
        case _:
            return False


def _repeats(body: Body) -> bool:
    """Whether one run of the body may take long: it has a loop or a call inside."""
    return any(isinstance(s, ir.For | ir.While | ir.Kernel | ir.HostCall) for s in walk(body))


HANDLERS: dict[type, Callable[[Generator, Any], None]] = {
    ir.Apply: Generator.apply,
    ir.Assign: Generator.assign,
    ir.Load: Generator.load,
    ir.Store: Generator.store,
    ir.Accumulate: Generator.accumulate,
    ir.Table: Generator.table,
    ir.View: Generator.view,
    ir.Rebind: Generator.rebind,
    ir.For: Generator.for_,
    ir.Parallel: Generator.parallel,
    ir.PreferThreads: Generator.prefer_threads,
    ir.While: Generator.while_,
    ir.If: Generator.if_,
    ir.Scope: Generator.scope,
    ir.Limit: lambda g, s: g.allocation.limit(s),
    ir.Allocate: lambda g, s: g.allocation.allocate(s),
    ir.AllocateResult: lambda g, s: g.allocation.allocate_result(s, g.interface),
    ir.Grow: lambda g, s: g.allocation.grow(s),
    ir.Reserve: lambda g, s: g.allocation.reserve(s),
    ir.Copy: lambda g, s: g.allocation.copy(s),
    ir.Fill: lambda g, s: g.allocation.fill(s),
    ir.Check: lambda g, s: g.calls.check(s),
    ir.Kernel: lambda g, s: g.calls.routine(s),
    ir.HostCall: lambda g, s: g.calls.host(s),
}
