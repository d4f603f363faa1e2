"""The option `memory = "64 MB"` of the derivative operators: a budget in bytes."""

from __future__ import annotations

from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.leaves import materialize
from difflang.check.values import Scalar
from difflang.core.ir import Literal
from difflang.diagnostics.model import DiffLangError
from difflang.memory import HOW_TO_WRITE, bytes_of
from difflang.syntax import ast


def budget(context: Context, node: ast.Expr | None, scope: Scope) -> int | None:
    """The bytes of the option: a string with a unit, or a literal or `const` number of bytes. Raises E0507."""
    if node is None:
        return None
    if isinstance(node, ast.String):
        found = bytes_of(node.value)
        if found is None:
            raise _bad(context, node, f'"{node.value}" is no amount of memory')
        return found
    value = materialize(context, context.evaluate(node, scope))
    atom = value.atom if isinstance(value, Scalar) else None
    if isinstance(atom, Literal) and (atom.dtype != "i64" or atom.value < 1):
        raise _bad(context, node, "an amount of memory without a unit is a whole number of bytes from 1 on")
    if not isinstance(atom, Literal):
        raise _bad(context, node, "`memory` must be an amount of memory that is known when the program is compiled")
    return int(atom.value)


def _bad(context: Context, node: ast.Expr, message: str) -> DiffLangError:
    return context.error("E0507", message, node.span, hint=HOW_TO_WRITE)
