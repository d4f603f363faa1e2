"""Ctrl-C while compiled code runs.

Python notes an interrupt and acts on it when it gets control back, which a long loop would never give. So its handler
of the signal is wrapped by one that first sets a flag; compiled loops look at the flag and leave.
"""

from __future__ import annotations

import atexit
import ctypes
import signal
import threading

from difflang_llvm import engine

HANDLER = """
@flag = global ptr null
@previous = global ptr null

define void @handler(i32 %signal) {
  %flag = load ptr, ptr @flag
  store volatile i32 1, ptr %flag
  %next = load ptr, ptr @previous
  %address = ptrtoint ptr %next to i64
  %callable = icmp ugt i64 %address, 1
  br i1 %callable, label %chain, label %out
chain:
  call void %next(i32 %signal)
  ret void
out:
  ret void
}
"""
ACTION_BYTES = 256
"""More than a `struct sigaction` has anywhere; its first field is the address of the handler."""


FLAG = ctypes.c_int32(0)
"""Not 0 once an interrupt has come; it stays 0 where the handler cannot be wrapped."""
FLAG_ADDRESS = ctypes.addressof(FLAG)
wrapped = ctypes.c_int32(0)
"""Not 0 once it is settled whether the handler is wrapped; machine code reads it too."""


def wrap() -> None:
    """Wraps the handler; only the main thread may, and only where Python itself handles the signal."""
    if threading.current_thread() is threading.main_thread() and not wrapped:
        _wrap()
        wrapped.value = 1


def _wrap() -> None:
    sigaction = getattr(ctypes.CDLL(None), "sigaction", None)
    if sigaction is None or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL, None):
        return
    action = ctypes.create_string_buffer(ACTION_BYTES)
    sigaction(signal.SIGINT, None, action)
    original = ctypes.create_string_buffer(action.raw, ACTION_BYTES)
    handler = ctypes.c_void_p.from_buffer(action)
    code = engine.object_code(engine.optimized(HANDLER))
    library = engine.link_library(code, {}, (), ["handler", "flag", "previous"])
    ctypes.c_void_p.from_address(library.address("flag")).value = FLAG_ADDRESS
    ctypes.c_void_p.from_address(library.address("previous")).value = handler.value
    handler.value = library.address("handler")
    sigaction(signal.SIGINT, action, None)
    atexit.register(lambda kept: sigaction(signal.SIGINT, original, None), library)
