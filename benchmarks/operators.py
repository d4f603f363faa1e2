"""Operators made of derivatives: a Laplacian, a Hessian product, an implicit gradient."""

from __future__ import annotations

import numpy as np

import difflang as dl
from benchmarks.baseline import PROGRAMS, Prepared, c_call, function, pair

FILE = PROGRAMS / "operators.dl"


def laplacian(n: int, h: int = 64) -> Prepared:
    """The exact Laplacian of a network with two hidden layers, an axis at a time."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=n)
    w1, w2 = rng.normal(size=(h, n)) / np.sqrt(n), rng.normal(size=(h, h)) / np.sqrt(h)
    weights = (w1, rng.normal(size=h), w2, rng.normal(size=h), rng.normal(size=h), 0.5)
    ours = function(FILE, "laplacian")
    return pair(lambda: ours(x, *weights), c_call("network_laplacian", n, h, x, *weights))


def rosenbrock_hvp(n: int) -> Prepared:
    """The Hessian of Rosenbrock's chain times a vector."""
    x, v = np.random.default_rng(12).normal(size=(2, n))
    product = dl.hvp(function(FILE, "rosenbrock"))
    return pair(lambda: product(x, v), c_call("rosenbrock_hvp", n, x, v, outs=(np.empty(n),), value=False))


def fixed_point(n: int, steps: int = 60) -> Prepared:
    """A function of the fixed point of a tanh layer, and its gradient in the offsets."""
    rng = np.random.default_rng(13)
    w, b = 0.4 * rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)
    energy = function(FILE, "energy")
    gradient = dl.value_and_grad(energy, wrt="b")
    theirs = c_call("fixed_point", n, steps, w, b, outs=(np.empty(n),))
    return pair(lambda: gradient(w, b, steps), theirs, primal=lambda: energy(w, b, steps))
