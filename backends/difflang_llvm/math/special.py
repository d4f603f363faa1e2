"""Error functions and the gamma family.

erfc(x) = exp(-x^2) Q(t) / (1 + 2x) with t = (x - 4) / (x + 4), after Shepherd & Laframboise (1981). Gamma: polynomials
around 1, 3/2 and 2, the recurrence up to 8, Stirling's series beyond; reflection for negative arguments. Near the zeros
on the negative axis the error of lgamma and digamma is small in absolute, not in relative terms.
"""

from __future__ import annotations

from math import factorial

from difflang_llvm.math.coefficients import (
    DIGAMMA,
    DIGAMMA_ROOT,
    DIGAMMA_TAIL,
    ERF,
    ERF_NEAR,
    ERF_TAIL,
    ERFC,
    ERFC_SLOPE,
    LGAMMA_MIDDLE,
    LGAMMA_ONE,
    LGAMMA_TWO,
    STIRLING,
)
from difflang_llvm.math.exponential import power_of_two, reduced, scaled
from difflang_llvm.math.kernel import (
    INFINITY,
    NAN,
    Kernel,
    Pair,
    Value,
    fast_two_sum,
    function,
    multiply_pairs,
    two_product,
    two_sum,
)
from difflang_llvm.math.logarithm import log_pair, natural
from difflang_llvm.math.trigonometric import PI, ratio, wave

SHIFT_LIMIT = 8.0
LARGEST = 2.556348e305
"""lgamma overflows beyond."""
HALF_LOG_2PI = (float.fromhex("0x1.d67f1c864beb5p-1"), float.fromhex("-0x1.65b5a1b7ff5dfp-55"))


def _decay(kernel: Kernel, x: Value) -> tuple[Value, Pair]:
    """(k, f) with exp(-x^2) = 2^k f."""
    square, lost = two_product(x, x)
    k, (high, low) = reduced(kernel, -square, -lost)
    one, rest = fast_two_sum(1.0, high)
    return k, (one, rest + low)


@function("erf")
def _erf(kernel: Kernel, x: Value) -> Value:
    """x + x P(x^2) up to 1, 1 - erfc(|x|) beyond, where erfc is small and need not be exact."""
    size = kernel.abs(x)
    small = size < 1.0
    near = kernel.fma(size, kernel.polynomial(ERF, size * size), size)
    y = kernel.select(small, 1.0, kernel.select(size > 6.1, kernel.number(6.1), size))
    inverse = 1.0 / (y + 3.0)
    k, (high, _) = _decay(kernel, y)
    factor = inverse * kernel.leading_polynomial(ERF_TAIL, kernel.fma(inverse, -6.0, 1.0))
    far = kernel.fma(-factor, high * power_of_two(kernel, k), 1.0)
    result = kernel.copysign(kernel.select(small, near, far), x)
    return kernel.select(x.is_nan(), x, result)


def _erfc_factor(kernel: Kernel, y: Value, inverse: Value) -> Pair:
    """(1 + 2y) exp(y^2) erfc(y) - 1, for y >= 1/2 and `inverse` = 1 / (y + 4) or nearly so.

    The polynomial is taken at t = 1 - 8 / (y + 4); its slope corrects for what rounding took from t.
    """
    error = kernel.fma(-inverse, y, kernel.fma(inverse, -4.0, 1.0))
    part = inverse * 8.0
    t = 1.0 - part
    rest = kernel.fma(-part, error, (1.0 - t) - part)
    high, low = fast_two_sum(ERFC[0], t * kernel.leading_polynomial(ERFC[1:], t))
    return high, kernel.fma(rest, kernel.polynomial(ERFC_SLOPE, t), low)


def _erfc_tail(kernel: Kernel, y: Value) -> Value:
    """exp(-y^2) (1 + factor) / (1 + 2y) for 1/2 <= y <= 28, the quotient with its error."""
    divisor, divisor_low = fast_two_sum(y + y, kernel.number(1.0))
    other = y + 4.0
    both = 1.0 / (divisor * other)
    inverse = both * other
    error = kernel.fma(-inverse, divisor_low, kernel.fma(-inverse, divisor, 1.0))
    factor, factor_low = _erfc_factor(kernel, y, both * divisor)
    factor_low = factor_low + kernel.fma(factor, error, error)
    k, (one, rest) = _decay(kernel, y)
    product, lost = two_product(one, factor)
    high, low = fast_two_sum(one, product)
    low = (low + lost) + kernel.fma(one, factor_low, kernel.fma(factor, rest, rest))
    return scaled(kernel, kernel.fma(inverse, high, inverse * low), k)


@function("erfc")
def _erfc(kernel: Kernel, x: Value) -> Value:
    """1 - x - x P(x^2) up to 1/2, the tail beyond; for x < -1/2: 2 - erfc(-x)."""
    size = kernel.abs(x)
    y = kernel.select(size < 0.5, 0.5, kernel.select(size > 28.0, kernel.number(28.0), size))
    tail = _erfc_tail(kernel, y)
    far = kernel.select(x < 0.0, 2.0 - tail, tail)
    small = size < 0.5
    inner = kernel.select(small, x, 0.0)
    total, lost = fast_two_sum(1.0, -inner)
    near = total + kernel.fma(-inner, kernel.polynomial(ERF_NEAR, inner * inner), lost)
    return kernel.select(x.is_nan(), x, kernel.select(small, near, far))


def _shifted(kernel: Kernel, w: Value, lowest: float) -> tuple[Value, Value]:
    """(steps, w - steps) with w - steps within 1/2 of `lowest`, for w up to 8."""
    steps = kernel.round_even(w - lowest)
    steps = kernel.select(steps > 0.0, steps, 0.0)
    return steps, w - steps


def _stirling(kernel: Kernel, w: Value) -> Value:
    """(w - 1/2) log w - w + log(2 pi)/2 + S(1/w^2)/w, for w >= 8."""
    w = kernel.select(w < SHIFT_LIMIT, SHIFT_LIMIT, kernel.select(w > LARGEST, kernel.number(LARGEST), w))
    zero = kernel.number(0.0)
    log = natural(kernel, *log_pair(kernel, w))
    product = multiply_pairs((w - 0.5, zero), log)
    high, low = two_sum(product[0], -w)
    inverse = 1.0 / w
    rest = low + product[1] + HALF_LOG_2PI[1] + inverse * kernel.polynomial(STIRLING, inverse * inverse)
    total, lost = two_sum(high, kernel.number(HALF_LOG_2PI[0]))
    return total + (lost + rest)


def _lgamma_low(kernel: Kernel, w: Value) -> Value:
    """log gamma(w) for 0 < w < 8: around 1, 3/2 or 2, or shifted there; the product of the steps in one log."""
    first, middle = w < 1.25, (w >= 1.25) & (w < 1.75)
    tiny = w < 0.5
    w = kernel.select(w > SHIFT_LIMIT, SHIFT_LIMIT, w)
    steps, base = _shifted(kernel, w, 2.0)
    t = kernel.select(tiny, w, kernel.select(first, w - 1.0, base - 2.0))
    one, two = kernel.leading_polynomial(LGAMMA_ONE, t), kernel.leading_polynomial(LGAMMA_TWO, t)
    product = kernel.number(1.0)
    for k in range(1, 7):
        product = product * kernel.select(steps >= float(k), w - float(k), 1.0)
    product = kernel.select(tiny, w, product)
    high, low = natural(kernel, *log_pair(kernel, kernel.select(product > 0.0, product, 1.0)))
    sign = kernel.select(tiny, -1.0, kernel.number(1.0))
    between = kernel.leading_polynomial(LGAMMA_MIDDLE, kernel.select(middle, w - 1.5, 0.0))
    near = kernel.select(middle, between, t * kernel.select(first, one, two))
    total, rest = two_sum(high * sign, near)
    return total + (rest + low * sign)


def _sine_of_half_turns(kernel: Kernel, x: Value) -> tuple[Value, Value, Pair]:
    """The fraction f of x in [-1/2, 1/2], and (q, r) with pi f = q pi/2 + r."""
    f = x - kernel.round_even(x)
    q = kernel.round_even(f * 2.0)
    rest = f - q * 0.5
    r = multiply_pairs((rest, kernel.number(0.0)), (kernel.number(PI[0]), kernel.number(PI[1])))
    return f, kernel.convert(q, "fptosi", "i64"), r


def _log_positive(kernel: Kernel, x: Value) -> Value:
    """log x; inf at 0 is left to the caller."""
    return natural(kernel, *log_pair(kernel, kernel.select(x > 0.0, x, 1.0)))[0]


@function("lgamma")
def _lgamma(kernel: Kernel, x: Value) -> Value:
    """log |gamma(x)|; for x < 0: log(pi / |x sin(pi x)|) - log gamma(-x)."""
    w = kernel.abs(x)
    safe = kernel.select((w > 0.0) & (w < INFINITY), w, 1.0)
    core = kernel.select(safe < SHIFT_LIMIT, _lgamma_low(kernel, safe), _stirling(kernel, safe))
    f, q, r = _sine_of_half_turns(kernel, kernel.select(w < 2.0**53, x, 0.0))
    sine = kernel.abs(wave(kernel, q, r))
    mirrored = (LOG_PI - _log_positive(kernel, safe * sine)) - core
    mirrored = kernel.select(f.equals(0.0), INFINITY, mirrored)
    mirrored = kernel.select(w < 2.0**-60, -_log_positive(kernel, safe), mirrored)
    result = kernel.select(x < 0.0, mirrored, core)
    result = kernel.select(w.equals(0.0) | (w > LARGEST), INFINITY, result)
    return kernel.select(x.is_nan(), x, result)


LOG_PI = 1.1447298858494002


def _digamma_positive(kernel: Kernel, w: Value) -> Value:
    """digamma(w) for w > 0: the polynomial on [1, 2], the recurrence up to 8, the asymptotic series beyond."""
    large = kernel.select(w < SHIFT_LIMIT, SHIFT_LIMIT, w)
    inverse = 1.0 / large
    z = inverse * inverse
    log = natural(kernel, *log_pair(kernel, kernel.select(large < INFINITY, large, 1e308)))
    far = log[0] + (log[1] - kernel.fma(z, kernel.polynomial(DIGAMMA_TAIL, z), inverse * 0.5))
    low = kernel.select(w < SHIFT_LIMIT, w, 1.5)
    below = low < 1.0
    steps, base = _shifted(kernel, low, 1.5)
    base = kernel.select(below, low + 1.0, base)
    distance = (base - DIGAMMA_ROOT[0]) - DIGAMMA_ROOT[1]
    # low + 1 has lost the end of a small `low`.
    distance = distance + kernel.select(below, low - (base - 1.0), 0.0)
    near = distance * kernel.leading_polynomial(DIGAMMA, base - 1.5)
    for k in range(1, 8):
        near = near + kernel.select(steps >= float(k), 1.0 / (low - float(k)), 0.0)
    near = near - kernel.select(below, 1.0 / low, 0.0)
    return kernel.select(w < SHIFT_LIMIT, near, far)


@function("digamma")
def _digamma(kernel: Kernel, x: Value) -> Value:
    """For x < 0: digamma(1 - x) - pi / tan(pi x). At 0 infinite with the sign of -x; NaN at the other poles."""
    negative = x < 0.0
    core = _digamma_positive(kernel, kernel.select(negative, 1.0 - x, kernel.select(x > 0.0, x, 1.0)))
    f, q, r = _sine_of_half_turns(kernel, kernel.select(negative & (x > -(2.0**53)), x, 0.25))
    minus_cotangent = ratio(kernel, q + 1, r)
    mirrored = kernel.select(f.equals(0.0) | (x <= -(2.0**53)), NAN, kernel.fma(minus_cotangent, PI[0], core))
    result = kernel.select(negative, mirrored, core)
    result = kernel.select(kernel.abs(x) < 1e-300, -1.0 / x, result)
    result = kernel.select(x.equals(INFINITY), x, result)
    return kernel.select(x.is_nan(), x, result)


BERNOULLI = (
    *((1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510)),
    *((43867, 798), (-174611, 330), (854513, 138), (-236364091, 2730)),
)
"""B2, B4, ... as fractions."""


@function("zeta_tail", 2)
def _zeta_tail(kernel: Kernel, s: Value, w: Value) -> Value:
    """The sum of (w + k)^-s over k >= 0 by the Euler-Maclaurin formula, for w >= 12 + s/2."""
    power = kernel.call("pow", w, -s)
    inverse = 1.0 / w
    square = inverse * inverse
    total = power * (w / (s - 1.0) + 0.5)
    factor, term = s, power * inverse
    for j, (top, bottom) in enumerate(BERNOULLI, 1):
        total = kernel.fma(factor * term, top / (bottom * factorial(2 * j)), total)
        factor = factor * ((s + float(2 * j - 1)) * (s + float(2 * j)))
        term = term * square
    return total
