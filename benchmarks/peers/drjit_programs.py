"""The workloads in Dr.Jit, on the processor, on one thread: kernels traced from arrays, reverse mode by `backward`.

It compiles with the LLVM library of the system (`DRJIT_LIBLLVM_PATH` names another one). Left out are those made of
small matrices or of long loops over few numbers, for which its arrays are not meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

Program = Callable[..., Callable[[], tuple[Any, ...]]]


def call(workload: str, *arguments: Any) -> Callable[[], Any]:
    """The workload with its arguments bound; it waits for the results."""
    drjit: Any = import_module("drjit")
    drjit.set_thread_count(1)
    step = PROGRAMS[workload](drjit, *arguments)

    def run() -> tuple[Any, ...]:
        results = step()
        drjit.eval(*results)
        drjit.sync_thread()
        return tuple(_taken(result) for result in results)

    return run


def _taken(result: Any) -> Any:
    flat = result.numpy()
    return flat[0] if flat.shape == (1,) else flat


def _arrays(dtype: Any) -> Any:
    """The type of arrays that are differentiated."""
    return getattr(import_module("drjit.llvm.ad"), "Float" if dtype == np.float32 else "Float64")


def black_scholes(drjit: Any, spot: Any, vol: Any, strike: Any, rate: float, time: float) -> Any:
    array = _arrays(spot.dtype)
    given, strikes = [array(spot), array(vol)], array(strike)

    def normal(d: Any) -> Any:
        return 0.5 * (1.0 + drjit.erf(d * math.sqrt(0.5)))

    def step() -> tuple[Any, ...]:
        s, v = (array(value) for value in given)
        drjit.enable_grad(s, v)
        d1 = (drjit.log(s / strikes) + (rate + 0.5 * v * v) * time) / (v * math.sqrt(time))
        d2 = d1 - v * math.sqrt(time)
        total = drjit.sum(s * normal(d1) - strikes * math.exp(-rate * time) * normal(d2))
        drjit.backward(total)
        return total, drjit.grad(s), drjit.grad(v)

    return step


def adam(drjit: Any, x: Any, g: Any, m: Any, v: Any, t: int, lr: Any) -> Any:
    array = _arrays(x.dtype)
    point, slope, first, second = (array(value) for value in (x, g, m, v))
    c1, c2, rate = 1 - 0.9**t, 1 - 0.999**t, float(lr)

    def step() -> tuple[Any, ...]:
        m1, v1 = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope * slope
        return point - rate * (m1 / c1) / (drjit.sqrt(v1 / c2) + 1e-8), m1, v1

    return step


PROGRAMS: Mapping[str, Program] = {"black_scholes": black_scholes, "adam": adam}
