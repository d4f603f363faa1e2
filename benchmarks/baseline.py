"""What every workload needs: our functions on one thread, and the C programs with NumPy arrays as arguments."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import difflang as dl
from benchmarks import peers

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
ADBENCH = HERE.parent / "examples" / "adbench"
TOLERANCE = 1e-9
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")


@dataclass(frozen=True)
class Prepared:
    """Our call, the C call, the seconds of our first call, which compiles, and what makes the calls of the peers.

    `primal` is our call without the derivative where `ours` computes a gradient.
    """

    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    compile_seconds: float
    primal: Callable[[], Any] | None = None
    tolerance: float = TOLERANCE
    """How far the results may be apart."""
    peers: Mapping[str, Callable[[], Callable[[], Any]]] = field(
        default_factory=dict[str, Callable[[], Callable[[], Any]]]
    )


@dataclass(frozen=True)
class Workload:
    """A named pair of calls, made when it is asked for."""

    name: str
    prepare: Callable[[], Prepared]


def seconds(call: Callable[[], Any]) -> float:
    """Processor time: what other processes take meanwhile is not counted."""
    start = time.process_time()
    call()
    return time.process_time() - start


def pair(
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    name: str = "",
    *arguments: Any,
    primal: Callable[[], Any] | None = None,
    tolerance: float = TOLERANCE,
) -> Prepared:
    """Both calls, ours compiled; `name` and arguments are those of the programs of the peers."""
    return Prepared(ours, theirs, seconds(ours), primal, tolerance, peers.makers(name, *arguments))


_threads = ContextVar("_threads", default=1)


@contextmanager
def on_threads(count: int) -> Generator[None]:
    """What is prepared meanwhile runs on so many threads."""
    token = _threads.set(count)
    try:
        yield
    finally:
        _threads.reset(token)


def function(path: Path, name: str) -> dl.Function:
    """A function of a file, usually on one thread: the C programs have one."""
    return dl.load(path)[name].on(threads=_threads.get())


@cache
def library() -> ctypes.CDLL:
    """The C programs, compiled once a process."""
    sources = [str(path) for path in sorted((HERE / "c").glob("*.c"))]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "baseline.so"
        subprocess.run(["gcc", *FLAGS, *sources, "-o", str(target), "-lm"], check=True)
        return ctypes.CDLL(str(target))


def _converted(value: Any) -> Any:
    """The C argument; that of an array keeps the array alive."""
    if isinstance(value, np.ndarray):
        return value.ctypes.data_as(ctypes.c_void_p)
    if isinstance(value, float):
        return ctypes.c_double(value)
    return ctypes.c_float(float(value)) if isinstance(value, np.floating) else ctypes.c_int(value)


def c_call(
    name: str, *arguments: np.ndarray | np.floating | float, outs: tuple[np.ndarray, ...] = (), value: bool = True
) -> Any:
    """A call of a C function with its arguments bound, the outputs last; it gives the value (if any) and the outputs.

    Arrays must be contiguous, of the types that C reads: C takes their addresses.
    """
    native = library()[name]
    native.restype = ctypes.c_double if value else None
    converted = [_converted(argument) for argument in (*arguments, *outs)]

    def call() -> Any:
        result = native(*converted)
        return (result, *outs) if value else outs

    return call
