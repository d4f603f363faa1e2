"""What a backend is: it compiles a closed Core function and gives back something that can be called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

    from difflang.core.ir import Func
    from difflang.runtime.writing import Writer

Value = int | float | bool | np.generic | npt.NDArray[Any]
"""A flat argument or result: a scalar, or a C-contiguous array of exactly the dtype of the Core type."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """`check_nan` makes every float equation fail with E0806 when it produces a NaN from arguments that are none.

    `check_residual` makes the host fail where it else warns of an implicit function whose condition is not met.
    `cache` permits the on-disk cache. `deterministic` asks for results that do not depend on `threads`.
    """

    threads: int = 0
    check_nan: bool = False
    check_residual: bool = False
    deterministic: bool = False
    optimize: int = 3
    cache: bool = True


class Host(Protocol):
    """What a running program may ask of its surroundings."""

    def print(self, text: str) -> None: ...

    def report(self, figures: Mapping[str, Value]) -> None: ...

    def extern(self, name: str, args: Sequence[Value]) -> Sequence[Value]: ...


class Executable(Protocol):
    """A compiled function. Calls raise `DiffLangError` for a failure at run time, with the place in the program."""

    def __call__(self, args: Sequence[Value], host: Host) -> list[Value]: ...


@runtime_checkable
class DirectExecutable(Executable, Protocol):
    """An executable whose calls can be written into other Python functions."""

    asks_host: bool

    def write_call(self, writer: Writer, arguments: Sequence[str], host: str) -> list[str]:
        """Writes a call with flat arguments and a host, given as expressions; gives the expressions of the results.

        The results share no memory with one another or with the arguments; scalars are NumPy scalars of exactly their
        type. The host may be None where `asks_host` is false. Locals that begin with `a` or `d` are the caller's.
        """
        ...


@runtime_checkable
class Backend(Protocol):
    """A compiler from Core. Backends are found by the entry-point group `difflang.backends`."""

    name: str

    def compile(self, func: Func, options: CompileOptions) -> Executable: ...

    def emit(self, func: Func, stage: str, options: CompileOptions) -> str:
        """The text of a stage that this backend has (such as `loops`, `llvm`, `asm`).

        Raises DiffLangError E0905 for others.
        """
        ...


@runtime_checkable
class StoringBackend(Protocol):
    """A backend that keeps compiled functions between processes. Its executables have a `token: str | None`."""

    def restore(self, token: str) -> Executable | None:
        """The function with this token, or None where it is kept no more or would not run here."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """A function for a library: its name there, what it computes, and the names of its flat results."""

    name: str
    func: Func
    results: tuple[str, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class LibraryText:
    """A source file and the header that declares what it exports."""

    source: str
    header: str


@runtime_checkable
class LibraryBackend(Protocol):
    """A backend whose code can be built into a library that needs nothing of DiffLang when it runs."""

    def library(self, name: str, functions: Sequence[Exported], options: CompileOptions) -> LibraryText:
        """The source and the header of functions that call nothing outside (no `extern` in them)."""
        ...

    def link(self, source: Path, target: Path, options: CompileOptions) -> None:
        """Compiles the source to a shared library. Raises DiffLangError where that is not possible here."""
        ...
