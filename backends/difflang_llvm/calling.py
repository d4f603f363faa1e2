"""The way into compiled code and back, written into Python functions, one for each interface."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from difflang.diagnostics import DiffLangError
from difflang.runtime import failures
from difflang.runtime.arrays import NUMPY_DTYPES
from difflang.runtime.writing import Writer
from difflang_llvm import interrupts
from difflang_llvm.layout import Interface, Slot
from difflang_llvm.pointers import address_text
from difflang_llvm.results import empty

if TYPE_CHECKING:
    from difflang.core.ir import DType

FORMATS: dict[DType, str] = {"f64": "d", "f32": "f4x", "i64": "q", "i32": "i4x", "bool": "?7x"}
ADDRESS = struct.Struct("=Q")
free = ctypes.CDLL(None).free
free.argtypes = [ctypes.c_void_p]


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
        free(self._address)


@dataclass(frozen=True, slots=True)
class Entry:
    """Compiled code as the written function uses it. `enter` takes a reference to a filled frame, or where the code
    calls its host the frame and the host, and gives the status; `settle` does what a status other than 0 asks for, or
    raises what it means; `port` is the address for callbacks, or 0; `threads` is what the frame says of threads."""

    interface: Interface
    enter: Callable[..., int]
    settle: Callable[[int, Any, Any], None]
    port: int
    threads: int


def written_call(entry: Entry) -> Callable[[Sequence[Any], Any], list[Any]]:
    """The function of flat arguments and a host that gives the flat results."""
    writer = Writer()
    names = [f"a{k}" for k in range(len(entry.interface.params))]
    if names:
        writer.line(f"{', '.join(names)}, = args")
    writer.line(f"return [{', '.join(write_call(writer, entry, names, 'host'))}]")
    return writer.function(["args", "host"])


def write_call(writer: Writer, entry: Entry, arguments: Sequence[str], host: str) -> list[str]:
    """Writes a call of compiled code with flat arguments, given as expressions; gives the expressions of the results.

    Calls may run in several threads and inside one another: each has a frame of its own while it runs.
    """
    call = _CallWriter(writer, entry, arguments)
    call.run(call.inputs(), host)
    return call.results()


class _CallWriter:
    def __init__(self, writer: Writer, entry: Entry, arguments: Sequence[str]) -> None:
        self._writer = writer
        self._entry = entry
        self._arguments = arguments
        self._results = [(f"r{k}", slot) for k, slot in enumerate(entry.interface.results)]

    def _line(self, text: str, *values: object) -> None:
        """A line in which `{k}` stands for the k-th value."""
        self._writer.line(text.format(*map(self._writer.constant, values)))

    def inputs(self) -> list[tuple[Slot, str]]:
        """What goes into the frame: the arguments, and the memory for results whose shape is known before the call."""
        params = self._entry.interface.params
        words = [
            (slot, argument if slot.shape is None else address_text(self._writer, argument))
            for argument, slot in zip(self._arguments, params, strict=True)
        ]
        for name, slot in self._results:
            if slot.shape is not None:
                self._provide(name, slot)
                words.append((slot, address_text(self._writer, name)))
        return words

    def _provide(self, name: str, slot: Slot) -> None:
        dims = [self._arguments[int(dim[1:])] if isinstance(dim, str) else str(dim) for dim in slot.shape or ()]
        shape = f"({''.join(dim + ', ' for dim in dims)})"
        self._line(f"try: {name} = {{0}}({shape}, {{1}})", empty, _dtype(slot))
        self._line(f"except {{0}}: raise {{1}}({shape}) from None", (MemoryError, ValueError), _too_large)

    def run(self, words: Sequence[tuple[Slot, str]], host: str) -> None:
        """Fills a frame, enters the code, raises what went wrong, and reads what came out."""
        entry, frames = self._entry, _Frames(self._entry)
        self._line("try: held = {0}()", frames.free.pop)
        self._line("except IndexError: held = {0}()", frames.make)
        self._writer.line(f"{', '.join(['frame', 'place', *self._scalars()])} = held")
        if words:
            format_, start = _packed([slot for slot, _ in words])
            self._line(f"{{0}}(frame, {start}, {', '.join(word for _, word in words)})", format_.pack_into)
        if not entry.interface.brief:
            self._line("if not {0}: {1}()", interrupts.wrapped, interrupts.wrap)
        self._line(f"status = {{0}}({f'frame, {host}' if entry.port else 'place'})", entry.enter)
        self._line(f"if status: {{0}}(status, frame, {host})", entry.settle)
        self._read()
        # a program that calls its host may have left the address of another one in the frame
        self._line("if not status: {0}(held)" if entry.port else "{0}(held)", frames.free.append)

    def _scalars(self) -> list[str]:
        return [name for name, slot in self._results if slot.is_scalar]

    def _read(self) -> None:
        """Scalars come as NumPy makes them of its views; arrays made by the call leave the frame, that no later call
        which fails frees them from there."""
        for name in self._scalars():
            self._writer.line(f"{name} = {name}[()]")
        for name, slot in self._results:
            if slot.is_made:
                format_, start = _packed([slot])
                self._line(f"{', '.join(self._words(name, slot))}, = {{0}}(frame, {start})", format_.unpack_from)
                self._line(f"{{0}}(frame, {start}, 0)", ADDRESS.pack_into)

    def results(self) -> list[str]:
        return [self._value(name, slot) for name, slot in self._results]

    def _words(self, name: str, slot: Slot) -> list[str]:
        return [name, *(f"{name}_{axis}" for axis in range(slot.rank or 0))]

    def _value(self, name: str, slot: Slot) -> str:
        if not slot.is_made:
            return name
        constant = self._writer.constant
        address, *dims = self._words(name, slot)
        shape = "".join(f"{dim}, " for dim in dims)
        return f"{constant(_owned)}({address}, {constant(_dtype(slot).str)}, ({shape}))"


class _Frames:
    """Frames with references to them and views of their scalar results, for calls to take and to give back; what no
    call changes is in them already."""

    def __init__(self, entry: Entry) -> None:
        self.free: list[tuple[Any, ...]] = []
        self._type = ctypes.c_char * (8 * entry.interface.slots)
        self._scalars = [(_dtype(slot), 8 * slot.slot) for slot in entry.interface.results if slot.is_scalar]
        self._head = struct.pack("=QQQ", entry.port, interrupts.FLAG_ADDRESS, entry.threads)

    def make(self) -> tuple[Any, ...]:
        frame = self._type()
        frame[: len(self._head)] = self._head
        memory = memoryview(frame)
        views = (np.frombuffer(memory, dtype, 1, offset).reshape(()) for dtype, offset in self._scalars)
        return frame, ctypes.byref(frame), *views


def _dtype(slot: Slot) -> np.dtype[Any]:
    return NUMPY_DTYPES[slot.dtype]


def _too_large(shape: Sequence[Any]) -> DiffLangError:
    return failures.out_of_memory(None, tuple(map(int, shape)))


def _owned(address: int, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """An array of the memory that a call made. Raises E0807 for one without elements that NumPy finds too large."""
    try:
        return np.asarray(Owned(address, dtype, shape))
    except ValueError:
        raise _too_large(shape) from None


def _packed(slots: Sequence[Slot]) -> tuple[struct.Struct, int]:
    """How these slots lie in a frame, from the first of them on, and the byte where that is.

    An array is an address; one whose dimensions come out of the call has them behind it.
    """
    start = position = slots[0].slot
    text = "="
    for slot in slots:
        words = 1 + (slot.rank or 0)
        array = slot.shape is not None or slot.rank is not None
        text += f"{8 * (slot.slot - position)}x" + ("Q" + "q" * (words - 1) if array else FORMATS[slot.dtype])
        position = slot.slot + words
    return struct.Struct(text), 8 * start
