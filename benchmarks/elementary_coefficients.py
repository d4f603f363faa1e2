"""Derives the polynomial coefficients of the elementary functions: prints `difflang_llvm/math/coefficients.py`.

Every fit is a Chebyshev interpolation in 60 digits (within a small factor of the minimax polynomial), rounded to
doubles. The error printed beside a table is the largest one on a dense grid, relative to
the function that the whole formula computes.

    python benchmarks/elementary_coefficients.py > backends/difflang_llvm/math/coefficients.py
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

Real = Any
"""A number of mpmath, which tells no types."""


@dataclass(frozen=True)
class Fit:
    """`target(t)` on [low, high] by a polynomial of `degree`; its error times `weight(t)` is that of the formula."""

    name: str
    text: str
    low: float
    high: float
    degree: int
    target: Callable[[Real], Real]
    weight: Callable[[Real], Real]
    single: bool = False
    """Whether the coefficients are rounded to f32."""
    rest: bool = False
    """Whether what rounding took from the first coefficient is kept, too."""


def _series_free(function: Callable[[Real], Real], at_zero: float) -> Callable[[Real], Real]:
    """Removes the division by 0 at t = 0."""
    return lambda t: function(t) if abs(t) > mp.mpf(10) ** -25 else mp.mpf(at_zero)


def _log_tail(z: Real) -> Real:
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def _of_square(function: Callable[[Real], Real], at_zero: float) -> Callable[[Real], Real]:
    """A function of t = sqrt(z) as one of z."""
    return _series_free(lambda z: function(mp.sqrt(z)), at_zero)


def _erfc_inner(t: Real) -> Real:
    """q with (1 + 103/64 x) exp(x^2) erfc(x) = 1 + u (ERFC_LIMIT + (1 - u) q), u = x / (x + 4), t = 9/4 u - 1."""
    u = (t + 1) / mp.mpf(2.25)
    if u < 1e-20:
        return 4 * (ERFC_SLOPE - 2 / mp.sqrt(mp.pi)) - ERFC_LIMIT
    x = 4 * u / (1 - u)
    factor = (1 + ERFC_SLOPE * x) * mp.exp(x * x) * mp.erfc(x) - 1
    return (factor / u - ERFC_LIMIT) / (1 - u)


def _stirling(x: Real) -> Real:
    return x * (mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def _digamma_tail(x: Real) -> Real:
    return x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))


mp.dps = 60
ERFC_SLOPE = 103 / 64
ERFC_LIMIT = float(ERFC_SLOPE / mp.sqrt(mp.pi) - 1)
DIGAMMA_ROOT = mp.findroot(mp.digamma, 1.4616)
WORDS = 21
HALF_LN2 = 0.34658
QUARTER_PI_SQUARED = 0.6170
FITS = (
    Fit(
        "EXP",
        "(exp r - 1 - r) / r^2 for |r| <= ln(2)/2",
        -HALF_LN2,
        HALF_LN2,
        10,
        _series_free(lambda r: (mp.expm1(r) - r) / r**2, 0.5),
        lambda r: r**2 / mp.exp(r),
    ),
    Fit(
        "LOG",
        "(2 atanh(s) / s - 2) / z, z = s^2, for s up to (sqrt 2 - 1) / (sqrt 2 + 1)",
        0.0,
        0.02945,
        7,
        _series_free(_log_tail, 2.0 / 3.0),
        lambda z: z,
    ),
    Fit(
        "SIN",
        "(sin r - r) / r^3 as a polynomial in r^2, for |r| <= pi/4",
        0.0,
        QUARTER_PI_SQUARED,
        6,
        _of_square(lambda r: (mp.sin(r) - r) / r**3, -1.0 / 6.0),
        lambda z: z,
    ),
    Fit(
        "COS",
        "(cos r - 1 + r^2/2) / r^4 as a polynomial in r^2, for |r| <= pi/4",
        0.0,
        QUARTER_PI_SQUARED,
        6,
        _of_square(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4, 1.0 / 24.0),
        lambda z: z**2,
    ),
    Fit(
        "ATAN",
        "(atan t - t) / t^3 as a polynomial in t^2, for |t| <= tan(pi/8)",
        0.0,
        0.17158,
        11,
        _of_square(lambda t: (mp.atan(t) - t) / t**3, -1.0 / 3.0),
        lambda z: z,
    ),
    Fit(
        "ASIN",
        "(asin t - t) / t^3 as a polynomial in t^2, for |t| <= 1/2",
        0.0,
        0.25,
        12,
        _of_square(lambda t: (mp.asin(t) - t) / t**3, 1.0 / 6.0),
        lambda z: z,
    ),
    Fit(
        "LOG_TAIL",
        "((2 atanh(s) / s - 2) / z - 2/3) / z, z = s^2, for s up to (sqrt 2 - 1) / (sqrt 2 + 1)",
        0.0,
        0.02945,
        8,
        _series_free(lambda z: (_log_tail(z) - mp.mpf(2) / 3) / z, 0.4),
        lambda z: z**2,
    ),
    Fit(
        "CBRT",
        "a first approximation of the cube root for sqrt(1/2) <= m < sqrt(2)",
        0.7071,
        1.4143,
        5,
        mp.cbrt,
        lambda m: 1 / mp.cbrt(m),
    ),
    Fit(
        "ERF",
        "erf(x) / x - 1 as a polynomial in x^2, for |x| <= 1",
        0.0,
        1.0,
        13,
        _of_square(lambda x: mp.erf(x) / x - 1, 2 / mp.sqrt(mp.pi) - 1),
        lambda z: mp.mpf(1),
    ),
    Fit(
        "ERFC",
        "q with ((1 + 103/64 x) exp(x^2) erfc(x) - 1) / u = ERFC_LIMIT + (1 - u) q as a polynomial in 9/4 u - 1,\n"
        "u = x / (x + 4), for 0 <= x <= 27",
        -1.0,
        0.96,
        22,
        _erfc_inner,
        lambda t: mp.mpf(0.25),
    ),
    Fit(
        "LGAMMA_ONE",
        "log gamma(1 + t) / t for |t| <= 1/2",
        -0.5,
        0.5,
        30,
        _series_free(lambda t: mp.loggamma(1 + t) / t, -mp.euler),
        lambda t: mp.mpf(1),
        rest=True,
    ),
    Fit(
        "LGAMMA_TWO",
        "log gamma(2 + t) / t for |t| <= 1/2",
        -0.5,
        0.5,
        20,
        _series_free(lambda t: mp.loggamma(2 + t) / t, 1 - mp.euler),
        lambda t: mp.mpf(1),
        rest=True,
    ),
    Fit(
        "LGAMMA_MIDDLE",
        "log gamma(3/2 + u) for |u| <= 1/4",
        -0.25,
        0.25,
        16,
        lambda u: mp.loggamma(mp.mpf(3) / 2 + u),
        lambda u: 8,
        rest=True,
    ),
    Fit(
        "STIRLING",
        "x (log gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2) as a polynomial in 1/x^2, for x >= 5/2",
        0.0,
        0.16,
        14,
        lambda z: _stirling(1 / mp.sqrt(z)) if z > 1e-8 else mp.mpf(1) / 12 - z / 360,
        lambda z: mp.sqrt(z),
    ),
    Fit(
        "DIGAMMA",
        "digamma(3/2 + u) / (3/2 + u - r), r its positive root, for |u| <= 1/2",
        -0.5,
        0.5,
        24,
        lambda u: mp.digamma(u + 1.5) / (u + 1.5 - DIGAMMA_ROOT),
        lambda u: mp.mpf(1),
        rest=True,
    ),
    Fit(
        "DIGAMMA_TAIL",
        "x^2 (log x - 1 / (2x) - digamma(x)) as a polynomial in 1/x^2, for x >= 2",
        0.0,
        0.25,
        17,
        lambda z: _digamma_tail(1 / mp.sqrt(z)) if z > 1e-8 else mp.mpf(1) / 12 - z / 120,
        lambda z: z,
    ),
    Fit(
        "EXP_SINGLE",
        "(exp r - 1 - r) / r^2 for |r| <= ln(2)/2",
        -HALF_LN2,
        HALF_LN2,
        5,
        _series_free(lambda r: (mp.expm1(r) - r) / r**2, 0.5),
        lambda r: r**2 / mp.exp(r),
        single=True,
    ),
    Fit(
        "LOG_SINGLE",
        "(log(1 + f) - f + f^2/2) / f^3 for sqrt(1/2) <= 1 + f < sqrt(2)",
        -0.2929,
        0.41422,
        8,
        _series_free(lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, 1.0 / 3.0),
        lambda f: f**2,
        single=True,
    ),
    Fit(
        "TANH_SINGLE",
        "(tanh x - x) / x^3 as a polynomial in x^2, for |x| <= 1",
        0.0,
        1.0,
        9,
        _of_square(lambda x: (mp.tanh(x) - x) / x**3, -1.0 / 3.0),
        lambda z: z,
        single=True,
    ),
    Fit(
        "SIN_SINGLE",
        "(sin r - r) / r^3 as a polynomial in r^2, for |r| <= pi/4",
        0.0,
        QUARTER_PI_SQUARED,
        2,
        _of_square(lambda r: (mp.sin(r) - r) / r**3, -1.0 / 6.0),
        lambda z: z,
        single=True,
    ),
    Fit(
        "COS_SINGLE",
        "(cos r - 1 + r^2/2) / r^4 as a polynomial in r^2, for |r| <= pi/4",
        0.0,
        QUARTER_PI_SQUARED,
        2,
        _of_square(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4, 1.0 / 24.0),
        lambda z: z**2,
        single=True,
    ),
)


@cache
def exact_coefficients(fit: Fit) -> list[Real]:
    """Constant term first."""
    return list(reversed(mpmath.chebyfit(fit.target, [fit.low, fit.high], fit.degree + 1)))


def coefficients(fit: Fit) -> list[float]:
    """Those of `exact_coefficients`, rounded."""
    return [float(np.float32(c)) if fit.single else float(c) for c in exact_coefficients(fit)]


def rest(fit: Fit) -> float:
    """What rounding took from the constant term."""
    return float(exact_coefficients(fit)[0] - coefficients(fit)[0])


def error(fit: Fit, table: list[float]) -> float:
    """The largest weighted error on a grid."""
    points = [fit.low + (fit.high - fit.low) * mp.mpf(k) / 400 for k in range(401)]
    return float(
        max(abs((mp.polyval([mp.mpf(c) for c in reversed(table)], t) - fit.target(t)) * fit.weight(t)) for t in points)
    )


def main() -> None:
    print('"""Polynomial coefficients, constant term first. Made by benchmarks/elementary_coefficients.py."""\n')
    print("from __future__ import annotations\n\n\ndef _table(text: str) -> tuple[float, ...]:")
    print("    return tuple(float.fromhex(word) for word in text.split())")
    for fit in FITS:
        table = coefficients(fit)
        print(f'\n\n{fit.name} = _table(\n    """')
        for start in range(0, len(table), 3):
            print("    " + " ".join(value.hex() for value in table[start : start + 3]))
        print(f'    """\n)\n"""{fit.text}; error 2^{float(mp.log(error(fit, table), 2)):.1f}"""')
        if fit.rest:
            print(
                f'{fit.name}_REST = float.fromhex("{rest(fit).hex()}")\n"""What rounding took from its first term."""'
            )
    print(f'\n\nERFC_LIMIT = float.fromhex("{ERFC_LIMIT.hex()}")\n"""103/64 / sqrt(pi) - 1"""')
    root = float(DIGAMMA_ROOT)
    print("\n\nDIGAMMA_ROOT = (")
    print(f'    float.fromhex("{root.hex()}"),\n    float.fromhex("{float(DIGAMMA_ROOT - root).hex()}"),\n)')
    print('"""The positive root of digamma, in two pieces."""')
    mp.dps = 420
    print('\n\n_WORDS = """')
    bits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (64 * WORDS)))
    for k in reversed(range(WORDS)):
        print(f"    {(bits >> (64 * k)) & (2**64 - 1):016x}")
    print('    """\nTWO_OVER_PI_WORDS = tuple(int(word, 16) for word in _WORDS.split())')
    print('"""The bits of 2/pi behind the point, most significant word first."""')


if __name__ == "__main__":
    main()
