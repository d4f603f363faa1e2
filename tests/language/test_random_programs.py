"""Random programs: values, gradients and directional derivatives against complex steps of the same Python."""

from __future__ import annotations

from functools import cache
from random import Random

import numpy as np
import pytest

import difflang as dl
from tests.language.random_oracle import python_function
from tests.language.random_programs import random_program

STEP = 1e-30


class Sample:
    """A program with a point (x, c), a direction of x, and by complex steps its value and its gradient there."""

    def __init__(self, seed: int) -> None:
        text, numbers = random_program(Random(seed), stopped=seed % 4 == 0), np.random.default_rng(seed)
        n = 1 + seed % 4
        self.function = dl.loads(text).f
        self.x, self.v, self.c = numbers.normal(size=n), numbers.normal(size=n), numbers.normal()
        oracle = python_function(text)
        self.value = np.real(oracle(self.x + 0j, self.c + 0j))
        moved = (oracle(self.x + 1j * STEP * row, self.c + 0j) for row in np.eye(n))
        self.slopes = np.array([np.imag(y) / STEP for y in moved])
        self.scale = max(1.0, np.abs(self.slopes).max())

    def check(self, backend: str, precision: str = "f64", tolerance: float = 1e-9) -> None:
        options = {"backend": backend, "precision": precision}
        x, v = (a.astype(np.float32 if precision == "f32" else np.float64) for a in (self.x, self.v))
        value, gradient = dl.value_and_grad(self.function).on(**options)(x, self.c)
        tangent = dl.jvp(self.function).on(**options)(x, self.c, v)[1]
        bound = tolerance * self.scale
        assert value == pytest.approx(self.value, rel=tolerance, abs=bound)
        np.testing.assert_allclose(gradient, self.slopes, rtol=tolerance, atol=bound)
        assert tangent == pytest.approx(self.slopes @ self.v, abs=10 * bound)


@cache
def sample(seed: int) -> Sample:
    return Sample(seed)


@pytest.mark.parametrize("seed", range(100, 140))
def test_interpreted(seed: int) -> None:
    sample(seed).check("reference")


@pytest.mark.parametrize("seed", range(100, 108))
def test_compiled(seed: int) -> None:
    sample(seed).check("llvm")


@pytest.mark.parametrize("seed", range(108, 112))
def test_in_single_precision(seed: int) -> None:
    sample(seed).check("llvm", "f32", 1e-4)
