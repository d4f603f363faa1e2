"""The quick way of a call does exactly what the general way does."""

from __future__ import annotations

import threading
import types

import numpy as np
import pytest

import difflang as dl

TEXT = """
struct Line: slope: real; offset: real[2]
fn four(a: real, b: real, c: real, d: real) -> real = a * b + c * d
fn dot(x: real[n], y: real[n]) -> real = sum(x * y)
fn same(x: real[n]) -> real[n] = x
fn twice(x: real[n]) -> (real[n], real[n]) = (x, x)
fn first(k: int, x: real[k]) -> real[k] = x
fn chosen(x: real[n], which: bool) -> real[n] = x if which else -x
fn doubled(x: real[n], y: real[2 * n]) -> real[2 * n] = concat(x, x) + y
fn along(line: Line, x: real[n]) -> Line = Line(slope = sum(x) * line.slope, offset = line.offset)
fn scaled(x: real[n], by: real = 2.0) -> real[n] = by * x
fn part(x: real[n], i: int) -> real = x[i]
fn shape(a: real[n, m]) -> (int, int) = (n, m)
fn packed(x: real[n], y: real[n * (n + 1) / 2]) -> real = sum(x) + sum(y)
extern fn outside(x: real) -> real
fn asks(x: real) -> real = outside(x) + 1.0
"""
WARM = {
    "four": (1.0, 2.0, 3.0, 4.0),
    "dot": (np.ones(3), np.ones(3)),
    "same": (np.ones(3),),
    "twice": (np.ones(3),),
    "first": (3, np.ones(3)),
    "chosen": (np.ones(3), True),
    "doubled": (np.ones(3), np.ones(6)),
    "packed": (np.ones(3), np.ones(6)),
    "along": ({"slope": 2.0, "offset": np.ones(2)}, np.ones(3)),
    "scaled": (np.ones(3),),
    "part": (np.ones(3), 0),
    "shape": (np.ones((2, 3)),),
}
Pair = types.SimpleNamespace
CALLS = [
    ("four", (1, 2.5, np.float64(3.0), np.float32(0.5))),
    ("four", (1.0, 2.0, 3.0, True)),
    ("four", (1.0, 2.0, 3.0, "4")),
    ("four", (1.0, 2.0, 10**400, 1.0)),
    ("four", (1.0, 2.0, 3.0, 4.0j)),
    ("four", (1.0, 2.0, 3.0, np.array(4.0))),
    ("four", (1.0, 2.0, 3.0, np.ones(1))),
    ("four", (float("nan"), 2.0, float("inf"), -0.0)),
    ("dot", (np.arange(6.0)[::2], np.arange(6.0)[::-2])),
    ("dot", ([1, 2, 3], (4.0, 5.0, 6.0))),
    ("dot", (np.ones(3, np.float32), np.ones(3))),
    ("dot", (np.ones(3, int), np.ones(3))),
    ("dot", (np.ones(3, ">f8"), np.ones(3))),
    ("dot", (np.ones(3), np.ones(4))),
    ("dot", (np.ones((3, 1)), np.ones(3))),
    ("dot", (np.ones(0), np.ones(0))),
    ("dot", (np.ma.masked_array([1.0, 2.0], [True, False]), np.ones(2))),
    ("dot", (2.0, np.ones(3))),
    ("dot", (None, np.ones(3))),
    ("same", (np.arange(4.0),)),
    ("same", (np.empty(0),)),
    ("twice", (np.arange(4.0),)),
    ("first", (2, np.ones(3))),
    ("first", (np.int32(3), np.ones(3))),
    ("first", (3.0, np.ones(3))),
    ("first", (2**63, np.ones(3))),
    ("first", (True, np.ones(1))),
    ("chosen", (np.ones(2), np.bool_(False))),
    ("chosen", (np.ones(2), 1)),
    ("doubled", (np.ones(2), np.arange(4.0))),
    ("doubled", (np.ones(2), np.arange(5.0))),
    ("packed", (np.ones(4), np.arange(10.0))),
    ("packed", (np.ones(4), np.arange(9.0))),
    ("along", (Pair(slope=1.0, offset=np.ones(2)), np.ones(2))),
    ("along", ({"offset": np.ones(2), "slope": 3}, np.ones(2))),
    ("along", ({"slope": 3.0}, np.ones(2))),
    ("along", ({"slope": 3.0, "offset": np.ones(2), "more": 1.0}, np.ones(2))),
    ("along", ({"slope": 3.0, "offset": np.ones(3)}, np.ones(2))),
    ("scaled", (np.arange(3.0),)),
    ("scaled", (np.arange(3.0), 5.0)),
    ("scaled", ()),
    ("scaled", (np.arange(3.0), 5.0, 6.0)),
    ("part", (np.arange(3.0), 7)),
    ("shape", (np.ones((4, 5), order="F"),)),
    ("shape", (np.ones((0, 5)),)),
]


def outcome(function, arguments, named=None):
    """What a call gives, in a form that can be compared: types, dtypes and values, or the words of the error."""
    try:
        return described(function(*arguments, **(named or {})))
    except dl.DiffLangError as problem:
        return str(problem)


def described(value):
    if isinstance(value, dict):
        return type(value), {name: described(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [described(part) for part in value]
    return type(value), value.dtype, value.shape, value.tobytes()


@pytest.fixture(scope="module")
def warm():
    """Functions that have been called before, by position and by name."""
    module = dl.loads(TEXT)
    for name, arguments in WARM.items():
        module[name](*arguments)
    module.scaled(np.ones(3), 1.0)
    return module


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_the_second_call_does_what_a_first_call_does(warm, name, arguments):
    assert outcome(warm[name], arguments) == outcome(dl.loads(TEXT)[name], arguments)


@pytest.mark.parametrize("name", WARM)
def test_ordinary_calls_take_the_quick_way(warm, name, monkeypatch):
    function = warm[name]
    monkeypatch.setattr(type(function._engine), "call", None)
    assert outcome(function, WARM[name]) == outcome(function, WARM[name])


def test_names_in_any_order(warm):
    values = {"d": 7.0, "a": 2.0, "c": 5.0, "b": 3.0}
    assert [warm.four(**values) for _ in range(3)] == [41.0] * 3
    assert [warm.four(2.0, d=7.0, b=3.0, c=5.0) for _ in range(3)] == [41.0] * 3
    assert "`e`" in outcome(warm.four, (2.0,), {"e": 1.0})


def test_results_share_no_memory_with_arguments_or_one_another(warm):
    x = np.arange(4.0)
    one, two = warm.twice(x)
    assert not np.shares_memory(one, two)
    assert not np.shares_memory(one, x)
    assert not np.shares_memory(warm.same(x), x)
    offset = np.ones(2)
    assert not np.shares_memory(warm.along({"slope": 1.0, "offset": offset}, offset).offset, offset)


def test_derivatives_and_options(warm):
    gradient = dl.grad(warm.dot, wrt=["x", "y"])
    x, y = np.arange(3.0), np.arange(3.0) + 4.0
    for _ in range(3):
        dx, dy = gradient(x, y)
        np.testing.assert_array_equal(dx, y)
        np.testing.assert_array_equal(dy, x)
    narrow = warm.four.on(precision="f32")
    for _ in range(2):
        assert type(narrow(1.0, 2.0, 3.0, 4.0)) is np.float32
    assert outcome(narrow, (1e300, 2.0, 3.0, 4.0)).startswith("E0608")


def test_a_failure_of_the_run_has_its_place(warm):
    with pytest.raises(dl.DiffLangError) as caught:
        warm.part(np.arange(3.0), 7)
    assert caught.value.code == "E0801"
    assert "x[i]" in "".join(caught.value.sources.values())


def test_a_call_inside_a_call():
    module = dl.loads(TEXT)
    depth = iter(range(3))
    module.bind(outside=lambda x: module.asks(x * 2.0) if next(depth, None) is not None else x)
    assert module.asks(1.0) == 1.0 * 2**3 + 4.0
    assert module.asks(3.0) == 4.0
    module.bind(outside=lambda x: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        module.asks(1.0)


def test_threads(warm):
    found = {}

    def work(number):
        x = np.full(50, float(number))
        found[number] = {float(warm.dot(x, x)) for _ in range(500)}

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: {50.0 * k * k} for k in range(4)}


def test_a_failed_call_leaves_the_next_one_alone(warm):
    x = np.array([1.0, 2.0])
    for _ in range(3):
        assert warm.part(x, 1) == 2.0
        with pytest.raises(dl.DiffLangError, match="The index 5"):
            warm.part(x, 5)


def test_a_parameter_may_have_any_name():
    function = dl.loads("fn f(self: real, positional: real) -> real = self - positional").f
    assert [function(self=3.0, positional=1.0) for _ in range(2)] == [2.0, 2.0]
