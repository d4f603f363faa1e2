"""`python -m benchmarks.elementary [NAME ...]`: errors of the elementary functions, and their time beside NumPy's.

The error is the largest one on random arguments from the range given, in units in the last place, against mpmath. The
times are per element, for arrays of 100,000 on one thread: medians of paired runs; SciPy stands in where NumPy has no
such function.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
from mpmath import mp
from scipy import special

import difflang as dl
from benchmarks.baseline import seconds

Floats = npt.NDArray[Any]
COUNT = 100_000
CHECKED = 2_000
PAIRS = 25


@dataclass(frozen=True)
class Case:
    """A function, what it should give, NumPy's or SciPy's function, and the ranges of its arguments."""

    name: str
    exact: Callable[..., Any]
    peer: Callable[..., Any]
    ranges: tuple[tuple[float, float], ...]


CASES = (
    Case("exp", mp.exp, np.exp, ((-20, 20),)),
    Case("exp2", lambda x: mp.mpf(2) ** x, np.exp2, ((-20, 20),)),
    Case("expm1", mp.expm1, np.expm1, ((-3, 3),)),
    Case("log", mp.log, np.log, ((0.01, 100),)),
    Case("log2", lambda x: mp.log(x, 2), np.log2, ((0.01, 100),)),
    Case("log10", mp.log10, np.log10, ((0.01, 100),)),
    Case("log1p", mp.log1p, np.log1p, ((-0.9, 10),)),
    Case("sin", mp.sin, np.sin, ((-20, 20),)),
    Case("cos", mp.cos, np.cos, ((-20, 20),)),
    Case("tan", mp.tan, np.tan, ((-20, 20),)),
    Case("asin", mp.asin, np.arcsin, ((-1, 1),)),
    Case("acos", mp.acos, np.arccos, ((-1, 1),)),
    Case("atan", mp.atan, np.arctan, ((-10, 10),)),
    Case("atan2", mp.atan2, np.arctan2, ((-5, 5), (-5, 5))),
    Case("sinh", mp.sinh, np.sinh, ((-5, 5),)),
    Case("cosh", mp.cosh, np.cosh, ((-5, 5),)),
    Case("tanh", mp.tanh, np.tanh, ((-5, 5),)),
    Case("asinh", mp.asinh, np.arcsinh, ((-10, 10),)),
    Case("acosh", mp.acosh, np.arccosh, ((1, 10),)),
    Case("atanh", mp.atanh, np.arctanh, ((-1, 1),)),
    Case("sigmoid", lambda x: 1 / (1 + mp.exp(-x)), special.expit, ((-10, 10),)),
    Case("softplus", lambda x: mp.log1p(mp.exp(x)), lambda x: np.logaddexp(x, 0 * x), ((-10, 10),)),
    Case("erf", mp.erf, special.erf, ((-4, 4),)),
    Case("erfc", mp.erfc, special.erfc, ((-4, 6),)),
    Case("lgamma", mp.loggamma, special.gammaln, ((0.01, 30),)),
    Case("digamma", mp.digamma, special.digamma, ((0.01, 30),)),
    Case("sqrt", mp.sqrt, np.sqrt, ((0, 10),)),
    Case("cbrt", lambda x: mp.sign(x) * mp.cbrt(abs(x)), np.cbrt, ((-10, 10),)),
    Case("pow", lambda x, y: x**y, np.power, ((0.1, 10), (-5, 5))),
    Case("hypot", mp.hypot, np.hypot, ((-5, 5), (-5, 5))),
)


def function(case: Case, precision: str) -> dl.Function:
    """The function over vectors."""
    names = "xy"[: len(case.ranges)]
    parameters = ", ".join(f"{name}: real[n]" for name in names)
    body = f"{case.name}({', '.join(f'{name}[i]' for name in names)})"
    return dl.loads(f"fn f({parameters}) -> real[n] = [{body} for i in 0..n]")["f"].on(threads=1, precision=precision)


def worst(case: Case, found: Floats, arguments: Sequence[Floats]) -> float:
    """The largest error in units in the last place of the first `CHECKED` elements."""
    error = 0.0
    with mpmath.workdps(40):
        for k in range(CHECKED):
            exact = case.exact(*(mp.mpf(float(x[k])) for x in arguments))
            unit = np.spacing(np.abs(found.dtype.type(float(exact))))
            error = max(error, float(abs(mp.mpf(float(found[k])) - exact) / mp.mpf(float(unit))))
    return error


def measured(case: Case, precision: str) -> tuple[float, float, float, float]:
    """The error, our seconds for an element, the peer's, and the ratio."""
    random = np.random.default_rng(12)
    kind = np.float64 if precision == "f64" else np.float32
    arguments = [random.uniform(low, high, COUNT).astype(kind) for low, high in case.ranges]
    ours = function(case, precision)
    error = worst(case, ours(*arguments), arguments)
    case.peer(*arguments)
    pairs = [(seconds(lambda: ours(*arguments)), seconds(lambda: case.peer(*arguments))) for _ in range(PAIRS)]
    mine, theirs = (statistics.median(side) / COUNT for side in zip(*pairs, strict=True))
    return error, mine, theirs, statistics.median(a / b for a, b in pairs)


def main() -> None:
    heads = f"{'ulp':>6} {'ns':>7} {'NumPy':>7} {'ratio':>6}"
    print(f"{'':9} {'f64':8}{'':21} {'f32':8}\n{'function':9} {heads}   {heads}")
    for case in CASES:
        if not sys.argv[1:] or case.name in sys.argv[1:]:
            parts = [measured(case, precision) for precision in ("f64", "f32")]
            figures = [f"{e:6.2f} {a * 1e9:7.2f} {b * 1e9:7.2f} {r:6.2f}" for e, a, b, r in parts]
            print(f"{case.name:9} {'   '.join(figures)}", flush=True)


if __name__ == "__main__":
    main()
