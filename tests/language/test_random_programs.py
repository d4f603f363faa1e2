"""Random programs: values, gradients and directional derivatives against complex steps of the same Python."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

import difflang as dl
from tests.language.random_programs import python_function, random_program

STEP = 1e-30


@pytest.mark.parametrize("seed", [101, 104, 107, 110, 113, 219])
def test_derivatives_are_complex_steps(seed: int) -> None:
    text, numbers = random_program(Random(seed), stopped=seed % 4 == 0), np.random.default_rng(seed)
    n = 1 + seed % 3
    x, v, c = numbers.normal(size=n), numbers.normal(size=n), numbers.normal()
    oracle, function = python_function(text), dl.loads(text).f
    value = np.real(oracle(x + 0j, c + 0j))
    slopes = np.array([np.imag(oracle(x + 1j * STEP * row, c + 0j)) / STEP for row in np.eye(n)])
    scale = max(1.0, np.abs(slopes).max())
    for backend in ("reference", "llvm"):
        primal, gradient = dl.value_and_grad(function).on(backend=backend)(x, c)
        assert primal == pytest.approx(value, rel=1e-10, abs=1e-10)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-9, atol=1e-9 * scale)
        assert dl.jvp(function).on(backend=backend)(x, c, v)[1] == pytest.approx(slopes @ v, abs=1e-8 * scale)
