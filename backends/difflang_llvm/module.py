"""Assembly of module texts: programs with the runtime, and units of the function library."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from difflang_llvm.kernels import kernel_text
from difflang_llvm.math import library
from difflang_llvm.text import Needs

_DECLARED = re.compile(r"^(?:declare [^@\n]*)?@([\w.]+)(?:\(| = external)", re.MULTILINE)
ATTRIBUTES = (
    "attributes #0 = { nounwind noinline }",
    "attributes #2 = { alwaysinline nounwind willreturn memory(none) }",
    "attributes #3 = { noinline nounwind willreturn memory(none) }",
    "attributes #4 = { nounwind willreturn memory(none) }",
)


def assemble(definitions: Sequence[str], needs: Needs, metadata: Sequence[str]) -> str:
    """The whole text of a program. Declarations appear once."""
    texts = list(definitions)
    declarations: dict[str, None] = dict(needs.intrinsics)
    for name, dtype in needs.kernels:
        wrapper = kernel_text(name, dtype)
        texts.append(wrapper.text)
        declarations.update(dict.fromkeys(wrapper.declarations))
    inlined = library.closure((name, dtype, 1) for name, dtype in needs.functions if name in library.INLINED)
    for function in inlined.values():
        texts.append(function.text)
        declarations.update(dict.fromkeys(function.declarations))
    kept: list[str] = []
    for name, dtype in needs.functions:
        if name not in library.INLINED:
            lines, forms = library.declaration(name, dtype)
            declarations.update(dict.fromkeys(lines))
            kept += forms
    if kept:
        texts.append(_kept_text(kept))
    return "\n\n".join([*texts, "\n".join(declarations), "\n".join(ATTRIBUTES), "\n".join(metadata), ""])


@cache
def unit_module(unit: library.Key) -> str:
    """The module of one function of the library."""
    texts, declarations = library.definitions(unit)
    return "\n\n".join([*texts, "\n".join(declarations), "\n".join(ATTRIBUTES), ""])


def _kept_text(names: Sequence[str]) -> str:
    """Keeps symbols alive until the vectoriser has run."""
    pointers = ", ".join(f"ptr @{name}" for name in names)
    return f'@llvm.compiler.used = appending global [{len(names)} x ptr] [{pointers}], section "llvm.metadata"'


def imported_symbols(text: str) -> tuple[str, ...]:
    """What a module text declares and does not define (LLVM's intrinsics and the function library aside)."""
    names = (match[1] for match in _DECLARED.finditer(text))
    return tuple(dict.fromkeys(name for name in names if not name.startswith(("llvm.", "dl."))))
