"""Programs on several threads: the results, their bits, failures, and what happens around the pool."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from difflang_llvm import threads
from difflang_llvm.backend import LLVMBackend
from hypothesis import given, settings

import difflang as dl
from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Func
from difflang.core.parser import parse_func
from difflang.loops.threads import ranges
from tests.core.generators import arguments, functions
from tests.llvm.running import UNCACHED, Recorder, run

MODULE = dl.loads("""
fn norm(x: real[n, m]) -> real = sum(exp(x[i, j]) for i, j)

fn scale(x: real[n, m], c: real) -> real[n, m] = [c * x[i, j] + sin(x[i, j]) for i in 0..n, j in 0..m]

fn largest(x: real[n]) -> real = max(x[i] * cos(x[i]) for i)

fn picked(table: real[k], x: real[n], at: int[n]) -> real = sum(table[at[i]] * exp(x[i]) for i)

fn stencil(u0: real[n, n], c: real, steps: int) -> real:
    var u = u0
    for t in 0..steps:
        u = [u[i, j] + c * (u[i - 1, j] + u[i + 1, j] - 2 * u[i, j]) if 0 < i and i < n - 1 else u[i, j]
             for i in 0..n, j in 0..n]
    return sum(u[i, j] ** 3 for i, j)
""")
RNG = np.random.default_rng(11)
MATRIX = RNG.normal(size=(700, 300))
LONG = RNG.normal(size=300_000)
AT = RNG.integers(1000, size=len(LONG))
TABLE = RNG.normal(size=1000)
COUNTS = (1, 2, 3, 8)


def on(function: Any, count: int) -> Any:
    return function.on(threads=count, deterministic=True)


CALLS = {
    "sum": (MODULE["norm"], (MATRIX,)),
    "map": (MODULE["scale"], (MATRIX, 0.3)),
    "maximum": (MODULE["largest"], (LONG,)),
    "gradient": (dl.grad(MODULE["norm"], wrt="x"), (MATRIX,)),
    "scatter": (dl.grad(MODULE["picked"], wrt=("table", "x")), (TABLE, LONG, AT)),
    "stencil": (dl.value_and_grad(MODULE["stencil"], wrt=("u0", "c")), (RNG.random((200, 200)), 0.1, 5)),
}


def bits(value: Any) -> bytes:
    if isinstance(value, tuple):
        return b"".join(map(bits, value))
    return np.asarray(value).tobytes()


@pytest.mark.parametrize("name", CALLS)
def test_the_bits_are_the_same_for_every_number_of_threads(name: str) -> None:
    function, args = CALLS[name]
    found = {bits(on(function, count)(*args)) for count in COUNTS for _ in range(10)}
    assert len(found) == 1


@pytest.mark.parametrize("name", CALLS)
def test_several_threads_give_the_same_bits_also_when_nobody_asks(name: str) -> None:
    function, args = CALLS[name]
    assert bits(function.on(threads=2)(*args)) == bits(on(function, 1)(*args))


@pytest.mark.parametrize("name", CALLS)
def test_one_thread_and_several_agree(name: str) -> None:
    function, args = CALLS[name]
    one, several = (np.frombuffer(bits(function.on(threads=count)(*args))) for count in (1, 3))
    np.testing.assert_allclose(several, one, rtol=1e-12, atol=1e-12)


def test_values_are_those_of_numpy() -> None:
    for _ in range(20):
        np.testing.assert_allclose(MODULE["norm"].on(threads=2)(MATRIX), np.exp(MATRIX).sum(), rtol=1e-13)
        assert MODULE["largest"].on(threads=3)(LONG) == pytest.approx((LONG * np.cos(LONG)).max(), rel=1e-15)
        table, x = dl.grad(MODULE["picked"], wrt=("table", "x")).on(threads=2)(TABLE, LONG, AT)
        np.testing.assert_allclose(table, np.bincount(AT, np.exp(LONG), len(TABLE)), rtol=1e-12)
        np.testing.assert_allclose(x, TABLE[AT] * np.exp(LONG), rtol=1e-13)


@contextmanager
def eager() -> Any:
    names = ("THRESHOLD", "GRAIN", "COPY_COST", "LENGTH_BY_OVERLAP")
    with patch.multiple(ranges, **dict(zip(names, (1.0, 1.0, 0.01, 2), strict=True))):
        yield


@settings(max_examples=12, deadline=None)
@given(functions())
def test_random_programs_agree_with_one_thread(func: Func) -> None:
    args = arguments(func, 7)
    with eager():
        several = run(func, *args, options=replace(UNCACHED, threads=3))
    for found, wanted in zip(several, run(func, *args, options=replace(UNCACHED, threads=1)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


def test_the_first_failing_element_is_named() -> None:
    at = AT.copy()
    at[[200_000, 299_999, 123_456, 250_000]] = [2000, 3000, 1234, 5000]
    picked = MODULE["picked"].on(threads=3)
    for _ in range(20):
        with pytest.raises(dl.DiffLangError) as failure:
            picked(TABLE, LONG, at)
        assert "1234" in str(failure.value)
    assert np.isfinite(picked(TABLE, LONG, AT))


def test_a_failure_in_the_late_part_of_a_range_comes_first() -> None:
    program = dl.loads("""
fn spread(x: real[n], at: int[n]) -> real:
    var y = [0.0 for i in 0..n + 1]
    for i in 0..n:
        y[i] += x[at[i]]
        y[i + 1] += 2 * x[at[i]]
    return sum(y[i] * y[i] for i)
""")
    gradient = dl.grad(program["spread"], wrt="x").on(threads=2)
    at = np.arange(300_000)
    at[[31_249, 299_999]] = [400_000, 500_000]
    with pytest.raises(dl.DiffLangError, match="400000"):
        gradient(LONG, at)


def test_callers_on_several_threads_share_the_pool() -> None:
    norm, expected = on(MODULE["norm"], 2), on(MODULE["norm"], 1)(MATRIX)
    results: list[float] = []

    def work() -> None:
        results.extend(norm(MATRIX) for _ in range(20))

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [expected] * 80


def test_every_range_is_run_once_however_many_threads_there_are() -> None:
    """Also with more members than ranges, and with so many that some have no worker yet."""
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        threads.symbol("run")
    )
    taken: list[int] = []
    note = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(lambda _, k: taken.append(k))
    for count, members in itertools.product((0, 1, 2, 3, 7, 64, 1000), (1, 2, 3, 5, 16)):
        run(ctypes.cast(note, ctypes.c_void_p), None, count, members)
        assert sorted(taken) == list(range(count))
        taken.clear()


SCRIPT = """
    import os, signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for what runs in the background
    import numpy as np
    import difflang as dl
    f = dl.loads("fn f(x: real[n]) -> real = sum(exp(x[i]) for i)")["f"].on(threads=3)
    x = np.ones(500_000)
    expected = f(x)
"""


def python(script: str) -> subprocess.CompletedProcess[str]:
    text = textwrap.dedent(SCRIPT) + textwrap.dedent(script)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)


def test_a_child_process_has_a_pool_of_its_own() -> None:
    done = python("""
        for _ in range(3):
            child = os.fork()
            if child == 0:
                assert all(f(x) == expected for _ in range(5))
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            assert f(x) == expected
        print("good")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "good\n", "")


def test_the_process_ends_while_a_thread_still_computes() -> None:
    done = python("""
        import threading, time
        def work():
            while True:
                f(x)
        for _ in range(2):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.2)
        print("good")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "good\n", "")


def test_an_interrupt_ends_all_ranges() -> None:
    done = python("""
        import threading
        g = dl.loads(\"\"\"
        fn g(x: real[n]) -> real:
            var total = 0.0
            for t in 0..1000000:
                total += sum(exp(x[i] + t) for i)
            return total
        \"\"\")["g"].on(threads=3)
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            g(x)
        except KeyboardInterrupt:
            print("interrupted")
        print(f(x) == expected)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\nTrue\n", "")


def test_a_thread_of_its_own_for_a_call_from_a_host_function() -> None:
    program = dl.loads("""
extern fn inner(x: real[n]) -> real

fn outer(x: real[n]) -> real = inner(x) + sum(exp(x[i]) for i)
""")
    inner = on(MODULE["largest"], 2)
    program.bind(inner=inner)
    assert program["outer"].on(threads=2)(LONG) == pytest.approx(inner(LONG) + np.exp(LONG).sum(), rel=1e-13)


def test_small_calls_keep_to_the_program_for_one_thread() -> None:
    with patch("difflang_llvm.compiler.compiled_for_threads", side_effect=AssertionError):
        norm = dl.loads("fn f(x: real[n, m]) -> real = sum(exp(x[i, j]) / 7 for i, j)")["f"].on(threads=2)
        assert norm(np.zeros((3, 4))) == pytest.approx(12 / 7)
        with pytest.raises(AssertionError):
            norm(MATRIX)


def test_the_number_of_threads() -> None:
    with patch.dict(os.environ, {threads.VARIABLE: "5"}):
        assert threads.wanted(CompileOptions()) == 5
        assert threads.wanted(CompileOptions(threads=2)) == 2
    with patch.dict(os.environ, {threads.VARIABLE: "1"}):
        assert threads.wanted(CompileOptions()) == 0
        assert threads.wanted(CompileOptions(deterministic=True)) == 1
    for wrong in ("0", "-2", "many"):
        with patch.dict(os.environ, {threads.VARIABLE: wrong}), pytest.raises(dl.DiffLangError, match=wrong):
            threads.wanted(CompileOptions())


def test_the_program_for_threads_comes_back_from_the_cache(tmp_path: Any) -> None:
    source = "fn f(x: real[n]) -> real = sum(exp(x[i]) * 3 for i)"
    with patch.dict(os.environ, {"DIFFLANG_CACHE_DIR": str(tmp_path)}):
        first = dl.loads(source)["f"].on(threads=2)(LONG)
        with patch("difflang_llvm.engine.optimized", side_effect=AssertionError):
            again = dl.loads(source)["f"].on(threads=2)(LONG)
    assert again == first


SUM = """
    func f(n: i64, x: f64[n]) {
      s: f64 = reduce[op="sum"] n { i: i64
        v: f64 = get x i
        w: f64 = exp v
        yield w
      }
      yield s
    }
    """


def test_a_program_from_the_cache_makes_that_for_threads(tmp_path: Any) -> None:
    """What is restored without its source still knows the program that it was made from."""
    host = Recorder()
    with patch.dict(os.environ, {"DIFFLANG_CACHE_DIR": str(tmp_path)}):
        func = parse_func(SUM)
        made = LLVMBackend().compile(func, CompileOptions(threads=2))
        assert made.token is not None
        restored = LLVMBackend().restore(made.token)
        assert restored is not None
        found = restored([len(LONG), LONG], host)
        assert found == made([len(LONG), LONG], host)
    assert found[0] == pytest.approx(np.exp(LONG).sum(), rel=1e-13)
