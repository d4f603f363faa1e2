"""The door: a way from Python into a compiled function that is machine code itself (`door.ll`).

A call that is written in Python (`calling.py`) takes some microseconds to look at its arguments and to make its
results; the door takes a tenth of that. One code serves all functions: a plan says what each takes and gives. The door
reads arrays where NumPy's C struct `PyArrayObject_fields` has its fields, and is there only if a trial finds them.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module, resources
from typing import TYPE_CHECKING, Any

import numpy as np

from difflang.backend.protocol import PlainArgument, PlainCall
from difflang.runtime.arrays import NUMPY_DTYPES
from difflang_llvm import engine, interrupts, units
from difflang_llvm.layout import Slot
from difflang_llvm.results import SMALLEST, empty

if TYPE_CHECKING:
    from difflang.core.ir import DType
    from difflang_llvm.calling import Entry

HEAD = object.__basicsize__
TYPE = HEAD - ctypes.sizeof(ctypes.c_void_p)
NUMPY_FUNCTIONS = {"PyArray_NewFromDescr": 94, "PyArray_Scalar": 60}
"""Places in the table of functions that NumPy gives to other extension modules."""
FASTCALL = 0x80
"""METH_FASTCALL: a function of its self, an array of arguments and their number."""
LARGEST_FRAME = 512
"""Slots; it lies on the stack."""
ARRAY, SIZE = 5, 6
KINDS: dict[DType, int] = {"f64": 0, "f32": 1, "i64": 2, "i32": 3, "bool": 4}
REALS = tuple(map(id, (float, int, np.float64, np.float32)))
INTEGERS = tuple(map(id, (int, np.int64, np.int32)))
PLAIN: dict[DType, tuple[int, ...]] = {
    "f64": REALS,
    "f32": REALS,
    "i64": INTEGERS,
    "i32": INTEGERS,
    "bool": (id(True), id(False)),
}
"""The types whose values go into the frame as they are, or these values themselves."""
ALWAYS = ctypes.c_int32(1)


class _Method(ctypes.Structure):
    """Python's `PyMethodDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


def opened(call: PlainCall, entry: Entry, address: int, instead: Callable[..., Any]) -> Callable[..., Any]:
    """The door to the function at an address, for a caller and a tuple of arguments; `instead` itself where there is
    none. What is not plain is left to `instead`."""
    method = _method() if _fits(entry) else None
    if method is None:
        return instead
    frame_type = ctypes.c_char * (8 * entry.interface.slots)

    def settle(status: int, frame: int) -> None:
        entry.settle(status, frame_type.from_address(frame), None)

    plan = _plan(call, entry, address, instead, settle)
    return _new_function(ctypes.addressof(method), plan, (instead, settle, call, empty))


def _fits(entry: Entry) -> bool:
    interface = entry.interface
    made = any(slot.is_made for slot in interface.results)
    return not entry.port and not made and interface.slots <= LARGEST_FRAME


def _plan(call: PlainCall, entry: Entry, address: int, instead: object, settle: object) -> bytes:
    """The plan as `door.ll` reads it."""
    interface = entry.interface
    layout = _Layout(call, interface.params, interface.slots)
    results = [_result_record(slot, interface.params) for slot in interface.results]
    ready = ALWAYS if interface.brief else interrupts.wrapped
    head = [address, id(instead), id(settle), ctypes.addressof(ready), int(not interface.brief), layout.slots]
    head += [len(call.arguments), len(layout.records), len(results), len(call.steps)]
    head += [interrupts.FLAG_ADDRESS, entry.threads, id(np.ndarray), _object(call.open), id(empty)]
    steps = [(-1 if step.count is None else step.count, _object(step.make)) for step in call.steps]
    words = [*head, *(word for record in (*layout.records, *results, *steps) for word in record)]
    return struct.pack(f"={len(words)}q", *words)


def _object(value: object) -> int:
    return 0 if value is None else id(value)


class _Layout:
    """The records of the arguments, and the slots of the frame when those are added that only the door uses: sizes
    which the function does not take."""

    def __init__(self, call: PlainCall, params: Sequence[Slot], slots: int) -> None:
        self.slots = slots
        self._own = {name: param.slot for name, param in zip(call.sizes, params, strict=False)}
        self._known: dict[str, int] = {}
        leaves = zip(call.arguments, params[len(call.sizes) :], strict=True)
        self.records = [self._taken(argument, place, slot.slot) for place, (argument, slot) in enumerate(leaves)]
        copied = {slot: self._known[name] for name, slot in self._own.items() if self._known[name] != slot}
        self.records += [_record(SIZE, source, target) for target, source in copied.items()]

    def _taken(self, argument: PlainArgument, place: int, slot: int) -> list[int]:
        if argument.dimensions is None:
            if argument.tells is not None:
                self._known[argument.tells] = slot
            return _record(KINDS[argument.dtype], place, slot, *PLAIN[argument.dtype])
        words = [id(np.ndarray), id(NUMPY_DTYPES[argument.dtype]), len(argument.dimensions)]
        for dimension in argument.dimensions:
            known = 0 if dimension.known is None else self._known[dimension.known]
            target = -1 if dimension.tells is None else self._slot_for(dimension.tells)
            words += [dimension.factor, known, dimension.multiple, dimension.offset, target]
        return _record(ARRAY, place, slot, *words)

    def _slot_for(self, size: str) -> int:
        if size not in self._own:
            self._own[size] = self.slots
            self.slots += 1
        self._known[size] = self._own[size]
        return self._own[size]


def _record(*words: int) -> list[int]:
    return [1 + len(words), *words]


def _result_record(slot: Slot, params: Sequence[Slot]) -> list[int]:
    dtype = NUMPY_DTYPES[slot.dtype]
    if slot.shape is None:
        return _record(KINDS[slot.dtype], slot.slot, id(dtype))
    most = (SMALLEST - 1) // dtype.itemsize
    dims = [(params[int(dim[1:])].slot, 0) if isinstance(dim, str) else (-1, dim) for dim in slot.shape]
    return _record(ARRAY, slot.slot, id(dtype), most, len(dims), *(word for dim in dims for word in dim))


@cache
def _method() -> _Method | None:
    """The description of the door for Python, or None where objects are not laid out as it reads them."""
    if sys.implementation.name != "cpython" or not _is_laid_out():
        return None
    library = _library()
    method = _Method(b"call", library.address("enter"), FASTCALL, None)
    for kept in (method, library):  # a thread may be in there even when the process ends
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
    return method


def _is_laid_out() -> bool:
    """Whether a trial shows that an array's fields lie where they do in every NumPy so far."""
    trial = np.arange(6.0).reshape(2, 3)
    views = (trial, trial[1], np.zeros((1, 2, 4), bool), trial[:, 1])
    return all(_fields(view) == _expected(view) for view in views)


def _fields(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Type, data, number of dimensions, dimensions, descriptor and flags, as the door reads them."""
    place = id(array) + HEAD
    type_ = ctypes.c_size_t.from_address(id(array) + TYPE).value
    data, _, dims, _, _, descriptor = (ctypes.c_size_t * 6).from_address(place)
    rank, flags = (ctypes.c_int32.from_address(place + offset).value for offset in (8, 48))
    return type_, data, rank, *(ctypes.c_ssize_t * array.ndim).from_address(dims), descriptor, flags


def _expected(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return id(np.ndarray), array.ctypes.data, array.ndim, *array.shape, id(array.dtype), array.flags.num


@cache
def _library() -> engine.Library:
    text = "".join(
        resources.files("difflang_llvm").joinpath(name).read_text()
        for name in ("door.ll", "door_arguments.ll", "door_results.ll")
    )
    text = text.replace("TYPE", str(TYPE)).replace("HEAD", str(HEAD))
    compiled = units.stored(("door", text), lambda: engine.tidied(text), level=0)  # no slower: it mostly calls others
    return engine.link_library(compiled.code, {name: _address(name) for name in compiled.symbols}, (), ["enter"])


def _address(name: str) -> int:
    """The address of a function of Python or NumPy."""
    place = NUMPY_FUNCTIONS.get(name)
    if place is None:
        function = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    else:
        function = ctypes.c_void_p.from_address(_numpy_table() + place * ctypes.sizeof(ctypes.c_void_p)).value
    assert function is not None
    return function


@cache
def _numpy_table() -> int:
    package = "numpy._core" if hasattr(np, "_core") else "numpy.core"
    capsule = import_module(f"{package}._multiarray_umath")._ARRAY_API
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    return int(pointer(capsule, None))


_new_function = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)
"""A function of Python from its description, its self, and what it keeps alive."""
