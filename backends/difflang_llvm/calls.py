"""Calls out of a function: of the host and of library routines."""

from __future__ import annotations

from difflang.core.ir import DType, Literal
from difflang.loops import ir
from difflang.loops.ir import Array, Register
from difflang.loops.sites import HostRecord
from difflang_llvm import kernels
from difflang_llvm.exits import Exits
from difflang_llvm.layout import HOST_FAILED, OUT_OF_MEMORY, CheckRecord, Interface
from difflang_llvm.memory import Memory, Registers
from difflang_llvm.text import MEMORY_TYPES, Emitter


class Calls:
    def __init__(
        self, emitter: Emitter, registers: Registers, memory: Memory, exits: Exits, interface: Interface
    ) -> None:
        self._emitter = emitter
        self._registers = registers
        self._memory = memory
        self._exits = exits
        self._interface = interface

    def check(self, statement: ir.Check) -> None:
        status = self._new_status(statement.site, tuple(v.dtype for v in statement.values))
        wrong = self._emitter.value(f"xor i1 {self._registers.read(statement.condition)}, true")
        self._exits.leave_if(wrong, status, statement.values)

    def _new_status(self, site: int, dtypes: tuple[DType, ...]) -> int:
        self._interface.checks.append(CheckRecord(site, dtypes))
        return len(self._interface.checks)

    def routine(self, statement: ir.Kernel) -> None:
        """A routine of `kernels`; its status is 0, the number of a failure, or that there is no memory."""
        e = self._emitter
        status = kernels.call(statement, e, self._memory, self._registers)
        self._exits.leave_if(e.value(f"icmp eq i64 {status}, {kernels.NO_MEMORY}"), OUT_OF_MEMORY)
        if statement.site is not None:
            self._exits.leave_if(e.value(f"icmp ne i64 {status}, 0"), self._new_status(statement.site, ()))

    def host(self, statement: ir.HostCall) -> None:
        """Packs arguments and outputs into slots (an array is its pointer and dimensions) and calls back."""
        e = self._emitter
        call = len(self._interface.host_calls)
        args, outs = tuple(map(_kind, statement.args)), tuple(map(_kind, statement.outs))
        self._interface.host_calls.append(HostRecord(statement.site, args, outs))
        width = sum(1 if rank is None else 1 + rank for _, rank in (*args, *outs))
        slots = e.alloca(f"[{max(width, 1)} x i64]")
        places = self._pack(slots, statement)
        callback = e.value("load ptr, ptr %frame")
        status = e.value(f"call i32 {callback}(i64 {call}, ptr {slots})")
        self._exits.leave_if(e.value(f"icmp ne i32 {status}, 0"), HOST_FAILED)
        for out, place in places:
            value = e.value(f"load {MEMORY_TYPES[out.dtype]}, ptr {place}")
            self._registers.write(out, e.value(f"trunc i8 {value} to i1") if out.dtype == "bool" else value)

    def _pack(self, slots: str, statement: ir.HostCall) -> list[tuple[Register, str]]:
        """Stores the arguments; gives the outputs that are registers, with their places."""
        e, position = self._emitter, 0
        places: list[tuple[Register, str]] = []
        for k, value in enumerate((*statement.args, *statement.outs)):
            place = e.value(f"getelementptr i8, ptr {slots}, i64 {8 * position}")
            position += 1
            if isinstance(value, Array):
                e.void(f"store ptr {self._memory.pointer(value)}, ptr {place}")
                for dim in value.shape:
                    place = e.value(f"getelementptr i8, ptr {slots}, i64 {8 * position}")
                    e.void(f"store i64 {self._registers.read(dim)}, ptr {place}")
                    position += 1
            elif k < len(statement.args) or isinstance(value, Literal):
                self._exits.store_scalar(value, place)
            else:
                places.append((value, place))
        return places


def _kind(value: ir.Value) -> tuple[DType, int | None]:
    return (value.dtype, value.rank if isinstance(value, Array) else None)
