"""Operators made of derivatives: Laplacians, a Hessian and its product, an implicit gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

import difflang as dl
from benchmarks.baseline import PROGRAMS, Prepared, c_call, function, pair

FILE = PROGRAMS / "operators.dl"


def laplacian(n: int, h: int = 64) -> Prepared:
    """The exact Laplacian of a network with two hidden layers, an axis at a time."""
    rng = np.random.default_rng(11)
    x, weights = rng.normal(size=n), _weights(rng, n, h)
    ours = function(FILE, "laplacian")
    return pair(lambda: ours(x, *weights), c_call("network_laplacian", n, h, x, *weights), "laplacian", x, *weights)


def stochastic_laplacian(n: int, samples: int = 16, h: int = 64) -> Prepared:
    """An estimate of it from second derivatives along random signs (Shi et al. 2024), the same ones for both."""
    rng = np.random.default_rng(11)
    x, weights = rng.normal(size=n), _weights(rng, n, h)
    directions = rng.choice([-1.0, 1.0], size=(samples, n))
    ours = function(FILE, "stochastic_laplacian")
    theirs = c_call("network_stochastic_laplacian", samples, n, h, x, directions, *weights)
    return pair(lambda: ours(x, directions, *weights), theirs, "stochastic_laplacian", x, directions, *weights)


def _weights(rng: np.random.Generator, n: int, h: int) -> tuple[Any, ...]:
    """Of a network with two hidden layers."""
    w1, w2 = rng.normal(size=(h, n)) / np.sqrt(n), rng.normal(size=(h, h)) / np.sqrt(h)
    return (w1, rng.normal(size=h), w2, rng.normal(size=h), rng.normal(size=h), 0.5)


def rosenbrock_hessian(n: int) -> Prepared:
    """The Hessian of Rosenbrock's chain as a compressed matrix; around C, whose rows and columns are known, SciPy's."""
    x = np.random.default_rng(12).normal(size=n)
    hessian = dl.hessian(function(FILE, "rosenbrock"), sparse=True)
    entries = np.empty(3 * n - 2)
    fill = c_call("rosenbrock_hessian", n, x, outs=(entries,), value=False)
    diagonals: Any = sparse.diags_array  # whose stub takes one offset only
    pattern = diagonals([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1]).tocsr()

    def theirs() -> Any:
        fill()
        return sparse.csr_array((entries, pattern.indices, pattern.indptr), shape=(n, n))

    return pair(lambda: hessian(x), theirs, "rosenbrock_hessian", x)


def rosenbrock_hvp(n: int) -> Prepared:
    """The Hessian of Rosenbrock's chain times a vector."""
    x, v = np.random.default_rng(12).normal(size=(2, n))
    product = dl.hvp(function(FILE, "rosenbrock"))
    theirs = c_call("rosenbrock_hvp", n, x, v, outs=(np.empty(n),), value=False)
    return pair(lambda: product(x, v), theirs, "rosenbrock_hvp", x, v)


def fixed_point(n: int, steps: int = 60) -> Prepared:
    """A function of the fixed point of a tanh layer, and its gradient in the offsets."""
    rng = np.random.default_rng(13)
    w, b = 0.4 * rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)
    energy = function(FILE, "energy")
    gradient = dl.value_and_grad(energy, wrt="b")
    theirs = c_call("fixed_point", n, steps, w, b, outs=(np.empty(n),))
    return pair(lambda: gradient(w, b, steps), theirs, "fixed_point", w, b, steps, primal=lambda: energy(w, b, steps))
