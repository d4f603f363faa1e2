"""Library functions written directly as LLVM assembly: those with loops, branches or integer arguments."""

from __future__ import annotations

from difflang.core.ir import DType
from difflang_llvm.math.coefficients import TWO_OVER_PI_WORDS
from difflang_llvm.math.trigonometric import HALF_PI
from difflang_llvm.text import float_text

Handwritten = tuple[str, tuple[str, ...], tuple[tuple[str, DType], ...]]


def _huge_angle() -> Handwritten:
    """{q, high, low} with x = q pi/2 + high + low, for |x| >= 2^22.

    x = m 2^e; a stretch W of 192 bits of 2/pi is chosen so that x 2/pi = 4 n + m W 2^-190 + (less than 2^-137):
    the product is taken modulo 2^192. Its top two bits are the quadrant, the rest a signed fraction of one.
    """
    words = ", ".join(f"i64 {word}" for word in TWO_OVER_PI_WORDS)
    text = f"""@dl.two_over_pi = internal constant [{len(TWO_OVER_PI_WORDS)} x i64] [{words}]

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
""" + "".join(
        f"""  %k{k} = add i64 %word, {k}
  %p{k} = getelementptr [{len(TWO_OVER_PI_WORDS)} x i64], ptr @dl.two_over_pi, i64 0, i64 %k{k}
  %w{k} = load i64, ptr %p{k}
  %e{k} = zext i64 %w{k} to i256
  %s{k} = shl i256 %e{k}, {192 - 64 * k}
"""
        for k in range(4)
    ) + f"""  %o1 = or i256 %s0, %s1
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
  %low = fmul double %low.scaled, {float_text(2.0**-53, "f64")}
  %r = fmul double %high, {float_text(HALF_PI[0], "f64")}
  %r.minus = fneg double %r
  %lost = call double @llvm.fma.f64(double %high, double {float_text(HALF_PI[0], "f64")}, double %r.minus)
  %cross = call double @llvm.fma.f64(double %high, double {float_text(HALF_PI[1], "f64")}, double %lost)
  %tail = call double @llvm.fma.f64(double %low, double {float_text(HALF_PI[0], "f64")}, double %cross)
  %backward = icmp slt i64 %bits, 0
  %flip = xor i1 %backward, %negative
  %r.negated = fneg double %r
  %tail.negated = fneg double %tail
  %r.signed = select i1 %flip, double %r.negated, double %r
  %tail.signed = select i1 %flip, double %tail.negated, double %tail
  %q.negated = sub i64 0, %q
  %q.signed = select i1 %backward, i64 %q.negated, i64 %q
  %r.final = select i1 %finite, double %r.signed, double {float_text(float("nan"), "f64")}
  %first = insertvalue {{i64, double, double}} poison, i64 %q.signed, 0
  %second = insertvalue {{i64, double, double}} %first, double %r.final, 1
  %third = insertvalue {{i64, double, double}} %second, double %tail.signed, 2
  ret {{i64, double, double}} %third
}}"""
    declarations = (
        "declare i64 @llvm.smax.i64(i64, i64)",
        "declare i192 @llvm.abs.i192(i192, i1)",
        "declare i192 @llvm.ctlz.i192(i192, i1)",
        "declare double @llvm.fma.f64(double, double, double)",
    )
    return text, declarations, ()


LIBM = "cbrt:cbrt asinh:asinh acosh:acosh atanh:atanh erf:erf erfc:erfc lgamma:lgamma pow:pow hypot:hypot".split()

def _libm(pair):
    name, symbol = pair.split(":")
    args = ["%x", "%y"] if name in ("atan2","pow","hypot") else ["%x"]
    ds = ", ".join("double" for _ in args)
    ps = ", ".join(f"double {a}" for a in args)
    fs = ", ".join(f"float {a}" for a in args)
    f64 = (f"define internal double @dl.{name}.f64({ps}) #2 {{\n  %r = call double @{symbol}({ps})\n  ret double %r\n}}", (f"declare double @{symbol}({ds})",), ())
    ext = "\n".join(f"  {a}w = fpext float {a} to double" for a in args)
    ws = ", ".join(f"double {a}w" for a in args)
    f32 = (f"define internal float @dl.{name}.f32({fs}) #2 {{\n{ext}\n  %r = call double @{symbol}({ws})\n  %s = fptrunc double %r to float\n  ret float %s\n}}", (f"declare double @{symbol}({ds})",), ())
    return {(name, "f64"): f64, (name, "f32"): f32}

TEXTS: dict[tuple[str, DType], Handwritten] = {("huge_angle", "f64"): _huge_angle()}
for _p in LIBM:
    TEXTS.update(_libm(_p))
