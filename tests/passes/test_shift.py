"""Adjoints of stencils: no additions to memory are left, and the numbers are those of explicit matrices."""

from __future__ import annotations

import numpy as np
import pytest

import difflang as dl
from difflang.core.ir import walk
from difflang.core.parser import parse_func

STENCILS = {
    "zero outside": "[a * x[i] * x[i] + (x[i - 1] if i > 0 else 0.0) - 2 * (x[i + 1] if i < n - 1 else 0.0) for i]",
    "periodic": "[a * x[i] * x[i] + x[(i + n - 1) % n] - 2 * x[(i + 1) % n] for i]",
    "inner points": "[a * x[i + 1] * x[i + 1] + x[i] - 2 * x[i + 2] for i in 0..n - 2]",
    "dear": "[sin(a * x[i]) * (x[i - 1] if i > 0 else 0.0) for i]",
}


def program(expression: str) -> dl.Module:
    return dl.loads(f"""
fn stencil(x: real[n], a: real) = {expression}
fn total(x: real[n], a: real, w: real[m]) -> real:
    let y = stencil(x, a)
    return sum(y[k] * w[k] for k in 0..len(y))
""")


def neighbours(kind: str, n: int, a: float, x: np.ndarray) -> np.ndarray:
    """The Jacobian, row by row."""
    rows = n - 2 if kind == "inner points" else n
    jacobian = np.zeros((rows, n))
    for i in range(rows):
        if kind == "inner points":
            jacobian[i, i : i + 3] += [1, 2 * a * x[i + 1], -2]
        elif kind == "periodic":
            jacobian[i, i] += 2 * a * x[i]
            jacobian[i, (i - 1) % n] += 1
            jacobian[i, (i + 1) % n] -= 2
        elif kind == "dear":
            if i > 0:
                jacobian[i, i] += a * np.cos(a * x[i]) * x[i - 1]
                jacobian[i, i - 1] += np.sin(a * x[i])
        else:
            jacobian[i, i] += 2 * a * x[i]
            if i > 0:
                jacobian[i, i - 1] += 1
            if i < n - 1:
                jacobian[i, i + 1] -= 2
    return jacobian


@pytest.mark.parametrize("backend", ["reference", "llvm"])
@pytest.mark.parametrize("kind", list(STENCILS))
def test_gradients_of_stencils(kind: str, backend: str) -> None:
    rng = np.random.default_rng(0)
    gradient = dl.grad(program(STENCILS[kind]).total.on(backend=backend))
    for n in (2, 3, 7, 40) if kind != "periodic" else (1, 2, 3, 7, 40):
        x, a = rng.normal(size=n), 0.7
        jacobian = neighbours(kind, n, a, x)
        w = rng.normal(size=len(jacobian))
        np.testing.assert_allclose(gradient(x, a, w), w @ jacobian, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("kind", list(STENCILS))
def test_nothing_is_added_to_memory(kind: str) -> None:
    module = dl.loads(f"fn f(x: real[n], a: real) = {STENCILS[kind]}")
    text = dl.vjp(module.f).emit("opt")
    assert "add_to" not in text


def test_two_dimensions() -> None:
    """The five-point stencil of the heat equation is its own adjoint."""
    module = dl.loads("""
fn heat(u: real[n, m]) -> real[n, m]:
    return [u[i, j] + 0.1 * ((u[i - 1, j] if i > 0 else 0.0) + (u[i + 1, j] if i < n - 1 else 0.0)
        + (u[i, j - 1] if j > 0 else 0.0) + (u[i, j + 1] if j < m - 1 else 0.0) - 4 * u[i, j]) for i in 0..n, j in 0..m]
""")
    u = np.random.default_rng(1).normal(size=(5, 4))
    _, found = dl.vjp(module.heat)(u, u)
    np.testing.assert_allclose(found, module.heat(u), rtol=1e-13, atol=1e-14)


GRIDS = {
    "border": (
        "[u[i, j] if i == 0 or j == 0 or i == n - 1 or j == m - 1 else u[i, j] * u[i, j]"
        " + a * u[i + 1, j] - u[i, j - 1] * u[i - 1, j] for i, j]",
        lambda u, a: np.block(
            [
                [u[:1]],
                [u[1:-1, :1], u[1:-1, 1:-1] ** 2 + a * u[2:, 1:-1] - u[1:-1, :-2] * u[:-2, 1:-1], u[1:-1, -1:]],
                [u[-1:]],
            ]
        ),
    ),
    "torus": (
        "[u[i, j] * u[(i + 1) % n, j] - a * u[i, (j + m - 1) % m] for i, j]",
        lambda u, a: u * np.roll(u, -1, 0) - a * np.roll(u, 1, 1),
    ),
    "inner points": (
        "[u[i, j + 1] * u[i + 2, j] - a * u[i + 1, j + 1] for i in 0..n - 2, j in 0..m - 1]",
        lambda u, a: u[:-2, 1:] * u[2:, :-1] - a * u[1:-1, 1:],
    ),
}
"""Stencils on matrices, in both languages."""


@pytest.mark.parametrize("backend", ["reference", "llvm"])
@pytest.mark.parametrize("kind", list(GRIDS))
def test_gradients_on_grids(kind: str, backend: str) -> None:
    """Against complex steps through the same in NumPy."""
    text, plain = GRIDS[kind]
    module = dl.loads(f"fn f(u: real[n, m], a: real) -> real = sum({text})")
    assert "add_to" not in dl.grad(module.f).emit("opt")
    gradient = dl.grad(module.f.on(backend=backend))
    for shape in [(2, 2), (3, 3), (4, 7)]:
        u, a = np.random.default_rng(2).normal(size=shape), 0.7
        expected = np.empty(shape)
        for place in np.ndindex(shape):
            step = np.zeros(shape, complex)
            step[place] = 1e-30j
            expected[place] = np.sum(plain(u + step, a)).imag / 1e-30
        np.testing.assert_allclose(gradient(u, a), expected, rtol=1e-13, atol=1e-13)


def test_the_gradient_in_a_factor_joins_the_stencil() -> None:
    """One sweep over the grid for each step back gives both; against complex steps through the same in NumPy."""
    module = dl.loads("""
fn total(u0: real[n, n], c: real, steps: int) -> real:
    var u = u0
    for t in 0..steps:
        u = [u[i, j] + c * (u[i - 1, j] + u[i, j + 1] - 2 * u[i, j]) if 0 < i and j < n - 1 else u[i, j] for i, j]
    return sum(u[i, j] ** 2 for i, j)
""")
    gradient = dl.grad(module.total, wrt=("u0", "c"))
    loops = [eqn for eqn in walk(parse_func(gradient.emit("opt")).block) if eqn.op == "fold" and eqn.attrs["reverse"]]
    assert [eqn.op for eqn in walk(loops[0].regions[0])].count("build") == len(loops) == 1

    def plain(u: np.ndarray, c: complex) -> float:
        u = u.astype(complex)
        for _ in range(3):
            new = u.copy()
            new[1:, :-1] += c * (u[:-1, :-1] + u[1:, 1:] - 2 * u[1:, :-1])
            u = new
        return np.sum(u**2).imag / 1e-30

    for n in (1, 2, 5):
        u = np.random.default_rng(3).normal(size=(n, n))
        by_field, by_factor = gradient(u, 0.1, 3)
        np.testing.assert_allclose(by_factor, plain(u, 0.1 + 1e-30j), rtol=1e-13, atol=1e-13)
        for place in np.ndindex(n, n):
            step = np.zeros((n, n), complex)
            step[place] = 1e-30j
            np.testing.assert_allclose(by_field[place], plain(u + step, 0.1), rtol=1e-13, atol=1e-13)


def test_an_index_out_of_range_is_still_found() -> None:
    module = dl.loads("""
fn f(x: real[n], k: int) -> real = sum(x[i + k] for i in 0..n - 1)
fn g(x: real[n]) -> real = sum(x[i + 1] for i in 0..n)
""")
    for call in (lambda: dl.grad(module.f)(np.ones(3), 2), lambda: dl.grad(module.g)(np.ones(3))):
        with pytest.raises(dl.DiffLangError) as caught:
            call()
        assert caught.value.diagnostic.code == "E0801"
