"""The matrix of a linear system is factorised once, whatever is differentiated, in whatever directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from difflang_reference import matrices

import difflang as dl
from difflang.core.ir import Func, walk
from difflang.derive import erased
from tests.derive.toolkit import cotangent_function, function, jet_function, tangent_function

SOURCE = """
import linalg

implicit fn equilibrium(w: real[n, n], b: real[n]) -> x: real[n]:
    where tanh(w @ x + b) == x
    var x = b
    for t in 0..80:
        x = tanh(w @ x + b)
    return x

fn solution(w: real[n, n], b: real[n]) -> real[n] = linalg.solve(w, b)
fn energy(w: real[n, n], b: real[n]) -> real = sum(square(equilibrium(w, b)))
fn square_of_solution(w: real[n, n], b: real[n]) -> real = sum(square(linalg.solve(w, b)))
fn several(w: real[n, n], b: real[n]) -> real = sum(sum(equilibrium(w, i * b)) for i in 0..3)
"""
SIZE = 5
W = 0.2 * np.random.default_rng(0).standard_normal((SIZE, SIZE))
B = np.random.default_rng(1).standard_normal(SIZE)


@pytest.fixture
def module() -> Any:
    return dl.loads(SOURCE)


@pytest.fixture
def factorised(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the matrices that the reference backend factorises."""
    sizes: list[int] = []

    def counted(name: str) -> None:
        plain = matrices.OPERATIONS[name]

        def call(a: Any, *rest: Any, **attrs: Any) -> list[Any]:
            sizes.append(len(a))
            return plain(a, *rest, **attrs)

        monkeypatch.setitem(matrices.OPERATIONS, name, call)

    for name in ("lu", "solve", "cholesky"):
        counted(name)
    return sizes


@pytest.mark.parametrize(
    ("name", "operator", "count"),
    [
        ("energy", lambda f: dl.grad(f, wrt=("w", "b")), 1),
        ("energy", lambda f: dl.hessian(f, wrt="b"), 1),
        ("equilibrium", lambda f: dl.jacobian(f, wrt="b"), 1),
        ("square_of_solution", lambda f: dl.grad(f, wrt=("w", "b")), 1),
        ("square_of_solution", lambda f: dl.hessian(f, wrt="b"), 1),
        ("solution", lambda f: dl.jacobian(f, wrt="w"), 1),
        ("several", lambda f: dl.grad(f, wrt="b"), 3),
    ],
)
def test_factorisations_are_not_repeated(
    module: Any, factorised: list[int], name: str, operator: Any, count: int
) -> None:
    operator(getattr(module, name).on(backend="reference"))(W, B)
    assert factorised == [SIZE] * count


def factors_in(func: Func) -> int:
    return sum(eqn.op in ("lu", "solve", "cholesky") for eqn in walk(erased(func).block))


def test_one_factorisation_at_every_order() -> None:
    f = function("n A[n,n] b[n]", lambda b, n, a, right: b.emit("solve", [a, right]))
    gradient = cotangent_function(f)
    hessian = cotangent_function(gradient)
    for derived in (f, tangent_function(f), gradient, jet_function(f, 5), jet_function(gradient, 3)):
        assert factors_in(derived) == 1
    for derived in (tangent_function(gradient), hessian, cotangent_function(hessian)):
        assert factors_in(derived) == 1


def test_second_derivatives_of_an_equilibrium(module: Any) -> None:
    """With s = 1 - x^2: (I - diag(s) w) dx = s db; the second derivative by central differences of this formula."""

    def slope(b: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = np.zeros(SIZE)
        for _ in range(300):
            x = np.tanh(W @ x + b)
        s = 1 - x * x
        return x, np.linalg.solve(np.eye(SIZE) - s[:, None] * W, s * direction)

    def gradient(b: np.ndarray) -> np.ndarray:
        return np.array([2 * (pair := slope(b, e))[0] @ pair[1] for e in np.eye(SIZE)])

    np.testing.assert_allclose(dl.grad(module.energy, wrt="b")(W, B), gradient(B), rtol=1e-12, atol=1e-13)
    h = 1e-5
    expected = [(gradient(B + h * e) - gradient(B - h * e)) / (2 * h) for e in np.eye(SIZE)]
    np.testing.assert_allclose(dl.hessian(module.energy, wrt="b")(W, B), expected, atol=1e-9)
