"""exp and its relatives.

exp(x) = 2^k exp(r) with k = round(x / ln 2) and r = x - k ln 2 in two pieces (Cody & Waite 1980), |r| <= ln(2)/2;
exp(r) = 1 + (r + r^2 P(r)), with the small terms summed first.
"""

from __future__ import annotations

from difflang_llvm.math.coefficients import EXP
from difflang_llvm.math.kernel import Kernel, Pair, Value, divide_pairs, fast_two_sum, function, two_sum

LOG2_E = 1.4426950408889634
LN2_HIGH = float.fromhex("0x1.62e42fefa3800p-1")
"""ln 2 with 11 trailing zeros: its products with the k of a finite result are exact."""
LN2_LOW = float.fromhex("0x1.ef35793c76730p-45")
LN2_LOWER = float.fromhex("0x1.cc01f97b57a08p-100")
MAGIC = 6755399441055744.0
"""1.5 * 2^52: adding it rounds to an integer, which then stands in the low bits."""
BIASED = MAGIC + 1023.0
"""The same for the exponent field of a double."""
EXP_MAX = 709.8
EXP_MIN = -745.2


def power_of_two(kernel: Kernel, k: Value, offset: int = 0) -> Value:
    """2^(k + offset) for a whole k, the sum above -1023 and below 1024."""
    return from_exponent(kernel, k + (BIASED + offset))


def from_exponent(kernel: Kernel, shifted: Value) -> Value:
    """2^k from k + BIASED."""
    return kernel.from_bits(kernel.bits(shifted) << 52)


def clamp(kernel: Kernel, x: Value, low: float, high: float) -> Value:
    """NaN stays NaN."""
    x = kernel.select(x > high, high, x)
    return kernel.select(x < low, low, x)


def remainder(kernel: Kernel, x: Value, tail: Value | None = None) -> tuple[Value, Value, Value]:
    """k, r and low with x (+ tail) = k ln 2 + r + low."""
    k = kernel.fma(x, LOG2_E, MAGIC) - MAGIC
    coarse = kernel.fma(-k, LN2_HIGH, x)
    if tail is not None:
        return k, *fast_two_sum(coarse, kernel.fma(-k, LN2_LOW, tail))
    r = kernel.fma(-k, LN2_LOW, coarse)
    return k, r, kernel.fma(-k, LN2_LOW, coarse - r)


def beyond_linear(kernel: Kernel, r: Value, low: Value) -> Value:
    """exp(r) - 1 - r, to which `low` is added."""
    return kernel.fma(r * r, kernel.leading_polynomial(EXP, r), low)


def reduced(kernel: Kernel, x: Value, tail: Value | None = None) -> tuple[Value, Pair]:
    """k, and exp(r) - 1 as a pair, for x (+ tail) = k ln 2 + r."""
    k, r, low = remainder(kernel, x, tail)
    return k, fast_two_sum(r, beyond_linear(kernel, r, kernel.fma(low, r, low)))


def scaled(kernel: Kernel, value: Value, k: Value) -> Value:
    """value * 2^k in two steps, as 2^k itself may overflow or be subnormal."""
    half = kernel.fma(k, 0.5, BIASED)
    rest = (k - (half - BIASED)) + BIASED
    return value * from_exponent(kernel, half) * from_exponent(kernel, rest)


def exp_of_pair(kernel: Kernel, x: Value, tail: Value | None = None) -> Value:
    """exp(x + tail), for |tail| far below |x|; NaN, overflow and underflow as usual."""
    k, r, low = remainder(kernel, clamp(kernel, x, EXP_MIN, EXP_MAX), tail)
    return scaled(kernel, 1.0 + (r + beyond_linear(kernel, r, low)), k)


def decaying(kernel: Kernel, magnitude: Value) -> Pair:
    """exp(-magnitude) as a pair, for magnitude >= 0; below exp(-700) it stays at exp(-700)."""
    x = -kernel.select(magnitude > 700.0, 700.0, magnitude)
    k, (high, low) = reduced(kernel, x)
    scale = power_of_two(kernel, k)
    one, rest = fast_two_sum(1.0, high)
    return one * scale, (rest + low) * scale


@function("exp")
def _exp(kernel: Kernel, x: Value) -> Value:
    return exp_of_pair(kernel, x)


@function("exp2")
def _exp2(kernel: Kernel, x: Value) -> Value:
    """k = round(x) leaves a fraction whose product with ln 2 is taken in two pieces."""
    x = clamp(kernel, x, -1076.0, 1025.0)
    k = kernel.round_even(x)
    fraction = x - k
    r = fraction * LN2
    low = kernel.fma(fraction, LN2, -r) + fraction * LN2_TAIL
    return scaled(kernel, 1.0 + (r + beyond_linear(kernel, r, low)), k)


LN2 = float.fromhex("0x1.62e42fefa39efp-1")
LN2_TAIL = float.fromhex("0x1.abc9e3b39803fp-56")


def expm1_halved(kernel: Kernel, x: Value) -> tuple[Pair, Value]:
    """(exp(x) - 1) / 2 as a pair, for x from -40 to 710; the half keeps 2^k finite. Also gives the clamped x."""
    x = clamp(kernel, x, -40.0, EXP_MAX)
    k, (high, low) = reduced(kernel, x)
    scale = power_of_two(kernel, k, -1)
    whole, lost = two_sum(scale, kernel.number(-0.5))
    total, rest = two_sum(whole, high * scale)
    return fast_two_sum(total, kernel.fma(low, scale, rest + lost)), x


@function("expm1")
def _expm1(kernel: Kernel, x: Value) -> Value:
    (high, _), _ = expm1_halved(kernel, x)
    tiny = kernel.abs(x) < 1e-300
    return kernel.select(tiny, x, high + high)


@function("tanh")
def _tanh(kernel: Kernel, x: Value) -> Value:
    """e / (e + 2) with e = exp(2|x|) - 1, in pairs (all halved)."""
    size = kernel.abs(x)
    half, _ = expm1_halved(kernel, kernel.select(size > 20.0, 20.0, size) * 2.0)
    above, rest = two_sum(half[0], kernel.number(1.0))
    high, low = divide_pairs(half, (above, rest + half[1]))
    result = kernel.select(size < 1e-300, size, high + low)
    return kernel.copysign(result, x)


@function("sigmoid")
def _sigmoid(kernel: Kernel, x: Value) -> Value:
    """1 / (1 + e) for x >= 0 and e / (1 + e) else, with e = 2^k f = exp(-|x|).

    The quotient is corrected for what rounding took from e, from 1 + e and from its inverse; 2^k comes last, since the
    result may be subnormal.
    """
    size = kernel.abs(x)
    k, r, low = remainder(kernel, -kernel.select(size > -EXP_MIN, -EXP_MIN, size))
    f, f_low = fast_two_sum(1.0, r + beyond_linear(kernel, r, low))
    scale = power_of_two(kernel, kernel.select(k < -1000.0, -1000.0, k))
    e = f * scale
    divisor, divisor_low = fast_two_sum(1.0, e)
    inverse = 1.0 / divisor
    error = kernel.fma(-divisor, inverse, 1.0) - kernel.fma(f_low, scale, divisor_low) * inverse
    positive = x >= 0.0
    top, top_low = kernel.select(positive, 1.0, f), kernel.select(positive, 0.0, f_low)
    quotient = top * inverse
    rest = kernel.fma(top_low, inverse, kernel.fma(top, inverse, -quotient))
    return scaled(kernel, quotient + kernel.fma(quotient, error, rest), kernel.select(positive, 0.0, k))


@function("cosh")
def _cosh(kernel: Kernel, x: Value) -> Value:
    """e/2 + 1/(2e) with e = exp(|x|), from e/2."""
    (high, low), size = expm1_halved(kernel, kernel.abs(x))
    half, rest = fast_two_sum(kernel.select(size > 1.0, high, 0.5), kernel.select(size > 1.0, 0.5, high))
    half, rest = fast_two_sum(half, rest + low)
    inverse = divide_pairs((kernel.number(0.25), kernel.number(0.0)), (half, rest))
    total, lost = fast_two_sum(half, inverse[0])
    return _beyond(kernel, x, total + (lost + rest + inverse[1]), kernel.abs(x))


@function("sinh")
def _sinh(kernel: Kernel, x: Value) -> Value:
    """With h = (exp|x| - 1)/2: sinh|x| = h + h / (2h + 1)."""
    size = kernel.abs(x)
    half, _ = expm1_halved(kernel, size)
    one, rest = two_sum(half[0] + half[0], kernel.number(1.0))
    quotient = divide_pairs(half, (one, rest + (half[1] + half[1])))
    total, lost = fast_two_sum(half[0], quotient[0])
    result = total + (lost + (half[1] + quotient[1]))
    result = kernel.select(size < 1e-300, size, result)
    return kernel.copysign(_beyond(kernel, x, result, size), x)


def _beyond(kernel: Kernel, x: Value, result: Value, size: Value) -> Value:
    """Above 709 exp(|x|) / 2 = exp(|x| - ln 2), which overflows later than exp(|x|)."""
    shifted = size - LN2
    lost = (size - shifted) - LN2
    large = exp_of_pair(kernel, shifted, kernel.select(size < 720.0, lost - LN2_TAIL, 0.0))
    return kernel.select(size > 700.0, large, result)
