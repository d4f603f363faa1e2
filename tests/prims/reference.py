"""The primitives as SymPy and mpmath know them, independent of the records that are tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import sympy as sp

A, B, C = sp.symbols("a b c", real=True)

SYMBOLIC: dict[str, Any] = {
    "add": A + B,
    "sub": A - B,
    "mul": A * B,
    "div": A / B,
    "neg": -A,
    "kept": A,
    "sqrt": sp.sqrt(A),
    "cbrt": sp.cbrt(A),
    "exp": sp.exp(A),
    "exp2": 2**A,
    "expm1": sp.exp(A) - 1,
    "log": sp.log(A),
    "log2": sp.log(A) / sp.log(2),
    "log10": sp.log(A) / sp.log(10),
    "log1p": sp.log(1 + A),
    "sin": sp.sin(A),
    "cos": sp.cos(A),
    "tan": sp.tan(A),
    "asin": sp.asin(A),
    "acos": sp.acos(A),
    "atan": sp.atan(A),
    "atan2": sp.atan(A / B),
    "sinh": sp.sinh(A),
    "cosh": sp.cosh(A),
    "tanh": sp.tanh(A),
    "asinh": sp.asinh(A),
    "acosh": sp.acosh(A),
    "atanh": sp.atanh(A),
    "erf": sp.erf(A),
    "erfc": 1 - sp.erf(A),
    "gaussian": sp.exp(-(A**2)),
    "lgamma": sp.loggamma(A),
    "digamma": sp.digamma(A),
    "pow": A**B,
    "hypot": sp.sqrt(A**2 + B**2),
    "sigmoid": 1 / (1 + sp.exp(-A)),
    "softplus": sp.log(1 + sp.exp(A)),
    "powi": A**B,
    "polygamma": sp.polygamma(A, B),
}
"""Where the primitive is smooth. `atan2` is atan(a/b) for b > 0."""

PIECEWISE: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "relu": lambda a: max(a, mp.mpf(0)),
    "max": max,
    "min": min,
    "clip": lambda a, b, c: min(max(a, b), c),
    "mod": lambda a, b: a - b * mp.floor(a / b),
    "select": lambda a, b, c: b if a else c,
    "convert": lambda a: a,
}
"""Smooth between kinks: their derivatives are differences of these, at points without kinks."""

NUMERIC: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "sqrt": mp.sqrt,
    "cbrt": lambda a: mp.sign(a) * mp.cbrt(abs(a)),
    "exp": mp.exp,
    "exp2": lambda a: mp.power(2, a),
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda a: mp.log(a, 2),
    "log10": mp.log10,
    "log1p": mp.log1p,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "atan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "gaussian": lambda a: mp.exp(-a * a),
    "lgamma": lambda a: mp.log(abs(mp.gamma(a))),
    "digamma": mp.digamma,
    "polygamma": lambda n, a: mp.psi(int(n), a),
    "pow": mp.power,
    "powi": lambda a, n: mp.power(a, int(n)),
    "hypot": mp.hypot,
    "sigmoid": lambda a: 1 / (1 + mp.exp(-a)),
    "softplus": lambda a: mp.log1p(mp.exp(a)),
    "floor": mp.floor,
    "ceil": mp.ceil,
    "round": mp.nint,
    "sign": mp.sign,
    "floordiv": lambda a, b: mp.floor(a / b),
    "stop_grad": lambda a: a,
    "kept": lambda a: a,
    **PIECEWISE,
}
"""Every primitive of floats that gives a float."""

POINTS: dict[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(("sqrt", "log", "log2", "log10", "digamma", "cbrt"), ((0.05, 9.0),)),
    "lgamma": ((2.3, 9.0),),
    "log1p": ((-0.9, 5.0),),
    **dict.fromkeys(("asin", "acos", "atanh"), ((-0.95, 0.95),)),
    "acosh": ((1.1, 9.0),),
    "tan": ((-1.4, 1.4),),
    "atan2": ((-3.0, 3.0), (0.1, 3.0)),
    **dict.fromkeys(("div", "mod", "floordiv"), ((-5.0, 5.0), (0.3, 4.0))),
    "pow": ((0.1, 4.0), (-3.0, 3.0)),
    "clip": ((-3.0, 3.0), (-1.0, -0.5), (0.5, 1.0)),
    "polygamma": ((1.0, 4.0), (0.3, 9.0)),
    "powi": ((-3.0, 3.0), (-4.0, 5.0)),
    "select": ((0.0, 2.0), (-3.0, 3.0), (-3.0, 3.0)),
}
"""The intervals of the arguments; (-3, 3) for all that are not named."""
