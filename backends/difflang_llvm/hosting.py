"""Callbacks from compiled code: `print`, `report` and external functions."""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from difflang.backend.protocol import Host, Value
from difflang.loops.sites import HostRecord, HostSite, refusal
from difflang.runtime.arrays import NUMPY_DTYPES
from difflang.runtime.externs import Leaf, extern_values
from difflang.runtime.text import fill

if TYPE_CHECKING:
    from difflang.core.ir import DType

_SCALARS: dict[DType, str] = {"f64": "d", "f32": "f", "i64": "q", "i32": "i", "bool": "?"}


class Caller:
    """The host of one running call, and the exception that one of its callbacks raised."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.error: BaseException | None = None

    def taken_error(self) -> BaseException:
        error = self.error
        assert error is not None
        return error


class HostPort:
    """The C function that compiled code calls. A thread's calls may nest: an external function may call back."""

    def __init__(self, calls: Sequence[HostRecord], sites: Sequence[HostSite]) -> None:
        self._calls = calls
        self._sites = sites
        self._local = threading.local()
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p)(self._receive)
        self.address: int = ctypes.cast(self._callback, ctypes.c_void_p).value or 0

    @contextmanager
    def serving(self, host: Host) -> Generator[Caller]:
        stack: list[Caller] = self._local.__dict__.setdefault("stack", [])
        caller = Caller(host)
        stack.append(caller)
        try:
            yield caller
        finally:
            stack.pop()

    def _receive(self, call: int, slots: int) -> int:
        caller: Caller = self._local.stack[-1]
        try:
            self._serve(caller.host, self._calls[call], slots)
        except BaseException as error:
            caller.error = error
            return 1
        return 0

    def _serve(self, host: Host, record: HostRecord, slots: int) -> None:
        site = self._sites[record.site]
        args: list[Value] = []
        position = slots
        for dtype, rank in record.args:
            value, position = _read(dtype, rank, position)
            args.append(value)
        match site.kind:
            case "print":
                host.print(fill(site.text, args))
            case "report":
                host.report(dict(zip(site.names, args, strict=True)))
            case "extern":
                self._write_results(site, record, position, host.extern(site.text, args))
            case "refuse":
                raise refusal(site, args)

    def _write_results(self, site: HostSite, record: HostRecord, position: int, results: Sequence[Value]) -> None:
        """Copies what an external function returned to where the program expects it."""
        starts: list[int] = []
        for _, rank in record.outs:
            starts.append(position)
            position += 8 * (1 + (rank or 0))
        expected: list[Leaf] = [
            (dtype, () if rank is None else _array_at(dtype, rank, start).shape)
            for (dtype, rank), start in zip(record.outs, starts, strict=True)
        ]
        values = extern_values(site.span, site.text, expected, results)
        for (dtype, rank), start, value in zip(record.outs, starts, values, strict=True):
            _write(dtype, rank, start, value)


def _array_at(dtype: DType, rank: int, position: int) -> np.ndarray[Any, Any]:
    """A view of the array whose pointer and dimensions stand at an address."""
    pointer, *shape = struct.unpack(f"{1 + rank}q", ctypes.string_at(position, 8 * (1 + rank)))
    kind = NUMPY_DTYPES[dtype]
    count = int(np.prod(shape, dtype=np.int64))
    if not count:
        return np.empty(shape, kind)
    buffer: Any = (ctypes.c_char * (count * kind.itemsize)).from_address(pointer)
    return np.frombuffer(buffer, kind, count).reshape(shape)


def _read(dtype: DType, rank: int | None, position: int) -> tuple[Value, int]:
    """A value (arrays are copied, as their memory belongs to the program) and the address behind it."""
    if rank is None:
        code = _SCALARS[dtype]
        raw = struct.unpack(code, ctypes.string_at(position, struct.calcsize(code)))[0]
        return NUMPY_DTYPES[dtype].type(raw), position + 8
    return _array_at(dtype, rank, position).copy(), position + 8 * (1 + rank)


def _write(dtype: DType, rank: int | None, position: int, value: np.ndarray[Any, Any]) -> None:
    if rank is None:
        data = struct.pack(_SCALARS[dtype], value[()])
        ctypes.memmove(position, data, len(data))
        return
    target = _array_at(dtype, rank, position)
    if target.size:
        target[...] = value
