"""DiffLang: a small language for differentiable programs.

    import difflang as dl
    m = dl.load("model.dl")
    dl.grad(m.loss, wrt="p")(p, x)

Names are imported when they are first used, so that `import difflang` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from difflang.api import (
        DiffLangWarning,
        Function,
        Module,
        checkpoint,
        derivative,
        ggn,
        grad,
        hessian,
        hvp,
        jacobian,
        jet,
        jvp,
        load,
        loads,
        value_and_grad,
        vjp,
    )
    from difflang.diagnostics.model import Diagnostic, DiffLangError, Label, Span
    from difflang.runtime.structs import Struct
    from difflang.testing import check_grad

__version__ = "0.1.0"

_HOMES = {
    "difflang.api": (
        "DiffLangWarning", "Function", "Module", "checkpoint", "derivative", "ggn", "grad", "hessian", "hvp",
        "jacobian", "jet", "jvp", "load", "loads", "value_and_grad", "vjp",
    ),
    "difflang.diagnostics.model": ("Diagnostic", "DiffLangError", "Label", "Span"),
    "difflang.runtime.structs": ("Struct",),
    "difflang.testing": ("check_grad",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'difflang' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOME_OF]


__all__ = [
    "Diagnostic",
    "DiffLangError",
    "DiffLangWarning",
    "Function",
    "Label",
    "Module",
    "Span",
    "Struct",
    "check_grad",
    "checkpoint",
    "derivative",
    "ggn",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jet",
    "jvp",
    "load",
    "loads",
    "value_and_grad",
    "vjp",
]
