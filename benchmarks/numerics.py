"""A differential equation, a stencil, a formula over a long array, and a call that does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import difflang as dl
from benchmarks.baseline import PROGRAMS, Prepared, c_call, function, pair


def ode(steps: int) -> Prepared:
    y0, p, h = np.array([1.0, 0.8]), np.array([1.1, 0.4, 0.1, 0.4]), 10.0 / steps
    value = function(PROGRAMS / "ode.dl", "value")
    gradient = dl.value_and_grad(value, wrt=("y0", "p"))
    arguments = (y0, p, h, steps)
    theirs = c_call("ode_gradient", steps, h, y0, p, outs=(np.empty(2), np.empty(4)))
    return pair(lambda: gradient(*arguments), theirs, "ode", *arguments, primal=lambda: value(*arguments))


def black_scholes(n: int) -> Prepared:
    rng = np.random.default_rng(2)
    spot, strike, vol = 80 + 40 * rng.random(n), 80 + 40 * rng.random(n), 0.1 + 0.3 * rng.random(n)
    arguments = (spot, vol, strike, 0.03, 0.5)
    total = function(PROGRAMS / "black_scholes.dl", "total")
    gradient = dl.value_and_grad(total, wrt=("spot", "vol"))
    theirs = c_call("black_scholes", n, spot, strike, vol, 0.03, 0.5, outs=(np.empty(n), np.empty(n)))
    return pair(lambda: gradient(*arguments), theirs, "black_scholes", *arguments, primal=lambda: total(*arguments))


def heat(n: int, steps: int) -> Prepared:
    u0 = np.random.default_rng(4).random((n, n))
    value = function(PROGRAMS / "heat.dl", "value")
    gradient = dl.value_and_grad(value, wrt=("u0", "c"))
    arguments = (u0, 0.1, steps)
    theirs = c_call("heat_gradient", n, steps, u0, 0.1, outs=(np.empty((n, n)), np.empty(())))
    return pair(lambda: gradient(*arguments), theirs, "heat", *arguments, primal=lambda: value(*arguments))


def trivial(times: int) -> Prepared:
    """What calls from Python with four numbers cost; C is called through ctypes, its arguments converted beforehand."""
    numbers = (2.0, 3.0, 4.0, 5.0)
    value, c = function(PROGRAMS / "trivial.dl", "value"), c_call("trivial", *numbers)
    once = pair(lambda: value(*numbers), c, "trivial", *numbers)
    others = {peer: partial(_repeated, make, times) for peer, make in once.peers.items()}
    return replace(
        once, ours=lambda: [value(*numbers) for _ in range(times)], theirs=_repeated(lambda: c, times), peers=others
    )


def _repeated(make: Callable[[], Callable[[], Any]], times: int) -> Callable[[], Any]:
    call = make()
    return lambda: [call() for _ in range(times)]
