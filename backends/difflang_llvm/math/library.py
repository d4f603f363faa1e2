"""The function library: `@dl.<name>.<dtype>`, with forms for vectors, each compiled once on a machine.

A unit is the module of one function, one type and one number of lanes, and inside it all that it calls. Programs only
declare the functions that they use; the attribute `vector-function-abi-variant` tells LLVM's vectorisers which vector
form stands for several scalar calls. This keeps programs small and their compilation short, and only the forms that
the vectorisers have chosen are ever compiled.

An f32 function without code of its own is the f64 one between two conversions: its result is the exact value rounded
once, up to about one case in 10^8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from difflang.core.ir import DType
from difflang_llvm.math import exponential, handwritten, logarithm, power, random, single, special, trigonometric
from difflang_llvm.math.kernel import FUNCTIONS, LANES, Kernel, Value, symbol
from difflang_llvm.text import REGISTER_TYPES

FAMILIES = (exponential, logarithm, trigonometric, power, special, single)
"""The modules whose import fills `FUNCTIONS`."""

PURE = "nounwind willreturn speculatable memory(none)"
INLINED = frozenset({"mod", "floordiv", "powi"})
"""Functions that stand inside the programs that use them."""

PAIRS = {"sincos": ("sin", "cos"), "erf_gaussian": ("erf", "gaussian"), "erfc_gaussian": ("erfc", "gaussian")}
"""Functions that give the results of two others, which share most of their work; a pair of numbers."""

Key = tuple[str, DType, int]
"""Name, type and lanes of a function."""


@dataclass(frozen=True, slots=True)
class FunctionText:
    """A definition, the intrinsics that it declares and the functions that it calls."""

    text: str
    declarations: tuple[str, ...]
    callees: tuple[Key, ...]


def parameter_types(name: str, dtype: DType) -> list[str]:
    if name == "polygamma":
        return ["i64", REGISTER_TYPES[dtype]]
    if name in PAIRS:
        return parameter_types(PAIRS[name][0], dtype)
    arity = FUNCTIONS[name, "f64"].arity if (name, "f64") in FUNCTIONS else 2
    return [REGISTER_TYPES[dtype]] * arity


def has_vector_forms(name: str) -> bool:
    return (name, "f64") in FUNCTIONS or name in PAIRS or name == "random_bits"


def is_called_alone(name: str, dtype: DType) -> bool:
    """Whether a function is called for one number at a time, even in loops: it is long, and has no vector form."""
    text, _, _ = handwritten.TEXTS.get((name, dtype), ("", (), ()))
    return bool(text) and " #2 {" not in text  # attributes of what is put in place


def result_type(name: str, dtype: DType, lanes: int = 1) -> str:
    one = _wide(REGISTER_TYPES[dtype], lanes)
    return f"{{{one}, {one}}}" if name in PAIRS else one


def _wide(type_: str, lanes: int) -> str:
    return type_ if lanes == 1 else f"<{lanes} x {type_}>"


@cache
def function_text(name: str, dtype: DType, lanes: int = 1) -> FunctionText:
    """Raises KeyError for an unknown function."""
    if name == "random_bits":
        return FunctionText(random.threefry(lanes), (random.intrinsic(lanes),), ())
    if name in PAIRS:
        return _pair(name, dtype, lanes)
    if (name, dtype) in handwritten.TEXTS:
        text, declarations, called = handwritten.TEXTS[name, dtype]
        return FunctionText(text, declarations, tuple((callee, kind, 1) for callee, kind in called))
    function = FUNCTIONS.get((name, dtype))
    if function is None:
        return _through_f64(name, FUNCTIONS[name, "f64"].arity, lanes)
    if function.rare and lanes > 1:
        return _lane_by_lane(name, dtype, lanes)
    kernel = Kernel(lanes, dtype)
    args = [Value(kernel, f"%x{k}", kernel.real) for k in range(function.arity)]
    result = function.body(kernel, *args)
    text = _definition(name, dtype, function.arity, lanes, [*kernel.lines, f"  ret {result.typed}"], function.rare)
    callees: tuple[Key, ...] = tuple(
        (callee, kind, lanes if has_vector_forms(callee) else 1) for callee, kind in kernel.callees
    )
    return FunctionText(text, tuple(kernel.declarations), callees)


def _definition(name: str, dtype: DType, arity: int, lanes: int, lines: list[str], rare: bool = False) -> str:
    type_ = _wide(REGISTER_TYPES[dtype], lanes)
    parameters = ", ".join(f"{type_} %x{k}" for k in range(arity))
    attributes = "#3" if rare else "#2"
    head = f"define internal {type_} @{symbol(name, dtype, lanes)}({parameters}) {attributes} {{"
    return "\n".join([head, *lines, "}"])


def _pair(name: str, dtype: DType, lanes: int) -> FunctionText:
    """Calls of both functions, which are inlined: what they have in common is then computed once."""
    one, both = _wide(REGISTER_TYPES[dtype], lanes), result_type(name, dtype, lanes)
    operands = ", ".join(f"{_wide(type_, lanes)} %x{k}" for k, type_ in enumerate(parameter_types(name, dtype)))
    lines = [f"define internal {both} @{symbol(name, dtype, lanes)}({operands}) #2 {{"]
    lines += [f"  %y{k} = call {one} @{symbol(part, dtype, lanes)}({operands})" for k, part in enumerate(PAIRS[name])]
    lines += [
        f"  %first = insertvalue {both} poison, {one} %y0, 0",
        f"  %both = insertvalue {both} %first, {one} %y1, 1",
        f"  ret {both} %both",
        "}",
    ]
    return FunctionText("\n".join(lines), (), tuple((part, dtype, lanes) for part in PAIRS[name]))


def _through_f64(name: str, arity: int, lanes: int) -> FunctionText:
    narrow, wide = _wide("float", lanes), _wide("double", lanes)
    lines = [f"  %w{k} = fpext {narrow} %x{k} to {wide}" for k in range(arity)]
    operands = ", ".join(f"{wide} %w{k}" for k in range(arity))
    lines += [
        f"  %y = call {wide} @{symbol(name, 'f64', lanes)}({operands})",
        f"  %r = fptrunc {wide} %y to {narrow}",
        f"  ret {narrow} %r",
    ]
    return FunctionText(_definition(name, "f32", arity, lanes, lines), (), ((name, "f64", lanes),))


def _lane_by_lane(name: str, dtype: DType, lanes: int) -> FunctionText:
    """The masked vector form of a rare function: an empty mask costs one test."""
    real = REGISTER_TYPES[dtype]
    vector = _wide(real, lanes)
    lines = [
        f"define internal {vector} @{symbol(name, dtype, lanes)}({vector} %x, <{lanes} x i1> %mask) #3 {{",
        f"  %bits = bitcast <{lanes} x i1> %mask to i{lanes}",
        f"  %none = icmp eq i{lanes} %bits, 0",
        "  br i1 %none, label %out, label %some",
        "out:",
        f"  ret {vector} %x",
        "some:",
    ]
    result = "%x"
    for k in range(lanes):
        lines += [
            f"  %x{k} = extractelement {vector} %x, i32 {k}",
            f"  %y{k} = call {real} @{symbol(name, dtype)}({real} %x{k})",
            f"  %z{k} = insertelement {vector} {result}, {real} %y{k}, i32 {k}",
        ]
        result = f"%z{k}"
    return FunctionText("\n".join([*lines, f"  ret {vector} {result}", "}"]), (), ((name, dtype, 1),))


def closure(wanted: Iterable[Key]) -> dict[Key, FunctionText]:
    """Functions and all that they call."""
    pending = list(wanted)
    done: dict[Key, FunctionText] = {}
    while pending:
        key = pending.pop()
        if key not in done:
            done[key] = function_text(*key)
            pending.extend(done[key].callees)
    return done


def forms(name: str, dtype: DType) -> tuple[int, ...]:
    return (1, *LANES[dtype]) if has_vector_forms(name) else (1,)


def definitions(unit: Key) -> tuple[list[str], dict[str, None]]:
    """The texts of a unit (its own function visible from outside), and what they declare."""
    texts: list[str] = []
    declarations: dict[str, None] = {}
    for key, made in closure([unit]).items():
        texts.append(_exported(made.text, symbol(*unit)) if key == unit else made.text)
        declarations.update(dict.fromkeys(made.declarations))
    return texts, declarations


def _exported(text: str, name: str) -> str:
    """The definitions, that of `name` visible from outside."""
    return "\n".join(
        line.replace("define internal", "define").replace("#2 {", "#4 {") if f"@{name}(" in line else line
        for line in text.split("\n")
    )


def called(code: bytes, functions: Iterable[tuple[str, DType]]) -> tuple[Key, ...]:
    """The units that object code calls, among the forms of these functions: their names are in its table of strings."""
    keys: Iterable[Key] = ((name, dtype, lanes) for name, dtype in functions for lanes in forms(name, dtype))
    return tuple(key for key in keys if symbol(*key).encode() + b"\0" in code)


def declaration(name: str, dtype: DType) -> tuple[list[str], list[str]]:
    """How a program declares a function and its vector forms, and the symbols that only the vectorisers refer to."""
    types = parameter_types(name, dtype)
    scalar = symbol(name, dtype)
    lanes_of = {symbol(name, dtype, lanes): lanes for lanes in forms(name, dtype) if lanes > 1}
    variants = [f"_ZGV_LLVM_N{lanes}{'v' * len(types)}_{scalar}({form})" for form, lanes in lanes_of.items()]
    attribute = f' "vector-function-abi-variant"="{",".join(variants)}"' if variants else ""
    lines = [f"declare {result_type(name, dtype)} @{scalar}({', '.join(types)}) {PURE}{attribute}"]
    for form, lanes in lanes_of.items():
        result, operands = result_type(name, dtype, lanes), ", ".join(_wide(t, lanes) for t in types)
        lines.append(f"declare {result} @{form}({operands}) {PURE}")
    return lines, list(lanes_of)
