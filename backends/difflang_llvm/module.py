"""Assembly of a module text: functions, the runtime, and whatever of the function library they need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from difflang.core.ir import DType
from difflang_llvm.kernels import kernel_text
from difflang_llvm.math.library import FunctionText, function_text
from difflang_llvm.text import Needs

_DECLARED = re.compile(r"^declare [^@\n]*@([\w.]+)", re.MULTILINE)
ATTRIBUTES = (
    "attributes #0 = { nounwind noinline }",
    "attributes #2 = { alwaysinline nounwind willreturn memory(none) }",
    "attributes #3 = { noinline nounwind willreturn memory(none) }",
    "attributes #4 = { nounwind willreturn memory(none) }",
)


@cache
def runtime_text() -> str:
    return resources.files("difflang_llvm").joinpath("runtime.ll").read_text()


def assemble(definitions: Sequence[str], needs: Needs, metadata: Sequence[str]) -> str:
    """The whole text. Declarations appear once, also those that the runtime has already."""
    runtime = runtime_text()
    texts = list(definitions)
    declarations: dict[str, None] = dict(needs.intrinsics)
    for name, dtype in needs.kernels:
        wrapper = kernel_text(name, dtype)
        texts.append(wrapper.text)
        declarations.update(dict.fromkeys(wrapper.declarations))
        for callee in wrapper.functions:
            needs.functions[callee] = None
    kept: list[str] = []
    for function in _library(needs.functions):
        texts.append(function.text)
        declarations.update(dict.fromkeys(function.declarations))
        kept += function.kept
    if kept:
        texts.append(_kept_text(kept))
    present = set(runtime.splitlines())
    missing = [line for line in declarations if line not in present]
    return "\n\n".join([runtime, *texts, "\n".join(missing), "\n".join(ATTRIBUTES), "\n".join(metadata), ""])


def _kept_text(names: Sequence[str]) -> str:
    """Keeps symbols alive until the vectoriser has run."""
    pointers = ", ".join(f"ptr @{name}" for name in names)
    return f'@llvm.compiler.used = appending global [{len(names)} x ptr] [{pointers}], section "llvm.metadata"'


def _library(wanted: Iterable[tuple[str, DType]]) -> list[FunctionText]:
    """Library functions and all that they call."""
    pending = list(wanted)
    done: dict[tuple[str, DType], FunctionText] = {}
    while pending:
        key = pending.pop()
        if key not in done:
            done[key] = function_text(*key)
            pending.extend(done[key].callees)
    return list(done.values())


def imported_symbols(text: str) -> tuple[str, ...]:
    """The external functions that a module text declares (LLVM's own intrinsics aside)."""
    names = (match[1] for match in _DECLARED.finditer(text))
    return tuple(dict.fromkeys(name for name in names if not name.startswith("llvm.")))
