"""The workloads in C++, differentiated by Enzyme through JAX (enzyme-ad), on one thread; the sources are in `enzyme`.

Sizes are constants of the compiler there: each size is compiled anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.jax_programs import PI, Program, bound

SOURCES = Path(__file__).parent / "enzyme"
FLAGS = ("-O3", "-ffast-math", "-target-cpu", "x86-64-v3")


def call(workload: str, *arguments: Any) -> Callable[[], Any]:
    """The compiled workload with its arguments bound; it waits for the results."""
    return bound(PROGRAMS[workload], *arguments)


def _value(jax: Any, name: str, *tensors: Any, **constants: float) -> Any:
    """The real number that the C++ function `value` of a file computes."""
    enzyme: Any = import_module("enzyme_ad.jax")
    head = "".join(f"#define {constant} {number!r}\n" for constant, number in constants.items())
    shape = jax.core.ShapedArray((), jax.numpy.float64)
    given = [jax.numpy.reshape(tensor, (1,)) if jax.numpy.ndim(tensor) == 0 else tensor for tensor in tensors]
    source = head + (SOURCES / f"{name}.cpp").read_text()
    (result,) = enzyme.cpp_call(*given, out_shapes=[shape], source=source, fn="value", argv=FLAGS)
    return result


def gmm(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def constant(n: int, d: int, k: int, gamma: float, m: int) -> float:
        freedom = d + m + 1
        log_gamma = 0.25 * d * (d - 1) * math.log(PI) + sum(math.lgamma(0.5 * (freedom - j)) for j in range(d))
        prior = freedom * d * (math.log(gamma) - 0.5 * math.log(2.0)) - log_gamma
        return -0.5 * n * d * math.log(2 * PI) - k * prior

    def objective(alpha: Any, means: Any, icf: Any, x: Any, gamma: float, m: int) -> Any:
        n, d = x.shape
        known = constant(n, d, len(alpha), gamma, m)
        return _value(jax, "gmm", alpha, means, icf, x, np.float64(gamma), FREEDOM=float(m), CONSTANT=known)

    return jax.value_and_grad(objective, argnums=(0, 1, 2)), (4, 5)


def ode(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def value(y0: Any, p: Any, h: Any, steps: int) -> Any:
        return _value(jax, "ode", y0, p, h, STEPS=steps)

    return jax.value_and_grad(value, argnums=(0, 1)), (3,)


def heat(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def value(u0: Any, c: Any, steps: int) -> Any:
        return _value(jax, "heat", u0, c, STEPS=steps)

    return jax.value_and_grad(value, argnums=(0, 1)), (2,)


def black_scholes(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def total(*arguments: Any) -> Any:
        return _value(jax, "black_scholes", *arguments)

    return jax.value_and_grad(total, argnums=(0, 1)), ()


PROGRAMS: Mapping[str, Program] = {"gmm": gmm, "ode": ode, "heat": heat, "black_scholes": black_scholes}
