"""The text of library functions, made on first use: `@dl.<name>.<dtype>`.

An f32 function is the f64 one between two conversions: its result is the exact value rounded once, up to about
one case in 10^8.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from difflang.core.ir import DType
from difflang_llvm.math import exponential, handwritten, logarithm, power, special, trigonometric
from difflang_llvm.math.kernel import FUNCTIONS, LANES, Kernel, Value
from difflang_llvm.text import REGISTER_TYPES

_F64: DType = "f64"
FAMILIES = (exponential, logarithm, trigonometric, power, special)
"""The modules whose import fills `FUNCTIONS`."""


@dataclass(frozen=True, slots=True)
class FunctionText:
    """A definition, the intrinsics that it declares, the library functions that it calls, and the symbols that

    only the loop vectoriser will refer to.
    """

    text: str
    declarations: tuple[str, ...]
    callees: tuple[tuple[str, DType], ...]
    kept: tuple[str, ...] = ()


@cache
def function_text(name: str, dtype: DType) -> FunctionText:
    """Raises KeyError for an unknown function."""
    if (name, dtype) in handwritten.TEXTS:
        text, declarations, callees = handwritten.TEXTS[name, dtype]
        return FunctionText(text, declarations, callees)
    function = FUNCTIONS[name]
    if dtype == "f32":
        return _through_f64(name, function.arity)
    kernel = Kernel()
    args = [Value(kernel, f"%x{k}", "double") for k in range(function.arity)]
    result = function.body(kernel, *args)
    text = _definition(name, "f64", function.arity, [*kernel.lines, f"  ret double {result.text}"], function.rare)
    if function.rare:
        text = "\n\n".join([text, *(_vector_form(name, lanes) for lanes in LANES)])
    callees = tuple((callee, _F64) for callee in kernel.callees)
    return FunctionText(text, tuple(kernel.declarations), callees, vector_forms(name) if function.rare else ())


def vector_forms(name: str) -> tuple[str, ...]:
    """The names of the vector forms of a rare function."""
    return tuple(f"dl.{name}.f64.v{lanes}" for lanes in LANES)


def _vector_form(name: str, lanes: int) -> str:
    """Applies the function to the lanes that the mask selects; an empty mask costs one test."""
    vector = f"<{lanes} x double>"
    lines = [
        f"define internal {vector} @dl.{name}.f64.v{lanes}({vector} %x, <{lanes} x i1> %mask) #3 {{",
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
            f"  %y{k} = call double @dl.{name}.f64(double %x{k})",
            f"  %z{k} = insertelement {vector} {result}, double %y{k}, i32 {k}",
        ]
        result = f"%z{k}"
    return "\n".join([*lines, f"  ret {vector} {result}", "}"])


def _definition(name: str, dtype: DType, arity: int, lines: list[str], rare: bool = False) -> str:
    type_ = REGISTER_TYPES[dtype]
    parameters = ", ".join(f"{type_} %x{k}" for k in range(arity))
    attributes = "#3" if rare else "#2"
    return "\n".join([f"define internal {type_} @dl.{name}.{dtype}({parameters}) {attributes} {{", *lines, "}"])


def _through_f64(name: str, arity: int) -> FunctionText:
    lines = [f"  %w{k} = fpext float %x{k} to double" for k in range(arity)]
    operands = ", ".join(f"double %w{k}" for k in range(arity))
    lines += [f"  %y = call double @dl.{name}.f64({operands})", "  %r = fptrunc double %y to float", "  ret float %r"]
    return FunctionText(_definition(name, "f32", arity, lines), (), ((name, "f64"),))
