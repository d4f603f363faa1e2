"""Loops executed statement by statement in Python, for tests of the scheduler.

It is strict: memory is filled with NaN (or a large number) when it is allocated and again when its scope ends,
reading a register before it is written fails, and so does an access outside of an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from difflang.core.ir import Literal
from difflang.diagnostics import DiffLangError
from difflang.loops import ir
from difflang.loops.sites import failure
from difflang.prims import PRIMITIVES

DTYPES: dict[str, Any] = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}
POISON = {"f64": np.nan, "f32": np.nan, "i64": -987654321, "i32": -987654321, "bool": True}


@dataclass
class Pointer:
    memory: Any
    offset: int
    writable: bool = True


class Races:
    """Who touched which element in a round of ranges: what one range writes no other may touch."""

    def __init__(self) -> None:
        self.range = 0
        self.touched: dict[tuple[int, int], set[int]] = {}
        self.writers: dict[tuple[int, int], int] = {}
        self.kept: dict[int, Any] = {}

    def touch(self, pointer: Pointer, position: int, count: int = 1, *, write: bool) -> None:
        self.kept[id(pointer.memory)] = pointer.memory
        for k in range(pointer.offset + position, pointer.offset + position + count):
            key = (id(pointer.memory), k)
            if write:
                self.writers[key] = self.range
            self.touched.setdefault(key, set()).add(self.range)
            assert key not in self.writers or self.touched[key] == {self.writers[key]}, "a race"


class Machine:
    """One run. `copies` counts the elements moved by `Copy`, `allocations` the arrays allocated;
    `prefers` says whether the program would rather be run on threads."""

    def __init__(self, program: ir.Program, host: Any) -> None:
        self.program = program
        self.host = host
        self.registers: dict[ir.Register, Any] = {}
        self.pointers: dict[ir.Array, Pointer] = {}
        self.scopes: list[list[Any]] = []
        self.assigned: set[ir.Register] = set()
        self.copies = 0
        self.allocations = 0
        self.prefers = False
        self.races: Races | None = None

    def run(self, args: Sequence[Any]) -> list[Any]:
        for param, arg in zip(self.program.params, args, strict=True):
            if isinstance(param, ir.Register):
                self.registers[param] = DTYPES[param.dtype](arg)
            else:
                memory = np.ascontiguousarray(arg, DTYPES[param.dtype]).reshape(-1).copy()
                self.pointers[param] = Pointer(memory, 0, writable=False)
                assert np.shape(arg) == self.shape(param)
        for result in self.program.results:
            if result.provided and isinstance(result.value, ir.Array):
                self.pointers[result.value] = self.fresh(result.value)
        with np.errstate(all="ignore"):
            self.body(self.program.body)
        return [self.result(result.value) for result in self.program.results]

    def result(self, value: ir.Value) -> Any:
        if isinstance(value, ir.Array):
            return self.elements(value).reshape(self.shape(value)).copy()
        return self.get(value)

    def get(self, operand: ir.Operand) -> Any:
        if isinstance(operand, Literal):
            return DTYPES[operand.dtype](operand.value)
        return self.registers[operand]

    def put(self, register: ir.Register, value: Any) -> None:
        self.registers[register] = DTYPES[register.dtype](value)

    def shape(self, array: ir.Array) -> tuple[int, ...]:
        return tuple(max(0, int(self.get(dim))) for dim in array.shape)

    def count(self, array: ir.Array) -> int:
        return int(np.prod(self.shape(array), dtype=np.int64))

    def fresh(self, array: ir.Array) -> Pointer:
        return Pointer(np.full(self.count(array), POISON[array.dtype], DTYPES[array.dtype]), 0)

    def elements(self, array: ir.Array) -> Any:
        pointer = self.pointers[array]
        count = self.count(array)
        assert count == 0 or pointer.offset + count <= len(pointer.memory), f"{array.name} reaches beyond its memory"
        return pointer.memory[pointer.offset : pointer.offset + count]

    def position(self, array: ir.Array, indices: Sequence[ir.Operand]) -> int:
        shape, offset = self.shape(array), 0
        for axis, index in enumerate(indices):
            value = int(self.get(index))
            growing = array.mutable and axis == 0
            assert value >= 0 and (growing or value < shape[axis]), f"index {value} of {array.name}{shape}"
            offset = offset * shape[axis] + value
        return offset * int(np.prod(shape[len(indices) :], dtype=np.int64))

    def body(self, body: ir.Body) -> None:
        for statement in body:
            getattr(self, type(statement).__name__.lower())(statement)

    def apply(self, statement: ir.Apply) -> None:
        args = [self.get(a) for a in statement.args]
        self.put(statement.out, PRIMITIVES[statement.primitive].evaluate(*args, **statement.attrs))

    def assign(self, statement: ir.Assign) -> None:
        for target, value in zip(statement.targets, [self.get(v) for v in statement.sources], strict=True):
            assert target.mutable
            self.put(target, value)

    def touch(self, array: ir.Array, position: int, count: int = 1, *, write: bool) -> None:
        if self.races:
            self.races.touch(self.pointers[array], position, count, write=write)

    def load(self, statement: ir.Load) -> None:
        assert len(statement.indices) == statement.array.rank
        pointer, position = self.pointers[statement.array], self.position(statement.array, statement.indices)
        self.touch(statement.array, position, write=False)
        self.put(statement.out, pointer.memory[pointer.offset + position])

    def store(self, statement: ir.Store) -> None:
        assert len(statement.indices) == statement.array.rank
        pointer = self.pointers[statement.array]
        assert pointer.writable
        position = self.position(statement.array, statement.indices)
        self.touch(statement.array, position, write=True)
        pointer.memory[pointer.offset + position] = self.get(statement.value)

    def accumulate(self, statement: ir.Accumulate) -> None:
        assert len(statement.indices) == statement.array.rank
        pointer = self.pointers[statement.array]
        assert pointer.writable
        position = self.position(statement.array, statement.indices)
        self.touch(statement.array, position, write=True)
        pointer.memory[pointer.offset + position] += self.get(statement.value)

    def limit(self, statement: ir.Limit) -> None:
        assert self.get(statement.bytes) >= 1
        assert not self.allocations, "a limit is known before anything is allocated"

    def allocate(self, statement: ir.Allocate) -> None:
        assert not statement.array.mutable
        self.allocations += 1
        self.pointers[statement.array] = self.fresh(statement.array)
        if self.scopes and statement.place == "arena":
            self.scopes[-1].append(self.pointers[statement.array].memory)

    def allocateresult(self, statement: ir.AllocateResult) -> None:
        self.pointers[statement.array] = self.fresh(statement.array)

    def view(self, statement: ir.View) -> None:
        assert not statement.array.mutable
        base = self.pointers[statement.base]
        offset = base.offset + self.position(statement.base, statement.indices)
        self.pointers[statement.array] = Pointer(base.memory, offset, base.writable)

    def rebind(self, statement: ir.Rebind) -> None:
        sources = [self.pointers[source] for source in statement.sources]
        for target, source, old in zip(statement.targets, sources, statement.sources, strict=True):
            assert target.mutable and self.shape(target) == self.shape(old)
            self.pointers[target] = source

    def grow(self, statement: ir.Grow) -> None:
        assert statement.array.mutable
        self.pointers[statement.array] = Pointer(np.zeros(0, DTYPES[statement.array.dtype]), 0)

    def reserve(self, statement: ir.Reserve) -> None:
        row = int(np.prod(self.shape(statement.array)[1:], dtype=np.int64))
        old = self.pointers[statement.array].memory
        grown = np.full(int(self.get(statement.rows)) * row, POISON[statement.array.dtype], old.dtype)
        grown[: len(old)] = old
        self.pointers[statement.array] = Pointer(grown, 0)

    def copy(self, statement: ir.Copy) -> None:
        assert self.shape(statement.target) == self.shape(statement.source)
        target, source = self.elements(statement.target), self.elements(statement.source)
        self.touch(statement.target, 0, len(target), write=True)
        self.touch(statement.source, 0, len(target), write=False)
        if len(target):
            assert self.pointers[statement.target].writable
            same = target.ctypes.data == source.ctypes.data
            assert same or not np.shares_memory(target, source)
            self.copies += 0 if same else len(target)
        target[:] = source.copy()

    def fill(self, statement: ir.Fill) -> None:
        elements = self.elements(statement.array)
        self.touch(statement.array, 0, len(elements), write=True)
        elements[:] = self.get(statement.value)

    def for_(self, statement: ir.For) -> None:
        steps = range(int(self.get(statement.start)), int(self.get(statement.extent)))
        for i in reversed(steps) if statement.reverse else steps:
            self.put(statement.index, i)
            self.body(statement.body)

    def parallel(self, statement: ir.Parallel) -> None:
        """Every range is run, the last one first; the failure of the first one that fails is raised."""
        extent, chunks = int(self.get(statement.extent)), int(self.get(statement.chunks))
        assert chunks >= 1 and (chunks == 1 or extent // chunks >= max(1, 2 * statement.overlap))
        failed: dict[tuple[int, int], DiffLangError] = {}
        for late in (0, 1) if statement.overlap else (0,):
            self.races = Races()
            for chunk in reversed(range(chunks)):
                begin, end = chunk * extent // chunks, (chunk + 1) * extent // chunks
                middle = max(begin, end - statement.overlap)
                bounds = (middle, end) if late else (begin, middle)
                for register, value in zip((statement.begin, statement.end), bounds, strict=True):
                    self.put(register, value)
                self.put(statement.chunk, chunk)
                self.races.range = chunk
                try:
                    self.scope(ir.Scope(statement.body if bounds[0] < bounds[1] else ()))
                except DiffLangError as problem:
                    failed[chunk, late] = problem
        self.races = None
        if failed:
            raise failed[min(failed)]

    def preferthreads(self, statement: ir.PreferThreads) -> None:
        self.prefers = bool(self.get(statement.condition))

    def while_(self, statement: ir.While) -> None:
        while True:
            self.body(statement.condition)
            if not self.get(statement.test):
                return
            self.body(statement.body)

    def if_(self, statement: ir.If) -> None:
        self.body(statement.then if self.get(statement.test) else statement.otherwise)

    def scope(self, statement: ir.Scope) -> None:
        self.scopes.append([])
        self.body(statement.body)
        for memory in self.scopes.pop():
            memory[...] = POISON[next(k for k, v in DTYPES.items() if memory.dtype == v)]

    def kernel(self, statement: ir.Kernel) -> None:
        inputs = [self.elements(a).reshape(self.shape(a)) for a in statement.inputs]
        outputs = run_kernel(statement, inputs)
        for array, value in zip(statement.outputs, outputs, strict=True):
            self.elements(array)[:] = np.asarray(value).reshape(-1)
            self.touch(array, 0, self.count(array), write=True)

    def check(self, statement: ir.Check) -> None:
        if not self.get(statement.condition):
            raise failure(self.program.sites[statement.site], [self.get(v) for v in statement.values])

    def hostcall(self, statement: ir.HostCall) -> None:
        from difflang.runtime.text import fill

        site = self.program.host_sites[statement.site]
        args = [self.result(a) for a in statement.args]
        if site.kind == "print":
            self.host.print(fill(site.text, args))
        elif site.kind == "report":
            self.host.report(dict(zip(site.names, args, strict=True)))
        else:
            for out, value in zip(statement.outs, self.host.extern(site.text, args), strict=True):
                if isinstance(out, ir.Array):
                    self.elements(out)[:] = np.asarray(value).reshape(-1)
                elif isinstance(out, ir.Register):
                    self.put(out, value)


setattr(Machine, "for", Machine.for_)
setattr(Machine, "while", Machine.while_)
setattr(Machine, "if", Machine.if_)


def run_kernel(statement: ir.Kernel, inputs: list[Any]) -> list[Any]:
    from difflang_reference.matrices import OPERATIONS

    if statement.name == "gemm":
        a, b = inputs
        a = a.T if statement.attrs["transpose_a"] else a
        return [a @ (b.T if statement.attrs["transpose_b"] else b)]
    if statement.name == "argsort":
        return [np.argsort(inputs[0], kind="stable")]
    extra = [None] if statement.name in ("qr", "svd") else []
    return OPERATIONS[statement.name](*inputs, *extra, **statement.attrs)
