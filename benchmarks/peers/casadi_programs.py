"""The workloads that fit CasADi, in its virtual machine: scalar programs, sparse derivatives, a loop by `fold`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

Program = Callable[..., tuple[Any, tuple[Any, ...]]]
"""Takes CasADi and the arguments; gives a function of CasADi and those of the arguments that it takes."""


def call(workload: str, *arguments: Any) -> Callable[[], Any]:
    """The workload with its arguments bound; a matrix comes as SciPy's."""
    function, values = PROGRAMS[workload](import_module("casadi"), *arguments)

    def run() -> Any:
        results = function(*values)
        return [_taken(part) for part in results] if isinstance(results, tuple) else _taken(results)

    return run


def _taken(result: Any) -> Any:
    """Matrices of CasADi are kept by columns: a symmetric one transposed is the same by rows."""
    if isinstance(result, float):
        return result
    return result.full() if result.is_dense() else result.sparse().T


def ode(casadi: Any, y0: Any, p: Any, h: float, steps: int) -> tuple[Any, tuple[Any, ...]]:
    y, parameters = casadi.SX.sym("y", 2), casadi.SX.sym("p", 4)

    def field(y: Any) -> Any:
        both = y[0] * y[1]
        return casadi.vertcat(parameters[0] * y[0] - parameters[1] * both, parameters[2] * both - parameters[3] * y[1])

    k1 = field(y)
    k2 = field(y + 0.5 * h * k1)
    k3 = field(y + 0.5 * h * k2)
    k4 = field(y + h * k3)
    step = casadi.Function("step", [y, parameters], [y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)])
    start, given = casadi.MX.sym("start", 2), casadi.MX.sym("given", 4)
    end = step.fold(steps)(start, given)
    value = casadi.dot(end, end)
    gradients = [casadi.gradient(value, argument) for argument in (start, given)]
    return casadi.Function("ode", [start, given], [value, *gradients]), (y0, p)


def _rosenbrock(casadi: Any, n: int) -> tuple[Any, Any]:
    x = casadi.SX.sym("x", n)
    return x, casadi.sumsqr(10.0 * (x[1:] - x[:-1] ** 2)) + casadi.sumsqr(1.0 - x[:-1])


def rosenbrock_hvp(casadi: Any, x: Any, v: Any) -> tuple[Any, tuple[Any, ...]]:
    point, value = _rosenbrock(casadi, len(x))
    direction = casadi.SX.sym("v", len(x))
    product = casadi.jtimes(casadi.gradient(value, point), point, direction)
    return casadi.Function("product", [point, direction], [product]), (x, v)


def rosenbrock_hessian(casadi: Any, x: Any) -> tuple[Any, tuple[Any, ...]]:
    point, value = _rosenbrock(casadi, len(x))
    return casadi.Function("hessian", [point], [casadi.hessian(value, point)[0]]), (x,)


def trivial(casadi: Any, *numbers: float) -> tuple[Any, tuple[Any, ...]]:
    a, b, c, d = arguments = [casadi.SX.sym(name) for name in "abcd"]
    return casadi.Function("value", arguments, [a * b + c * d]), numbers


PROGRAMS: Mapping[str, Program] = {
    "ode": ode,
    "rosenbrock_hvp": rosenbrock_hvp,
    "rosenbrock_hessian": rosenbrock_hessian,
    "trivial": trivial,
}
