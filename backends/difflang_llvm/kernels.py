"""Library routines of Loops: their calls, and the table of the functions `@dl.<name>.<dtype>` behind them.

Each function takes the arena, the pointers of inputs and outputs, and the dimensions; it gives an i64: 0, the number
of a failure, or `NO_MEMORY`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from difflang.core.ir import DType
from difflang.loops import ir
from difflang_llvm import factorizations, sorting
from difflang_llvm.memory import Memory, Registers
from difflang_llvm.routine import NO_MEMORY, KernelText, Routine
from difflang_llvm.text import Emitter

__all__ = ["NO_MEMORY", "call", "kernel_text"]

Define = Callable[[Routine, tuple[str, ...]], None]

ROUTINES: dict[str, Define] = {
    "gemm": factorizations.gemm,
    "cholesky": factorizations.cholesky,
    "lu": factorizations.lu,
    "triangular_solve": factorizations.triangular_solve,
    "solve": factorizations.solve,
    "qr": factorizations.qr,
    "eigh": factorizations.eigh,
    "svd": factorizations.svd,
    "argsort": sorting.argsort,
}


def call(statement: ir.Kernel, emitter: Emitter, memory: Memory, registers: Registers) -> str:
    """Emits the call; gives its status."""
    arrays = (*statement.inputs, *statement.outputs)
    flags = sorted(name for name, value in statement.attrs.items() if value is True)
    ranks = "".join(str(array.rank) for array in arrays)
    name, dtype = ".".join([statement.name, ranks, *flags]), arrays[0].dtype
    emitter.needs.kernels[name, dtype] = None
    operands = ["ptr %arena", *(f"ptr {memory.pointer(a)}" for a in arrays)]
    operands += [f"i64 {registers.read(dim)}" for a in arrays for dim in a.shape]
    return emitter.value(f"call i64 @dl.{name}.{dtype}({', '.join(operands)})")


@cache
def kernel_text(name: str, dtype: DType) -> KernelText:
    """The function of a routine with its ranks and flags, such as `triangular_solve.212.lower`."""
    routine_name, ranks, *flags = name.split(".")
    routine = Routine(name, dtype, tuple(int(digit) for digit in ranks))
    ROUTINES[routine_name](routine, tuple(flags))
    return routine.finished()
