"""The way into compiled code and back, written as one Python function for each interface."""

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
from difflang_llvm.interrupts import interrupt_flag
from difflang_llvm.layout import Interface, Slot
from difflang_llvm.pointers import address_of
from difflang_llvm.results import empty

if TYPE_CHECKING:
    from difflang.core.ir import DType

FORMATS: dict[DType, str] = {"f64": "d", "f32": "f4x", "i64": "q", "i32": "i4x", "bool": "?7x"}
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
    """Compiled code as the written function uses it. `enter` takes a filled frame and the host and gives the status;
    `settle` does what a status other than 0 asks for, or raises what it means; `port` is the address for callbacks, or
    0; `threads` is what the frame says of threads."""

    interface: Interface
    enter: Callable[..., int]
    settle: Callable[[int, Any, Any], None]
    port: int
    threads: int


def written_call(entry: Entry) -> Callable[[Sequence[Any], Any], list[Any]]:
    """The function of flat arguments and a host that gives the flat results.

    Every call has a frame of its own, so calls may run in several threads and inside one another.
    """
    writer = _CallWriter(entry)
    names = [f"a{k}" for k in range(len(entry.interface.params))]
    if names:
        writer.line(f"{', '.join(names)}, = args")
    writer.run(writer.inputs(names))
    writer.give()
    return writer.function(["args", "host"])


class _CallWriter(Writer):
    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self._entry = entry
        self._results = [(f"r{k}", slot) for k, slot in enumerate(entry.interface.results)]

    def inputs(self, names: Sequence[str]) -> list[tuple[Slot, str]]:
        """What goes into the frame: the arguments, and the memory for results whose shape is known before the call."""
        params = self._entry.interface.params
        words = [
            (slot, name if slot.shape is None else self._address(name))
            for name, slot in zip(names, params, strict=True)
        ]
        for name, slot in self._results:
            if slot.shape is not None:
                self._provide(name, slot)
                words.append((slot, self._address(name)))
        return words

    def _address(self, array: str) -> str:
        return f"{self.constant(address_of)}({array})"

    def _provide(self, name: str, slot: Slot) -> None:
        dims = [f"a{dim[1:]}" if isinstance(dim, str) else str(dim) for dim in slot.shape or ()]
        shape = f"({''.join(dim + ', ' for dim in dims)})"
        self.line(f"try: {name} = {self.constant(empty)}({shape}, {self.constant(_dtype(slot))})")
        self.line(
            f"except {self.constant((MemoryError, ValueError))}: raise {self.constant(_too_large)}({shape}) from None"
        )

    def run(self, words: Sequence[tuple[Slot, str]]) -> None:
        """Fills a frame, enters the code, and raises what went wrong."""
        pack = self.constant(_packer([slot for slot, _ in words]))
        flag = f"{self.constant(ctypes.addressof)}(interrupt)"
        self.line(f"frame = {self.constant(ctypes.c_char * (8 * self._entry.interface.slots))}()")
        self.line(f"interrupt = {self.constant(interrupt_flag)}()")
        self.line("interrupt.value = 0")
        head = ["frame", "0", str(self._entry.port), flag, str(self._entry.threads)]
        self.line(f"{pack}({', '.join([*head, *(word for _, word in words)])})")
        self.line(f"status = {self.constant(self._entry.enter)}(frame{', host' * bool(self._entry.port)})")
        self.line(f"if status: {self.constant(self._entry.settle)}(status, frame, host)")

    def give(self) -> None:
        """Reads the results from the frame and returns all of them."""
        text, position, read, built = "=", 0, list[str](), list[str]()
        for name, slot in self._results:
            if slot.shape is None:
                text += f"{8 * (slot.slot - position)}x" + (
                    "Q" + "q" * slot.rank if slot.rank is not None else FORMATS[slot.dtype]
                )
                position = slot.slot + 1 + (slot.rank or 0)
                read += self._words(name, slot)
            built.append(self._value(name, slot))
        if read:
            self.line(f"{', '.join(read)}, = {self.constant(struct.Struct(text).unpack_from)}(frame)")
        self.line(f"return [{', '.join(built)}]")

    def _words(self, name: str, slot: Slot) -> list[str]:
        return [name, *(f"{name}_{axis}" for axis in range(slot.rank or 0))]

    def _value(self, name: str, slot: Slot) -> str:
        if slot.shape is not None:
            return name
        if slot.rank is None:
            return f"{self.constant(_dtype(slot).type)}({name})"
        address, *dims = self._words(name, slot)
        shape = "".join(f"{dim}, " for dim in dims)
        return f"{self.constant(_owned)}({address}, {self.constant(_dtype(slot).str)}, ({shape}))"


def _dtype(slot: Slot) -> np.dtype[Any]:
    return NUMPY_DTYPES[slot.dtype]


def _too_large(shape: Sequence[Any]) -> DiffLangError:
    return failures.out_of_memory(None, tuple(map(int, shape)))


def _owned(address: int, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.asarray(Owned(address, dtype, shape))


def _packer(inputs: Sequence[Slot]) -> Callable[..., None]:
    """`struct` code that fills the first three slots and all inputs at once."""
    text, position = "=QQQ", 3
    for slot in inputs:
        text += f"{8 * (slot.slot - position)}x" + ("Q" if slot.shape is not None else FORMATS[slot.dtype])
        position = slot.slot + 1
    return struct.Struct(text).pack_into
