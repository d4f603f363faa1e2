"""What a backend is: it compiles a closed Core function and gives back something that can be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

    from difflang.core.ir import DType, Func
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


@dataclass(frozen=True, slots=True)
class Dimension:
    """What is to be done with a dimension of an argument. With a factor other than 0, that times the dimension must be
    `multiple` times the size `known` (0 without one) and `offset` more. It `tells` a size."""

    tells: str | None
    known: str | None = None
    factor: int = 0
    multiple: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class PlainArgument:
    """A leaf: a scalar, or an array with its dimensions. The value of an int may tell a size too."""

    dtype: DType
    dimensions: tuple[Dimension, ...] | None
    tells: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of putting a result together: the last `count` values become one, what `make` makes of them or a tuple;
    for None the next flat result becomes a value."""

    count: int | None
    make: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class PlainCall:
    """A call whose flat arguments are `sizes`, which the others tell, and `arguments`, the leaves of a caller's tuple.

    What tells a size comes before what knows it. `open` makes a tuple of the leaves, an empty one where an argument is
    unusual; None stands for the tuple itself. The last step gives the result.
    """

    arguments: tuple[PlainArgument, ...]
    sizes: tuple[str, ...]
    open: Callable[..., Any] | None
    steps: tuple[Step, ...]


@runtime_checkable
class PlainExecutable(Executable, Protocol):
    """An executable that can be called from Python without code of Python between."""

    def plain_function(self, call: PlainCall, instead: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the caller and a tuple of the arguments, as `instead` is.

        It leaves to `instead` all calls whose arguments are not of exactly the types that are needed.
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
