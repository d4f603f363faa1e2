"""The workloads: a DiffLang function, the same by hand in C, and inputs from a fixed seed."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import difflang as dl

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
Prepared = tuple[Callable[[], Any], Callable[[], Any], float]


@dataclass(frozen=True)
class Workload:
    """`prepare` gives our call, the C call, and the seconds of a cold compilation of ours."""

    name: str
    prepare: Callable[[], Prepared]


@cache
def library() -> ctypes.CDLL:
    """The C programs, compiled once a process."""
    target = Path(tempfile.mkdtemp()) / "baseline.so"
    sources = [str(path) for path in sorted((HERE / "c").glob("*.c"))]
    subprocess.run(["gcc", *FLAGS, *sources, "-o", str(target), "-lm"], check=True)
    return ctypes.CDLL(str(target))


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def number(value: float) -> ctypes.c_double:
    return ctypes.c_double(value)


def timed(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def gmm(d: int, k: int, n: int) -> Prepared:
    rng = np.random.default_rng(1)
    alpha, means, x = rng.normal(size=k), rng.random((k, d)), rng.normal(size=(n, d))
    icf = 0.3 * rng.normal(size=(k, d * (d + 1) // 2))
    gradient = dl.value_and_grad(dl.load(EXAMPLES / "adbench" / "gmm.dl").objective, wrt=("alpha", "means", "icf"))

    def ours() -> Any:
        return gradient(alpha, means, icf, x, 1.0, 0)

    outs = (np.empty_like(alpha), np.empty_like(means), np.empty_like(icf))
    c = library().gmm_gradient
    c.restype = ctypes.c_double

    def theirs() -> Any:
        arrays = [pointer(a) for a in (alpha, means, icf, x)]
        value = c(d, k, n, *arrays, number(1.0), 0, *(pointer(o) for o in outs))
        return value, *outs

    return ours, theirs, timed(ours)


def ode(steps: int) -> Prepared:
    y0, p, h = np.array([1.0, 0.8]), np.array([1.1, 0.4, 0.1, 0.4]), 10.0 / steps
    gradient = dl.value_and_grad(dl.load(HERE / "programs" / "ode.dl").value, wrt=("y0", "p"))
    gy, gp = np.empty(2), np.empty(4)
    c = library().ode_gradient
    c.restype = ctypes.c_double

    def ours() -> Any:
        return gradient(y0, p, h, steps)

    def theirs() -> Any:
        return c(steps, number(h), pointer(y0), pointer(p), pointer(gy), pointer(gp)), gy, gp

    return ours, theirs, timed(ours)


def black_scholes(n: int) -> Prepared:
    rng = np.random.default_rng(2)
    spot, strike, vol = 80 + 40 * rng.random(n), 80 + 40 * rng.random(n), 0.1 + 0.3 * rng.random(n)
    gradient = dl.value_and_grad(dl.load(HERE / "programs" / "black_scholes.dl").total, wrt=("spot", "vol"))
    delta, vega = np.empty(n), np.empty(n)
    c = library().black_scholes
    c.restype = ctypes.c_double

    def ours() -> Any:
        return gradient(spot, vol, strike, 0.03, 0.5)

    def theirs() -> Any:
        arrays = [pointer(a) for a in (spot, strike, vol)]
        return c(n, *arrays, number(0.03), number(0.5), pointer(delta), pointer(vega)), delta, vega

    return ours, theirs, timed(ours)


def adam(n: int) -> Prepared:
    rng = np.random.default_rng(3)
    x, g, m, v = (rng.random(n) for _ in range(4))
    step = dl.load(HERE / "programs" / "adam.dl").step
    c = library().adam_step

    def ours() -> Any:
        return step(x, g, m, v, 3, 0.01)

    def theirs() -> Any:
        out = (x.copy(), m.copy(), v.copy())
        c(n, pointer(out[0]), pointer(g), pointer(out[1]), pointer(out[2]), 3, number(0.01))
        return out

    return ours, theirs, timed(ours)


def heat(n: int, steps: int) -> Prepared:
    u0 = np.random.default_rng(4).random((n, n))
    gradient = dl.value_and_grad(dl.load(HERE / "programs" / "heat.dl").value, wrt=("u0", "c"))
    gu, gc = np.empty((n, n)), np.empty(())
    c = library().heat_gradient
    c.restype = ctypes.c_double

    def ours() -> Any:
        return gradient(u0, 0.1, steps)

    def theirs() -> Any:
        return c(n, steps, pointer(u0), number(0.1), pointer(gu), pointer(gc)), gu, gc

    return ours, theirs, timed(ours)


WORKLOADS = (
    Workload("gmm d=10 K=25 n=1000", lambda: gmm(10, 25, 1000)),
    Workload("gmm d=20 K=50 n=1000", lambda: gmm(20, 50, 1000)),
    Workload("gmm d=64 K=25 n=1000", lambda: gmm(64, 25, 1000)),
    Workload("ode 10,000 steps", lambda: ode(10_000)),
    Workload("ode 100,000 steps", lambda: ode(100_000)),
    Workload("black-scholes 1e6", lambda: black_scholes(1_000_000)),
    Workload("adam 1e6", lambda: adam(1_000_000)),
    Workload("heat 256x256, 100 steps", lambda: heat(256, 100)),
)
