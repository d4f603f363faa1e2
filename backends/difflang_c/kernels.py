"""The calls of library routines: what stands in `support/matrices.c`, with the arguments in its order."""

from __future__ import annotations

from collections.abc import Callable

from difflang.loops import ir
from difflang.loops.ir import Array, Operand
from difflang_c.support import C_TYPES, Piece


def kernel_call(
    kernel: ir.Kernel, pointer: Callable[[Array], str], read: Callable[[Operand], str]
) -> tuple[Piece, tuple[str, ...]]:
    """The piece of support code of a routine, and the statements of its call, the last of which gives its status."""
    arrays = (*kernel.inputs, *kernel.outputs)
    dtype = arrays[0].dtype
    names = [pointer(array) for array in arrays]
    flags = {name: "true" if kernel.attrs.get(name) is True else "false" for name in FLAGS}
    first = [read(dim) for dim in arrays[0].shape]
    columns = read(arrays[1].shape[1]) if kernel.name in ("solve", "triangular_solve") and arrays[1].rank == 2 else "1"
    match kernel.name:
        case "gemm":
            inner = first[0] if flags["transpose_a"] == "true" else first[1]
            shape = [read(dim) for dim in arrays[2].shape]
            arguments = [flags["transpose_a"], flags["transpose_b"], *names, shape[0], inner, shape[1]]
        case "triangular_solve":
            arguments = [flags["lower"], flags["transpose"], flags["unit"], *names, first[0], columns]
        case "solve":
            arguments = ["state", *names, first[0], columns]
        case "cholesky":
            arguments = [*names, first[0]]
        case "lu":
            size = f"(size_t)({first[0]} * {first[0]}) * sizeof({C_TYPES[dtype]})"
            copy = f"memcpy({names[1]}, {names[0]}, {size})"
            return ("lu", dtype), (copy, f"dl_factor_{dtype}({names[1]}, {names[2]}, {first[0]})")
        case "qr" | "svd":
            arguments = ["state", *names, *first]
        case _:
            arguments = ["state", *names, first[0]]
    return (kernel.name, dtype), (f"dl_{kernel.name}_{dtype}({', '.join(arguments)})",)


FLAGS = ("transpose_a", "transpose_b", "lower", "transpose", "unit")
