"""Linear algebra and sorting against NumPy and SciPy, or the equations that define a factorisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg

from difflang.core.ir import Type, Var
from difflang.core.ops import I64
from difflang.diagnostics.model import DiffLangError
from tests.llvm.running import function, run

Matrix = npt.NDArray[Any]
DTYPES = [np.float64, np.float32]
SIZES = [0, 1, 3, 40]
NAMES = {np.dtype("float64"): "f64", np.dtype("float32"): "f32", np.dtype("int64"): "i64", np.dtype("bool"): "bool"}


def operation(op: str, *arrays: Matrix, **attrs: Any) -> list[Matrix]:
    """`op` of arrays whose dimensions are all parameters; `qr` and `svd` get min(m, n) as well."""
    sizes = [[Var(I64) for _ in a.shape] for a in arrays]
    types = [Type(NAMES[a.dtype], tuple(dims)) for a, dims in zip(arrays, sizes, strict=True)]
    flat = [dim for dims in sizes for dim in dims]

    def body(b: Any, *params: Any) -> Any:
        extra = [b.prim("min", *flat)] if op in ("qr", "svd") else []
        return b.emit(op, [*params[len(flat) :], *extra], attrs)

    return run(function([*flat, *types], body), *(d for a in arrays for d in a.shape), *arrays)


def tolerance(dtype: Any) -> float:
    return 1e-10 if dtype == np.float64 else 2e-3


def random(*shape: int, dtype: Any) -> Matrix:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)


def positive(n: int, dtype: Any) -> Matrix:
    a = random(n, n, dtype=dtype)
    return (a @ a.T + n * np.eye(n)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_cholesky_reads_the_lower_triangle(n: int, dtype: Any) -> None:
    a = positive(n, dtype)
    spoiled = np.where(np.tri(n, dtype=bool), a, np.nan).astype(dtype)
    np.testing.assert_allclose(operation("cholesky", spoiled)[0], np.linalg.cholesky(a), atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_lu_and_its_permutation(n: int, dtype: Any) -> None:
    a = random(n, n, dtype=dtype)
    packed, permutation = operation("lu", a)
    lower, upper = np.tril(packed, -1) + np.eye(n), np.triu(packed)
    np.testing.assert_allclose(lower @ upper, a[permutation], atol=tolerance(dtype))
    assert (np.abs(lower) <= 1 + 1e-6).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_solve(n: int, lower: bool, transpose: bool, unit: bool, dtype: Any) -> None:
    a = (random(n, n, dtype=dtype) / (n + 1) + 2 * np.eye(n)).astype(dtype)
    for b in (random(n, 5, dtype=dtype), random(n, dtype=dtype)):
        found = operation("triangular_solve", a, b, lower=lower, transpose=transpose, unit=unit)[0]
        expected = scipy.linalg.solve_triangular(a, b, trans=int(transpose), lower=lower, unit_diagonal=unit)
        np.testing.assert_allclose(found, expected, atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_solve(n: int, dtype: Any) -> None:
    a = (random(n, n, dtype=dtype) + 2 * n * np.eye(n)).astype(dtype)
    for b in (random(n, 3, dtype=dtype), random(n, dtype=dtype), random(n, 0, dtype=dtype)):
        np.testing.assert_allclose(operation("solve", a, b)[0], np.linalg.solve(a, b), atol=tolerance(dtype))


SHAPES = [(0, 3), (3, 0), (5, 3), (3, 5), (40, 30), (30, 40)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_qr(m: int, n: int, dtype: Any) -> None:
    a, k = random(m, n, dtype=dtype), min(m, n)
    q, r = operation("qr", a)
    np.testing.assert_allclose(q @ r, a, atol=tolerance(dtype))
    np.testing.assert_allclose(q.T @ q, np.eye(k), atol=tolerance(dtype))
    assert not np.tril(r, -1).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_svd(m: int, n: int, dtype: Any) -> None:
    a = random(m, n, dtype=dtype)
    u, s, vt = operation("svd", a)
    np.testing.assert_allclose((u * s) @ vt, a, atol=tolerance(dtype))
    np.testing.assert_allclose(s, np.linalg.svd(a, compute_uv=False), atol=tolerance(dtype))
    np.testing.assert_allclose(vt @ vt.T, np.eye(min(m, n)), atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_eigh_reads_the_lower_triangle(n: int, dtype: Any) -> None:
    a = positive(n, dtype)
    w, v = operation("eigh", np.where(np.tri(n, dtype=bool), a, 1e6).astype(dtype))
    np.testing.assert_allclose(a @ v, v * w, atol=tolerance(dtype) * 100)
    np.testing.assert_allclose(w, np.linalg.eigvalsh(a), rtol=1e-4 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("spec", ["ij,jk->ik", "ij,kj->ik", "ji,jk->ik", "ji,kj->ik", "ij,jk->ki", "ij,j->i", "i,i->"])
@pytest.mark.parametrize("size", [0, 2, 40])
@pytest.mark.parametrize("dtype", DTYPES)
def test_products(spec: str, size: int, dtype: Any) -> None:
    sizes = {"i": size, "j": size + 3, "k": 2 * size + 1}
    left, right = spec.split("->")[0].split(",")
    a, b = (random(*(sizes[x] for x in letters), dtype=dtype) for letters in (left, right))
    np.testing.assert_allclose(operation("contract", a, b, spec=spec)[0], np.einsum(spec, a, b), atol=tolerance(dtype))


@pytest.mark.parametrize(
    ("op", "arrays"),
    [
        ("solve", (np.ones((3, 3)), np.ones(3))),
        ("cholesky", (-np.eye(2),)),
        ("triangular_solve", (np.diag([1.0, 0.0]), np.ones(2))),
        ("eigh", (np.full((2, 2), np.nan),)),
        ("svd", (np.full((2, 2), np.inf),)),
    ],
)
def test_a_matrix_that_cannot_be_taken_is_an_error(op: str, arrays: tuple[Matrix, ...]) -> None:
    with pytest.raises(DiffLangError) as caught:
        operation(op, *arrays, **({"lower": True} if op == "triangular_solve" else {}))
    assert caught.value.code == "E0805"


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 1000])
def test_argsort_is_stable_and_puts_nan_last(n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.round(rng.normal(size=n), 1)
    x[rng.random(n) < 0.1] = np.nan
    for keys in (x, x.astype(np.float32), rng.integers(-5, 5, n), rng.random(n) < 0.5):
        np.testing.assert_array_equal(operation("argsort", keys)[0], np.argsort(keys, kind="stable"))
