"""Arithmetic, comparison, logic, selection and conversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from difflang.core.ir import FLOATS, INTEGERS, Attribute, DType
from difflang.prims.model import ANY, BOOLS, NUMBERS, Primitive, gives, of_floats, of_numbers, same

NUMPY_DTYPES: dict[DType, str] = {"f64": "float64", "f32": "float32", "i64": "int64", "i32": "int32", "bool": "bool"}


def _convert_rule(dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
    target = attrs["dtype"]
    if target not in NUMPY_DTYPES:
        raise ValueError(f"no such type: {target}")
    return target


def _convert(a: Any, *, dtype: DType) -> Any:
    """Float to integer truncates towards zero; what does not fit saturates, and NaN gives 0."""
    if dtype in INTEGERS and np.asarray(a).dtype.kind == "f":
        info = np.iinfo(NUMPY_DTYPES[dtype])
        inside = np.clip(np.nan_to_num(np.trunc(a), nan=0.0), float(info.min), float(info.max))
        near = np.where(inside >= float(info.max), 0.0, inside).astype(info.dtype)
        return np.where(inside >= float(info.max), info.max, near).astype(info.dtype)[()]
    return np.asarray(a).astype(NUMPY_DTYPES[dtype])[()]


def _select_rule(dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
    if dtypes[0] != "bool":
        raise ValueError("select needs a bool")
    return same(ANY, 2)(dtypes, attrs)


def _powi_rule(dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
    if dtypes[0] not in NUMBERS or dtypes[1] != "i64":
        raise ValueError("powi needs a number and an i64")
    return dtypes[0]


def _powi(a: Any, n: Any) -> Any:
    """Integer powers; a negative power of an integer is 0 except of 1 and -1."""
    if np.asarray(a).dtype.kind == "f":
        return np.power(a, np.asarray(n).astype(np.asarray(a).dtype))
    inverse = np.where(np.abs(a) == 1, np.power(a, np.asarray(n) % 2), 0)
    return np.where(np.asarray(n) < 0, inverse, np.power(a, np.maximum(n, 0))).astype(np.asarray(a).dtype)[()]


def _max(a: Any, b: Any) -> Any:
    return np.maximum(a, b)


RECORDS: tuple[Primitive, ...] = (
    Primitive("add", 2, np.add, of_numbers, ("1", "1")),
    Primitive("sub", 2, np.subtract, of_numbers, ("1", "-1")),
    Primitive("mul", 2, np.multiply, of_numbers, ("b", "a")),
    Primitive("div", 2, np.divide, of_floats, ("1 / b", "-(1 / b * y)")),
    Primitive("neg", 1, np.negative, of_numbers, ("-1",)),
    Primitive(
        "floordiv",
        2,
        np.floor_divide,
        of_numbers,
        (None, None),
        "Floor of the quotient; of integers, by zero fails with E0802.",
    ),
    Primitive(
        "mod",
        2,
        np.mod,
        of_numbers,
        ("1", "-floor(a / b)"),
        "a - b floor(a / b); of integers, by zero fails with E0802.",
    ),
    Primitive("abs", 1, np.abs, of_numbers, ("sign(a)",)),
    Primitive("sign", 1, np.sign, of_numbers, (None,)),
    Primitive("floor", 1, np.floor, of_floats, (None,)),
    Primitive("ceil", 1, np.ceil, of_floats, (None,)),
    Primitive("round", 1, np.round, of_floats, (None,), "To the nearest integer, halves to even."),
    Primitive(
        "max",
        2,
        _max,
        of_numbers,
        ("where(a > b, 1, where(a == b, 0.5, 0))", "where(b > a, 1, where(a == b, 0.5, 0))"),
        "NaN if either is NaN.",
    ),
    Primitive(
        "min",
        2,
        np.minimum,
        of_numbers,
        ("where(a < b, 1, where(a == b, 0.5, 0))", "where(b < a, 1, where(a == b, 0.5, 0))"),
        "NaN if either is NaN.",
    ),
    Primitive(
        "clip",
        3,
        lambda x, low, high: np.minimum(np.maximum(x, low), high),
        of_numbers,
        ("where((b <= a) & (a <= c), 1, 0)", "where(a < b, 1, 0)", "where(a > c, 1, 0)"),
    ),
    Primitive("relu", 1, lambda a: np.maximum(a, 0), of_floats, ("where(a > 0, 1, 0)",)),
    Primitive("eq", 2, np.equal, gives("bool", ANY)),
    Primitive("ne", 2, np.not_equal, gives("bool", ANY)),
    Primitive("lt", 2, np.less, gives("bool", NUMBERS)),
    Primitive("le", 2, np.less_equal, gives("bool", NUMBERS)),
    Primitive("gt", 2, np.greater, gives("bool", NUMBERS)),
    Primitive("ge", 2, np.greater_equal, gives("bool", NUMBERS)),
    Primitive("and", 2, np.logical_and, same(BOOLS)),
    Primitive("or", 2, np.logical_or, same(BOOLS)),
    Primitive("not", 1, np.logical_not, same(BOOLS)),
    Primitive("isnan", 1, np.isnan, gives("bool", FLOATS)),
    Primitive("isfinite", 1, np.isfinite, gives("bool", FLOATS)),
    Primitive(
        "select",
        3,
        lambda c, a, b: np.where(c, a, b)[()],
        _select_rule,
        (None, "where(a, 1, 0)", "where(a, 0, 1)"),
        "Both branches are evaluated; `cond` evaluates one.",
    ),
    Primitive(
        "convert",
        1,
        _convert,
        _convert_rule,
        ("convert(1)",),
        "To the type `dtype`. Between floats it is differentiable.",
    ),
    Primitive("stop_grad", 1, lambda a: a, same(ANY), (None,), "The identity, a constant for every derivative."),
    Primitive("kept", 1, lambda a: a, same(ANY), ("1",), "The identity. What is `kept` is computed once."),
    Primitive(
        "powi",
        2,
        _powi,
        _powi_rule,
        ("where(b == 0, 0, convert_like(b, a) * powi(a, b - 1))", None),
        "A power with an i64 exponent.",
    ),
)
