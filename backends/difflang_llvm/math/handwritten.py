"""Library functions written directly as LLVM assembly: those with loops, branches or integer arguments."""

from __future__ import annotations

from difflang.core.ir import DType
from difflang_llvm.math.coefficients import TWO_OVER_PI_WORDS
from difflang_llvm.math.trigonometric import HALF_PI
from difflang_llvm.text import REGISTER_TYPES, float_text

Handwritten = tuple[str, tuple[str, ...], tuple[tuple[str, DType], ...]]
"""A definition, the intrinsics that it declares and the library functions that it calls."""


_F64: DType = "f64"


def _double(value: float) -> str:
    return float_text(value, "f64")


_WORDS = ", ".join(f"i64 {word}" for word in TWO_OVER_PI_WORDS)
_WINDOW = "".join(
    f"""  %k{k} = add i64 %word, {k}
  %p{k} = getelementptr [{len(TWO_OVER_PI_WORDS)} x i64], ptr @dl.two_over_pi, i64 0, i64 %k{k}
  %w{k} = load i64, ptr %p{k}
  %e{k} = zext i64 %w{k} to i256
  %s{k} = shl i256 %e{k}, {192 - 64 * k}
"""
    for k in range(4)
)

HUGE_ANGLE = f"""; {{q, high, low}} with x = q pi/2 + high + low, for |x| >= 2^22.
; x = m 2^e; a stretch W of 192 bits of 2/pi is chosen so that x 2/pi = 4 n + m W 2^-190 + (less than 2^-137):
; the product is taken modulo 2^192. Its top two bits are the quadrant, the rest a signed fraction of one.
@dl.two_over_pi = internal constant [{len(TWO_OVER_PI_WORDS)} x i64] [{_WORDS}]

define internal {{i64, double, double}} @dl.huge_angle.f64(double %x) #3 {{
  %bits = bitcast double %x to i64
  %biased = lshr i64 %bits, 52
  %exponent = and i64 %biased, 2047
  %fraction = and i64 %bits, 4503599627370495
  %mantissa = or i64 %fraction, 4503599627370496
  %skipped.raw = sub i64 %exponent, 1077
  %skipped = call i64 @llvm.smax.i64(i64 %skipped.raw, i64 0)
  %finite = icmp ne i64 %exponent, 2047
  %start = select i1 %finite, i64 %skipped, i64 0
  %word = lshr i64 %start, 6
  %shift = and i64 %start, 63
{_WINDOW}  %o1 = or i256 %s0, %s1
  %o2 = or i256 %o1, %s2
  %o3 = or i256 %o2, %s3
  %wide.shift = zext i64 %shift to i256
  %aligned = shl i256 %o3, %wide.shift
  %top = lshr i256 %aligned, 64
  %window.raw = trunc i256 %top to i192
  %m = zext i64 %mantissa to i192
  %lift.raw = sub i64 1077, %exponent
  %lift = call i64 @llvm.smax.i64(i64 %lift.raw, i64 0)
  %lift.wide = zext i64 %lift to i192
  %window = lshr i192 %window.raw, %lift.wide
  %product = mul i192 %m, %window
  %rounded = add i192 %product, {1 << 189}
  %quadrant = lshr i192 %rounded, 190
  %q = trunc i192 %quadrant to i64
  %whole = shl i192 %quadrant, 190
  %rest = sub i192 %product, %whole
  %negative = icmp slt i192 %rest, 0
  %size = call i192 @llvm.abs.i192(i192 %rest, i1 false)
  %zeros = call i192 @llvm.ctlz.i192(i192 %size, i1 false)
  %left = shl i192 %size, %zeros
  %high.wide = lshr i192 %left, 139
  %high.word = trunc i192 %high.wide to i64
  %low.left = shl i192 %left, 53
  %low.wide = lshr i192 %low.left, 139
  %low.word = trunc i192 %low.wide to i64
  %high.whole = uitofp i64 %high.word to double
  %low.whole = uitofp i64 %low.word to double
  %zeros.word = trunc i192 %zeros to i64
  %scale.exponent = sub i64 {1023 - 51}, %zeros.word
  %scale.bits = shl i64 %scale.exponent, 52
  %scale = bitcast i64 %scale.bits to double
  %high = fmul double %high.whole, %scale
  %low.scaled = fmul double %low.whole, %scale
  %low = fmul double %low.scaled, {_double(2.0**-53)}
  %r = fmul double %high, {_double(HALF_PI[0])}
  %r.minus = fneg double %r
  %lost = call double @llvm.fma.f64(double %high, double {_double(HALF_PI[0])}, double %r.minus)
  %cross = call double @llvm.fma.f64(double %high, double {_double(HALF_PI[1])}, double %lost)
  %tail = call double @llvm.fma.f64(double %low, double {_double(HALF_PI[0])}, double %cross)
  %backward = icmp slt i64 %bits, 0
  %flip = xor i1 %backward, %negative
  %r.negated = fneg double %r
  %tail.negated = fneg double %tail
  %r.signed = select i1 %flip, double %r.negated, double %r
  %tail.signed = select i1 %flip, double %tail.negated, double %tail
  %q.negated = sub i64 0, %q
  %q.signed = select i1 %backward, i64 %q.negated, i64 %q
  %r.final = select i1 %finite, double %r.signed, double {_double(float("nan"))}
  %first = insertvalue {{i64, double, double}} poison, i64 %q.signed, 0
  %second = insertvalue {{i64, double, double}} %first, double %r.final, 1
  %third = insertvalue {{i64, double, double}} %second, double %tail.signed, 2
  ret {{i64, double, double}} %third
}}"""
HUGE_ANGLE_DECLARATIONS = (
    "declare i64 @llvm.smax.i64(i64, i64)",
    "declare i192 @llvm.abs.i192(i192, i1)",
    "declare i192 @llvm.ctlz.i192(i192, i1)",
    "declare double @llvm.fma.f64(double, double, double)",
)


def _float_modulo(dtype: DType) -> str:
    """Floor division and the remainder with the sign of the divisor, rounded as Python and NumPy do it: the
    quotient comes from the exact remainder of the division."""
    t, zero, one, half = REGISTER_TYPES[dtype], "0.0", "1.0", "0.5"
    return f"""define internal {t} @dl.mod.{dtype}({t} %a, {t} %b) #2 {{
  %rest = frem {t} %a, %b
  %present = fcmp une {t} %rest, {zero}
  %below = fcmp olt {t} %rest, {zero}
  %divisor.below = fcmp olt {t} %b, {zero}
  %apart = xor i1 %below, %divisor.below
  %shift = and i1 %apart, %present
  %shifted = fadd {t} %rest, %b
  %moved = select i1 %shift, {t} %shifted, {t} %rest
  %signed.zero = call {t} @llvm.copysign.{dtype}({t} {zero}, {t} %b)
  %result = select i1 %present, {t} %moved, {t} %signed.zero
  ret {t} %result
}}

define internal {t} @dl.floordiv.{dtype}({t} %a, {t} %b) #2 {{
  %ratio = fdiv {t} %a, %b
  %rest = frem {t} %a, %b
  %difference = fsub {t} %a, %rest
  %whole = fdiv {t} %difference, %b
  %present = fcmp une {t} %rest, {zero}
  %below = fcmp olt {t} %rest, {zero}
  %divisor.below = fcmp olt {t} %b, {zero}
  %apart = xor i1 %below, %divisor.below
  %shift = and i1 %apart, %present
  %one.less = fsub {t} %whole, {one}
  %quotient = select i1 %shift, {t} %one.less, {t} %whole
  %floor = call {t} @llvm.floor.{dtype}({t} %quotient)
  %excess = fsub {t} %quotient, %floor
  %up = fcmp ogt {t} %excess, {half}
  %one.more = fadd {t} %floor, {one}
  %rounded = select i1 %up, {t} %one.more, {t} %floor
  %nonzero = fcmp une {t} %quotient, {zero}
  %signed.zero = call {t} @llvm.copysign.{dtype}({t} {zero}, {t} %ratio)
  %usual = select i1 %nonzero, {t} %rounded, {t} %signed.zero
  %by.zero = fcmp oeq {t} %b, {zero}
  %result = select i1 %by.zero, {t} %ratio, {t} %usual
  ret {t} %result
}}"""


def _float_modulo_entry(dtype: DType) -> Handwritten:
    t = REGISTER_TYPES[dtype]
    symbol = "fmod" if dtype == "f64" else "fmodf"
    declarations = (
        f"declare {t} @llvm.copysign.{dtype}({t}, {t})",
        f"declare {t} @llvm.floor.{dtype}({t})",
        f"declare {t} @{symbol}({t}, {t})",
    )
    return _float_modulo(dtype), declarations, ()


INTEGER_POWER = """; a ** n by squaring; for n < 0: 1 for a = 1, +1 or -1 for a = -1, else 0.
define internal i64 @dl.powi.i64(i64 %a, i64 %n) #4 {
entry:
  %negative = icmp slt i64 %n, 0
  br i1 %negative, label %inverse, label %loop
inverse:
  %odd.bit = and i64 %n, 1
  %odd = icmp ne i64 %odd.bit, 0
  %is.one = icmp eq i64 %a, 1
  %is.minus = icmp eq i64 %a, -1
  %sign = select i1 %odd, i64 -1, i64 1
  %minus.power = select i1 %is.minus, i64 %sign, i64 0
  %inverse.power = select i1 %is.one, i64 1, i64 %minus.power
  ret i64 %inverse.power
loop:
  %left = phi i64 [ %n, %entry ], [ %next, %more ]
  %base = phi i64 [ %a, %entry ], [ %square, %more ]
  %total = phi i64 [ 1, %entry ], [ %chosen, %more ]
  %done = icmp eq i64 %left, 0
  br i1 %done, label %out, label %more
more:
  %bit = and i64 %left, 1
  %take = icmp ne i64 %bit, 0
  %product = mul i64 %total, %base
  %chosen = select i1 %take, i64 %product, i64 %total
  %square = mul i64 %base, %base
  %next = lshr i64 %left, 1
  br label %loop
out:
  ret i64 %total
}"""


HURWITZ = """; The sum of (x + k)^-s over k >= 0, for x > 0 and s >= 2: the first terms one by one.
define internal double @dl.hurwitz.f64(double %s, double %x) #3 {
entry:
  %half = fmul double %s, 0.5
  %bound = fadd double %half, 12.0
  %capped = call double @llvm.minnum.f64(double %bound, double 1000.0)
  %minus.s = fneg double %s
  br label %loop
loop:
  %w = phi double [ %x, %entry ], [ %next, %more ]
  %total = phi double [ 0.0, %entry ], [ %sum, %more ]
  %near = fcmp olt double %w, %capped
  br i1 %near, label %more, label %out
more:
  %term = call double @dl.pow.f64(double %w, double %minus.s)
  %sum = fadd double %total, %term
  %next = fadd double %w, 1.0
  br label %loop
out:
  %tail = call double @dl.zeta_tail.f64(double %s, double %w)
  %whole = fadd double %total, %tail
  ret double %whole
}"""

POLYGAMMA = f"""; (-1)^(n+1) n! zeta(n+1, x); digamma for n = 0. For x < 0 with f = x - floor(x)
; the sum over k >= 0 is that over all integers, zeta(s, f) + (-1)^s zeta(s, 1 - f), without its part
; (-1)^s zeta(s, 1 - x). NaN for n < 0.
define internal double @dl.polygamma.f64(i64 %n, double %x) #4 {{
entry:
  %first = icmp eq i64 %n, 0
  br i1 %first, label %zero, label %positive
zero:
  %digamma = call double @dl.digamma.f64(double %x)
  ret double %digamma
positive:
  %order = sitofp i64 %n to double
  %s = fadd double %order, 1.0
  %odd.bit = and i64 %n, 1
  %odd = icmp ne i64 %odd.bit, 0
  %is.positive = fcmp ogt double %x, 0.0
  br i1 %is.positive, label %direct, label %mirror
direct:
  %direct.sum = call double @dl.hurwitz.f64(double %s, double %x)
  br label %scale
mirror:
  %floor = call double @llvm.floor.f64(double %x)
  %f = fsub double %x, %floor
  %pole = fcmp oeq double %f, 0.0
  %f.safe = select i1 %pole, double 0.5, double %f
  %rest = fsub double 1.0, %f.safe
  %far = fsub double 1.0, %x
  %left = call double @dl.hurwitz.f64(double %s, double %f.safe)
  %right = call double @dl.hurwitz.f64(double %s, double %rest)
  %beyond = call double @dl.hurwitz.f64(double %s, double %far)
  %difference = fsub double %right, %beyond
  %negated = fneg double %difference
  %signed = select i1 %odd, double %difference, double %negated
  %mirrored = fadd double %left, %signed
  %mirror.sum = select i1 %pole, double {_double(float("inf"))}, double %mirrored
  br label %scale
scale:
  %sum = phi double [ %direct.sum, %direct ], [ %mirror.sum, %mirror ]
  %large = icmp sgt i64 %n, 170
  br i1 %large, label %logarithms, label %product
logarithms:
  %log.factorial = call double @dl.lgamma.f64(double %s)
  %log.sum = call double @dl.log.f64(double %sum)
  %exponent = fadd double %log.factorial, %log.sum
  %exponential = call double @dl.exp.f64(double %exponent)
  br label %sign
product:
  %k = phi double [ 1.0, %scale ], [ %k.next, %product ]
  %factorial = phi double [ 1.0, %scale ], [ %factorial.next, %product ]
  %factorial.next = fmul double %factorial, %k
  %k.next = fadd double %k, 1.0
  %again = fcmp ole double %k.next, %order
  br i1 %again, label %product, label %multiply
multiply:
  %multiplied = fmul double %factorial.next, %sum
  br label %sign
sign:
  %size = phi double [ %exponential, %logarithms ], [ %multiplied, %multiply ]
  %minus = fneg double %size
  %value = select i1 %odd, double %size, double %minus
  %valid = icmp sge i64 %n, 0
  %result = select i1 %valid, double %value, double {_double(float("nan"))}
  ret double %result
}}"""

POLYGAMMA_F32 = """define internal float @dl.polygamma.f32(i64 %n, float %x) #4 {
  %wide = fpext float %x to double
  %value = call double @dl.polygamma.f64(i64 %n, double %wide)
  %result = fptrunc double %value to float
  ret float %result
}"""


TEXTS: dict[tuple[str, DType], Handwritten] = {
    ("huge_angle", "f64"): (HUGE_ANGLE, HUGE_ANGLE_DECLARATIONS, ()),
    ("mod", "f64"): _float_modulo_entry("f64"),
    ("mod", "f32"): _float_modulo_entry("f32"),
    ("floordiv", "f64"): ("", (), (("mod", "f64"),)),
    ("floordiv", "f32"): ("", (), (("mod", "f32"),)),
    ("hurwitz", "f64"): (
        HURWITZ,
        ("declare double @llvm.minnum.f64(double, double)",),
        (("pow", "f64"), ("zeta_tail", "f64")),
    ),
    ("polygamma", "f64"): (
        POLYGAMMA,
        ("declare double @llvm.floor.f64(double)",),
        tuple((name, _F64) for name in ("digamma", "hurwitz", "lgamma", "log", "exp")),
    ),
    ("polygamma", "f32"): (POLYGAMMA_F32, (), (("polygamma", "f64"),)),
    ("powi", "i64"): (INTEGER_POWER, (), ()),
}
