"""Error functions and the gamma family.

erfc(x) = exp(-x^2) (1 + F(t)) / (1 + a x) with t linear in x / (x + 4), after Shepherd & Laframboise (1981).
Gamma: polynomials around 1, 3/2 and 2; beyond, Stirling's formula with a polynomial in 1/x^2 in place of its divergent
series; reflection for negative arguments. Near the zeros on the negative axis the error of lgamma and digamma is small
in absolute, not in relative terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

from difflang_llvm.math.coefficients import (
    DIGAMMA,
    DIGAMMA_REST,
    DIGAMMA_ROOT,
    DIGAMMA_TAIL,
    ERF,
    ERFC,
    ERFC_LIMIT,
    EXP,
    LGAMMA_MIDDLE,
    LGAMMA_MIDDLE_REST,
    LGAMMA_ONE,
    LGAMMA_ONE_REST,
    LGAMMA_TWO,
    LGAMMA_TWO_REST,
    STIRLING,
)
from difflang_llvm.math.exponential import BIASED, LN2_HIGH, LN2_LOW, LOG2_E, from_exponent
from difflang_llvm.math.kernel import (
    INFINITY,
    NAN,
    Kernel,
    Operand,
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

LARGEST = 2.556348e305
"""lgamma overflows beyond."""
HALF_LOG_2PI = (float.fromhex("0x1.d67f1c864beb5p-1"), float.fromhex("-0x1.65b5a1b7ff5dfp-55"))


CEILING = 28.0
"""Beyond, exp(-x^2) and erfc are 0 even among the subnormal numbers."""
SLOPE = 103 / 64
"""(1 + SLOPE x) exp(x^2) erfc(x) stays within 1/8 of 1 for x >= 0."""


@dataclass(frozen=True, slots=True)
class _Decay:
    """exp(-x^2) = 2^k (one + rest) (1 + tail), by `scale` = 2^(k + RAISED)."""

    scale: Value
    one: Value
    rest: Value
    tail: Value

    def value(self) -> Value:
        total = self.one + self.rest
        return self.lowered(self.one + total.kernel.fma(total, self.tail, self.rest))

    def lowered(self, value: Value) -> Value:
        """value * 2^k, with a single rounding where that is subnormal."""
        return value * self.scale * 2.0**-RAISED


RAISED = 120
"""exp(-CEILING^2) is 2^-1132, which times 2^RAISED is a normal number."""


def _decay(kernel: Kernel, size: Value) -> _Decay:
    """Of x = size from 0 to CEILING. LN2_HIGH leaves a remainder without error; what it lacks goes into the tail, which
    is small enough to be a factor of its own."""
    square, lost = two_product(size, size)
    shifted = kernel.fma(square, -LOG2_E, BIASED + RAISED)
    k = shifted - (BIASED + RAISED)
    r = kernel.fma(k, -LN2_HIGH, -square)
    one, rest = fast_two_sum(1.0, r)
    rest = kernel.fma(r * r, kernel.polynomial(EXP, r), rest)
    return _Decay(from_exponent(kernel, shifted), one, rest, kernel.fma(k, -LN2_LOW, -lost))


def _capped(kernel: Kernel, x: Value) -> Value:
    """|x| up to CEILING; NaN stays."""
    size = kernel.abs(x)
    return kernel.select(size > CEILING, CEILING, size)


@function("gaussian")
def _gaussian(kernel: Kernel, x: Value) -> Value:
    """exp(-x^2), without the error that rounding x^2 would bring."""
    return _decay(kernel, _capped(kernel, x)).value()


def _erfc_factor(kernel: Kernel, y: Value) -> Value:
    """(1 + SLOPE y) exp(y^2) erfc(y) - 1 = u (ERFC_LIMIT + (1 - u) Q(9/4 u - 1)) with u = y / (y + 4).

    The errors of the polynomial are largest at both ends, where u (1 - u) is small.
    """
    u = y / (y + 4.0)
    inner = kernel.leading_polynomial(ERFC, kernel.fma(u, 2.25, -1.0), 4)
    return u * kernel.fma(1.0 - u, inner, ERFC_LIMIT)


def _erfc_tail(kernel: Kernel, y: Value) -> Value:
    """exp(-y^2) (1 + factor) / (1 + SLOPE y) for 0 <= y <= CEILING; the errors of divisor and inverse join the tail."""
    divisor = kernel.fma(y, SLOPE, 1.0)
    divisor_low = kernel.fma(y, SLOPE, 1.0 - divisor)
    inverse = 1.0 / divisor
    factor, decay = _erfc_factor(kernel, y), _decay(kernel, y)
    error = kernel.fma(-inverse, divisor_low, kernel.fma(-inverse, divisor, 1.0)) + decay.tail
    high, low = fast_two_sum(decay.one, kernel.fma(factor, decay.one, kernel.fma(factor, decay.rest, decay.rest)))
    return decay.lowered(kernel.fma(inverse, high, inverse * kernel.fma(high, error, low)))


@function("erf")
def _erf(kernel: Kernel, x: Value) -> Value:
    """x + x P(x^2) up to 7/8, 1 - erfc(|x|) beyond, where erfc is small."""
    size = kernel.abs(x)
    near = kernel.fma(size, kernel.polynomial(ERF, size * size), size)
    far = 1.0 - _erfc_tail(kernel, _capped(kernel, x))
    return kernel.copysign(kernel.select(size < 0.875, near, far), x)


@function("erfc")
def _erfc(kernel: Kernel, x: Value) -> Value:
    """2 - erfc(-x) for negative x."""
    tail = _erfc_tail(kernel, _capped(kernel, x))
    return kernel.select(kernel.bits(x) < 0, 2.0 - tail, tail)


def _leading_pair(kernel: Kernel, first: Pair, second: Value, inner: Value, t: Value) -> Pair:
    """first + t (second + t inner), |first| above the rest: what is beside the large terms is all that is rounded."""
    product, lost = two_product(t, inner)
    slope, slope_low = two_sum(second, product)
    product, rest = two_product(t, slope)
    high, low = fast_two_sum(first[0], product)
    return high, low + kernel.fma(t, slope_low + lost, rest + first[1])


def _logarithm(kernel: Kernel, x: Value) -> Pair:
    return natural(kernel, *log_pair(kernel, x))


def _stirling(kernel: Kernel, w: Value, log: Pair) -> Value:
    """(w - 1/2) log w - w + log(2 pi)/2 + S(1/w^2)/w, for w >= 5/2."""
    product = multiply_pairs(fast_two_sum(w, kernel.number(-0.5)), log)
    high, low = two_sum(product[0], -w)
    inverse = 1.0 / w
    rest = low + product[1] + HALF_LOG_2PI[1] + inverse * kernel.polynomial(STIRLING, inverse * inverse)
    total, lost = two_sum(high, kernel.number(HALF_LOG_2PI[0]))
    return total + (lost + rest)


def _lgamma_low(kernel: Kernel, w: Value, log: Pair) -> Value:
    """log gamma(w) for 0 < w < 5/2: around 1, 3/2 or 2; up to 1/2 log gamma(1 + w) - log w."""
    tiny, first, middle = w < 0.5, w < 1.34375, w < 1.6875

    def choice(one: Operand, between: Operand, two: Operand) -> Value:
        later = kernel.select(middle, between, two if isinstance(two, Value) else kernel.number(two))
        return kernel.select(first, one, later)

    t = kernel.select(tiny, w, w - choice(1.0, 1.5, 2.0))
    tables = (LGAMMA_ONE, LGAMMA_MIDDLE, LGAMMA_TWO)
    start = choice(*(table[0] for table in tables)), choice(LGAMMA_ONE_REST, LGAMMA_MIDDLE_REST, LGAMMA_TWO_REST)
    inner = choice(*(kernel.polynomial(table[2:], t) for table in tables))
    value = _leading_pair(kernel, start, choice(*(table[1] for table in tables)), inner, t)
    factor = choice(t, 1.0, t)
    near, lost = two_product(factor, value[0])
    total, rest = two_sum(kernel.select(tiny, -log[0], 0.0), near)
    return total + (rest + (kernel.fma(factor, value[1], lost) - kernel.select(tiny, log[1], 0.0)))


def _lgamma_positive(kernel: Kernel, w: Value) -> Value:
    """log gamma(w) for w > 0."""
    log = _logarithm(kernel, w)
    large = kernel.select(w > 2.5, w, 2.5)
    return kernel.select(
        w < 2.5, _lgamma_low(kernel, kernel.select(w < 2.5, w, 2.0), log), _stirling(kernel, large, log)
    )


def _sine_of_half_turns(kernel: Kernel, x: Value) -> tuple[Value, Value, Pair]:
    """The fraction f of x in [-1/2, 1/2], and (q, r) with pi f = q pi/2 + r."""
    f = x - kernel.round_even(x)
    q = kernel.round_even(f * 2.0)
    rest = f - q * 0.5
    r = multiply_pairs((rest, kernel.number(0.0)), (kernel.number(PI[0]), kernel.number(PI[1])))
    return f, kernel.convert(q, "fptosi", "i64"), r


@function("lgamma")
def _lgamma(kernel: Kernel, x: Value) -> Value:
    """log |gamma(x)|."""
    usual = (x > 0.0) & (x <= LARGEST)
    result = kernel.select(usual, _lgamma_positive(kernel, kernel.select(usual, x, 1.0)), INFINITY)
    return kernel.select(x.is_nan(), x, kernel.rarely((x < 0.0) & (x > -INFINITY), "lgamma_mirrored", x, result))


@function("lgamma_mirrored", rare=True)
def _lgamma_mirrored(kernel: Kernel, x: Value) -> Value:
    """For x < 0: log(pi / |x sin(pi x)|) - log gamma(-x); infinite at the poles."""
    w = kernel.abs(x)
    f, q, r = _sine_of_half_turns(kernel, kernel.select(w < 2.0**53, x, 0.0))
    sine = kernel.abs(wave(kernel, q, r))
    product = kernel.select(f.equals(0.0), 1.0, w * sine)
    core = _lgamma_positive(kernel, kernel.select(w < LARGEST, w, 1.0))
    mirrored = kernel.select(f.equals(0.0), INFINITY, (LOG_PI - _logarithm(kernel, product)[0]) - core)
    return kernel.select(w < 2.0**-60, -_logarithm(kernel, w)[0], mirrored)


LOG_PI = 1.1447298858494002


def _digamma_near(kernel: Kernel, w: Value) -> Value:
    """digamma(w) for 0 < w < 2: the polynomial on [1, 2], below it digamma(1 + w) - 1/w."""
    below = w < 1.0
    base = kernel.select(below, w + 1.0, w)
    distance = base - DIGAMMA_ROOT[0]
    # w + 1 has lost the end of a small w.
    end = kernel.select(below, w - (base - 1.0), 0.0) - DIGAMMA_ROOT[1]
    t = base - 1.5
    start = kernel.number(DIGAMMA[0]), kernel.number(DIGAMMA_REST)
    high, low = _leading_pair(kernel, start, kernel.number(DIGAMMA[1]), kernel.polynomial(DIGAMMA[2:], t), t)
    product, lost = two_product(distance, high)
    inverse = kernel.select(below, 1.0 / w, 0.0)
    error = kernel.select(below, kernel.fma(-inverse, w, 1.0), 0.0) * inverse
    total, rest = two_sum(-inverse, product)
    return total + (rest + (kernel.fma(distance, low, kernel.fma(end, high, lost)) - error))


def _digamma_far(kernel: Kernel, w: Value) -> Value:
    """log w - 1/(2w) - T(1/w^2)/w^2, for w >= 2."""
    inverse = 1.0 / w
    z = inverse * inverse
    log = _logarithm(kernel, w)
    high, low = fast_two_sum(log[0], inverse * -0.5)
    error = kernel.fma(-inverse, w, 1.0) * inverse
    return high + (low + (log[1] - kernel.fma(z, kernel.polynomial(DIGAMMA_TAIL, z), error * 0.5)))


def _digamma_positive(kernel: Kernel, w: Value) -> Value:
    near = _digamma_near(kernel, kernel.select(w < 2.0, w, 1.0))
    large = kernel.select(w < 2.0, 2.0, kernel.select(w < INFINITY, w, kernel.number(1e308)))
    return kernel.select(w < 2.0, near, _digamma_far(kernel, large))


@function("digamma")
def _digamma(kernel: Kernel, x: Value) -> Value:
    """At 0 infinite with the sign of -x; NaN at the other poles."""
    result = _digamma_positive(kernel, kernel.select(x > 1e-300, x, 1.0))
    result = kernel.select(kernel.abs(x) <= 1e-300, -1.0 / x, kernel.select(x.equals(INFINITY), x, result))
    return kernel.select(x.is_nan(), x, kernel.rarely(x < -1e-300, "digamma_mirrored", x, result))


@function("digamma_mirrored", rare=True)
def _digamma_mirrored(kernel: Kernel, x: Value) -> Value:
    """For x < 0: digamma(1 - x) - pi / tan(pi x)."""
    core = _digamma_positive(kernel, 1.0 - x)
    f, q, r = _sine_of_half_turns(kernel, kernel.select(x > -(2.0**53), x, 0.25))
    mirrored = kernel.fma(ratio(kernel, q + 1, r), PI[0], core)
    return kernel.select(f.equals(0.0) | (x <= -(2.0**53)), NAN, mirrored)


BERNOULLI = (
    *((1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510)),
    *((43867, 798), (-174611, 330), (854513, 138), (-236364091, 2730)),
)
"""B2, B4, ... as fractions."""


@function("zeta_tail", 2)
def _zeta_tail(kernel: Kernel, s: Value, w: Value) -> Value:
    """The sum of (w + k)^-s over k >= 0 by the Euler-Maclaurin formula, for w >= 12 + s/2.

    Its first term, w^(1 - s) / (s - 1), is still a number where w^-s is 0.
    """
    first = kernel.call("pow", w, 1.0 - s)
    inverse = 1.0 / w
    square = inverse * inverse
    power = first * inverse
    total = first / (s - 1.0) + power * 0.5
    factor, term = s, power * inverse
    for j, (top, bottom) in enumerate(BERNOULLI, 1):
        total = kernel.fma(factor * term, top / (bottom * factorial(2 * j)), total)
        factor = factor * ((s + float(2 * j - 1)) * (s + float(2 * j)))
        term = term * square
    return total
