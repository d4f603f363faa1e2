"""log and its relatives.

x = 2^k m with sqrt(1/2) <= m < sqrt(2); with f = m - 1 and s = f / (2 + f),
log m = 2 atanh(s) = f - f^2/2 + s (f^2/2 + z L(z)), z = s^2, kept as a pair (high, low).
"""

from __future__ import annotations

from difflang_llvm.math.coefficients import LOG
from difflang_llvm.math.exponential import LN2_HIGH, LN2_LOW, decaying
from difflang_llvm.math.kernel import (
    INFINITY,
    NAN,
    Kernel,
    Pair,
    Value,
    divide_pairs,
    fast_two_sum,
    function,
    two_product,
    two_sum,
)

SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
MANTISSA = 0x000FFFFFFFFFFFFF
SMALLEST_NORMAL = 2.2250738585072014e-308
INVERSE_LN2 = (float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56"))
INVERSE_LN10 = (float.fromhex("0x1.bcb7b1526e50ep-2"), float.fromhex("0x1.95355baaafad3p-57"))
LOG10_2 = (float.fromhex("0x1.34413509f79ffp-2"), float.fromhex("-0x1.9dc1da994fd21p-59"))


def split(kernel: Kernel, x: Value) -> tuple[Value, Value]:
    """(k, m) with x = 2^k m and m in [sqrt(1/2), sqrt(2)), for positive finite x; k is a whole double."""
    subnormal = x < SMALLEST_NORMAL
    bits = kernel.bits(kernel.select(subnormal, x * 2.0**54, x))
    shifted = bits - SQRT_HALF_BITS
    exponent = (shifted >> 52) ^ 0x800
    # Sign extension of the 12 bits, and conversion to a double through the low bits of 2^52.
    base = kernel.select(subnormal, 2.0**52 + 2102.0, kernel.number(2.0**52 + 2048.0))
    m = kernel.from_bits((shifted & MANTISSA) + SQRT_HALF_BITS)
    return kernel.from_bits(exponent | 0x4330000000000000) - base, m


def _log_sum(kernel: Kernel, x: Value, tail: Value | None = None) -> tuple[Value, Pair]:
    """k, and log m as a sum of f - f^2/2 and what is far below it, for x (+ tail) = 2^k m; positive and finite."""
    k, m = split(kernel, x)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    half = f * 0.5
    square, lost = two_product(half, f)
    high, low = fast_two_sum(f, -square)
    correction = s * (square + z * kernel.polynomial(LOG, z)) - lost
    if tail is not None:
        correction = correction + tail / x
    return k, (high, low + correction)


def log_pair(kernel: Kernel, x: Value, tail: Value | None = None) -> tuple[Value, Pair]:
    """k, and log m as a pair."""
    k, mantissa = _log_sum(kernel, x, tail)
    return k, fast_two_sum(*mantissa)


def natural(kernel: Kernel, k: Value, mantissa: Pair) -> Pair:
    """k ln 2 + log m. Where k is not 0, k ln 2 is the larger one."""
    high, low = fast_two_sum(k * LN2_HIGH, mantissa[0])
    return fast_two_sum(high, kernel.fma(k, LN2_LOW, low + mantissa[1]))


def at_edges(kernel: Kernel, x: Value, result: Value) -> Value:
    """log of 0 is -inf, of inf is inf, of what is negative or NaN is NaN."""
    result = kernel.select(x.equals(0.0), -INFINITY, result)
    result = kernel.select(x.equals(INFINITY), INFINITY, result)
    return kernel.select(x >= 0.0, result, NAN)


@function("log")
def _log(kernel: Kernel, x: Value) -> Value:
    return at_edges(kernel, x, natural(kernel, *_log_sum(kernel, x))[0])


def _log_of_base(kernel: Kernel, x: Value, scale: tuple[float, float], unit: tuple[float, float]) -> Value:
    """k unit + scale log m, the constants in two pieces."""
    k, (high, low) = log_pair(kernel, x)
    product, lost = two_product(high, scale[0])
    lost = kernel.fma(high, scale[1], kernel.fma(low, scale[0], lost))
    whole, rest = two_product(k, unit[0])
    total, small = two_sum(whole, product)
    return at_edges(kernel, x, total + (small + (lost + kernel.fma(k, unit[1], rest))))


@function("log2")
def _log2(kernel: Kernel, x: Value) -> Value:
    return _log_of_base(kernel, x, INVERSE_LN2, (1.0, 0.0))


@function("log10")
def _log10(kernel: Kernel, x: Value) -> Value:
    return _log_of_base(kernel, x, INVERSE_LN10, LOG10_2)


def log1p_of_pair(kernel: Kernel, high: Value, low: Value) -> Value:
    """log(1 + high + low), for a sum above -1 and high at most about 1e300."""
    one, rest = two_sum(high, kernel.number(1.0))
    one, rest = fast_two_sum(one, rest + low)
    return natural(kernel, *log_pair(kernel, one, rest))[0]


@function("log1p")
def _log1p(kernel: Kernel, x: Value) -> Value:
    result = log1p_of_pair(kernel, x, kernel.number(0.0))
    result = kernel.select(kernel.abs(x) < 2.0**-54, x, result)
    result = kernel.select(x.equals(-1.0), -INFINITY, result)
    result = kernel.select(x.equals(INFINITY), INFINITY, result)
    return kernel.select(x >= -1.0, result, NAN)


@function("softplus")
def _softplus(kernel: Kernel, x: Value) -> Value:
    """max(x, 0) + log(1 + exp(-|x|))."""
    e = decaying(kernel, kernel.abs(x))
    one, rest = fast_two_sum(1.0, e[0])
    small, tail = natural(kernel, *log_pair(kernel, one, rest + e[1]))
    total, lost = two_sum(kernel.select(x > 0.0, x, 0.0), small)
    result = kernel.select(x < -37.0, kernel.call("exp", x), total + (lost + tail))
    result = kernel.select(x > 700.0, x, result)
    return kernel.select(x.is_nan(), x, result)


LARGE = 2.0**28
"""From here on sqrt(x^2 + 1) is x for the inverse hyperbolic functions."""


def _root_of_pair(kernel: Kernel, a: Pair) -> Pair:
    root = kernel.sqrt(a[0])
    rest = (kernel.fma(-root, root, a[0]) + a[1]) / kernel.select(root.equals(0.0), 1.0, root + root)
    return fast_two_sum(root, rest)


def _log_of_double(kernel: Kernel, x: Value) -> Value:
    """log(2x), for large x."""
    k, mantissa = log_pair(kernel, x)
    return natural(kernel, k + 1.0, mantissa)[0]


@function("asinh")
def _asinh(kernel: Kernel, x: Value) -> Value:
    """log(1 + |x| + x^2 / (1 + sqrt(1 + x^2)))."""
    size = kernel.abs(x)
    capped = kernel.select(size > LARGE, LARGE, size)
    square = two_product(capped, capped)
    one, rest = two_sum(square[0], kernel.number(1.0))
    root = _root_of_pair(kernel, (one, rest + square[1]))
    above, low = two_sum(root[0], kernel.number(1.0))
    quotient = divide_pairs(square, (above, low + root[1]))
    total, lost = fast_two_sum(capped, quotient[0])
    near = log1p_of_pair(kernel, total, lost + quotient[1])
    result = kernel.select(size > LARGE, _log_of_double(kernel, size), near)
    result = kernel.select(size < 1e-9, size, kernel.select(size.equals(INFINITY), INFINITY, result))
    return kernel.copysign(kernel.select(x.is_nan(), x, result), x)


@function("acosh")
def _acosh(kernel: Kernel, x: Value) -> Value:
    """log(1 + t + sqrt(2t + t^2)) with t = x - 1."""
    capped = kernel.select(x > LARGE, LARGE, x)
    t, t_low = two_sum(capped, kernel.number(-1.0))
    square, lost = two_product(t, t)
    double = t + t
    total, rest = two_sum(double, square)
    root = _root_of_pair(kernel, (total, rest + lost + (t_low + t_low) * capped))
    high, low = two_sum(t, root[0])
    near = log1p_of_pair(kernel, high, low + (t_low + root[1]))
    result = kernel.select(x > LARGE, _log_of_double(kernel, x), near)
    return kernel.select(x.equals(INFINITY), INFINITY, kernel.select(x >= 1.0, result, NAN))


@function("atanh")
def _atanh(kernel: Kernel, x: Value) -> Value:
    """log(1 + 2|x| / (1 - |x|)) / 2."""
    size = kernel.abs(x)
    zero = kernel.number(0.0)
    rest = fast_two_sum(1.0, -kernel.select(size < 1.0, size, 0.5))
    high, low = divide_pairs((size + size, zero), rest)
    result = log1p_of_pair(kernel, high, low) * 0.5
    result = kernel.select(size < 1e-9, size, kernel.select(size.equals(1.0), INFINITY, result))
    return kernel.copysign(kernel.select(size <= 1.0, result, NAN), x)
