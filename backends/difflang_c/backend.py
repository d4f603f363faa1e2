"""The door: Core to C, and by the C compiler of the machine to a library."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from difflang.backend.protocol import CompileOptions, Exported, LibraryText
from difflang.backend.registry import unknown_stage
from difflang.core.ir import Func
from difflang.loops.ir import Program
from difflang.loops.schedule import schedule
from difflang_c import library, toolchain
from difflang_c.executable import CFunction
from difflang_c.generate import Function, generate, module_text

STAGES = ("c",)
ENTRY = "difflang_entry"
RELEASE = "\nvoid difflang_release(dl_state *state) { dl_release_all(state); }\n"
"""Frees the memory of a call."""


@dataclass(frozen=True, slots=True)
class CBackend:
    """See `difflang.backend.protocol.Backend`. It needs a C compiler, and keeps nothing between processes."""

    name: str = "c"

    def compile(self, func: Func, options: CompileOptions) -> CFunction:
        """Raises E0912 where there is no C compiler."""
        return self.compile_all([func], options)[0]

    def compile_all(self, funcs: Sequence[Func], options: CompileOptions) -> list[CFunction]:
        """Several functions in one library."""
        programs = [schedule(func, options) for func in funcs]
        functions = [generate(program, f"{ENTRY}_{k}") for k, program in enumerate(programs)]
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder, "functions.c"), Path(folder, "functions.so")
            source.write_text(module_text(functions) + RELEASE)
            toolchain.build(source, library, options.optimize)
            loaded = ctypes.CDLL(str(library))
        return [_callable(loaded, program, function) for program, function in zip(programs, functions, strict=True)]

    def emit(self, func: Func, stage: str, options: CompileOptions) -> str:
        """Raises E0905 for a stage other than `c`."""
        if stage not in STAGES:
            raise unknown_stage(self.name, stage, STAGES)
        return module_text([generate(schedule(func, options))])

    def library(self, name: str, functions: Sequence[Exported], options: CompileOptions) -> LibraryText:
        """The source and the header of a library that stands alone."""
        return library.text(name, functions, options)

    def link(self, source: Path, target: Path, options: CompileOptions) -> None:
        """Compiles such a source. Raises E0912."""
        toolchain.build(source, target, options.optimize)


def _callable(loaded: ctypes.CDLL, program: Program, function: Function) -> CFunction:
    entry = getattr(loaded, function.name)
    entry.restype = ctypes.c_int32
    free = ctypes.CDLL(None).free
    free.restype, free.argtypes = None, [ctypes.c_void_p]
    return CFunction(program, function, entry, free, loaded.difflang_release)


BACKEND = CBackend()
