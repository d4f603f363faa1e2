"""Ranges of loops on threads: the body of a `Parallel` is a function of its own, called through the pool.

Everything from outside that the body uses is a parameter of that function. Beside it stands a function for the pool,
`(environment, number)`, which computes the range, makes an arena, loads the parameters and makes the call. A range
that fails keeps status and values in a record of its own, and the lowest number of such a range in the environment:
ranges behind it need not run any more, those before it do, so that the first failure is found whatever the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import DType
from difflang.loops.ir import Array, Parallel, Register
from difflang.loops.threads.ranges import MOST
from difflang.loops.values import all_assigned, all_mentioned
from difflang_llvm import runtime
from difflang_llvm.allocation import new_arena
from difflang_llvm.common import Common
from difflang_llvm.exits import Exits
from difflang_llvm.layout import FIRST_FAILURE_SLOT, THREADS_SLOT
from difflang_llvm.memory import Memory, Registers
from difflang_llvm.text import REGISTER_TYPES, Emitter

HEAD = ("first failure", "records", "interrupt", "extent", "chunks", "late")
"""The first words of an environment; the parameters of the function follow."""

RANGE = ("%number", "%begin", "%end")
"""The parameters of a function that say which range it runs."""

NOTHING_FAILED = -1
RUN = "declare void @pool.run(ptr, ptr, i64, i64)"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value from outside: its type with attributes, its text there, and its name inside."""

    type: str
    text: str
    name: str

    @property
    def plain_type(self) -> str:
        return self.type.split()[0]


class Function:
    """The function under construction as its maker sees it: the state in which its body is emitted."""

    def __init__(self, emitter: Emitter, registers: Registers, memory: Memory, exits: Exits) -> None:
        self.emitter = emitter
        self.registers = registers
        self.memory = memory
        self.exits = exits


class Captures:
    """The values from outside that the body of a `Parallel` uses, bound to parameters of the function inside."""

    def __init__(self, common: Common, outer: Function, inner: Function) -> None:
        self._common = common
        self._outer = outer
        self._inner = inner
        self.parameters: list[Parameter] = []

    def take(self, statement: Parallel) -> None:
        own = all_assigned((statement,))
        names = [name for name in all_mentioned(statement.body) if name not in own]
        families = [self._common.family(name) for name in names if isinstance(name, Array)]
        for name in names:
            if isinstance(name, Register):
                self._take_register(name)
            else:
                alone = families.count(self._common.family(name)) == 1
                text = self._outer.memory.pointer(name)
                self._inner.memory.set_pointer(name, self._parameter("ptr noalias" if alone else "ptr", text))

    def _take_register(self, register: Register) -> None:
        """A product comes with its factors, so that a sum with it is rounded once, as it would be outside."""
        text = self._outer.registers.read(register)
        inside = self._parameter(REGISTER_TYPES[register.dtype], text)
        self._inner.registers.write(register, inside)
        factors = self._outer.emitter.factors(text)
        if factors and not register.mutable:
            self._inner.emitter.note_product(inside, *(self._factor(factor, register.dtype) for factor in factors))

    def _factor(self, text: str, dtype: DType) -> str:
        return self._parameter(REGISTER_TYPES[dtype], text) if text.startswith("%") else text

    def _parameter(self, type_: str, text: str) -> str:
        for known in self.parameters:
            if (known.type, known.text) == (type_, text):
                return known.name
        self.parameters.append(Parameter(type_, text, f"%c{len(self.parameters)}"))
        return self.parameters[-1].name


def call(common: Common, outer: Function, statement: Parallel, name: str, parameters: Sequence[Parameter]) -> None:
    """Emits the call of the pool and what follows from a failure."""
    e, registers = outer.emitter, outer.registers
    e.needs.intrinsics[RUN] = None
    slots = FIRST_FAILURE_SLOT + common.failure_values
    environment, records = e.alloca(f"[{len(HEAD) + len(parameters)} x i64]"), e.alloca(f"[{MOST * slots} x i64]")
    chunks = registers.read(statement.chunks)
    head = (f"i64 {NOTHING_FAILED}", f"ptr {records}", "ptr %interrupt")
    head = (*head, f"i64 {registers.read(statement.extent)}", f"i64 {chunks}", "i64 0")
    for k, word in enumerate((*head, *(f"{p.plain_type} {p.text}" for p in parameters))):
        e.void(f"store {word}, ptr {_word(e, environment, k)}")
    threads = e.value(f"load i64, ptr {outer.exits.slot_address(THREADS_SLOT)}")
    run = f"call void @pool.run(ptr @{name}.range, ptr {environment}, i64 {chunks}, i64 {threads})"
    e.void(run)
    if statement.overlap:
        e.void(f"store i64 1, ptr {_word(e, environment, HEAD.index('late'))}")
        e.void(run)
    first = e.value(f"load i64, ptr {environment}")

    def settle() -> str:
        number = e.value(f"lshr i64 {first}, 1")
        record = _record(e, records, number, slots)
        for k in range(FIRST_FAILURE_SLOT, slots):
            value = e.value(f"load i64, ptr {_word(e, record, k)}")
            e.void(f"store i64 {value}, ptr {outer.exits.slot_address(k)}")
        return e.value(f"load i32, ptr {record}")

    outer.exits.leave_after(e.value(f"icmp ne i64 {first}, {NOTHING_FAILED}"), settle)


def range_text(common: Common, statement: Parallel, name: str, parameters: Sequence[Parameter]) -> str:
    """The function that the pool calls with an environment and the number of a range."""
    e = Emitter(common.needs)
    words = {word: _word(e, "%environment", k) for k, word in enumerate(HEAD)}
    late = e.value(f"load i64, ptr {words['late']}")
    key = e.value(f"or i64 {e.value('shl i64 %number, 1')}, {late}")
    first = e.value(f"load atomic i64, ptr {words['first failure']} monotonic, align 8")
    begin, end = _bounds(e, words, statement.overlap, late)
    needed = e.value(f"icmp ult i64 {key}, {first}")
    nonempty = e.value(f"icmp slt i64 {begin}, {end}")
    e.branch(e.value(f"and i1 {needed}, {nonempty}"), "run", "out")
    e.label("run")
    slots = FIRST_FAILURE_SLOT + common.failure_values
    record = _record(e, e.value(f"load ptr, ptr {words['records']}"), "%number", slots)
    arena = new_arena(e)
    interrupt = e.value(f"load ptr, ptr {words['interrupt']}")
    operands = [f"ptr {record}", f"ptr {arena}", f"ptr {interrupt}", "i64 %number", f"i64 {begin}", f"i64 {end}"]
    for k, parameter in enumerate(parameters):
        address = _word(e, "%environment", len(HEAD) + k)
        operands.append(f"{parameter.plain_type} {e.value(f'load {parameter.plain_type}, ptr {address}')}")
    status = e.value(f"call i32 @{name}({', '.join(operands)})")
    if runtime.uses_arena(e.needs):
        e.void(f"call void {runtime.function('release_all', e.needs)}(ptr {arena})")
    e.branch(e.value(f"icmp eq i32 {status}, 0"), "out", "failed")
    e.label("failed")
    e.void(f"store i32 {status}, ptr {record}")
    e.value(f"atomicrmw umin ptr {words['first failure']}, i64 {key} acq_rel")
    e.jump("out")
    e.label("out")
    e.void("ret void")
    header = f"define internal void @{name}.range(ptr %environment, i64 %number) #0 {{\nentry:"
    return "\n".join([header, *e.allocas, *e.lines, "}"])


def _bounds(e: Emitter, words: dict[str, str], overlap: int, late: str) -> tuple[str, str]:
    """The first index of a range and the one behind its last, early or late."""
    extent, chunks = (e.value(f"load i64, ptr {words[word]}") for word in ("extent", "chunks"))
    following = e.value("add i64 %number, 1")
    begin, end = (
        e.value(f"sdiv i64 {e.value(f'mul i64 {number}, {extent}')}, {chunks}") for number in ("%number", following)
    )
    if not overlap:
        return begin, end
    back = e.value(f"sub i64 {end}, {overlap}")
    middle = e.intrinsic("smax.i64", "i64", ("i64", back), ("i64", begin))
    is_late = e.value(f"icmp ne i64 {late}, 0")
    return (
        e.value(f"select i1 {is_late}, i64 {middle}, i64 {begin}"),
        e.value(f"select i1 {is_late}, i64 {end}, i64 {middle}"),
    )


def _word(e: Emitter, base: str, position: int) -> str:
    return e.value(f"getelementptr i8, ptr {base}, i64 {8 * position}")


def _record(e: Emitter, records: str, number: str, slots: int) -> str:
    """The frame of a range: only its failure is written there."""
    offset = e.value(f"mul i64 {number}, {8 * slots}")
    return e.value(f"getelementptr i8, ptr {records}, i64 {offset}")
