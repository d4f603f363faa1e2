"""Messages about names: what was meant instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from difflang.check.environment import Scope
from difflang.diagnostics.model import DiffLangError, Span
from difflang.diagnostics.suggest import did_you_mean

if TYPE_CHECKING:
    from difflang.check.context import Context


PREFIXES = frozenset(("np", "numpy", "jnp", "jax", "torch", "tf", "math", "scipy", "sp", "lax"))
OTHER_SPELLINGS = {
    "float": "real", "double": "real", "boolean": "bool", "integer": "int",
    "ln": "log", "arctan": "atan", "arcsin": "asin", "arccos": "acos", "arctan2": "atan2", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "fabs": "abs", "power": "x ** y", "maximum": "max(a, b)",
    "minimum": "min(a, b)", "amax": "max", "amin": "min", "matmul": "a @ b", "gradient": "grad", "diff": "derivative",
    "where": "a if c else b", "concatenate": "concat", "vstack": "stack", "append": "concat", "shape": "len(a)",
    "size": "len(a)", "range": "a..b", "map": "[f(x[i]) for i]",
    "inv": "linalg.inv", "e": "exp(1.0)", "fft": "import fft", "random": "import rng",
    "astype": "real(x)", "hstack": "concat", "det": "linalg.det", "solve": "linalg.solve", "trace": "linalg.trace",
    "gammaln": "lgamma", "expit": "sigmoid", "identity": "eye", "empty": "zeros", "mod": "a % b",
}  # fmt: skip
"""What programmers of other languages look for, and what it is called here."""


DECLARE = {
    "name": "declare it first, with `let {name} = ...`, or make it a parameter",
    "type": "the types are real, f64, f32, int, i32, bool and key, and the structs of the program",
    "size": "a size is bound by the type of a parameter, such as x: real[{name}], by an int parameter or by a `const`",
    "variable": "declare it first, with `var {name} = ...`",
}
"""For each kind of name: where one comes from."""


NOT_NEEDED = {
    "jit": "leave it out: every function is compiled",
    "str": "strings stand in messages, file names and options only; a choice is made with an int or a bool",
    "list": "write an array type, such as real[n]",
    "dict": "write a `struct` with named fields",
    "tuple": "write its parts in parentheses, such as (real, int)",
    "vmap": "write a comprehension: `[f(x[i]) for i]`",
    "scan": "write a `for` loop over a `var`: it is compiled and can be differentiated",
    "fori_loop": "write a `for` loop over a `var`: it is compiled and can be differentiated",
    "while_loop": "write a `while` loop over a `var`: it is compiled and can be differentiated",
    "einsum": "write the sum: `[sum(a[i, k] * b[k, j] for k) for i, j]`; products of matrices are `A @ B`",
    "tensordot": "write the sum: `[sum(a[i, k] * b[k, j] for k) for i, j]`; products of matrices are `A @ B`",
    "array": "write the elements in brackets, such as [1.0, 2.0]",
    "asarray": "leave it out: arrays are arrays already",
    "newaxis": "write reshape(x, n, 1), or a comprehension",
    "enumerate": "name the index: `for i in 0..len(x)`, or `[x[i] for i]`",
    "zip": "name the index: `for i in 0..len(x)`, or `[x[i] * y[i] for i]`",
    "filter": "write `sum(x[i] for i if c)`: the size of an array does not depend on its values",
    "isinstance": "leave it out: every type is known before the program runs",
    "cond": "write `a if c else b`: only the branch that is taken is computed",
}
"""What other systems need a name for, and what to write here."""


def foreign_spelling(name: str) -> str | None:
    """The hint for a name that another language or library has."""
    if name in PREFIXES:
        return "functions such as sum, exp and zeros are in scope without a prefix"
    if name in NOT_NEEDED:
        return NOT_NEEDED[name]
    return f"here that is `{OTHER_SPELLINGS[name]}`" if name in OTHER_SPELLINGS else None


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
    if hint is None and context.program.has_module((name,), context.program.directory):
        hint = f"write `import {name}` at the top of the file"
        return context.error(code, f"there is no {kind} called `{name}` here", span, hint=hint)
    otherwise = hint or DECLARE[kind].format(name=name)
    if kind == "variable":  # a name that is assigned is a variable's, or it is new
        hint = suggestion(name, scope.variables(), otherwise)
    elif kind == "size":
        hint = suggestion(name, scope.size_names(), otherwise)
    else:
        hint = foreign_spelling(name) or suggestion(name, [*scope.visible(), *extra], otherwise)
    return context.error(code, f"there is no {kind} called `{name}` here", span, hint=hint)
