"""sin, cos, tan, and the inverse functions.

Reduction: x = q pi/2 + r with pi/2 in three pieces and fused multiply-adds, r a pair (Cody & Waite 1980), for
|x| < 2^32. Beyond that `huge_angle` (see `huge`) multiplies by the right stretch of the bits of 2/pi (Payne & Hanek
1983); it is called under a branch that vector code passes with one test.
"""

from __future__ import annotations

from difflang_llvm.math.coefficients import ASIN, ATAN, COS, SIN
from difflang_llvm.math.exponential import MAGIC
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

TWO_OVER_PI = 0.6366197723675814
HALF_PI = (
    float.fromhex("0x1.921fb54442d18p+0"),
    float.fromhex("0x1.1a62633145c07p-54"),
    float.fromhex("-0x1.f1976b7ed8fbcp-110"),
)
LARGEST_REDUCED = 2.0**32


def reduced_angle(kernel: Kernel, x: Value) -> tuple[Value, Pair]:
    """(q, r): q as an i64 whose low bits count. `k HALF_PI[0]` is subtracted exactly by the first step."""
    shifted = kernel.fma(x, TWO_OVER_PI, MAGIC)
    k = shifted - MAGIC
    first = kernel.fma(-k, HALF_PI[0], x)
    product, lost = two_product(k, HALF_PI[1])
    high, low = two_sum(first, -product)
    return kernel.bits(shifted), fast_two_sum(high, kernel.fma(k, -HALF_PI[2], low - lost))


def sine_pair(kernel: Kernel, r: Pair) -> Pair:
    z = r[0] * r[0]
    rest = kernel.fma(r[1], kernel.fma(z, -0.5, 1.0), r[0] * z * kernel.polynomial(SIN, z))
    return fast_two_sum(r[0], rest)


def cosine_pair(kernel: Kernel, r: Pair) -> Pair:
    z, lost = two_product(r[0], r[0])
    half = z * 0.5
    one, rest = fast_two_sum(1.0, -half)
    rest = kernel.fma(z * z, kernel.polynomial(COS, z), rest - kernel.fma(lost, 0.5, r[0] * r[1]))
    return fast_two_sum(one, rest)


def choose(kernel: Kernel, condition: Value, yes: Pair, no: Pair) -> Pair:
    return kernel.select(condition, yes[0], no[0]), kernel.select(condition, yes[1], no[1])


def wave(kernel: Kernel, q: Value, r: Pair) -> Value:
    """sin(q pi/2 + r)."""
    odd = (q & 1).equals(1)
    value = kernel.select(odd, cosine_pair(kernel, r)[0], sine_pair(kernel, r)[0])
    return kernel.from_bits(kernel.bits(value) ^ ((q & 2) << 62))


def ratio(kernel: Kernel, q: Value, r: Pair) -> Value:
    """tan(q pi/2 + r)."""
    odd = (q & 1).equals(1)
    sine, cosine = sine_pair(kernel, r), cosine_pair(kernel, r)
    high, low = divide_pairs(choose(kernel, odd, cosine, sine), choose(kernel, odd, sine, cosine))
    value = high + low
    return kernel.select(odd, -value, value)


@function("sin")
def _sin(kernel: Kernel, x: Value) -> Value:
    value = wave(kernel, *reduced_angle(kernel, x))
    value = kernel.select(kernel.abs(x) < 2.0**-30, x, value)
    return kernel.rarely(kernel.abs(x) > LARGEST_REDUCED, "sin_huge", x, value)


@function("cos")
def _cos(kernel: Kernel, x: Value) -> Value:
    q, r = reduced_angle(kernel, x)
    return kernel.rarely(kernel.abs(x) > LARGEST_REDUCED, "cos_huge", x, wave(kernel, q + 1, r))


@function("tan")
def _tan(kernel: Kernel, x: Value) -> Value:
    value = ratio(kernel, *reduced_angle(kernel, x))
    value = kernel.select(kernel.abs(x) < 2.0**-30, x, value)
    return kernel.rarely(kernel.abs(x) > LARGEST_REDUCED, "tan_huge", x, value)


@function("sin_huge", rare=True)
def _sin_huge(kernel: Kernel, x: Value) -> Value:
    return wave(kernel, *_huge_angle(kernel, x))


@function("cos_huge", rare=True)
def _cos_huge(kernel: Kernel, x: Value) -> Value:
    q, r = _huge_angle(kernel, x)
    return wave(kernel, q + 1, r)


@function("tan_huge", rare=True)
def _tan_huge(kernel: Kernel, x: Value) -> Value:
    return ratio(kernel, *_huge_angle(kernel, x))


def _huge_angle(kernel: Kernel, x: Value) -> tuple[Value, Pair]:
    kernel.callees["huge_angle", "f64"] = None
    found = kernel.emit(f"call {{i64, double, double}} @dl.huge_angle.f64(double {x.text})", "{i64, double, double}")
    parts = [kernel.emit(f"extractvalue {found.type} {found.text}, {k}", t) for k, t in enumerate(_PARTS)]
    return parts[0], (parts[1], parts[2])


_PARTS = ("i64", "double", "double")


def _arc_tangent(kernel: Kernel, top: Pair, bottom: Pair) -> Pair:
    """atan(top / bottom) for 0 <= top <= bottom. Above tan(pi/8): pi/4 + atan((top - bottom) / (top + bottom))."""
    steep = top[0] > bottom[0] * TAN_PI_8
    down, up = two_sum(top[0], -bottom[0]), two_sum(top[0], bottom[0])
    difference = (down[0], down[1] + (top[1] - bottom[1]))
    total = (up[0], up[1] + (top[1] + bottom[1]))
    t, low = divide_pairs(choose(kernel, steep, difference, top), choose(kernel, steep, total, bottom))
    z = t * t
    rest = kernel.fma(t * z, kernel.polynomial(ATAN, z), low)
    base = kernel.select(steep, HALF_PI[0] / 2, 0.0)
    high, lost = fast_two_sum(base, t)
    return fast_two_sum(high, lost + (rest + kernel.select(steep, HALF_PI[1] / 2, 0.0)))


TAN_PI_8 = 0.41421356237309503


def _reflected(kernel: Kernel, condition: Value, of: tuple[float, float], angle: Pair) -> Pair:
    """`of - angle` where the condition holds."""
    high, low = fast_two_sum(of[0], -angle[0])
    return choose(kernel, condition, fast_two_sum(high, low + (of[1] - angle[1])), angle)


PI = (2 * HALF_PI[0], 2 * HALF_PI[1])


@function("atan")
def _atan(kernel: Kernel, x: Value) -> Value:
    size = kernel.abs(x)
    beyond = size > 1.0
    capped = kernel.select(size > 1e300, 1e300, size)
    zero = kernel.number(0.0)
    top, bottom = kernel.select(beyond, 1.0, capped), kernel.select(beyond, capped, 1.0)
    angle = _reflected(kernel, beyond, HALF_PI[:2], _arc_tangent(kernel, (top, zero), (bottom, zero)))
    result = kernel.select(size < 1e-200, size, angle[0] + angle[1])
    return kernel.copysign(kernel.select(x.is_nan(), x, result), x)


@function("atan2", 2)
def _atan2(kernel: Kernel, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), from the octant of (|x|, |y|), both scaled into the middle of the range."""
    width, height = kernel.abs(x), kernel.abs(y)
    infinite = kernel.select(width.equals(INFINITY), 1.0, 0.0), kernel.select(height.equals(INFINITY), 1.0, 0.0)
    any_infinite = (infinite[0] + infinite[1]) > 0.0
    width, height = choose(kernel, any_infinite, infinite, (width, height))
    larger = kernel.select(width > height, width, height)
    factor = kernel.select(larger > 1e150, 2.0**-600, kernel.select(larger < 1e-150, 2.0**600, 1.0))
    width, height = width * factor, height * factor
    steep, zero = height > width, kernel.number(0.0)
    top, bottom = kernel.select(steep, width, height), kernel.select(steep, height, width)
    angle = _arc_tangent(kernel, (top, zero), (kernel.select(bottom.equals(0.0), 1.0, bottom), zero))
    # A quotient that is subnormal or 0 is its own arc tangent; its correction would be noise.
    quotient = top / kernel.select(bottom.equals(0.0), 1.0, bottom)
    angle = choose(kernel, quotient < 1e-150, (quotient, zero), angle)
    angle = _reflected(kernel, steep, HALF_PI[:2], angle)
    angle = _reflected(kernel, kernel.bits(x) < 0, PI, angle)
    result = kernel.copysign(angle[0] + angle[1], y)
    return kernel.select(x.is_nan(), x, kernel.select(y.is_nan(), y, result))


def _root(kernel: Kernel, x: Value) -> Pair:
    """sqrt(x) as a pair, for x >= 0."""
    root = kernel.sqrt(x)
    rest = kernel.fma(-root, root, x) / kernel.select(root.equals(0.0), 1.0, root + root)
    return root, rest


def _arc_sine_small(kernel: Kernel, t: Pair) -> Pair:
    """asin(t) for 0 <= t <= 1/2."""
    z = t[0] * t[0]
    return fast_two_sum(t[0], kernel.fma(t[0] * z, kernel.polynomial(ASIN, z), t[1] * kernel.fma(z, 0.5, 1.0)))


def _half_way(kernel: Kernel, size: Value) -> tuple[Value, Pair]:
    """Whether |x| > 1/2, and asin(|x|) there by asin(sqrt((1 - |x|) / 2)), else asin(|x|) itself."""
    large = size > 0.5
    root = _root(kernel, (1.0 - size) * 0.5)
    return large, _arc_sine_small(kernel, choose(kernel, large, root, (size, kernel.number(0.0))))


def _doubled(pair: Pair) -> Pair:
    return pair[0] + pair[0], pair[1] + pair[1]


@function("asin")
def _asin(kernel: Kernel, x: Value) -> Value:
    size = kernel.abs(x)
    large, angle = _half_way(kernel, size)
    angle = _reflected(kernel, large, HALF_PI[:2], choose(kernel, large, _doubled(angle), angle))
    result = kernel.select(size < 1e-200, size, angle[0] + angle[1])
    return kernel.copysign(kernel.select(size > 1.0, NAN, result), x)


@function("acos")
def _acos(kernel: Kernel, x: Value) -> Value:
    """|x| <= 1/2: pi/2 - asin(x). Else 2 asin(sqrt((1 - |x|) / 2)), from pi where x < 0."""
    size, negative = kernel.abs(x), x < 0.0
    large, angle = _half_way(kernel, size)
    signed = choose(kernel, negative, (-angle[0], -angle[1]), angle)
    high, low = two_sum(-signed[0], kernel.number(HALF_PI[0]))
    near = fast_two_sum(high, low + (HALF_PI[1] - signed[1]))
    far = _reflected(kernel, negative, PI, _doubled(angle))
    result = choose(kernel, large, far, near)
    return kernel.select(size > 1.0, NAN, result[0] + result[1])
