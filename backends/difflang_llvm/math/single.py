"""Functions with code of their own in f32: twice the lanes, and shorter polynomials.

The methods are those of f64. Where f64 keeps pairs, the terms that are rounded here are small beside the result, whose
error stays below one unit in the last place. What is rare (large angles) goes through f64.
"""

from __future__ import annotations

from difflang_llvm.math.coefficients import COS_SINGLE, EXP_SINGLE, LOG_SINGLE, SIN_SINGLE, TANH_SINGLE
from difflang_llvm.math.exponential import LOG2_E, clamp
from difflang_llvm.math.kernel import Kernel, Value, function, two_product, two_sum
from difflang_llvm.math.logarithm import at_edges

MAGIC = 12582912.0
"""1.5 * 2^23, as in `exponential`."""
BIASED = MAGIC + 127.0
LN2_HIGH = float.fromhex("0x1.62e4p-1")
"""ln 2 in 16 bits: its products with the k of a finite result are exact."""
LN2_LOW = float.fromhex("0x1.7f7d1cp-20")
INVERSE_LN2 = (float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0c0p-26"))
SQRT_HALF_BITS = 0x3F3504F3
SMALLEST_NORMAL = 2.0**-126
HALF_PI = (float.fromhex("0x1.921fb6p+0"), float.fromhex("-0x1.777a5cp-25"), float.fromhex("-0x1.ee59dap-50"))
LARGEST_REDUCED = 2.0**15


def _scaled(kernel: Kernel, value: Value, k: Value) -> Value:
    """value * 2^k in two steps, as 2^k itself may overflow or be subnormal."""
    half = kernel.fma(k, 0.5, BIASED)
    rest = (k - (half - BIASED)) + BIASED
    return value * kernel.from_bits(kernel.bits(half) << 23) * kernel.from_bits(kernel.bits(rest) << 23)


@function("exp", dtype="f32")
def _exp(kernel: Kernel, x: Value) -> Value:
    x = clamp(kernel, x, -104.0, 89.0)
    k = kernel.fma(x, LOG2_E, MAGIC) - MAGIC
    coarse = kernel.fma(-k, LN2_HIGH, x)
    r = kernel.fma(-k, LN2_LOW, coarse)
    low = kernel.fma(-k, LN2_LOW, coarse - r)
    return _scaled(kernel, 1.0 + (r + kernel.fma(r * r, kernel.polynomial(EXP_SINGLE, r), low)), k)


def _split(kernel: Kernel, x: Value) -> tuple[Value, Value, Value]:
    """(k, f, rest) with x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), and log(1 + f) = f - f^2/2 + rest."""
    subnormal = x < SMALLEST_NORMAL
    shifted = kernel.bits(kernel.select(subnormal, x * 2.0**25, x)) - SQRT_HALF_BITS
    exponent = kernel.emit(f"ashr {shifted.typed}, {kernel.constant(23, 'i32')}", "i32")
    k = kernel.convert(exponent, "sitofp", "float") - kernel.select(subnormal, 25.0, 0.0)
    f = kernel.from_bits((shifted & 0x007FFFFF) + SQRT_HALF_BITS) - 1.0
    return k, f, f * f * f * kernel.polynomial(LOG_SINGLE, f)


@function("log", dtype="f32")
def _log(kernel: Kernel, x: Value) -> Value:
    k, f, rest = _split(kernel, x)
    rest = kernel.fma(f * f, -0.5, kernel.fma(k, LN2_LOW, rest))
    return at_edges(kernel, x, kernel.fma(k, LN2_HIGH, f + rest))


@function("log2", dtype="f32")
def _log2(kernel: Kernel, x: Value) -> Value:
    """k + (f + rest) / ln 2, with 1 / ln 2 in two pieces."""
    k, f, rest = _split(kernel, x)
    square, lost = two_product(f, f)
    rest = kernel.fma(square, -0.5, kernel.fma(lost, -0.5, rest))
    part = kernel.fma(f, INVERSE_LN2[0], kernel.fma(rest, INVERSE_LN2[0], f * INVERSE_LN2[1]))
    return at_edges(kernel, x, k + part)


@function("tanh", dtype="f32")
def _tanh(kernel: Kernel, x: Value) -> Value:
    """x + x^3 P(x^2) up to 0.9, 1 - 2 / (exp(2|x|) + 1) beyond."""
    size = kernel.abs(x)
    small = size < 0.9
    inner = kernel.select(small, size, 0.0)
    square, lost = two_product(inner, inner)
    bend = kernel.fma(square, kernel.leading_polynomial(TANH_SINGLE, square), lost * TANH_SINGLE[0])
    near = kernel.fma(inner, bend, inner)
    outer = kernel.select(size > 10.0, 10.0, size)
    far = 1.0 - 2.0 / (kernel.call("exp", outer + outer) + 1.0)
    result = kernel.copysign(kernel.select(small, near, far), x)
    return kernel.select(x.is_nan(), x, result)


def _wave(kernel: Kernel, x: Value, turn: int) -> Value:
    """sin(x + turn pi/2); pi/2 in three pieces, of which the first is subtracted without error."""
    shifted = kernel.fma(x, 0.6366197723675814, MAGIC)
    k = shifted - MAGIC
    first = kernel.fma(-k, HALF_PI[0], x)
    product, lost = two_product(k, HALF_PI[1])
    r, low = two_sum(first, -product)
    low = kernel.fma(k, -HALF_PI[2], low - lost)
    square, lost = two_product(r, r)
    sine = r + kernel.fma(r * square, kernel.polynomial(SIN_SINGLE, square), low)
    rest = kernel.fma(square * square, kernel.polynomial(COS_SINGLE, square), -kernel.fma(lost, 0.5, r * low))
    cosine = kernel.fma(square, -0.5, rest) + 1.0
    q = kernel.bits(shifted) + turn
    value = kernel.select((q & 1).equals(1), cosine, sine)
    return kernel.from_bits(kernel.bits(value) ^ ((q & 2) << 30))


@function("sin", dtype="f32")
def _sin(kernel: Kernel, x: Value) -> Value:
    value = kernel.select(kernel.abs(x) < 2.0**-13, x, _wave(kernel, x, 0))
    return kernel.rarely(kernel.abs(x) > LARGEST_REDUCED, "sin_huge", x, value)


@function("cos", dtype="f32")
def _cos(kernel: Kernel, x: Value) -> Value:
    return kernel.rarely(kernel.abs(x) > LARGEST_REDUCED, "cos_huge", x, _wave(kernel, x, 1))


def _through_f64(kernel: Kernel, name: str, *args: Value) -> Value:
    wide = [kernel.convert(arg, "fpext", "double") for arg in args]
    return kernel.convert(kernel.call(name, *wide), "fptrunc", "float")


@function("sin_huge", rare=True, dtype="f32")
def _sin_huge(kernel: Kernel, x: Value) -> Value:
    return _through_f64(kernel, "sin", x)


@function("cos_huge", rare=True, dtype="f32")
def _cos_huge(kernel: Kernel, x: Value) -> Value:
    return _through_f64(kernel, "cos", x)


@function("pow", 2, dtype="f32")
def _pow(kernel: Kernel, x: Value, y: Value) -> Value:
    return _through_f64(kernel, "pow_single", x, y)
