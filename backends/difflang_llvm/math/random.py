"""Threefry-2x32 (see `difflang.prims.random`): straight-line 32-bit integer code, for one counter or a vector of them.

Seventy instructions: a program that draws in many places would be made of them, so that they stand in the library.
"""

from __future__ import annotations

from difflang.prims.random import PARITY, ROTATIONS, ROUNDS
from difflang_llvm.math.kernel import symbol


def _vector(type_: str, lanes: int) -> str:
    return type_ if lanes == 1 else f"<{lanes} x {type_}>"


def intrinsic(lanes: int) -> str:
    """The declaration of the rotation."""
    word = _vector("i32", lanes)
    return f"declare {word} @{_rotation(lanes)}({word}, {word}, {word})"


def _rotation(lanes: int) -> str:
    return "llvm.fshl.i32" if lanes == 1 else f"llvm.fshl.v{lanes}i32"


def threefry(lanes: int = 1) -> str:
    """The definition over `lanes` pairs of a key and a counter."""
    pair, word = _vector("i64", lanes), _vector("i32", lanes)

    def constant(value: int, type_: str = "i32") -> str:
        return str(value) if lanes == 1 else "<" + ", ".join([f"{type_} {value}"] * lanes) + ">"

    half = constant(32, "i64")
    lines = [f"define internal {pair} @{symbol('random_bits', 'i64', lanes)}({pair} %key, {pair} %counter) #2 {{"]
    for name, source in (("k", "%key"), ("c", "%counter")):
        lines += [
            f"  %{name}.shifted = lshr {pair} {source}, {half}",
            f"  %{name}0 = trunc {pair} %{name}.shifted to {word}",
            f"  %{name}1 = trunc {pair} {source} to {word}",
        ]
    lines += [f"  %k.both = xor {word} %k0, %k1", f"  %k2 = xor {word} %k.both, {constant(PARITY)}"]
    lines += [f"  %x.0 = add {word} %c0, %k0", f"  %y.0 = add {word} %c1, %k1"]
    x, y = "%x.0", "%y.0"
    for r in range(ROUNDS):
        turn = constant(ROTATIONS[r % 8])
        lines += [
            f"  %x{r} = add {word} {x}, {y}",
            f"  %turned{r} = call {word} @{_rotation(lanes)}({word} {y}, {word} {y}, {word} {turn})",
            f"  %y{r} = xor {word} %turned{r}, %x{r}",
        ]
        x, y = f"%x{r}", f"%y{r}"
        if r % 4 == 3:
            s = r // 4 + 1
            lines += [
                f"  %xk{r} = add {word} {x}, %k{s % 3}",
                f"  %yk{r} = add {word} {y}, %k{(s + 1) % 3}",
                f"  %yks{r} = add {word} %yk{r}, {constant(s)}",
            ]
            x, y = f"%xk{r}", f"%yks{r}"
    lines += [
        f"  %high = zext {word} {x} to {pair}",
        f"  %low = zext {word} {y} to {pair}",
        f"  %high.shifted = shl {pair} %high, {half}",
        f"  %word = or {pair} %high.shifted, %low",
        f"  ret {pair} %word",
        "}",
    ]
    return "\n".join(lines)
