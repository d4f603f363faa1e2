"""A small language for writing scalar LLVM functions: values with operators that append instructions.

A kernel is straight-line code (selects instead of branches), so that the same text serves for one number and
for vectors of several lanes. Nothing carries fast-math flags: error-free transformations such as `two_sum` stay
exact. A fused multiply-add is written out where it is wanted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.ir import DType

REALS: dict[DType, str] = {"f64": "double", "f32": "float"}
WORDS: dict[DType, str] = {"f64": "i64", "f32": "i32"}
DTYPES: dict[str, DType] = {"double": "f64", "float": "f32"}
INFINITY = float("inf")
NAN = float("nan")
Scalar = float | int
LANES: dict[DType, tuple[int, ...]] = {"f64": (2, 4, 8), "i64": (2, 4, 8), "f32": (4, 8, 16)}
"""The vector lengths for which every function has a form of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An LLVM value inside a kernel; Python numbers beside it become constants of its type.

    `type` is that of one lane.
    """

    kernel: Kernel
    text: str
    type: str

    @property
    def typed(self) -> str:
        """The type with its lanes, and the value."""
        return f"{self.kernel.wide(self.type)} {self.text}"

    def _binary(self, operation: str, left: Operand, right: Operand) -> Value:
        wide = self.kernel.wide(self.type)
        return self.kernel.emit(f"{operation} {wide} {self._ref(left)}, {self._ref(right)}", self.type)

    def _ref(self, operand: Operand) -> str:
        return operand.text if isinstance(operand, Value) else self.kernel.constant(operand, self.type)

    def _arithmetic(self, name: str, left: Operand, right: Operand) -> Value:
        return self._binary(name if self.type.startswith("i") else f"f{name}", left, right)

    def __add__(self, other: Operand) -> Value:
        return self._arithmetic("add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self._arithmetic("add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return self._arithmetic("sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self._arithmetic("sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self._arithmetic("mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self._arithmetic("mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", other, self)

    def __neg__(self) -> Value:
        return self.kernel.emit(f"fneg {self.typed}", self.type)

    def __and__(self, other: Operand) -> Value:
        return self._binary("and", self, other)

    def __or__(self, other: Operand) -> Value:
        return self._binary("or", self, other)

    def __xor__(self, other: Operand) -> Value:
        return self._binary("xor", self, other)

    def __lshift__(self, count: int) -> Value:
        return self._binary("shl", self, count)

    def __rshift__(self, count: int) -> Value:
        """A logical shift to the right."""
        return self._binary("lshr", self, count)

    def _compare(self, float_condition: str, integer_condition: str, other: Operand) -> Value:
        integral = self.type.startswith("i")
        instruction = f"icmp {integer_condition}" if integral else f"fcmp {float_condition}"
        return self.kernel.emit(f"{instruction} {self.typed}, {self._ref(other)}", "i1")

    def __lt__(self, other: Operand) -> Value:
        return self._compare("olt", "slt", other)

    def __le__(self, other: Operand) -> Value:
        return self._compare("ole", "sle", other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare("ogt", "sgt", other)

    def __ge__(self, other: Operand) -> Value:
        return self._compare("oge", "sge", other)

    def equals(self, other: Operand) -> Value:
        """Equality of numbers (false for NaN)."""
        return self._compare("oeq", "eq", other)

    def is_nan(self) -> Value:
        return self.kernel.emit(f"fcmp uno {self.typed}, {self.text}", "i1")


Operand = Value | Scalar


def constant_text(value: Scalar, type_: str) -> str:
    """A constant as LLVM reads it; a float by the bits of the double that it is."""
    if type_.startswith("i"):
        return str(int(value))
    number = struct.unpack("<f", struct.pack("<f", value))[0] if type_ == "float" else float(value)
    bits = struct.unpack("<Q", struct.pack("<d", number))[0]
    return f"0x{bits:016X}"


def symbol(name: str, dtype: str, lanes: int = 1) -> str:
    """The name of a library function: `dl.exp.f64`, `dl.exp.f64.v4`."""
    return f"dl.{name}.{dtype}" if lanes == 1 else f"dl.{name}.{dtype}.v{lanes}"


class Kernel:
    """Collects the instructions of one function over vectors of `lanes` (1: scalars).

    `declarations` are the intrinsics that it needs, `callees` the other functions of the library.
    """

    def __init__(self, lanes: int = 1, dtype: DType = "f64") -> None:
        self.lanes = lanes
        self.dtype: DType = dtype
        self.real, self.word = REALS[dtype], WORDS[dtype]
        self.lines: list[str] = []
        self.declarations: dict[str, None] = {}
        self.callees: dict[tuple[str, DType], None] = {}

    def wide(self, type_: str) -> str:
        return type_ if self.lanes == 1 else f"<{self.lanes} x {type_}>"

    def constant(self, value: Scalar, type_: str) -> str:
        text = constant_text(value, type_)
        return text if self.lanes == 1 else f"splat ({type_} {text})"

    def symbol(self, name: str, dtype: DType) -> str:
        return symbol(name, dtype, self.lanes)

    def emit(self, instruction: str, type_: str) -> Value:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {instruction}")
        return Value(self, name, type_)

    def number(self, value: Scalar, type_: str = "") -> Value:
        type_ = type_ or self.real
        return Value(self, self.constant(value, type_), type_)

    def intrinsic(self, name: str, *args: Value) -> Value:
        """`llvm.<name>.f64` and the like."""
        type_ = self.wide(args[0].type)
        suffix = DTYPES.get(args[0].type, args[0].type)
        full = f"@llvm.{name}.{suffix if self.lanes == 1 else f'v{self.lanes}{suffix}'}"
        self.declarations[f"declare {type_} {full}({', '.join(type_ for _ in args)})"] = None
        return self.emit(f"call {type_} {full}({', '.join(a.typed for a in args)})", args[0].type)

    def call(self, name: str, *args: Value) -> Value:
        """Another function of the library, of the type of its arguments."""
        dtype = DTYPES[args[0].type]
        self.callees[name, dtype] = None
        operands = ", ".join(a.typed for a in args)
        return self.emit(f"call {self.wide(args[0].type)} @{self.symbol(name, dtype)}({operands})", args[0].type)

    def rarely(self, condition: Value, name: str, x: Value, otherwise: Value) -> Value:
        """`name(x)` where the condition holds, which is seldom, else `otherwise`. The one branch of the language:

        the vector forms of the function, which is marked `rare`, take the condition as a mask and return at once
        where it is empty.
        """
        self.callees[name, self.dtype] = None
        callee = f"@{self.symbol(name, self.dtype)}"
        if self.lanes > 1:
            call = f"call {self.wide(self.real)} {callee}({x.typed}, {condition.typed})"
            return self.select(condition, self.emit(call, self.real), otherwise)
        k = len(self.lines)
        self.lines += [
            f"  br label %from{k}",
            f"from{k}:",
            f"  br i1 {condition.text}, label %rare{k}, label %join{k}",
            f"rare{k}:",
            f"  %called{k} = call {self.real} {callee}({self.real} {x.text})",
            f"  br label %join{k}",
            f"join{k}:",
        ]
        return self.emit(f"phi {self.real} [ {otherwise.text}, %from{k} ], [ %called{k}, %rare{k} ]", self.real)

    def _value(self, operand: Operand, like: Value) -> Value:
        return operand if isinstance(operand, Value) else self.number(operand, like.type)

    def fma(self, a: Value, b: Operand, c: Operand) -> Value:
        """a * b + c with a single rounding."""
        return self.intrinsic("fma", a, self._value(b, a), self._value(c, a))

    def sqrt(self, a: Value) -> Value:
        return self.intrinsic("sqrt", a)

    def abs(self, a: Value) -> Value:
        return self.intrinsic("fabs", a)

    def round_even(self, a: Value) -> Value:
        return self.intrinsic("rint", a)

    def copysign(self, magnitude: Operand, sign: Value) -> Value:
        return self.intrinsic("copysign", self._value(magnitude, sign), sign)

    def select(self, condition: Value, yes: Operand, no: Operand) -> Value:
        like = yes if isinstance(yes, Value) else no
        type_ = like.type if isinstance(like, Value) else self.real
        wide = self.wide(type_)
        texts = [v.text if isinstance(v, Value) else self.constant(v, type_) for v in (yes, no)]
        return self.emit(f"select {condition.typed}, {wide} {texts[0]}, {wide} {texts[1]}", type_)

    def bits(self, a: Value) -> Value:
        return self.convert(a, "bitcast", self.word)

    def from_bits(self, a: Value) -> Value:
        return self.convert(a, "bitcast", self.real)

    def convert(self, a: Value, instruction: str, type_: str) -> Value:
        """A conversion instruction such as `sitofp`."""
        return self.emit(f"{instruction} {a.typed} to {self.wide(type_)}", type_)

    def polynomial(self, coefficients: Sequence[float], x: Value) -> Value:
        """The polynomial with these coefficients (constant term first), by Estrin's scheme: short chains of
        multiply-adds that keep several units busy."""
        terms: list[Operand] = list(coefficients)
        power = x
        while len(terms) > 1:
            paired: list[Operand] = []
            for low, high in zip(terms[0::2], [*terms[1::2], None], strict=False):
                paired.append(low if high is None else self.fma(power, high, low))
            terms = paired
            if len(terms) > 1:
                power = power * power
        return self._value(terms[0], x)

    def leading_polynomial(self, coefficients: Sequence[float], x: Value, leading: int = 1) -> Value:
        """The same, with the `leading` lowest terms added last and one by one: their roundings are few, and those of
        the rest count less."""
        result = self.polynomial(coefficients[leading:], x)
        for coefficient in reversed(coefficients[:leading]):
            result = self.fma(x, result, coefficient)
        return result


Pair = tuple[Value, Value]
"""An unevaluated sum high + low, with low far below high: about 106 bits."""


def two_sum(a: Operand, b: Value) -> Pair:
    """a + b without error (Knuth)."""
    total = b.__radd__(a)
    shadow = total - a
    return total, (total - shadow).__rsub__(a) + (b - shadow)


def fast_two_sum(a: Operand, b: Value) -> Pair:
    """a + b without error where |a| >= |b| or a is 0 (Dekker)."""
    total = b.__radd__(a)
    return total, b - (total - a)


def two_product(a: Value, b: Operand) -> Pair:
    """a * b without error."""
    product = a * b
    return product, a.kernel.fma(a, b, -product)


def add_pairs(a: Pair, b: Pair) -> Pair:
    """The sum of two pairs, normalised."""
    high, low = two_sum(a[0], b[0])
    return fast_two_sum(high, low + (a[1] + b[1]))


def multiply_pairs(a: Pair, b: Pair) -> Pair:
    high, low = two_product(a[0], b[0])
    low = a[0].kernel.fma(a[0], b[1], a[0].kernel.fma(a[1], b[0], low))
    return fast_two_sum(high, low)


def divide_pairs(a: Pair, b: Pair) -> Pair:
    """a / b: a quotient and its correction from the remainder."""
    kernel = a[0].kernel
    reciprocal = 1.0 / b[0]
    quotient = a[0] * reciprocal
    remainder = kernel.fma(-quotient, b[0], a[0]) + (a[1] - quotient * b[1])
    return fast_two_sum(quotient, remainder * reciprocal)


Body = Callable[..., Value]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the library: its name, the number of its arguments and its code.

    A rare one is scalar code, not inlined; see `Kernel.rarely`.
    """

    name: str
    arity: int
    body: Body
    rare: bool = False


FUNCTIONS: dict[tuple[str, DType], Function] = {}
"""Every function has an f64 form; an f32 form where it is worth having one."""


def function(name: str, arity: int = 1, rare: bool = False, dtype: DType = "f64") -> Callable[[Body], Body]:
    """Enters a kernel `body(kernel, x, ..) -> Value` in the library."""

    def enter(body: Body) -> Body:
        FUNCTIONS[name, dtype] = Function(name, arity, body, rare)
        return body

    return enter
