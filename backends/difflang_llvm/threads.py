"""The pool of threads (`pool.ll`): loaded with the first program that needs it, emptied before the process ends."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
from functools import cache
from importlib import resources

from difflang.backend.protocol import CompileOptions
from difflang.diagnostics import error
from difflang_llvm import engine, units

VARIABLE = "DIFFLANG_THREADS"
LIMIT = 256
PAUSES = {"x86_64": "llvm.x86.sse2.pause()", "aarch64": "llvm.aarch64.isb(i32 15)"}
"""The instruction for waiting loops, by the first part of the target's name."""


def wanted(options: CompileOptions) -> int:
    """For the frame: the number of threads, or 0 where the program for one thread is to be run in any case.

    A deterministic run on one thread adds in the order of the runs on several. Raises E0902 for a bad environment.
    """
    count = min(options.threads or default(), LIMIT)
    return 0 if count == 1 and not options.deterministic else count


def default() -> int:
    """What `$DIFFLANG_THREADS` says, or the cores that this process may use."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        available = getattr(os, "sched_getaffinity", None)
        return len(available(0)) if available else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise error("E0902", f'{VARIABLE} is "{text}", which is no number of threads.', hint="Set it to 1, 2, ...")
    return int(text)


def symbol(name: str) -> int:
    """The address of a function of the pool."""
    return _pool().address(name)


@cache
def _pool() -> engine.Library:
    exports = ["run", "prepare", "stop", "set.mask"]
    text = _text()
    compiled = units.stored(("pool", text), lambda: engine.optimized(text))
    symbols = {name: engine.process_symbol(name) for name in compiled.symbols}
    pool = engine.link_library(compiled.code, symbols, (), exports)
    ctypes.c_int32.from_address(pool.address("set.mask")).value = int(signal.SIG_SETMASK)
    prepare, stop = (ctypes.CFUNCTYPE(None)(pool.address(name)) for name in ("prepare", "stop"))
    prepare()
    os.register_at_fork(after_in_child=prepare)
    atexit.register(stop)
    return pool


def _text() -> str:
    text = resources.files("difflang_llvm").joinpath("pool.ll").read_text()
    pause = PAUSES.get(engine.host_description().partition("-")[0])
    if pause is None:
        return text.replace("PAUSE", "")
    return text.replace("PAUSE", f"call void @{pause}") + f"\ndeclare void @{pause.replace(' 15', '')}\n"
