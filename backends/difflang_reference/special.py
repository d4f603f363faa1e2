"""Special functions in NumPy's `longdouble`, of single numbers: SciPy has them in double precision only.

Sources: NIST Digital Library of Mathematical Functions, 7.6.2 (series of erf), 7.9.1 (continued fraction of erfc),
5.11.1 and 5.11.2 (asymptotic series of lgamma and digamma), 5.5 (recurrences and reflections).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Long = np.longdouble

PI = Long("3.14159265358979323846264338327950288")
BERNOULLI = tuple(
    Long(above) / Long(below)
    for above, below in (
        *((1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66)),
        *((-691, 2730), (7, 6), (-3617, 510), (43867, 798), (-174611, 330)),
    )
)
"""The numbers B_2, B_4, .."""

FAR = 24
"""From here on the asymptotic series have all digits."""

FRACTION = 400
"""Terms of the continued fraction, enough from 1 on."""


def erf(x: Long) -> Long:
    """erf(x) = 2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (1 3 .. (2n + 1)), whose terms have one sign."""
    if not abs(x) < 7:
        return np.copysign(Long(1), x) if abs(x) >= 7 else x
    term, total, n = x, x, 0
    while abs(term) > 1e-22 * abs(total):
        n += 1
        term *= 2 * x * x / (2 * n + 1)
        total += term
    return 2 / np.sqrt(PI) * np.exp(-x * x) * total


def erfc(x: Long) -> Long:
    if not x >= 1:
        return 1 - erf(x)
    below = x
    for k in range(FRACTION, 0, -1):
        below = x + Long(k) / 2 / below
    return np.exp(-x * x) / np.sqrt(PI) / below


def lgamma(x: Long) -> Long:
    """log |gamma(x)|"""
    if x <= 0:
        return np.log(PI / abs(np.sin(PI * x))) - lgamma(1 - x)
    shift = Long(0)
    while x < FAR:
        shift += np.log(x)
        x = x + 1
    series = sum((c / ((2 * k + 2) * (2 * k + 1) * x ** (2 * k + 1)) for k, c in enumerate(BERNOULLI)), Long(0))
    return (x - Long(0.5)) * np.log(x) - x + np.log(2 * PI) / 2 + series - shift


def digamma(x: Long) -> Long:
    if x <= 0:
        return digamma(1 - x) - PI / np.tan(PI * x)
    shift = Long(0)
    while x < FAR:
        shift += 1 / x
        x = x + 1
    series = sum((c / ((2 * k + 2) * x ** (2 * k + 2)) for k, c in enumerate(BERNOULLI)), Long(0))
    return np.log(x) - 1 / (2 * x) - series - shift


FUNCTIONS: dict[str, Callable[[Long], Long]] = {"erf": erf, "erfc": erfc, "lgamma": lgamma, "digamma": digamma}
