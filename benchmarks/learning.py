"""Second and higher derivatives, an implicit derivative, and an optimizer's step."""

from __future__ import annotations

import numpy as np

import difflang as dl
from benchmarks.baseline import PROGRAMS, Prepared, c_call, function, pair


def adam(n: int) -> Prepared:
    """One step."""
    x, g, m, v = np.random.default_rng(3).random((4, n))
    step = function(PROGRAMS / "adam.dl", "step")
    outs = tuple(np.empty(n) for _ in range(3))
    theirs = c_call("adam_step", n, x, g, m, v, 3, 0.01, outs=outs, value=False)
    return pair(lambda: step(x, g, m, v, 3, 0.01), theirs, "adam", x, g, m, v, 3, 0.01)


def adam_f32(n: int) -> Prepared:
    """The same in single precision."""
    x, g, m, v = np.random.default_rng(3).random((4, n), dtype=np.float32)
    step, rate = function(PROGRAMS / "adam.dl", "step").on(precision="f32"), np.float32(0.01)
    outs = tuple(np.empty_like(x) for _ in range(3))
    theirs = c_call("adam_step_f32", n, x, g, m, v, 3, rate, outs=outs, value=False)
    return pair(lambda: step(x, g, m, v, 3, rate), theirs, "adam", x, g, m, v, 3, rate, tolerance=1e-5)


def logistic_hessian(n: int, d: int) -> Prepared:
    """The Hessian of a logistic regression."""
    rng = np.random.default_rng(8)
    w, x = rng.normal(size=d), rng.normal(size=(n, d)) / np.sqrt(d)
    y = rng.integers(2, size=n).astype(float)
    hessian = dl.hessian(function(PROGRAMS / "logistic.dl", "loss"), wrt="w")
    theirs = c_call("logistic_hessian", n, d, w, x, 0.1, outs=(np.empty((d, d)),), value=False)
    return pair(lambda: hessian(w, x, y, 0.1), theirs, "logistic_hessian", w, x, y, 0.1)


def logistic_hvp(n: int, d: int) -> Prepared:
    """The Hessian of a logistic regression times a vector."""
    rng = np.random.default_rng(8)
    w, v, x = rng.normal(size=d), rng.normal(size=d), rng.normal(size=(n, d)) / np.sqrt(d)
    y = rng.integers(2, size=n).astype(float)
    product = dl.hvp(function(PROGRAMS / "logistic.dl", "loss"), wrt="w")
    theirs = c_call("logistic_hvp", n, d, w, x, 0.1, v, outs=(np.empty(d),), value=False)
    return pair(lambda: product(w, x, y, 0.1, v), theirs, "logistic_hvp", w, x, y, 0.1, v)


def taylor(order: int, n: int = 16, h: int = 64) -> Prepared:
    """Taylor coefficients of a network along a line."""
    rng = np.random.default_rng(9)
    x, v = rng.normal(size=n), rng.normal(size=n) / np.sqrt(n)
    w1, w2 = rng.normal(size=(h, n)) / np.sqrt(n), rng.normal(size=(h, h)) / np.sqrt(h)
    b1, b2, w3, b3 = rng.normal(size=h), rng.normal(size=h), rng.normal(size=h), 0.5
    weights = (w1, b1, w2, b2, w3, b3)
    coefficients = dl.jet(function(PROGRAMS / "network.dl", "network"), order=order)
    theirs = c_call("network_taylor", order, n, h, x, v, *weights, outs=(np.empty(order + 1),), value=False)
    return pair(lambda: coefficients(x, *weights, v), theirs, "taylor", order, x, v, *weights)


def taylor_batch(order: int, points: int, n: int = 16, h: int = 64) -> Prepared:
    """The same along a line for each of many points; C takes one point after the other."""
    rng = np.random.default_rng(11)
    x, v = rng.normal(size=(points, n)), rng.normal(size=(points, n)) / np.sqrt(n)
    w1, w2 = rng.normal(size=(h, n)) / np.sqrt(n), rng.normal(size=(h, h)) / np.sqrt(h)
    weights = (w1, rng.normal(size=h), w2, rng.normal(size=h), rng.normal(size=h), 0.5)
    coefficients = dl.jet(function(PROGRAMS / "network.dl", "batch"), order=order)
    outs = (np.empty((order + 1, points)),)
    theirs = c_call("network_taylor_batch", points, order, n, h, x, v, *weights, outs=outs, value=False)
    return pair(lambda: coefficients(x, *weights, v), theirs, "taylor_batch", order, x, v, *weights)


def ridge(n: int, d: int) -> Prepared:
    """A validation error and its derivative in the penalty; two runs of conjugate gradients, in C as in DiffLang."""
    rng = np.random.default_rng(10)
    x, xv = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    w = rng.normal(size=d)
    y, yv = x @ w + rng.normal(size=n), xv @ w + rng.normal(size=n)
    arguments = (2.0, x, y, xv, yv)
    validation = function(PROGRAMS / "ridge.dl", "validation")
    gradient = dl.value_and_grad(validation, wrt="penalty")
    tolerance = float(np.finfo(float).eps ** 0.75)
    theirs = c_call("ridge_hypergradient", n, d, x, y, xv, yv, 2.0, tolerance, outs=(np.empty(()),))
    return pair(lambda: gradient(*arguments), theirs, "ridge", *arguments, primal=lambda: validation(*arguments))
