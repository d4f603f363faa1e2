"""pow, powers of one half and three halves, cbrt, hypot."""

from __future__ import annotations

from collections.abc import Callable

from difflang_llvm.math.coefficients import CBRT, LOG_TAIL
from difflang_llvm.math.exponential import LN2_HIGH, LN2_LOW, LN2_LOWER, exp_of_pair, power_of_two
from difflang_llvm.math.kernel import (
    INFINITY,
    NAN,
    Kernel,
    Pair,
    Value,
    add_pairs,
    divide_pairs,
    fast_two_sum,
    function,
    multiply_pairs,
    two_product,
    two_sum,
)
from difflang_llvm.math.logarithm import log_pair, natural, split

TWO_THIRDS = (float.fromhex("0x1.5555555555555p-1"), float.fromhex("0x1.5555555555555p-55"))
LARGEST_EXPONENT = 2.0**66
"""A larger exponent gives the same result: the base differs from 1 by 2^-53 at least, or is 1."""


def accurate_log(kernel: Kernel, x: Value) -> Pair:
    """log x as a pair with a relative error of about 2^-65, for positive finite x.

    log m = 2s + s (2/3 z + z^2 T(z)) with s = (m - 1) / (m + 1) and z = s^2, the leading terms in pairs.
    """
    k, m = split(kernel, x)
    zero = kernel.number(0.0)
    s = divide_pairs((m - 1.0, zero), two_sum(m, kernel.number(1.0)))
    z = multiply_pairs(s, s)
    main = multiply_pairs(z, (kernel.number(TWO_THIRDS[0]), kernel.number(TWO_THIRDS[1])))
    tail = z[0] * z[0] * kernel.polynomial(LOG_TAIL, z[0])
    correction = multiply_pairs(s, fast_two_sum(main[0], main[1] + tail))
    mantissa = add_pairs((s[0] + s[0], s[1] + s[1]), correction)
    low, rest = two_product(k, LN2_LOW)
    return add_pairs(add_pairs((k * LN2_HIGH, zero), (low, kernel.fma(k, LN2_LOWER, rest))), mantissa)


def _odd_integer(kernel: Kernel, y: Value) -> Value:
    half = y * 0.5
    whole = kernel.round_even(y).equals(y)
    return kernel.select(whole, kernel.round_even(half).equals(half) ^ 1, False)


def _power(kernel: Kernel, x: Value, y: Value, log_of: Callable[[Kernel, Value], Pair]) -> Value:
    """exp(y log |x|), with the sign and the special cases of C99."""
    size = kernel.abs(x)
    usual = (size > 0.0) & (size < INFINITY)
    exponent = kernel.select(y > LARGEST_EXPONENT, LARGEST_EXPONENT, y)
    exponent = kernel.select(exponent < -LARGEST_EXPONENT, -LARGEST_EXPONENT, exponent)
    log = log_of(kernel, kernel.select(usual, size, 1.0))
    high, low = two_product(exponent, log[0])
    low = kernel.fma(exponent, log[1], low)
    power = exp_of_pair(kernel, high, kernel.select(kernel.abs(high) < 800.0, low, 0.0))
    power = kernel.select(size.equals(0.0), kernel.select(y > 0.0, 0.0, kernel.number(INFINITY)), power)
    power = kernel.select(size.equals(INFINITY), kernel.select(y > 0.0, INFINITY, kernel.number(0.0)), power)
    power = kernel.select((kernel.bits(x) < 0) & _odd_integer(kernel, y), -power, power)
    fractional = kernel.round_even(y).equals(y) ^ 1
    power = kernel.select((x < 0.0) & fractional & usual, NAN, power)
    total = x + y
    power = kernel.select(total.is_nan() & (x.is_nan() | y.is_nan()), total, power)
    return kernel.select(x.equals(1.0) | y.equals(0.0), 1.0, power)


@function("pow", 2)
def _pow(kernel: Kernel, x: Value, y: Value) -> Value:
    return _power(kernel, x, y, accurate_log)


@function("pow_single", 2)
def _pow_single(kernel: Kernel, x: Value, y: Value) -> Value:
    """As exact as f32 needs it."""
    return _power(kernel, x, y, lambda kernel, x: natural(kernel, *log_pair(kernel, x)))


HALVES = {0.5: "pow_half", -0.5: "pow_minus_half", 1.5: "pow_three_halves", -1.5: "pow_minus_three_halves"}
"""The functions x^p for some p: roots and quotients, many times quicker than pow."""


def _root(kernel: Kernel, x: Value) -> tuple[Value, Value]:
    """The root of x, and x minus its square; as pow has it: 0 for -0 and inf for -inf."""
    root = kernel.select(x.equals(-INFINITY), INFINITY, kernel.sqrt(x) + 0.0)
    return root, kernel.fma(-root, root, x)


def _corrected(kernel: Kernel, value: Value, correction: Value) -> Value:
    """Their sum, where the value is far from overflow and underflow."""
    size = kernel.abs(value)
    return kernel.select((size > 1e-270) & (size < 1e270), value + correction, value)


@function("pow_half")
def _pow_half(kernel: Kernel, x: Value) -> Value:
    return _root(kernel, x)[0]


@function("pow_minus_half")
def _pow_minus_half(kernel: Kernel, x: Value) -> Value:
    root, rest = _root(kernel, x)
    quotient = 1.0 / root
    relative = kernel.fma(rest * -0.5 * quotient, quotient, kernel.fma(-quotient, root, 1.0))
    return _corrected(kernel, quotient, quotient * relative)


@function("pow_three_halves")
def _pow_three_halves(kernel: Kernel, x: Value) -> Value:
    """|x| s with s = sqrt x, and what rounding took from s and from the product."""
    root, rest = _root(kernel, x)
    size = kernel.abs(x)
    product, lost = two_product(size, root)
    return _corrected(kernel, product, kernel.fma(rest * 0.5, root, lost))


@function("pow_minus_three_halves")
def _pow_minus_three_halves(kernel: Kernel, x: Value) -> Value:
    """(1/|x|) / s with s = sqrt x, and what rounding took from them; 1/s is |x| times the result."""
    root, rest = _root(kernel, x)
    size = kernel.abs(x)
    inverse = 1.0 / size
    quotient = inverse / root
    relative = kernel.fma(rest * -0.5, inverse, kernel.fma(-inverse, size, 1.0))
    relative = kernel.fma(kernel.fma(-quotient, root, inverse), size, relative)
    return _corrected(kernel, quotient, quotient * relative)


@function("cbrt")
def _cbrt(kernel: Kernel, x: Value) -> Value:
    """|x| = 2^(3q + r) m: a polynomial for the root of m, two Newton steps, the last one with the exact residual."""
    size = kernel.abs(x)
    usual = (size > 0.0) & (size < INFINITY)
    k, m = split(kernel, kernel.select(usual, size, 1.0))
    q = kernel.round_even(k * (1.0 / 3.0))
    r = kernel.fma(q, -3.0, k)
    factor = kernel.select(r > 0.5, 2.0, kernel.select(r < -0.5, kernel.number(0.5), 1.0))
    start = kernel.select(r > 0.5, 2.0 ** (1 / 3), kernel.select(r < -0.5, kernel.number(0.5 ** (1 / 3)), 1.0))
    a = m * factor
    root = kernel.polynomial(CBRT, m) * start
    root = root - (root - a / (root * root)) * (1.0 / 3.0)
    square, lost = two_product(root, root)
    cube, rest = two_product(square, root)
    residual = (cube - a) + kernel.fma(lost, root, rest)
    root = root - residual / (square * 3.0)
    scale = power_of_two(kernel, q)
    return kernel.copysign(kernel.select(usual, root * scale, size), x)


@function("hypot", 2)
def _hypot(kernel: Kernel, x: Value, y: Value) -> Value:
    """The root of x^2 + y^2 as pairs, scaled away from overflow and underflow."""
    a, b = kernel.abs(x), kernel.abs(y)
    swap = b > a
    large, small = kernel.select(swap, b, a), kernel.select(swap, a, b)
    scale = kernel.select(large > 1e150, 2.0**-600, kernel.select(large < 1e-140, kernel.number(2.0**600), 1.0))
    back = kernel.select(large > 1e150, 2.0**600, kernel.select(large < 1e-140, kernel.number(2.0**-600), 1.0))
    first, second = large * scale, small * scale
    square, lost = two_product(first, first)
    other, rest = two_product(second, second)
    total, low = fast_two_sum(square, other)
    low = low + (lost + rest)
    root = kernel.sqrt(total)
    residual = kernel.fma(-root, root, total) + low
    result = (root + residual / kernel.select(root.equals(0.0), 1.0, root + root)) * back
    infinite = a.equals(INFINITY) | b.equals(INFINITY)
    return kernel.select(infinite, INFINITY, kernel.select(large.equals(0.0), large + small, result))
