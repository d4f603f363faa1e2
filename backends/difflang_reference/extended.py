"""Core evaluated in extended precision: every f64 is a NumPy `longdouble`, where that has more digits.

For differences against which derivatives are checked: with 64 bits of mantissa instead of 53, extrapolated ones have
some fifteen digits. What has no such evaluation is refused (`NotExtended`): functions and factorisations that NumPy
lacks in this precision, numbers of f32, Python functions, and programs that would take too long here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from difflang.backend.protocol import CompileOptions, Value
from difflang.core.ir import Eqn, Func, walk
from difflang_reference import special
from difflang_reference.interpreter import Interpreter, scalar_types

LIMIT = 30_000
"""Equations that one evaluation may take: a tenth of a second."""

Matrix = npt.NDArray[np.longdouble]


class NotExtended(Exception):
    """A program, or this machine, has no evaluation in extended precision."""


class _Silent:
    """A host for evaluations that nobody should see."""

    def print(self, text: str) -> None: ...

    def report(self, figures: Mapping[str, Value]) -> None: ...

    def extern(self, name: str, args: Sequence[Value]) -> Sequence[Value]:
        raise NotExtended


def evaluator(func: Func) -> Callable[[Sequence[Any]], list[Any]]:
    """The function of flat arguments. Raises NotExtended, now or when it is called."""
    is_longer = np.finfo(np.longdouble).eps < 1e-3 * np.finfo(np.float64).eps
    if not is_longer or any(_is_refused(eqn) for eqn in walk(func.block)):
        raise NotExtended

    def evaluate(args: Sequence[Any]) -> list[Any]:
        with np.errstate(all="ignore"):
            return _Extended().run(func.block, [_extended(arg) for arg in args])

    return evaluate


def _is_refused(eqn: Eqn) -> bool:
    return eqn.op in ("polygamma", "extern") or any(out.type.dtype == "f32" for out in eqn.outs)


def _extended(value: Any) -> Any:
    """A flat argument with longer floats, as the interpreter takes it."""
    array = np.asarray(value)
    return array.astype(np.longdouble)[()] if array.dtype.kind == "f" else array[()]


class _Extended(Interpreter):
    def __init__(self) -> None:
        super().__init__(_Silent(), CompileOptions())
        self.steps = 0

    def equation(self, eqn: Eqn) -> None:
        self.steps += 1
        if self.steps > LIMIT:
            raise NotExtended
        super().equation(eqn)

    def primitive(self, eqn: Eqn) -> Any:
        if eqn.op == "convert" and eqn.attrs["dtype"] == "f64":
            return np.longdouble(self.arguments(eqn)[0])
        if eqn.op in special.FUNCTIONS:
            return special.FUNCTIONS[eqn.op](self.arguments(eqn)[0])
        return super().primitive(eqn)


def _solved(a: Matrix, b: Matrix) -> list[Any]:
    packed, order = _factors(a)
    lower = _substituted(packed, b[order], lower=True, unit=True)
    return [_substituted(packed, lower, lower=False, unit=False)]


def _factors(a: Matrix) -> list[Any]:
    """LU with row exchanges: the packed factors and the order of the rows (Golub and Van Loan, algorithm 3.4.1)."""
    packed, order = a.copy(), np.arange(a.shape[0])
    for k in range(a.shape[0]):
        pivot = k + int(np.argmax(np.abs(packed[k:, k])))
        packed[[k, pivot]], order[[k, pivot]] = packed[[pivot, k]], order[[pivot, k]]
        if packed[k, k] == 0:
            raise NotExtended
        packed[k + 1 :, k] /= packed[k, k]
        packed[k + 1 :, k + 1 :] -= np.outer(packed[k + 1 :, k], packed[k, k + 1 :])
    return [packed, order]


def _substituted(a: Matrix, b: Matrix, *, lower: bool, unit: bool) -> Matrix:
    """The solution of a triangular system."""
    x = b.copy()
    count = a.shape[0]
    for i in range(count) if lower else reversed(range(count)):
        known = slice(0, i) if lower else slice(i + 1, count)
        x[i] -= a[i, known] @ x[known]
        if not unit:
            x[i] /= a[i, i]
    return x


def _triangular(a: Matrix, b: Matrix, lower: bool = True, transpose: bool = False, unit: bool = False) -> list[Any]:
    return [_substituted(a.T if transpose else a, b, lower=lower != transpose, unit=unit)]


def _cholesky(a: Matrix) -> list[Any]:
    """Golub and Van Loan, algorithm 4.2.1."""
    left = np.tril(a)
    for k in range(a.shape[0]):
        if not left[k, k] > 0:
            raise NotExtended
        left[k:, k] /= np.sqrt(left[k, k])
        for j in range(k + 1, a.shape[0]):
            left[j:, j] -= left[j:, k] * left[j, k]
    return [left]


def _missing(*args: Any, **attrs: Any) -> list[Any]:
    raise NotExtended


_Extended.scalars = {**scalar_types, "f64": np.longdouble}
_Extended.matrices = {
    **dict.fromkeys(Interpreter.matrices, _missing),
    "solve": _solved,
    "lu": _factors,
    "triangular_solve": _triangular,
    "cholesky": _cholesky,
}
