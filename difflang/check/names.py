"""Messages about names: what was meant instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from difflang.check.environment import Scope
from difflang.diagnostics.model import DiffLangError, Span
from difflang.diagnostics.suggest import did_you_mean

if TYPE_CHECKING:
    from difflang.check.context import Context


def suggestion(name: str, candidates: Iterable[str], otherwise: str | None = None) -> str | None:
    """The hint for a misspelt name."""
    return did_you_mean(name, dict.fromkeys(c for c in candidates if not c.startswith("__")), otherwise)


def unknown_name(
    context: Context,
    name: str,
    span: Span,
    scope: Scope,
    kind: str = "name",
    *,
    code: str = "E0201",
    hint: str | None = None,
    extra: Iterable[str] = (),
) -> DiffLangError:
    """The error that a name is not in scope."""
    module = context.program.library_module_with(name)
    if hint is None and module is not None:
        hint = f"write `from {module} import {name}`, or `import {module}` and {module}.{name}"
    hint = suggestion(name, [*scope.visible(), *extra], hint)
    return context.error(code, f"there is no {kind} called `{name}` here", span, hint=hint)
