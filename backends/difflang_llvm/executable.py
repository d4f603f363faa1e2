"""Calling compiled code from Python: filling the frame, reading the results, raising the failures."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from difflang.backend.protocol import Host, PlainCall, Value
from difflang.loops.sites import HostSite, Site, failure
from difflang.runtime import failures
from difflang_llvm import engine
from difflang_llvm.calling import FORMATS, Entry, free, write_call, written_call
from difflang_llvm.layout import FIRST_FAILURE_SLOT, HOST_FAILED, INTERRUPTED, PREFERS_THREADS, Interface

if TYPE_CHECKING:
    from difflang.runtime.writing import Writer
    from difflang_llvm.hosting import HostPort
    from difflang_llvm.math.library import Key

RELEASING = ctypes.CFUNCTYPE(ctypes.c_int32)
HOLDING = ctypes.PYFUNCTYPE(ctypes.c_int32)
"""Functions that let other threads of Python run meanwhile, or not: to let them costs more than a brief function.

The argument is the frame or a reference to it. Neither has to be converted, as it would be for a declared parameter.
"""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Object code with everything that is needed to call it; what the cache keeps."""

    code: bytes
    symbols: tuple[str, ...]
    units: tuple[Key, ...]
    interface: Interface
    sites: tuple[Site, ...]
    host_sites: tuple[HostSite, ...]
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the program for several threads is made from, when a call first prefers it."""

    core: str
    check_nan: bool
    optimize: int


class NativeFunction:
    """An `Executable` over linked code. Calls may come from several threads at once.

    `token` is where the cache keeps the code; None if it does not. `threads` goes to the frame; `make_threaded` gives
    the function for several threads, which has the same frame.
    """

    def __init__(
        self,
        compiled: Compiled,
        linked: engine.Library,
        token: str | None = None,
        threads: int = 0,
        make_threaded: Callable[[], NativeFunction] | None = None,
    ) -> None:
        self.token = token
        interface = compiled.interface
        self._make_threaded = make_threaded
        self._threaded: NativeFunction | None = None
        self._compiled = compiled
        self._linked = linked
        self._call = (HOLDING if interface.brief else RELEASING)(linked.address(engine.ENTRY))
        self._port = _port(compiled)
        self.asks_host = self._port is not None
        enter, port = (self._call, 0) if self._port is None else (self._serve, self._port.address)
        self._entry = Entry(interface, enter, self._settle, port, threads)

    def __call__(self, args: Sequence[Value], host: Host) -> list[Value]:
        """Raises DiffLangError with the place of the failure, or what a host callback raised."""
        return self._written(args, host)

    @cached_property
    def _written(self) -> Callable[[Sequence[Value], Host], list[Value]]:
        return written_call(self._entry)

    def write_call(self, writer: Writer, arguments: Sequence[str], host: str) -> list[str]:
        """See `difflang.backend.protocol.DirectExecutable`."""
        return write_call(writer, self._entry, arguments, host)

    def plain_function(self, call: PlainCall, instead: Callable[..., Any]) -> Callable[..., Any]:
        """See `difflang.backend.protocol.PlainExecutable`."""
        from difflang_llvm import door

        return door.opened(call, self._entry, self._linked.address(engine.ENTRY), instead)

    def _serve(self, frame: Any, host: Host) -> int:
        assert self._port is not None
        with self._port.serving(host) as caller:
            status = self._call(frame)
            if status == HOST_FAILED:
                self._discard(frame)
                raise caller.taken_error()
            return status

    def _settle(self, status: int, frame: Any, host: Host) -> None:
        """Runs the function for several threads where this one would rather; raises any other status."""
        if status != PREFERS_THREADS:
            self._discard(frame)
            raise self._failure(status, frame)
        if self._threaded is None:
            assert self._make_threaded is not None
            self._threaded = self._make_threaded()
        self._threaded.run(frame, host)

    def run(self, frame: Any, host: Host) -> None:
        """Runs on a frame that is filled already, but for the address for callbacks."""
        if self._port is None:
            status = self._call(frame)
        else:
            struct.pack_into("Q", frame, 0, self._port.address)
            status = self._serve(frame, host)
        if status:
            self._settle(status, frame, host)

    def _discard(self, frame: Any) -> None:
        """Frees the results that were allocated before a failure."""
        for slot in self._compiled.interface.results:
            if slot.rank is not None:
                free(struct.unpack_from("Q", frame, 8 * slot.slot)[0])

    def _failure(self, status: int, frame: Any) -> BaseException:
        if status == INTERRUPTED:
            return KeyboardInterrupt()
        if status < 0:
            return failures.out_of_memory(None)
        check = self._compiled.interface.checks[status - 1]
        values = struct.unpack_from("=" + "".join(FORMATS[d] for d in check.dtypes), frame, 8 * FIRST_FAILURE_SLOT)
        return failure(self._compiled.sites[check.site], values)


def _port(compiled: Compiled) -> HostPort | None:
    """The way back to Python, for code that calls its host."""
    if not compiled.interface.host_calls:
        return None
    from difflang_llvm.hosting import HostPort

    return HostPort(compiled.interface.host_calls, compiled.host_sites)
