"""Linear algebra and sorting: calls of LAPACK and BLAS."""

from __future__ import annotations

from dataclasses import dataclass

from difflang.core.ir import DType
from difflang.loops import ir
from difflang_llvm.memory import Memory, Registers
from difflang_llvm.text import Emitter


@dataclass(frozen=True, slots=True)
class KernelText:
    text: str
    declarations: tuple[str, ...] = ()
    functions: tuple[tuple[str, DType], ...] = ()


def kernel_text(name: str, dtype: DType) -> KernelText:
    raise KeyError(name)


def call(statement: ir.Kernel, emitter: Emitter, memory: Memory, registers: Registers) -> str | None:
    raise NotImplementedError(statement.name)
