"""Values from Python to flat arguments and back, against signatures made by hand."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import difflang as dl
from difflang.diagnostics import DiffLangError, Span
from difflang.runtime.marshal import marshal, match, unmarshal
from difflang.runtime.structs import Struct
from difflang.signature import ArrayType, ParameterInfo, ScalarType, Signature, StructType, TupleType, ValueType
from difflang.sizes import Size

REAL = ScalarType("f64", "real")
SINGLE = ScalarType("f32", "real")
INT = ScalarType("i64", "int")
BOOL = ScalarType("bool", "bool")
KEY = ScalarType("i64", "key")
N, D = Size.name("n"), Size.name("d")
VECTOR = ArrayType(REAL, (N,))
MATRIX = ArrayType(REAL, (N, D))
POINT = StructType("Point[n]", (("w", VECTOR), ("b", REAL)))


def signature(sizes: str = "", **types: ValueType) -> Signature:
    parameters = tuple(
        ParameterInfo(name, type_, Span("program.dl", 1, 6 + 10 * k, 1, 12 + 10 * k))
        for k, (name, type_) in enumerate(types.items())
    )
    return Signature(tuple(sizes.split()), parameters, (), REAL)


def flat(sig: Signature, **values: Any) -> list[Any]:
    return marshal(sig, values, {}).flat


def failure(sig: Signature, **values: Any) -> DiffLangError:
    with pytest.raises(DiffLangError) as caught:
        marshal(sig, match(sig.parameters, "f", (), values), {})
    assert caught.value.hint, "every message has a hint"
    return caught.value


def test_sizes_stand_before_the_leaves():
    x = np.arange(6.0).reshape(2, 3)
    values = flat(signature("n d", x=MATRIX, s=REAL), x=x, s=2)
    assert values[:2] == [2, 3]
    np.testing.assert_array_equal(values[2], x)
    assert values[3] == 2.0 and isinstance(values[3], float)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0)[::2],
        np.arange(12.0)[::-2],
        np.arange(6, dtype=">f8"),
        np.asfortranarray(np.arange(6.0)),
        [0, 1, 2, 3, 4, 5],
        [0.0, 1.0, 2, 3, 4, True + 4],
        tuple(range(6)),
    ],
    ids=["strided", "reversed", "big-endian", "fortran", "ints", "mixed", "tuple"],
)
def test_what_counts_as_a_vector(array):
    value = flat(signature("n", x=VECTOR), x=array)[1]
    assert value.dtype == np.float64 and value.dtype.isnative and value.flags.c_contiguous
    np.testing.assert_array_equal(value, np.asarray(array, float))


class Exporter:
    """An object that gives its memory by DLPack only."""

    def __init__(self, array: np.ndarray):
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def test_dlpack():
    x = np.arange(3.0)
    np.testing.assert_array_equal(flat(signature("n", x=VECTOR), x=Exporter(x))[1], x)
    assert failure(signature("n", x=VECTOR), x=Exporter(x.astype("f4"))).code == "E0606"


def test_dlpack_of_another_device():
    class Elsewhere(Exporter):
        def __dlpack__(self, **options: Any) -> Any:
            raise BufferError("the data lie on another device")

    problem = failure(signature("n", x=VECTOR), x=Elsewhere(np.zeros(2)))
    assert problem.code == "E0603" and "another device" in problem.diagnostic.message


@dataclass
class PointClass:
    b: float
    w: Any


PointTuple = namedtuple("PointTuple", "w b")


@pytest.mark.parametrize(
    "point",
    [{"b": 1, "w": [1.0, 2.0]}, PointClass(1.0, np.array([1.0, 2.0])), PointTuple(np.array([1.0, 2.0]), 1)],
    ids=["dict", "dataclass", "named tuple"],
)
def test_structs(point):
    values = flat(signature("n", p=POINT), p=point)
    assert values[0] == 2 and values[2] == 1.0
    np.testing.assert_array_equal(values[1], [1, 2])


def test_tuples_nest():
    pair = TupleType((INT, TupleType((VECTOR, BOOL))))
    values = flat(signature("n", t=pair), t=(3, ([1.5], True)))
    assert values[0] == 1 and values[1] == 3 and values[3] is True
    np.testing.assert_array_equal(values[2], [1.5])


def test_results_come_back():
    type_ = TupleType((REAL, POINT, INT, BOOL))
    arguments = marshal(signature(), {}, {})
    value, point, count, truth = unmarshal(type_, [1.5, np.array([1.0]), 2.0, 3, True], arguments)
    assert value.dtype == np.float64 and count.dtype == np.int64 and bool(truth) is True
    assert isinstance(point, Struct) and point == {"w": point.w, "b": 2.0}
    assert point["b"] == point.b == 2.0
    assert repr(point) == f"Point(w = {point.w!r}, b = {point.b!r})"
    with pytest.raises(AttributeError, match="has no field 'c'"):
        _ = point.c
    with pytest.raises(AttributeError):
        point.c = 1


def test_a_result_never_shares_memory_with_an_argument():
    x = np.ones(3)
    arguments = marshal(signature("n", x=VECTOR), {"x": x}, {})
    first, second = unmarshal(TupleType((VECTOR, VECTOR)), [arguments.flat[1], arguments.flat[1]], arguments)
    assert not np.shares_memory(first, x) and not np.shares_memory(first, second)


WRONG = [
    ("E0601", signature("n", x=VECTOR, s=REAL), {"s": 1}, "`f` needs the argument `x: real[n]`"),
    ("E0602", signature("n", xs=VECTOR, s=REAL), {"x": [1], "s": 1}, "no parameter `x`"),
    ("E0603", signature(s=REAL), {"s": "1"}, 'it is the text "1"'),
    ("E0603", signature(s=REAL), {"s": None}, "it is None"),
    ("E0603", signature(s=REAL), {"s": True}, "it is True"),
    ("E0603", signature(s=REAL), {"s": 1j}, "complex"),
    ("E0603", signature(b=BOOL), {"b": 1}, "must be True or False"),
    ("E0603", signature("n", x=VECTOR), {"x": [1, True]}, "numbers and truth values"),
    ("E0603", signature("n d", x=MATRIX), {"x": [[1.0, 2.0], (3, np.True_)]}, "numbers and truth values"),
    ("E0603", signature("n", x=VECTOR), {"x": np.ma.masked_array([1.0], [True])}, "masked"),
    ("E0603", signature("n d", x=MATRIX), {"x": [[1, 2], [3]]}, "rows do not form an array"),
    ("E0603", signature("n", p=POINT), {"p": 3}, "must be a Point[n]"),
    ("E0603", signature(t=TupleType((REAL, REAL))), {"t": 3}, "must be a tuple (real, real)"),
    ("E0604", signature("n", x=VECTOR), {"x": 3}, "it is the number 3"),
    ("E0604", signature("n", x=VECTOR), {"x": np.zeros((2, 2))}, "array of shape (2, 2)"),
    ("E0604", signature(s=REAL), {"s": np.zeros(1)}, "must be a single number"),
    ("E0605", signature("n", x=VECTOR, y=VECTOR), {"x": np.zeros(3), "y": np.zeros(4)}, "n = 3 (from `x`)"),
    ("E0605", signature("", x=ArrayType(REAL, (Size.literal(3),))), {"x": np.zeros(4)}, "is 4, not 3"),
    ("E0605", signature("n", x=ArrayType(REAL, (N * Size.literal(4),))), {"x": np.zeros(6)}, "no size makes `4*n`"),
    ("E0605", signature("n", x=ArrayType(REAL, (N + Size.literal(2),))), {"x": np.zeros(1)}, "no size makes `n + 2`"),
    ("E0606", signature("n", x=VECTOR), {"x": np.zeros(3, "f4")}, "the array has dtype float32"),
    ("E0606", signature("n", x=VECTOR), {"x": np.zeros(3, int)}, "the array has dtype int64"),
    ("E0606", signature("n", x=VECTOR), {"x": np.array(["a"])}, "dtype <U1"),
    ("E0606", signature("n", x=VECTOR), {"x": np.array([None])}, "dtype object"),
    ("E0606", signature("n", x=ArrayType(SINGLE, (N,))), {"x": np.zeros(3)}, "must have dtype float32"),
    ("E0607", signature("n", p=POINT), {"p": {"w": [1.0]}}, "lacks the field `b`"),
    ("E0607", signature("n", p=POINT), {"p": {"w": [1.0], "b": 1, "bb": 2}}, "a field `bb`"),
    ("E0607", signature(t=TupleType((REAL, REAL))), {"t": (1, 2, 3)}, "must have 2 elements"),
    ("E0608", signature(k=INT), {"k": 2.5}, "must be a whole number (int), but it is 2.5"),
    ("E0608", signature(k=INT), {"k": 2**63}, "does not fit into i64"),
    ("E0608", signature(s=SINGLE), {"s": 1e300}, "does not fit into f32"),
    ("E0608", signature(s=REAL), {"s": 10**400}, "does not fit into f64"),
    ("E0608", signature("n", x=ArrayType(SINGLE, (N,))), {"x": [1e300]}, "does not fit into f32"),
    ("E0404", signature("n", x=ArrayType(REAL, (N * N,))), {"x": np.zeros(4)}, "The size `n`"),
    ("E0404", signature("n m", x=ArrayType(REAL, (N + Size.name("m"),))), {"x": np.zeros(4)}, "`m` and `n`"),
    ("E0404", signature("n"), {}, "No argument tells the size `n`"),
]


@pytest.mark.parametrize(("code", "sig", "values", "text"), WRONG, ids=[f"{w[0]}-{k}" for k, w in enumerate(WRONG)])
def test_mistakes(code, sig, values, text):
    problem = failure(sig, **values)
    assert problem.code == code
    assert text in problem.diagnostic.message


def test_mistakes_point_at_the_parameter():
    problem = failure(signature("n", x=VECTOR, y=VECTOR), x=np.zeros(3), y=np.zeros(4))
    assert problem.span == Span("program.dl", 1, 16, 1, 22)
    assert problem.labels[0].span == Span("program.dl", 1, 6, 1, 12)
    assert problem.hint == "Give `y` with shape (3,)."


def test_too_many_and_doubled_arguments():
    parameters = signature(a=REAL, b=REAL).parameters
    for positional, named in [((1, 2, 3), {}), ((1, 2), {"a": 1})]:
        with pytest.raises(DiffLangError) as caught:
            match(parameters, "f", positional, named)
        assert caught.value.code == "E0609"


def test_optional_parameters_may_be_left_out():
    optional = ParameterInfo("b", REAL, None, required=False)
    assert match((*signature(a=REAL).parameters, optional), "f", (1,), {}) == {"a": 1}


def test_products_of_sizes_are_checked_after_everything_else():
    packed = ArrayType(REAL, (N * (N + Size.literal(1)) * Size.literal(Fraction(1, 2)),))
    sig = signature("n", a=packed, x=VECTOR)
    assert flat(sig, a=np.zeros(6), x=np.zeros(3))[0] == 3
    assert "dimension 1 is 5, not 6" in failure(sig, a=np.zeros(5), x=np.zeros(3)).diagnostic.message


def test_int_parameters_are_sizes():
    sig = Signature((), signature(k=INT, x=ArrayType(REAL, (Size.name("k") * Size.literal(2),))).parameters, (), REAL)
    assert failure(sig, k=2, x=np.zeros(3)).code == "E0605"
    assert flat(sig, k=2, x=np.zeros(4))[0] == 2


def test_floor_and_remainder_of_sizes():
    half = ArrayType(REAL, (Size.name("n // 2"), Size.name("n % 3")))
    sig = signature("n", x=VECTOR, y=half)
    assert flat(sig, x=np.zeros(5), y=np.zeros((2, 2)))[0] == 5
    assert failure(sig, x=np.zeros(5), y=np.zeros((2, 1))).code == "E0605"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 9))
def test_linear_sizes_are_solved(n, factor, offset):
    sig = signature("n", x=ArrayType(REAL, (N * Size.literal(factor) + Size.literal(offset),)))
    assert flat(sig, x=np.zeros(factor * n + offset))[0] == n


def test_keys_are_words_of_64_bits():
    assert flat(signature(k=KEY), k=2**64 - 1) == [-1]
    keys = np.array([1, 2**63], np.uint64)
    np.testing.assert_array_equal(flat(signature("n", k=ArrayType(KEY, (N,))), k=keys)[1], [1, -(2**63)])


def test_numpy_scalars_are_numbers():
    assert flat(signature(a=REAL, b=REAL, k=INT), a=np.float32(0.5), b=np.int64(3), k=np.int8(4)) == [0.5, 3.0, 4]
    assert flat(signature(b=BOOL), b=np.bool_(True)) == [True]
    assert flat(signature(s=REAL), s=np.array(2.5)) == [2.5]


def test_a_fraction_is_a_number():
    assert flat(signature(s=REAL), s=Fraction(1, 4)) == [0.25]


@pytest.mark.parametrize("backend", ["llvm", "c", "reference"])
def test_every_byte_but_zero_is_true(backend: str) -> None:
    """A view of bytes as truth values may hold others than 0 and 1, which NumPy takes for true."""
    count = dl.loads("fn f(x: bool[n]) -> int = sum(1 if x[i] else 0 for i)").f.on(backend=backend)
    assert count(np.array([2, 0, 1, 128], np.uint8).view(bool)) == 3
