"""The door takes plain calls by itself, leaves all others to Python, and keeps nothing."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc

import numpy as np
import pytest
from difflang_llvm import door

import difflang as dl

TEXT = """
struct Line: slope: real; offset: real[2]
fn product(x: real[n, m], v: real[m]) -> real[n] = x @ v
fn mixed(a: real, k: int, yes: bool, x: real[n]) -> (real, real[n], int, bool) = (a, a * x, k, not yes)
fn joined(x: real[n], y: real[2 * n + 1], z: real[3]) -> real = sum(x) + sum(y) + sum(z)
fn part(x: real[n], i: int) -> (real[n], real) = (2.0 * x, x[i])
fn wide(x: real[n]) -> real[n] = x + 1.0
fn many(n: int, value: real) -> real[n] = full(n, value)
fn along(line: Line, pair: (real, real[n])) -> (Line, (real, (real[n], real))) =
    (Line(slope = pair[0] * line.slope, offset = 2.0 * line.offset), (pair[0], (pair[1], line.offset[1])))
"""


@pytest.fixture
def module():
    return dl.loads(TEXT)


def entered(function, *arguments):
    """The result of a call that nothing but the door can have made."""
    for _ in range(2):
        function(*arguments)
    quick = function._quick[len(arguments)]
    assert type(quick) is type(len)
    function._quick[len(arguments)] = alone = _without_python(quick)
    try:
        return function(*arguments)
    finally:
        assert alone is not quick
        function._quick[len(arguments)] = quick


def _without_python(quick):
    """The door with a function instead of Python's way that fails: it stands in word 1 of the plan."""
    words = np.frombuffer(quick.__self__, np.int64).copy()
    words[1] = id(_never)
    return door._new_function(ctypes.addressof(door._method()), words.tobytes(), (quick,))


def _never(*_):
    raise AssertionError("The door has left a call to Python.")


def test_plain_calls_need_no_python(module):
    x, v = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0, 2.0])
    np.testing.assert_array_equal(entered(module.product, x, v), [3.0, 9.0])
    a, y, k, no = entered(module.mixed, 2, 3, True, v)
    assert (type(a), a, type(k), k, type(no), no) == (np.float64, 2.0, np.int64, 3, np.bool_, False)
    np.testing.assert_array_equal(y, [2.0, -2.0, 4.0])
    assert entered(module.joined, np.ones(2), np.ones(5), np.ones(3)) == 10.0
    assert entered(module.mixed, np.float32(0.5), np.int64(3), False, v)[2] == 3
    narrow = module.product.on(precision="f32")
    assert entered(narrow, x.astype(np.float32), v.astype(np.float32)).dtype == np.float32


def test_structs_and_tuples(module):
    line = {"slope": 3.0, "offset": np.array([1.0, 5.0])}
    new, (first, (array, last)) = entered(module.along, line, (2.0, np.arange(3.0)))
    assert (type(new).__name__, new.type_name, new.slope) == ("Struct", "Line", 6.0)
    assert (new.offset.tolist(), first, array.tolist(), last) == ([2.0, 10.0], 2.0, [0.0, 1.0, 2.0], 5.0)
    again = module.along(new, (1.0, np.arange(2.0)))
    assert again[0].offset.tolist() == [4.0, 20.0]
    for wrong in ({"slope": 3.0}, {"slope": 3.0, "offsets": np.ones(2)}):
        with pytest.raises(dl.DiffLangError) as caught:
            module.along(wrong, (2.0, np.arange(3.0)))
        assert caught.value.code == "E0607"


def test_sizes_that_do_not_fit_are_seen(module):
    module.joined(np.ones(2), np.ones(5), np.ones(3))
    for sizes in ((2, 4, 3), (2, 6, 3), (2, 5, 2), (3, 5, 3)):
        with pytest.raises(dl.DiffLangError) as caught:
            module.joined(*map(np.ones, sizes))
        assert caught.value.code == "E0605"


def test_arrays_anywhere_in_memory(module):
    values = np.arange(4.0)
    expected = values + 1.0
    module.wide(values)
    shifted = np.frombuffer(b"." + values.tobytes(), np.float64, offset=1)
    assert not shifted.flags.aligned and not shifted.flags.writeable
    read_only = values.view()
    read_only.flags.writeable = False
    for array in (shifted, read_only, np.repeat(values, 2)[::2], values.view(np.matrix).A1, values.astype(">f8")):
        np.testing.assert_array_equal(module.wide(array), expected)


def test_results_of_all_sizes(module):
    for size in (0, 1, 2**15 - 1, 2**15, 2**16):
        np.testing.assert_array_equal(entered(module.wide, np.zeros(size)), np.ones(size))


def test_a_result_too_large_is_left_to_python(module):
    module.many(1, 1.0)
    for size in (-1, 2**40, 2**62):
        with pytest.raises(dl.DiffLangError) as caught:
            module.many(size, 1.0)
        assert caught.value.code == ("E0810" if size < 0 else "E0807")


def test_nothing_is_kept_of_calls_that_end_or_fail(module):
    x, large = np.ones(1000), np.ones(2**15)

    def calls():
        for _ in range(200):
            module.part(x, 0)
            module.wide(large)
            with pytest.raises(dl.DiffLangError, match="The index 1000"):
                module.part(x, 1000)

    calls()
    gc.collect()
    counts = [sys.getrefcount(value) for value in (x, x.dtype, np.ndarray, np.float64)]
    tracemalloc.start()
    try:
        calls()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [sys.getrefcount(value) for value in (x, x.dtype, np.ndarray, np.float64)] == counts
    assert kept < 100 * x.nbytes


def test_without_the_layout_that_it_reads_there_is_no_door(monkeypatch):
    monkeypatch.setattr(door, "_method", lambda: None)
    function = dl.loads(TEXT).product
    x, v = np.arange(6.0).reshape(2, 3), np.ones(3)
    for _ in range(2):
        np.testing.assert_array_equal(function(x, v), [3.0, 12.0])
    assert type(function._quick[2]) is not type(len)
