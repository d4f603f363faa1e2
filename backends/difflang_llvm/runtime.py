"""The functions that give programs memory (`runtime.ll`): a library of its own, linked with the programs that call it.

Programs only declare what they call. The declarations promise what LLVM would find out from the definitions.
"""

from __future__ import annotations

from collections.abc import Mapping

from difflang_llvm.text import Needs

DECLARATIONS: Mapping[str, str] = {
    "memory.allocate": "declare noalias ptr @memory.allocate(ptr nonnull captures(none), i64) nounwind",
    "memory.release_all": "declare void @memory.release_all(ptr nonnull captures(none)) nounwind",
    "memory.heap": (
        "declare noalias ptr @memory.heap(i64) nofree nounwind willreturn memory(inaccessiblemem: readwrite)"
    ),
    "memory.reserve": "declare i1 @memory.reserve(ptr nonnull captures(none), i64) nounwind",
    "memory.drop": "declare void @memory.drop(ptr nonnull captures(none)) nounwind",
}


def function(name: str, needs: Needs) -> str:
    """The symbol of a function by its name, such as `heap`, which is declared."""
    symbol = f"memory.{name}"
    needs.intrinsics[DECLARATIONS[symbol]] = None
    return f"@{symbol}"


def uses_arena(needs: Needs) -> bool:
    """Whether something that has been emitted takes memory from the arena, as library routines may."""
    return DECLARATIONS["memory.allocate"] in needs.intrinsics or bool(needs.kernels)
