"""Derivatives of linear algebra where matrices are singular or eigenvalues coincide: right, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import difflang as dl

Load = Callable[[str], Any]

PROGRAM = """
import linalg
fn det(a: real[n, n]) -> real = linalg.det(a)
fn inverse_sum(a: real[m, n]) -> real = sum(sin(linalg.pinv(a)))
fn root_of_values(a: real[n, n]) -> real = sum(sqrt(linalg.eigvalsh(a)))
fn root_by_vectors(a: real[n, n]) -> real:
    let (w, v) = linalg.eigh(a)
    return sum([v[i, k] * sqrt(w[k]) for i in 0..n, k in 0..n] @ v.T)
fn nuclear(a: real[m, n]) -> real = sum(linalg.svd(a)[1])
fn polar(a: real[m, n]) -> real:
    let (u, s, vt) = linalg.svd(a)
    return sum(u @ vt)
"""

SINGULAR = [
    [[0]],
    [[1, 2], [2, 4]],
    [[0, 0], [0, 0]],
    [[1, 2, 3], [2, 4, 6], [0, 1, 1]],
    [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
    [[1, 2, 0, 1], [2, 4, 0, 2], [0, 0, 0, 3], [1, 2, 0, 0]],
]


@pytest.fixture(params=["reference", "llvm"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("rows", SINGULAR, ids=str)
def test_the_gradient_of_a_determinant_is_the_cofactors(load: Load, backend: str, rows: list[list[int]]) -> None:
    det, a = load(PROGRAM).det.on(backend=backend), np.array(rows, float)
    matrix = sympy.Matrix(rows)
    cofactors = np.array(matrix.cofactor_matrix().tolist(), float)
    assert det(a) == 0
    np.testing.assert_allclose(dl.grad(det)(a), cofactors, atol=1e-13)
    v = np.random.default_rng(len(rows)).integers(-3, 4, a.shape)
    t = sympy.Symbol("t")
    polynomial = sympy.Poly((matrix + t * sympy.Matrix(v.tolist())).det(), t)
    expected = [float(polynomial.coeff_monomial(t**k)) for k in range(3)]
    np.testing.assert_allclose(dl.jet(det, order=2)(a, v.astype(float)), expected, atol=1e-11)


def test_the_pseudoinverse_of_a_matrix_without_full_rank(load: Load, backend: str) -> None:
    """Against differences along a curve of matrices of the same rank."""
    random = np.random.default_rng(0)
    a = random.normal(size=(4, 2)) @ random.normal(size=(2, 3))
    x, y = random.normal(size=(4, 4)), random.normal(size=(3, 3))

    def along(t: float) -> float:
        return float(np.sin(np.linalg.pinv((np.eye(4) + t * x) @ a @ (np.eye(3) + t * y), rcond=1e-10)).sum())

    h = 1e-3
    slope = (along(-2 * h) - 8 * along(-h) + 8 * along(h) - along(2 * h)) / (12 * h)
    gradient = dl.grad(load(PROGRAM).inverse_sum).on(backend=backend)(a)
    assert np.sum(gradient * (x @ a + a @ y)) == pytest.approx(slope, rel=1e-7)


def test_values_alone_need_no_vectors(load: Load, backend: str) -> None:
    """At 4 I the gradient of the trace of the root is I / 4, that of the nuclear norm I."""
    module, a = load(PROGRAM), 4 * np.eye(3)
    np.testing.assert_allclose(dl.grad(module.root_of_values).on(backend=backend)(a), np.eye(3) / 4, atol=1e-15)
    np.testing.assert_allclose(dl.grad(module.nuclear).on(backend=backend)(a), np.eye(3), atol=1e-15)
    assert dl.jvp(module.root_of_values).on(backend=backend)(a, np.ones((3, 3)))[1] == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["root_by_vectors", "polar"])
@pytest.mark.parametrize("operator", ["grad", "jvp", "jet"])
def test_vectors_of_equal_values_are_refused(load: Load, backend: str, name: str, operator: str) -> None:
    function, a = getattr(load(PROGRAM), name), 4 * np.eye(3)
    options = {"order": 2} if operator == "jet" else {}
    derived = getattr(dl, operator)(function, **options).on(backend=backend)
    with pytest.raises(dl.DiffLangError, match=r"E0813.*equal") as refusal:
        derived(a, *([] if operator == "grad" else [np.ones((3, 3))]))
    assert "linalg." in str(refusal.value)


def test_a_second_derivative_needs_the_vectors(load: Load, backend: str) -> None:
    hessian = dl.hvp(load(PROGRAM).root_of_values).on(backend=backend)
    with pytest.raises(dl.DiffLangError, match="E0813"):
        hessian(4 * np.eye(2), np.ones((2, 2)))


def test_the_vectors_of_a_zero_singular_value(load: Load, backend: str) -> None:
    """Of a square matrix they are known from the others; of one that is not square they are not."""
    polar = dl.grad(load(PROGRAM).polar).on(backend=backend)
    assert np.isfinite(polar(np.array([[2.0, 0.0], [0.0, 0.0]]))).all()
    with pytest.raises(dl.DiffLangError, match=r"E0813.*zero"):
        polar(np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
