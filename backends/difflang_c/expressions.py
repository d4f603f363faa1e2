"""The scalar primitives as C expressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from difflang.backend.lowering import no_lowering
from difflang.core.ir import FLOATS, Attribute, DType, Literal
from difflang_c.support import C_TYPES, Piece

_LIBM = """
    floor ceil sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh
    asinh acosh atanh erf erfc lgamma pow hypot
"""
LIBM = tuple(_LIBM.split())
OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "and": "&", "or": "|",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
LIMITS: dict[DType, tuple[str, str]] = {"i64": ("INT64_MIN", "INT64_MAX"), "i32": ("INT32_MIN", "INT32_MAX")}


@dataclass(frozen=True, slots=True)
class Operation:
    """One application: the texts and types of the arguments, the attributes, and where the needed support is noted."""

    args: tuple[str, ...]
    dtypes: tuple[DType, ...]
    attrs: Mapping[str, Attribute]
    needs: dict[Piece, None]

    @property
    def is_float(self) -> bool:
        return self.dtypes[-1] in FLOATS

    def support(self, name: str, *more: str) -> str:
        """A call of a function of the support code; its result is rounded to the type of the arguments."""
        self.needs[name, None] = None
        call = f"dl_{name}({', '.join((*self.args, *more))})"
        return f"(float){call}" if self.dtypes[-1] == "f32" else call


Lowering = Callable[[Operation], str]


def expression(primitive: str, operation: Operation) -> str:
    """The C text of a primitive's value."""
    if primitive not in LOWERINGS:
        raise no_lowering(primitive, "c")
    return LOWERINGS[primitive](operation)


def literal_text(literal: Literal) -> str:
    """A constant that reads back as exactly this value."""
    value = literal.value
    if literal.dtype == "bool":
        return "true" if value else "false"
    if literal.dtype in FLOATS:
        return _float_text(float(value), literal.dtype)
    if value == -(2**63):
        return "INT64_MIN"
    return f"INT64_C({int(value)})" if abs(value) >= 2**31 else str(int(value))


def _float_text(value: float, dtype: DType) -> str:
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{value!r}f" if dtype == "f32" else repr(value)


def _operator(sign: str) -> Lowering:
    return lambda op: f"{op.args[0]} {sign} {op.args[1]}"


def _libm(name: str) -> Lowering:
    return lambda op: f"{name}{'f' if op.dtypes[-1] == 'f32' else ''}({', '.join(op.args)})"


def _by_kind(of_reals: Lowering, of_integers: Lowering) -> Lowering:
    return lambda op: of_reals(op) if op.is_float else of_integers(op)


def _support(name: str) -> Lowering:
    return lambda op: op.support(name)


def _narrow(name: str) -> Lowering:
    """An integer function of the support code, which works in 64 bits."""
    return lambda op: f"({C_TYPES[op.dtypes[0]]}){op.support(name)}"


def _extremum(sign: str, name: str) -> Lowering:
    return _by_kind(_support(name), lambda op: f"{op.args[0]} {sign} {op.args[1]} ? {op.args[0]} : {op.args[1]}")


def _clip(op: Operation) -> str:
    x, low, high = op.args
    if op.is_float:
        op.needs["max", None] = op.needs["min", None] = None
        return f"({C_TYPES[op.dtypes[0]]})dl_min(dl_max({x}, {low}), {high})"
    return f"{x} > {high} || {low} > {high} ? {high} : {x} < {low} ? {low} : {x}"


def _convert(op: Operation) -> str:
    target, source = op.attrs["dtype"], op.dtypes[0]
    assert target in C_TYPES
    if target == "bool":
        return f"{op.args[0]} != 0"
    if source in FLOATS and target in LIMITS:
        op.needs["to_integer", None] = None
        low, high = LIMITS[target]
        return f"({C_TYPES[target]})dl_to_integer({op.args[0]}, {low}, {high})"
    return f"({C_TYPES[target]}){op.args[0]}"


def _power(op: Operation) -> str:
    if op.dtypes[0] in FLOATS:
        suffix = "f" if op.dtypes[0] == "f32" else ""
        return f"pow{suffix}({op.args[0]}, ({C_TYPES[op.dtypes[0]]}){op.args[1]})"
    return _narrow("power")(op)


def _bits_to_unit(op: Operation) -> str:
    kept = 53 if op.attrs["dtype"] == "f64" else 24
    assert op.attrs["dtype"] in C_TYPES
    return f"({C_TYPES[op.attrs['dtype']]})((uint64_t){op.args[0]} >> {64 - kept}) * {2.0**-kept!r}"


LOWERINGS: dict[str, Lowering] = {
    **{name: _operator(sign) for name, sign in OPERATORS.items()},
    **{name: _libm(name) for name in LIBM},
    "neg": lambda op: f"-{op.args[0]}" if not op.args[0].startswith("-") else f"-({op.args[0]})",
    "floordiv": _by_kind(_support("floor_divide_real"), _narrow("floor_divide")),
    "mod": _by_kind(_support("modulo_real"), _narrow("modulo")),
    "abs": _by_kind(lambda op: f"fabs{'f' if op.dtypes[0] == 'f32' else ''}({op.args[0]})",
                    lambda op: f"{op.args[0]} < 0 ? -{op.args[0]} : {op.args[0]}"),
    "sign": _by_kind(_support("sign"), lambda op: f"({op.args[0]} > 0) - ({op.args[0]} < 0)"),
    "round": lambda op: f"rint{'f' if op.dtypes[0] == 'f32' else ''}({op.args[0]})",
    "max": _extremum(">", "max"),
    "min": _extremum("<", "min"),
    "clip": _clip,
    "relu": lambda op: f"{op.args[0]} <= 0 ? 0 : {op.args[0]}",
    "not": lambda op: f"!{op.args[0]}",
    "isnan": lambda op: f"isnan({op.args[0]}) != 0",
    "isfinite": lambda op: f"isfinite({op.args[0]}) != 0",
    "select": lambda op: f"{op.args[0]} ? {op.args[1]} : {op.args[2]}",
    "convert": _convert,
    "stop_grad": lambda op: op.args[0],
    "kept": lambda op: op.args[0],
    "powi": _power,
    "bits_to_unit": _bits_to_unit,
    **{name: _support(name) for name in ("gaussian", "sigmoid", "softplus", "digamma", "polygamma", "random_bits")},
}  # fmt: skip
"""Every primitive of `difflang.prims` by name."""
