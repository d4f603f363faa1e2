"""How a function ends: failures leave early with a status, and every way out passes one block that cleans up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.loops.ir import Operand
from difflang_llvm.layout import FIRST_FAILURE_SLOT, INTERRUPTED
from difflang_llvm.memory import Metadata, Registers
from difflang_llvm.text import MEMORY_TYPES, Emitter


class Exits:
    def __init__(self, emitter: Emitter, registers: Registers, metadata: Metadata) -> None:
        self._emitter = emitter
        self._registers = registers
        self._entries: list[str] = []
        self._deferred: list[str] = []
        self._seldom = metadata.add('!{!"branch_weights", i32 1, i32 1048576}')

    def slot_address(self, slot: int) -> str:
        return self._emitter.value(f"getelementptr i8, ptr %frame, i64 {8 * slot}")

    def store_scalar(self, operand: Operand, address: str) -> None:
        text = self._registers.read(operand)
        if operand.dtype == "bool":
            text = self._emitter.value(f"zext i1 {text} to i8")
        self._emitter.void(f"store {MEMORY_TYPES[operand.dtype]} {text}, ptr {address}")

    def leave_if(self, condition: str, status: int, values: Sequence[Operand] = ()) -> None:
        """Leaves the function with this status if the condition holds; the values go to the frame."""

        def settle() -> str:
            for k, value in enumerate(values):
                self.store_scalar(value, self.slot_address(FIRST_FAILURE_SLOT + k))
            return str(status)

        self.leave_after(condition, settle)

    def leave_after(self, condition: str, settle: Callable[[], str]) -> None:
        """Leaves if the condition holds, after what `settle` emits; it gives the status."""
        e = self._emitter
        good, bad = e.fresh("good"), e.fresh("bad")
        e.branch(condition, bad, good, f", !prof {self._seldom}")
        main, e.lines = e.lines, self._deferred
        with e.known.branch():
            e.label(bad, inside=True)
            status = settle()
            e.jump("exit")
        e.lines = main
        self._entries.append(f"[ {status}, %{bad} ]")
        e.label(good, inside=True)

    def leave_if_interrupted(self) -> None:
        """Looks at the flag that an interrupt from the keyboard sets."""
        e = self._emitter
        flag = e.value("load volatile i32, ptr %interrupt")
        self.leave_if(e.value(f"icmp ne i32 {flag}, 0"), INTERRUPTED)

    def finish(self, cleanup: Sequence[str]) -> None:
        e = self._emitter
        entries = [f"[ 0, %{e.block} ]", *self._entries]
        e.jump("exit")
        e.lines.extend(self._deferred)
        e.label("exit")
        status = e.value(f"phi i32 {', '.join(entries)}")
        for line in cleanup:
            e.void(line)
        e.void(f"ret i32 {status}")
