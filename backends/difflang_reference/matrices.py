"""Linear algebra by NumPy and SciPy, which call LAPACK. A failure is NumPy's `LinAlgError`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def cholesky(a: Any) -> list[Any]:
    return [np.linalg.cholesky(a)]


def lu(a: Any) -> list[Any]:
    """The packed factors, and the permutation of the rows that LAPACK's list of row exchanges amounts to."""
    from scipy.linalg import lu_factor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packed, exchanges = lu_factor(a, check_finite=False)
    permutation = np.arange(a.shape[0], dtype=np.int64)
    for row, other in enumerate(exchanges.tolist()):
        permutation[[row, other]] = permutation[[other, row]]
    return [packed, permutation]


def triangular_solve(a: Any, b: Any, lower: bool = True, transpose: bool = False, unit: bool = False) -> list[Any]:
    from scipy.linalg import solve_triangular

    trans = 1 if transpose else 0
    return [solve_triangular(a, b, trans=trans, lower=lower, unit_diagonal=unit, check_finite=False)]


def solve(a: Any, b: Any) -> list[Any]:
    return [np.linalg.solve(a, b)]


def qr(a: Any, k: Any) -> list[Any]:
    return list(np.linalg.qr(a))


def eigh(a: Any) -> list[Any]:
    return list(np.linalg.eigh(a))


def svd(a: Any, k: Any) -> list[Any]:
    return list(np.linalg.svd(a, full_matrices=False))


OPERATIONS: dict[str, Callable[..., list[Any]]] = {
    "cholesky": cholesky,
    "lu": lu,
    "triangular_solve": triangular_solve,
    "solve": solve,
    "qr": qr,
    "eigh": eigh,
    "svd": svd,
}
