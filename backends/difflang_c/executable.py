"""Calling a compiled C function from Python."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from difflang.backend.protocol import Host, Value
from difflang.core.ir import FLOATS, DType
from difflang.loops.ir import Array, Program, Register, Result
from difflang.loops.sites import HostRecord, HostSite, failure, refusal
from difflang.runtime import failures
from difflang.runtime.arrays import NUMPY_DTYPES
from difflang.runtime.externs import Leaf, extern_values
from difflang.runtime.text import fill
from difflang_c.generate import Function

SCALARS: dict[DType, Any] = {
    "f64": ctypes.c_double, "f32": ctypes.c_float, "i64": ctypes.c_int64, "i32": ctypes.c_int32, "bool": ctypes.c_bool,
}  # fmt: skip


class Slot(ctypes.Union):
    _fields_ = (("integer", ctypes.c_int64), ("real", ctypes.c_double), ("array", ctypes.c_void_p))


HOST = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(Slot))


class State(ctypes.Structure):
    """`dl_state` of the support code."""

    _fields_ = (
        ("memory", ctypes.c_void_p), ("failed", Slot * 16), ("host", HOST),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CFunction:
    """An `Executable` over a function of a loaded library. Calls may come from several threads at once."""

    program: Program
    function: Function
    entry: Any
    free: Any
    release: Any

    def __call__(self, args: Sequence[Value], host: Host) -> list[Value]:
        """Raises DiffLangError with the place of the failure, or what a host callback raised."""
        sizes: dict[Register, int] = {}
        kept = [_argument(p, a, sizes) for p, a in zip(self.program.params, args, strict=True)]
        results = [_Slot(result, sizes) for result in self.program.results]
        serving = _Serving(self, host)
        state = State(None, (Slot * 16)(), HOST(serving.receive))
        places = [part for result in results for part in result.arguments]
        try:
            status = self.entry(ctypes.byref(state), *(argument for argument, _ in kept), *places)
        finally:
            self.release(ctypes.byref(state))
        if status:
            raise serving.error or self._failure(status, state)
        return [result.value(self.free) for result in results]

    def _failure(self, status: int, state: State) -> BaseException:
        if status < 0:
            return failures.out_of_memory(None)
        site, dtypes = self.function.checks[status - 1]
        values = [_scalar(dtype, slot) for dtype, slot in zip(dtypes, state.failed, strict=False)]
        return failure(self.program.sites[site], values)


def _argument(param: Register | Array, value: Value, sizes: dict[Register, int]) -> tuple[Any, Any]:
    """The argument for C, and what must live as long as the call."""
    if isinstance(param, Array):
        array = np.ascontiguousarray(value)
        if param.dtype == "bool":  # C knows 0 and 1 alone; a view of bytes may hold others, which NumPy takes for true
            array = array.view(np.uint8) != 0
        return ctypes.c_void_p(array.ctypes.data), array
    if param.dtype == "i64":
        sizes[param] = int(value)
    return SCALARS[param.dtype](value), None


class _Slot:
    """Where one result goes."""

    def __init__(self, result: Result, sizes: dict[Register, int]) -> None:
        self.result = result
        self.dtype: DType = result.value.dtype
        if not isinstance(result.value, Array):
            self.scalar = SCALARS[self.dtype]()
            self.arguments: list[Any] = [ctypes.byref(self.scalar)]
        elif result.provided:
            given = (sizes[d] if isinstance(d, Register) else int(d.value) for d in result.value.shape)
            self.array = _empty(tuple(max(size, 0) for size in given), NUMPY_DTYPES[self.dtype])
            self.arguments = [ctypes.c_void_p(self.array.ctypes.data)]
        else:
            self.pointer, self.shape = ctypes.c_void_p(), (ctypes.c_int64 * max(result.value.rank, 1))()
            self.arguments = [ctypes.byref(self.pointer), self.shape]

    def value(self, free: Any) -> Value:
        if not isinstance(self.result.value, Array):
            return NUMPY_DTYPES[self.dtype].type(self.scalar.value)
        if self.result.provided:
            return self.array
        shape = [max(size, 0) for size in self.shape[: self.result.value.rank]]
        array = _array_at(self.pointer.value, self.dtype, shape).copy()
        free(self.pointer)
        return array


def _empty(shape: Sequence[int], kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Memory for a result. Raises E0807 where there is not so much."""
    try:
        return np.empty(shape, kind)
    except (MemoryError, ValueError):
        raise failures.out_of_memory(None, shape) from None


def _array_at(address: int | None, dtype: DType, shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """A view of memory."""
    kind = NUMPY_DTYPES[dtype]
    count = math.prod(shape)
    if not count or address is None:
        return _empty(shape, kind)
    buffer: Any = (ctypes.c_char * (count * kind.itemsize)).from_address(address)
    return np.frombuffer(buffer, kind, count).reshape(shape)


def _scalar(dtype: DType, slot: Slot) -> Any:
    return NUMPY_DTYPES[dtype].type(slot.real if dtype in FLOATS else slot.integer)


class _Serving:
    """The host of one running call, and the exception that one of its answers raised."""

    def __init__(self, function: CFunction, host: Host) -> None:
        self.function = function
        self.host = host
        self.error: BaseException | None = None

    def receive(self, _: Any, call: int, slots: Any) -> int:
        try:
            self._serve(self.function.function.host_calls[call], slots)
        except BaseException as error:
            self.error = error
            return 1
        return 0

    def _serve(self, record: HostRecord, slots: Any) -> None:
        site = self.function.program.host_sites[record.site]
        position, args = 0, list[Value]()
        for dtype, rank in record.args:
            args.append(_scalar(dtype, slots[position]) if rank is None else _own(dtype, rank, slots, position))
            position += 1 + (rank or 0)
        match site.kind:
            case "print":
                self.host.print(fill(site.text, args))
            case "report":
                self.host.report(dict(zip(site.names, args, strict=True)))
            case "extern":
                results = self.host.extern(site.text, args)
                self._take(_places(record, position), slots, site, results)
            case "refuse":
                raise refusal(site, args)

    def _take(self, places: Sequence[Place], slots: Any, site: HostSite, results: Sequence[Any]) -> None:
        """Copies what an external function returned to where the program expects it."""
        expected: list[Leaf] = [(d, () if rank is None else _at(d, rank, slots, p).shape) for d, rank, p in places]
        values = extern_values(site.span, site.text, expected, results)
        for (dtype, rank, place), value in zip(places, values, strict=True):
            _write(dtype, rank, slots, place, value)


Place = tuple[DType, int | None, int]
"""The type and rank of an output, and the position of its slot."""


def _places(record: HostRecord, position: int) -> list[Place]:
    found: list[Place] = []
    for dtype, rank in record.outs:
        found.append((dtype, rank, position))
        position += 1 + (rank or 0)
    return found


def _at(dtype: DType, rank: int, slots: Any, position: int) -> np.ndarray[Any, Any]:
    shape = [slots[position + 1 + axis].integer for axis in range(rank)]
    return _array_at(slots[position].array, dtype, shape)


def _own(dtype: DType, rank: int, slots: Any, position: int) -> np.ndarray[Any, Any]:
    return _at(dtype, rank, slots, position).copy()


def _write(dtype: DType, rank: int | None, slots: Any, position: int, value: np.ndarray[Any, Any]) -> None:
    if rank is not None:
        target = _at(dtype, rank, slots, position)
        if target.size:
            target[...] = value
    elif dtype in FLOATS:
        slots[position].real = float(value)
    else:
        slots[position].integer = int(value)
