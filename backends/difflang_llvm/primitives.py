"""The lowering of every scalar primitive to LLVM instructions.

A lowering takes an `Operation` (emitter, argument texts, argument types, attributes, flags) and gives the
text of the result. Elementary functions are calls of the library in `difflang_llvm.math`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from difflang.core.ir import FLOATS, INTEGERS, Attribute, DType
from difflang_llvm.math.library import result_type
from difflang_llvm.math.power import HALVES
from difflang_llvm.text import REGISTER_TYPES, Emitter, float_text

REASSOCIATE = "reassoc contract "
LARGEST_UNROLLED_POWER = 16


@dataclass(frozen=True, slots=True)
class Operation:
    """One application of a primitive. `flags` are the fast-math flags; `reduction` tells that the result is
    an accumulation whose order is free."""

    emitter: Emitter
    args: tuple[str, ...]
    dtypes: tuple[DType, ...]
    attrs: Mapping[str, Attribute]
    literals: tuple[int | float | bool | None, ...]
    reduction: bool = False

    @property
    def dtype(self) -> DType:
        """The type of the last argument, which is the type of what is computed."""
        return self.dtypes[-1]

    @property
    def type(self) -> str:
        return REGISTER_TYPES[self.dtype]

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOATS

    @property
    def suffix(self) -> str:
        """The suffix of overloaded intrinsics."""
        return self.dtype if self.is_float else self.type

    def constant(self, value: float) -> str:
        return float_text(value, self.dtype) if self.is_float else str(int(value))

    def emit(self, instruction: str) -> str:
        return self.emitter.value(instruction)

    def select(self, condition: str, yes: str, no: str) -> str:
        return self.emit(f"select i1 {condition}, {self.type} {yes}, {self.type} {no}")

    def intrinsic(self, name: str, *args: str) -> str:
        return self.emitter.intrinsic(f"{name}.{self.suffix}", self.type, *((self.type, a) for a in args))

    def library(self, name: str) -> str:
        """A call of the function library on the float arguments."""
        self.emitter.needs.functions[name, self.dtype] = None
        operands = ", ".join(f"{REGISTER_TYPES[d]} {a}" for a, d in zip(self.args, self.dtypes, strict=True))
        return self.emit(f"call {result_type(name, self.dtype)} @dl.{name}.{self.dtype}({operands})")


Lowering = Callable[[Operation], str]


def _arithmetic(name: str) -> Lowering:
    def lower(op: Operation) -> str:
        a, b = op.args
        if not op.is_float:
            return op.emit(f"{name} {op.type} {a}, {b}")
        if op.reduction:
            return op.emit(f"f{name} {REASSOCIATE}{op.type} {a}, {b}")
        return op.emitter.add_float(op.dtype, a, b) if name == "add" else op.emitter.subtract_float(op.dtype, a, b)

    return lower


def _multiply(op: Operation) -> str:
    a, b = op.args
    if not op.is_float:
        return op.emit(f"mul {op.type} {a}, {b}")
    return op.emitter.multiply_float(op.dtype, a, b, REASSOCIATE if op.reduction else "contract ")


def _divide(op: Operation) -> str:
    return op.emit(f"fdiv {op.type} {op.args[0]}, {op.args[1]}")


def _negate(op: Operation) -> str:
    return op.emit(f"fneg {op.type} {op.args[0]}" if op.is_float else f"sub {op.type} 0, {op.args[0]}")


def _integer_quotient(op: Operation) -> tuple[str, str]:
    """Truncated quotient and remainder; the divisor -1 is replaced by 1, as the smallest integer would trap."""
    a, b, t = *op.args, op.type
    if (op.literals[1] or 0) > 0:
        return op.emit(f"sdiv {t} {a}, {b}"), op.emit(f"srem {t} {a}, {b}")
    minus_one = op.emit(f"icmp eq {t} {b}, -1")
    divisor = op.select(minus_one, "1", b)
    quotient = op.emit(f"sdiv {t} {a}, {divisor}")
    remainder = op.emit(f"srem {t} {a}, {divisor}")
    negated = op.emit(f"sub {t} 0, {a}")
    return op.select(minus_one, negated, quotient), remainder


def _wrong_side(op: Operation, remainder: str) -> str:
    """Whether the remainder is not 0 and has the sign that the divisor has not."""
    if (op.literals[1] or 0) > 0:
        return op.emit(f"icmp slt {op.type} {remainder}, 0")
    different = op.emit(f"xor {op.type} {remainder}, {op.args[1]}")
    opposite = op.emit(f"icmp slt {op.type} {different}, 0")
    present = op.emit(f"icmp ne {op.type} {remainder}, 0")
    return op.emit(f"and i1 {opposite}, {present}")


def _floor_divide(op: Operation) -> str:
    if op.is_float:
        return op.library("floordiv")
    quotient, remainder = _integer_quotient(op)
    correction = op.emit(f"sext i1 {_wrong_side(op, remainder)} to {op.type}")
    return op.emit(f"add {op.type} {quotient}, {correction}")


def _modulo(op: Operation) -> str:
    if op.is_float:
        return op.library("mod")
    remainder = _integer_quotient(op)[1]
    shifted = op.emit(f"add {op.type} {remainder}, {op.args[1]}")
    return op.select(_wrong_side(op, remainder), shifted, remainder)


def _absolute(op: Operation) -> str:
    if op.is_float:
        return op.intrinsic("fabs", op.args[0])
    return op.emitter.intrinsic(f"abs.{op.type}", op.type, (op.type, op.args[0]), ("i1", "false"))


def _sign(op: Operation) -> str:
    """-1, 0, 1; NaN for NaN."""
    a, zero = op.args[0], op.constant(0)
    compare = "fcmp o" if op.is_float else "icmp s"
    positive = op.emit(f"{compare}gt {op.type} {a}, {zero}")
    negative = op.emit(f"{compare}lt {op.type} {a}, {zero}")
    rest = op.emit(f"fadd {op.type} {a}, {zero}") if op.is_float else zero
    return op.select(positive, op.constant(1), op.select(negative, op.constant(-1), rest))


def extremum(op: Operation, which: str, a: str, b: str) -> str:
    """`max` or `min` of two values; NaN if either is NaN."""
    if not op.is_float:
        return op.intrinsic(f"s{which}", a, b)
    if op.reduction:
        return op.intrinsic(f"{which}imum", a, b)
    order = "ogt" if which == "max" else "olt"
    ordered = op.select(op.emit(f"fcmp {order} {op.type} {a}, {b}"), a, b)
    return op.select(op.emit(f"fcmp uno {op.type} {a}, {a}"), a, ordered)


def _clip(op: Operation) -> str:
    x, low, high = op.args
    return extremum(op, "min", extremum(op, "max", x, low), high)


def _relu(op: Operation) -> str:
    kept = op.emit(f"fcmp ugt {op.type} {op.args[0]}, {op.constant(0)}")
    return op.select(kept, op.args[0], op.constant(0))


def _compare(float_condition: str, integer_condition: str) -> Lowering:
    def lower(op: Operation) -> str:
        instruction = f"fcmp {float_condition}" if op.is_float else f"icmp {integer_condition}"
        return op.emit(f"{instruction} {op.type} {op.args[0]}, {op.args[1]}")

    return lower


def _logic(instruction: str) -> Lowering:
    return lambda op: op.emit(f"{instruction} i1 {op.args[0]}, {op.args[1]}")


def _is_finite(op: Operation) -> str:
    size = op.intrinsic("fabs", op.args[0])
    return op.emit(f"fcmp olt {op.type} {size}, {op.constant(float('inf'))}")


def _convert(op: Operation) -> str:
    target = op.attrs["dtype"]
    assert target in REGISTER_TYPES
    return convert(op, op.args[0], op.dtype, target)


def convert(op: Operation, a: str, source: DType, target: DType) -> str:
    """A value as another type: float to integer saturates and takes NaN to 0."""
    if source == target:
        return a
    old, new = REGISTER_TYPES[source], REGISTER_TYPES[target]
    if target == "bool":
        instruction = f"fcmp une {old} {a}, 0.0" if source in FLOATS else f"icmp ne {old} {a}, 0"
        return op.emit(instruction)
    if source in FLOATS and target in INTEGERS:
        return op.emitter.intrinsic(f"fptosi.sat.{new}.{source}", new, (old, a))
    return op.emit(f"{_conversion(source, target)} {old} {a} to {new}")


def _conversion(source: DType, target: DType) -> str:
    if source in FLOATS:
        return "fpext" if target == "f64" else "fptrunc"
    if target in FLOATS:
        return "uitofp" if source == "bool" else "sitofp"
    if source == "bool":
        return "zext"
    return "sext" if target == "i64" else "trunc"


def _integer_power(op: Operation) -> str:
    """`a ** n`, n an i64: short products for small known n, else the power function."""
    base, exponent, dtype = op.args[0], op.literals[1], op.dtypes[0]
    inner = Operation(op.emitter, (base,), (dtype,), {}, (None,))
    if exponent is not None and 0 <= exponent <= LARGEST_UNROLLED_POWER:
        return _product(inner, base, int(exponent))
    if dtype in FLOATS:
        if exponent is not None and -LARGEST_UNROLLED_POWER <= exponent < 0:
            product = _product(inner, base, -int(exponent))
            return inner.emit(f"fdiv {inner.type} {inner.constant(1)}, {product}")
        power = convert(op, op.args[1], "i64", dtype)
        return Operation(op.emitter, (base, power), (dtype, dtype), {}, (None, None)).library("pow")
    wide = convert(op, base, dtype, "i64")
    result = Operation(op.emitter, (wide, op.args[1]), ("i64", "i64"), {}, (None, None)).library("powi")
    return convert(op, result, "i64", dtype)


def _power(op: Operation) -> str:
    """`a ** p`: roots for some known p, else the power function."""
    name = HALVES.get(op.literals[1]) if isinstance(op.literals[1], float) else None
    if name is None:
        return op.library("pow")
    return Operation(op.emitter, op.args[:1], op.dtypes[:1], {}, (None,)).library(name)


def _product(op: Operation, base: str, exponent: int) -> str:
    """Powers by squaring."""
    multiply = f"fmul {op.type}" if op.is_float else f"mul {op.type}"
    result = op.constant(1)
    square, known = base, False
    while exponent:
        if exponent & 1:
            result, known = (op.emit(f"{multiply} {result}, {square}") if known else square), True
        exponent >>= 1
        if exponent:
            square = op.emit(f"{multiply} {square}, {square}")
    return result


def _bits_to_unit(op: Operation) -> str:
    """The top 53 (or 24) bits, scaled into [0, 1)."""
    kept, target = (53, "f64") if op.attrs["dtype"] == "f64" else (24, "f32")
    type_ = "double" if target == "f64" else "float"
    word = op.emit(f"lshr i64 {op.args[0]}, {64 - kept}")
    number = op.emit(f"uitofp i64 {word} to {type_}")
    return op.emit(f"fmul {type_} {number}, {float_text(2.0**-kept, 'f64')}")


def _library(name: str) -> Lowering:
    return lambda op: op.library(name)


def _intrinsic(name: str) -> Lowering:
    return lambda op: op.intrinsic(name, *op.args)


_LIBRARY = """
    cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh
    erf erfc gaussian lgamma digamma polygamma hypot sigmoid softplus random_bits
"""

LOWERINGS: dict[str, Lowering] = {
    "add": _arithmetic("add"),
    "sub": _arithmetic("sub"),
    "mul": _multiply,
    "div": _divide,
    "neg": _negate,
    "floordiv": _floor_divide,
    "mod": _modulo,
    "abs": _absolute,
    "sign": _sign,
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "round": _intrinsic("rint"),
    "sqrt": _intrinsic("sqrt"),
    "max": lambda op: extremum(op, "max", *op.args),
    "min": lambda op: extremum(op, "min", *op.args),
    "clip": _clip,
    "relu": _relu,
    "eq": _compare("oeq", "eq"),
    "ne": _compare("une", "ne"),
    "lt": _compare("olt", "slt"),
    "le": _compare("ole", "sle"),
    "gt": _compare("ogt", "sgt"),
    "ge": _compare("oge", "sge"),
    "and": _logic("and"),
    "or": _logic("or"),
    "not": lambda op: op.emit(f"xor i1 {op.args[0]}, true"),
    "isnan": lambda op: op.emit(f"fcmp uno {op.type} {op.args[0]}, {op.args[0]}"),
    "isfinite": _is_finite,
    "select": lambda op: op.select(*op.args),
    "convert": _convert,
    "stop_grad": lambda op: op.args[0],
    "kept": lambda op: op.args[0],
    "pow": _power,
    "powi": _integer_power,
    "bits_to_unit": _bits_to_unit,
    **{name: _library(name) for name in _LIBRARY.split()},
}
"""Every primitive of `difflang.prims` by name."""
