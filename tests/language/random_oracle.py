"""Random programs of the language in Python, on complex numbers: their oracle.

The sublanguage of `random_programs` is Python but for a few words, so `python_function` gets the oracle by text
replacement and one pass over Python's syntax tree. The oracle computes on complex numbers: its derivatives are
complex steps, Im f(x + i h v) / h, exact to rounding (Squire and Trapp, SIAM Review 40, 1998). Whatever is not
analytic (comparisons, the choice of a maximum, sorting) looks at real parts only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


class _Python(ast.NodeTransformer):
    """Comprehensions become arrays, assignment copies, and comparison looks at real parts."""

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        self.generic_visit(node)
        inner = node.elt
        for clause in reversed(node.generators):
            inner = _call("array", ast.ListComp(inner, [clause]))
        return inner

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        node.value = _call("copy", node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Not in place, as Python's is for arrays."""
        self.generic_visit(node)
        target = ast.parse(ast.unparse(node.target), mode="eval").body
        return ast.Assign([node.target], ast.BinOp(target, node.op, node.value))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        return ast.Compare(_call("re", node.left), node.ops, [_call("re", c) for c in node.comparators])


def _call(name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


REPLACEMENTS = (
    (r"\b(let|var) ", ""),
    (r"(\w+)\.\.(\w+(?: % 2)?)( by (\w+))?", lambda t: f"range({t[1]}, {t[2]}, {t[4] or 1})"),
    (r", (\w+) in range", r" for \1 in range"),
    (r"fn\((\w)\) =", r"lambda \1:"),
)


def python_function(program: str) -> Callable[..., complex]:
    """`f(x, c)` of the program, on complex numbers."""
    text = program[program.index("fn f(") :].replace("..p, b = ", "w = p.w, b = ")
    text = re.sub(r"fn f\(.*", "def f(x, c):\n    n = len(x)", text)
    for old, new in REPLACEMENTS:
        text = re.sub(old, new, text)
    tree = ast.fix_missing_locations(_Python().visit(ast.parse(text)))
    names = dict(NAMES)
    exec(compile(tree, "<oracle>", "exec"), names)
    return names["f"]


def _re(value: Any) -> Any:
    return np.real(value)


def _copy(value: Any) -> Any:
    if isinstance(value, SimpleNamespace):
        return SimpleNamespace(**{name: _copy(field) for name, field in vars(value).items()})
    return value.copy() if isinstance(value, np.ndarray) else value


def _maximum(*values: Any) -> Any:
    """The largest by real part; ties give their mean."""
    listed = list(values[0] if len(values) == 1 else values)
    top = max(float(np.real(v)) for v in listed)
    best = [v for v in listed if np.real(v) == top]
    return sum(best) / len(best)


def _product(values: Any) -> Any:
    result = 1.0
    for value in values:
        result = result * value
    return result


def _sum(values: Any) -> Any:
    return sum(values)


def _helper(u: Any, v: Any) -> Any:
    for element in v:
        if np.real(u) > 1.5:
            return u * element
        u = u + np.sin(element * u)
    return u


def _spread(v: Any) -> Any:
    return 0.2 * np.sin(v[:, None] + v[None, :]) * (1 - np.eye(len(v))) + np.diag(2.0 * np.arange(len(v)) + 2.0)


def _spectrum(a: Any) -> Any:
    """The eigenvalues of a symmetric matrix, as analytic functions of its entries."""
    found = np.linalg.eigvals(a)
    return found[np.argsort(found.real)]


def _cholesky(a: Any) -> Any:
    """The factor by Cholesky's formulas, without conjugation; up to signs it is also the transpose of R in QR."""
    factor = np.zeros_like(a)
    for j in range(len(a)):
        factor[j, j] = np.sqrt(a[j, j] - factor[j, :j] @ factor[j, :j])
        factor[j + 1 :, j] = (a[j + 1 :, j] - factor[j + 1 :, :j] @ factor[j, :j]) / factor[j, j]
    return factor


def _log(value: Any) -> Any:
    return np.log(value)


NAMES: dict[str, Any] = {
    "array": lambda values: np.array(values, dtype=complex),
    "copy": _copy,
    "re": _re,
    "State": lambda w, b: SimpleNamespace(w=_copy(w), b=b),
    "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "exp": np.exp, "log": _log, "sqrt": np.sqrt, "square": np.square,
    "abs": lambda z: z * np.sign(np.real(z)),
    "max": _maximum, "prod": _product, "sum": _sum,
    "dot": lambda a, b: np.sum(a * b),
    "logsumexp": lambda a: np.log(np.sum(np.exp(a))),
    "helper": _helper,
    "mapped": lambda g, v: np.array([g(u) for u in v]),
    "twice": lambda g, u: g(g(u)),
    "spread": _spread,
    "linalg": SimpleNamespace(
        solve=np.linalg.solve, det=np.linalg.det, eigvalsh=_spectrum, cholesky=_cholesky,
        svd=lambda a: (None, np.sqrt(_spectrum(a.T @ a))[::-1]), qr=lambda a: (None, _cholesky(a.T @ a).T),
    ),
    "softmax": lambda v: np.exp(v) / np.sum(np.exp(v)),
    "argmax": lambda v: int(np.argmax(np.real(v))),
    "int": lambda z: int(np.real(z)),
    "eye": np.eye, "outer": np.outer, "cumsum": np.cumsum, "flip": np.flip, "roll": np.roll,
    "sort": lambda a: a[np.argsort(np.real(a), kind="stable")],
    "real": float, "stop_grad": np.real,
}  # fmt: skip
