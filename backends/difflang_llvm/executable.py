"""Calling compiled code from Python: filling the frame, reading the results, raising the failures."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from difflang.backend.protocol import Host, Value
from difflang.core.ir import DType
from difflang.loops.ir import HostSite, Site
from difflang.loops.sites import failure
from difflang.prims.arithmetic import NUMPY_DTYPES
from difflang.runtime import failures
from difflang_llvm import engine
from difflang_llvm.hosting import HostPort
from difflang_llvm.interrupts import interrupt_flag
from difflang_llvm.layout import FIRST_FAILURE_SLOT, HOST_FAILED, INTERRUPTED, Interface, Slot
from difflang_llvm.pointers import address_of

FORMATS: dict[DType, str] = {"f64": "d", "f32": "f4x", "i64": "q", "i32": "i4x", "bool": "?7x"}
_free = ctypes.CDLL(None).free
_free.argtypes = [ctypes.c_void_p]


class Owned:
    """Memory from the program's heap, freed with the last array that looks at it."""

    def __init__(self, address: int, dtype: str, shape: tuple[int, ...]) -> None:
        self._address = address
        self.__array_interface__: dict[str, Any] = {
            "data": (address, False),
            "typestr": dtype,
            "shape": shape,
            "version": 3,
        }

    def __del__(self) -> None:
        _free(self._address)


@dataclass(frozen=True, slots=True)
class Compiled:
    """Object code with everything that is needed to call it; what the cache keeps."""

    code: bytes
    symbols: tuple[str, ...]
    units: tuple[tuple[str, DType], ...]
    interface: Interface
    sites: tuple[Site, ...]
    host_sites: tuple[HostSite, ...]


class NativeFunction:
    """An `Executable` over linked code. Calls may come from several threads at once.

    `token` is where the cache keeps the code; None if it does not.
    """

    def __init__(self, compiled: Compiled, linked: engine.Library, token: str | None = None) -> None:
        self.token = token
        self._compiled = compiled
        self._linked = linked
        interface = compiled.interface
        self._call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(linked.address(engine.ENTRY))
        self._frame_type = ctypes.c_char * (8 * interface.slots)
        self._port = HostPort(interface.host_calls, compiled.host_sites) if interface.host_calls else None
        self._pack = _packer(interface)
        self._arrays = [k for k, slot in enumerate(interface.params) if slot.shape is not None]
        self._provided = [_maker(slot) for slot in interface.results if slot.shape is not None]
        self._readers = [_reader(slot) for slot in interface.results]

    def __call__(self, args: Sequence[Value], host: Host) -> list[Value]:
        """Raises DiffLangError with the place of the failure, or what a host callback raised."""
        provided = [make(args) for make in self._provided]
        words: list[Any] = list(args)
        for k in self._arrays:
            words[k] = address_of(words[k])
        words += map(address_of, provided)
        frame = self._frame_type()
        interrupt = interrupt_flag()
        interrupt.value = 0
        status = self._run(frame, ctypes.addressof(interrupt), words, host)
        if status:
            self._discard(frame)
            raise self._failure(status, frame)
        arrays = iter(provided)
        return [read(frame, arrays) for read in self._readers]

    def _run(self, frame: Any, interrupt: int, words: list[Any], host: Host) -> int:
        if self._port is None:
            self._pack(frame, 0, 0, interrupt, *words)
            return self._call(frame)
        with self._port.serving(host) as caller:
            self._pack(frame, 0, self._port.address, interrupt, *words)
            status = self._call(frame)
            if status == HOST_FAILED:
                self._discard(frame)
                raise caller.taken_error()
            return status

    def _discard(self, frame: Any) -> None:
        """Frees the results that were allocated before a failure."""
        for slot in self._compiled.interface.results:
            if slot.rank is not None:
                _free(struct.unpack_from("Q", frame, 8 * slot.slot)[0])

    def _failure(self, status: int, frame: Any) -> BaseException:
        if status == INTERRUPTED:
            return KeyboardInterrupt()
        if status < 0:
            return failures.out_of_memory(None)
        check = self._compiled.interface.checks[status - 1]
        values = struct.unpack_from("=" + "".join(FORMATS[d] for d in check.dtypes), frame, 8 * FIRST_FAILURE_SLOT)
        return failure(self._compiled.sites[check.site], values)


def _packer(interface: Interface) -> Callable[..., None]:
    """`struct` code that fills the first two slots and all inputs at once."""
    inputs = [*interface.params, *(slot for slot in interface.results if slot.shape is not None)]
    text, position = "=QQ", 2
    for slot in inputs:
        text += f"{8 * (slot.slot - position)}x" + ("Q" if slot.shape is not None else FORMATS[slot.dtype])
        position = slot.slot + 1
    return struct.Struct(text).pack_into


def _maker(slot: Slot) -> Callable[[Sequence[Any]], npt.NDArray[Any]]:
    """Memory for a result whose shape is known before the call."""
    dims, dtype = slot.shape or (), np.dtype(NUMPY_DTYPES[slot.dtype])

    def make(args: Sequence[Any]) -> npt.NDArray[Any]:
        shape = tuple(int(args[int(dim[1:])]) if isinstance(dim, str) else dim for dim in dims)
        try:
            return np.empty(shape, dtype)
        except (MemoryError, ValueError):
            raise failures.out_of_memory(None, shape) from None

    return make


Reader = Callable[[Any, Iterator[npt.NDArray[Any]]], Value]


def _reader(slot: Slot) -> Reader:
    """How one result comes out of the frame; `arrays` are those whose memory was provided."""
    if slot.shape is not None:
        return lambda frame, arrays: next(arrays)
    place, dtype = 8 * slot.slot, np.dtype(NUMPY_DTYPES[slot.dtype])
    if slot.rank is None:
        unpack = struct.Struct("=" + FORMATS[slot.dtype]).unpack_from
        return lambda frame, arrays: dtype.type(unpack(frame, place)[0])
    words = struct.Struct(f"=Q{slot.rank}q").unpack_from

    def owned(frame: Any, arrays: Iterator[npt.NDArray[Any]]) -> Value:
        address, *shape = words(frame, place)
        return np.asarray(Owned(address, dtype.str, tuple(shape)))

    return owned
