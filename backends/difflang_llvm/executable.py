"""Calling compiled code from Python: filling the frame, reading the results, raising the failures."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from difflang.backend.protocol import Host, Value
from difflang.core.ir import DType
from difflang.diagnostics.model import DiffLangError
from difflang.loops.ir import HostSite, Site
from difflang.loops.sites import failure
from difflang.prims.arithmetic import NUMPY_DTYPES
from difflang.runtime import failures
from difflang_llvm import engine
from difflang_llvm.hosting import HostPort
from difflang_llvm.layout import FIRST_FAILURE_SLOT, HOST_FAILED, Interface, Slot

FORMATS: dict[DType, str] = {"f64": "d", "f32": "f4x", "i64": "q", "i32": "i4x", "bool": "?7x"}
_free = ctypes.CDLL(None).free
_free.argtypes = [ctypes.c_void_p]


class Owned:
    """Memory from the program's heap, freed with the last array that looks at it."""

    def __init__(self, address: int, dtype: str, shape: tuple[int, ...]) -> None:
        self._address = address
        self.__array_interface__: dict[str, Any] = {
            "data": (address, False),
            "typestr": np.dtype(dtype).str,
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
        self._call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(linked.address)
        self._frame_type = ctypes.c_char * (8 * interface.slots)
        self._port = HostPort(interface.host_calls, compiled.host_sites) if interface.host_calls else None
        self._pack, self._arguments = _packer(interface)
        self._readers = [_reader(slot) for slot in interface.results]

    def __call__(self, args: Sequence[Value], host: Host) -> list[Value]:
        """Raises DiffLangError with the place of the failure, or what a host callback raised."""
        provided = [self._provide(slot, args) for slot in self._compiled.interface.results]
        frame = self._frame_type()
        words = [_word(slot, arg) for slot, arg in zip(self._arguments, args, strict=True)]
        words += [array.ctypes.data for array in provided if array is not None]
        if self._port is None:
            self._pack(frame, 0, 0, *words)
            status = self._call(frame)
        else:
            with self._port.serving(host) as caller:
                self._pack(frame, 0, self._port.address, *words)
                status = self._call(frame)
                if status == HOST_FAILED:
                    self._discard(frame)
                    raise caller.taken_error()
        if status:
            self._discard(frame)
            raise self._failure(status, frame)
        return [read(frame, array) for read, array in zip(self._readers, provided, strict=True)]

    def _provide(self, slot: Slot, args: Sequence[Value]) -> npt.NDArray[Any] | None:
        """Memory for a result whose shape is known before the call."""
        if slot.shape is None:
            return None
        shape = tuple(int(args[int(dim[1:])]) if isinstance(dim, str) else dim for dim in slot.shape)  # type: ignore[arg-type]
        try:
            return np.empty(shape, NUMPY_DTYPES[slot.dtype])
        except (MemoryError, ValueError):
            raise failures.out_of_memory(None, shape) from None

    def _discard(self, frame: Any) -> None:
        """Frees the results that were allocated before a failure."""
        for slot in self._compiled.interface.results:
            if slot.rank is not None:
                _free(struct.unpack_from("Q", frame, 8 * slot.slot)[0])

    def _failure(self, status: int, frame: Any) -> DiffLangError:
        if status < 0:
            return failures.out_of_memory(None)
        check = self._compiled.interface.checks[status - 1]
        values = struct.unpack_from("=" + "".join(FORMATS[d] for d in check.dtypes), frame, 8 * FIRST_FAILURE_SLOT)
        return failure(self._compiled.sites[check.site], values)


def _packer(interface: Interface) -> tuple[Callable[..., None], list[Slot]]:
    """`struct` code that fills slot 0 and all inputs at once."""
    inputs = [*interface.params, *(slot for slot in interface.results if slot.shape is not None)]
    text, position = "=Q", 1
    for slot in inputs:
        text += f"{8 * (slot.slot - position)}x" + ("Q" if slot.shape is not None else FORMATS[slot.dtype])
        position = slot.slot + 1
    return struct.Struct(text).pack_into, list(interface.params)


def _word(slot: Slot, arg: Value) -> Any:
    if slot.shape is None:
        return arg
    assert isinstance(arg, np.ndarray)
    return arg.ctypes.data


def _reader(slot: Slot) -> Callable[[Any, npt.NDArray[Any] | None], Value]:
    """How one result comes out of the frame."""
    name = NUMPY_DTYPES[slot.dtype]
    if slot.shape is not None:
        return lambda frame, array: _present(array)
    if slot.rank is None:
        unpack, place, kind = struct.Struct("=" + FORMATS[slot.dtype]).unpack_from, 8 * slot.slot, np.dtype(name).type
        return lambda frame, array: kind(unpack(frame, place)[0])
    dims, rank, place = struct.Struct(f"={slot.rank}q"), slot.rank, 8 * slot.slot
    return lambda frame, array: _owned(frame, place, name, dims.unpack_from(frame, place + 8) if rank else ())


def _present(array: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    assert array is not None
    return array


def _owned(frame: Any, place: int, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.asarray(Owned(struct.unpack_from("Q", frame, place)[0], name, shape))
