"""Linear algebra against NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import difflang as dl

PROGRAM = """
import linalg
fn solve(a: real[n, n], b: real[n]) -> real[n] = linalg.solve(a, b)
fn solve_many(a: real[n, n], b: real[n, m]) -> real[n, m] = linalg.solve(a, b)
fn lu(a: real[n, n]) -> (real[n, n], real[n, n], real[n, n]) = linalg.lu(a)
fn cholesky(a: real[n, n]) -> real[n, n] = linalg.cholesky(a)
fn qr_r(a: real[m, n]) -> real[m, n]:
    let (q, r) = linalg.qr(a)
    return q @ r
fn eigh(a: real[n, n]) -> (real[n], real[n, n]) = linalg.eigh(a)
fn svd_product(a: real[m, n]) -> real[m, n]:
    let (u, s, vt) = linalg.svd(a)
    return u @ linalg.diag(s) @ vt
fn inv(a: real[n, n]) -> real[n, n] = linalg.inv(a)
fn det(a: real[n, n]) -> real = linalg.det(a)
fn slogdet(a: real[n, n]) -> (real, real) = linalg.slogdet(a)
fn trace(a: real[n, n]) -> real = linalg.trace(a)
fn expm(a: real[n, n]) -> real[n, n] = linalg.expm(a)
fn sqrtm(a: real[n, n]) -> real[n, n] = linalg.sqrtm(a)
fn kron(a: real[n, n], b: real[n, n]) -> real[n * n, n * n] = linalg.kron(a, b)
fn lstsq(a: real[m, n], b: real[m]) -> real[n] = linalg.lstsq(a, b)
fn pinv(a: real[m, n]) -> real[n, m] = linalg.pinv(a)
fn cg(a: real[n, n], b: real[n]) -> real[n] = linalg.cg(a, b)
fn bicgstab(a: real[n, n], b: real[n]) -> real[n] = linalg.bicgstab(fn(v) = a @ v, b)
fn gmres(a: real[n, n], b: real[n]) -> real[n] = linalg.gmres(fn(v) = a @ v, b, restart = 10)
fn triangular(a: real[n, n], b: real[n], trans: bool, lower: bool, unit: bool) -> real[n]:
    return linalg.triangular_solve(a, b, trans, lower, unit)
fn log_likelihood(a: real[n, n], b: real[n]) -> real:
    let l = linalg.cholesky(a @ a.T + eye(n))
    return dot(b, linalg.cho_solve(l, b)) + sum(log(l[i, i]) for i in 0..n)
fn exp_sum(a: real[n, n], b: real[n, n]) -> real = sum(linalg.expm(a) * b)
fn root_sum(a: real[n, n], b: real[n, n]) -> real = sum(linalg.sqrtm(a) * b)
fn lowest(a: real[n, n]) -> real = linalg.eigvalsh(0.5 * (a + a.T))[0]
fn biggest(a: real[m, n]) -> real = linalg.svd(a)[1][0]
"""

Load = Callable[[str], Any]
Draw = Callable[..., np.ndarray]


def positive(draw: Draw, n: int) -> np.ndarray:
    a = draw(n, n)
    return a @ a.T + np.eye(n)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_solve_and_factors(load: Load, matrices: Draw, n: int) -> None:
    module, a = load(PROGRAM), matrices(n, n)
    b, many = matrices(n, seed=1), matrices(n, 3, seed=2)
    np.testing.assert_allclose(module.solve(a, b), np.linalg.solve(a, b), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(module.solve_many(a, many), np.linalg.solve(a, many), rtol=1e-9, atol=1e-10)
    for ours, theirs in zip(module.lu(a), scipy.linalg.lu(a), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
    spd = positive(matrices, n)
    np.testing.assert_allclose(module.cholesky(spd), np.linalg.cholesky(spd), atol=1e-11)
    np.testing.assert_allclose(module.inv(spd), np.linalg.inv(spd), atol=1e-11)
    w, v = module.eigh(spd)
    np.testing.assert_allclose(w, np.linalg.eigvalsh(spd), rtol=1e-10)
    np.testing.assert_allclose(v @ np.diag(w) @ v.T, spd, atol=1e-10)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_rectangular_factors(load: Load, matrices: Draw, shape: tuple[int, int]) -> None:
    module, a = load(PROGRAM), matrices(*shape)
    np.testing.assert_allclose(module.qr_r(a), a, atol=1e-13)
    np.testing.assert_allclose(module.svd_product(a), a, atol=1e-13)
    np.testing.assert_allclose(module.pinv(a), np.linalg.pinv(a), atol=1e-12)


def test_small_functions(load: Load, matrices: Draw) -> None:
    module, a, b = load(PROGRAM), matrices(5, 5), matrices(5, 5, seed=4)
    assert module.det(a) == pytest.approx(np.linalg.det(a), rel=1e-12)
    sign, log = module.slogdet(a)
    assert (sign, pytest.approx(log, rel=1e-12)) == tuple(np.linalg.slogdet(a))
    assert module.trace(a) == pytest.approx(np.trace(a), rel=1e-14)
    np.testing.assert_allclose(module.kron(a, b), np.kron(a, b), rtol=1e-14)
    tall, right = matrices(9, 4), matrices(9, seed=5)
    np.testing.assert_allclose(module.lstsq(tall, right), np.linalg.lstsq(tall, right, rcond=None)[0], atol=1e-12)


@pytest.mark.parametrize("trans", [False, True])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_solve(load: Load, matrices: Draw, trans: bool, lower: bool, unit: bool) -> None:
    a, b = matrices(6, 6) + 4 * np.eye(6), matrices(6, seed=1)
    expected = scipy.linalg.solve_triangular(a, b, trans=int(trans), lower=lower, unit_diagonal=unit)
    np.testing.assert_allclose(load(PROGRAM).triangular(a, b, trans, lower, unit), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-8, 0.1, 1.0, 5.0, 30.0])
def test_expm(load: Load, matrices: Draw, scale: float) -> None:
    a = scale * matrices(6, 6)
    expected = scipy.linalg.expm(a)
    np.testing.assert_allclose(
        load(PROGRAM).expm(a), expected, rtol=0, atol=1e-12 * np.abs(expected).max() * max(scale, 1)
    )


def test_sqrtm_of_a_general_matrix_and_of_a_laplacian(load: Load, matrices: Draw) -> None:
    a = matrices(5, 5) + 4 * np.eye(5)
    np.testing.assert_allclose(load(PROGRAM).sqrtm(a), scipy.linalg.sqrtm(a), atol=1e-12)
    laplacian = 2 * np.eye(8) - np.eye(8, k=1) - np.eye(8, k=-1)
    assert np.trace(load(PROGRAM).sqrtm(laplacian)) == pytest.approx(10.430052302761, abs=1e-11)


def test_sqrtm_that_does_not_exist_is_an_error(load: Load) -> None:
    with pytest.raises(dl.DiffLangError):
        load(PROGRAM).sqrtm(np.diag([1.0, -2.0]))


@pytest.mark.parametrize("method", ["cg", "bicgstab", "gmres"])
def test_iterative_solvers(load: Load, matrices: Draw, method: str) -> None:
    a, b = positive(matrices, 30) + 5 * np.eye(30), matrices(30, seed=1)
    x = getattr(load(PROGRAM), method)(a, b)
    assert np.linalg.norm(a @ x - b) <= 1e-10 * np.linalg.norm(b)


@pytest.mark.parametrize("method", ["bicgstab", "gmres"])
def test_iterative_solvers_without_symmetry(load: Load, matrices: Draw, method: str) -> None:
    a, b = matrices(25, 25) + 12 * np.eye(25), matrices(25, seed=1)
    x = getattr(load(PROGRAM), method)(a, b)
    np.testing.assert_allclose(x, np.linalg.solve(a, b), atol=1e-9)


@pytest.mark.parametrize("function", ["log_likelihood", "exp_sum", "root_sum", "det", "lowest", "biggest"])
def test_derivatives_against_differences(load: Load, matrices: Draw, function: str) -> None:
    arguments = [matrices(4, 4) + 4 * np.eye(4)]
    if function in ("log_likelihood", "exp_sum", "root_sum"):
        arguments.append(matrices(4, seed=1) if function == "log_likelihood" else matrices(4, 4, seed=1))
    compiled = getattr(load(PROGRAM), function)
    slope = dl.grad(compiled)(*arguments)
    direction = matrices(4, 4, seed=9)

    def along(t: float) -> float:
        return float(compiled(arguments[0] + t * direction, *arguments[1:]))

    h = 1e-3
    five_points = (along(-2 * h) - 8 * along(-h) + 8 * along(h) - along(2 * h)) / (12 * h)
    assert float(np.sum(slope * direction)) == pytest.approx(five_points, rel=1e-7)


def test_the_gradient_of_logdet_is_the_inverse(load: Load, matrices: Draw) -> None:
    text = "import linalg\nfn f(a: real[n, n]) -> real = linalg.slogdet(a)[1]"
    a = matrices(6, 6)
    np.testing.assert_allclose(dl.grad(load(text).f)(a), np.linalg.inv(a).T, atol=1e-11)
