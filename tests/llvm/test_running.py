"""Calls: results of every kind, failures with their place, callbacks, threads."""

from __future__ import annotations

import gc
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from difflang_llvm import libraries
from difflang_llvm.backend import LLVMBackend

import difflang as dl
from difflang.backend.protocol import CompileOptions
from difflang.core.builder import literal
from difflang.core.ir import Literal, Type, Var
from difflang.core.ops import I64, integer
from difflang.diagnostics.model import DiffLangError, Span
from tests.llvm.running import UNCACHED, Recorder, function, run

F64 = Type("f64")
SPAN = Span("p.dl", 3, 5, 3, 9)
ROOT = Path(__file__).parents[2]


def test_scalars_of_every_type_pass_through() -> None:
    types = [Type(d) for d in ("f64", "f32", "i64", "i32", "bool")]
    func = function(types, lambda b, *args: args)
    results = run(func, 0.5, np.float32(0.25), -(2**62), np.int32(-7), True)
    assert results == [0.5, 0.25, -(2**62), -7, True]
    assert [type(r) for r in results] == [np.float64, np.float32, np.int64, np.int32, np.bool_]


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.int32, np.bool_])
def test_arrays_of_every_type_pass_through(kind: Any) -> None:
    names = {np.float64: "f64", np.float32: "f32", np.int64: "i64", np.int32: "i32", np.bool_: "bool"}
    n = Var(I64, "n")
    func = function([n, Type(names[kind], (n, integer(2)))], lambda b, n, x: [x])
    for rows in (0, 1, 5):
        x = (np.arange(2 * rows).reshape(rows, 2) % 3).astype(kind)
        result = run(func, rows, x)[0]
        np.testing.assert_array_equal(result, x)
        assert result.dtype == x.dtype
        assert result is not x


def filtered(b: Any, n: Any, x: Any) -> Any:
    """The halves of x[0] until they fall below 1: a result whose length nobody knows before."""
    start = b.get(x, integer(0))
    state, count, stack = b.while_(
        [start], lambda v: b.prim("ge", v, literal(1.0, "f64")), lambda v: [b.prim("mul", v, literal(0.5, "f64")), v]
    )
    return [state, count, stack]


def test_a_result_of_unknown_length_owns_its_memory() -> None:
    n = Var(I64, "n")
    compiled = LLVMBackend().compile(function([n, Type("f64", (n,))], filtered), UNCACHED)
    state, count, stack = compiled([1, np.array([1e300])], Recorder())
    del compiled
    gc.collect()
    assert state < 1
    assert count == len(stack) == 997
    np.testing.assert_array_equal(stack, 1e300 * 0.5 ** np.arange(997))


def reading(b: Any, n: Any, x: Any, i: Any) -> Any:
    b.span = SPAN
    return [b.get(x, i)]


def test_an_index_out_of_range_names_its_place() -> None:
    n = Var(I64, "n")
    func = function([n, Type("f64", (n,)), I64], reading)
    assert run(func, 3, np.arange(3.0), 2) == [2.0]
    for index in (3, -1, 2**62):
        with pytest.raises(DiffLangError) as caught:
            run(func, 3, np.arange(3.0), index)
        assert caught.value.code == "E0801"
        assert caught.value.span == SPAN
        assert f"The index {index} is out of range" in str(caught.value)


def test_a_failed_assertion_shows_its_values() -> None:
    def body(b: Any, x: Any) -> Any:
        b.span = SPAN
        ok = b.prim("gt", x, literal(0.0, "f64"))
        b.emit("assert", [ok, x], {"code": "E0803", "message": "x is {0}"})
        return [x]

    with pytest.raises(DiffLangError) as caught:
        run(function([F64], body), -0.5)
    assert (caught.value.code, caught.value.diagnostic.message) == ("E0803", "The assertion fails: x is -0.5.")


@pytest.mark.parametrize("name", ["floordiv", "mod"])
def test_integer_division_by_zero(name: str) -> None:
    func = function([I64, I64], lambda b, p, q: [b.prim(name, p, q)])
    assert run(func, 7, -2) == [7 // -2 if name == "floordiv" else 7 % -2]
    with pytest.raises(DiffLangError) as caught:
        run(func, 7, 0)
    assert caught.value.code == "E0802"


@pytest.mark.parametrize("size", [2**45, 2**61, 2**62])
def test_memory_that_cannot_be_had_is_an_error(size: int) -> None:
    def body(b: Any, n: Any) -> Any:
        (x,) = b.build([n, n], lambda i, j: [b.prim("convert", i, dtype="f64")])
        return [b.get(x, integer(1), integer(1))]

    with pytest.raises(DiffLangError) as caught:
        run(function([I64], body), size)
    assert caught.value.code == "E0807"


def test_nan_is_reported_on_demand() -> None:
    func = function([F64], lambda b, x: [b.prim("log", x)])
    assert np.isnan(run(func, -1.0)[0])
    with pytest.raises(DiffLangError) as caught:
        run(func, -1.0, options=CompileOptions(check_nan=True, cache=False))
    assert caught.value.code == "E0806"


def test_printing_and_reporting_in_order() -> None:
    def body(b: Any, n: Any) -> Any:
        def step(i: Any, total: Any) -> Any:
            b.emit("print", [i, total], {"template": "step {0}: {1}"})
            b.emit("report", [total], {"names": ("loss",)})
            return [b.prim("add", total, literal(0.5, "f64"))]

        return b.fold(n, [literal(1.0, "f64")], step)

    host = Recorder()
    assert run(function([I64], body), 2, host=host) == [2.0]
    assert host.printed == ["step 0: 1.0", "step 1: 1.5"]
    assert host.reported == [{"loss": 1.0}, {"loss": 1.5}]


def outside(b: Any, n: Any, x: Any) -> Any:
    return b.emit("extern", [x], {"name": "twice", "outs": ("f64",)}, out_types=[Type("f64", (n,)), F64])


def test_external_functions_give_arrays_and_scalars() -> None:
    n = Var(I64, "n")
    func = function([n, Type("f64", (n,))], outside)
    host = Recorder(twice=lambda x: [2 * x, x.sum()])
    doubled, total = run(func, 3, np.arange(3.0), host=host)
    assert (doubled.tolist(), total) == ([0.0, 2.0, 4.0], 3.0)


def test_an_exception_of_the_host_comes_through() -> None:
    def failing(x: Any) -> Any:
        raise KeyboardInterrupt

    n = Var(I64, "n")
    func = function([n, Type("f64", (n,))], outside)
    with pytest.raises(KeyboardInterrupt):
        run(func, 3, np.arange(3.0), host=Recorder(twice=failing))


def test_calls_nest_through_the_host() -> None:
    n = Var(I64, "n")
    compiled = LLVMBackend().compile(function([n, Type("f64", (n,))], outside), UNCACHED)
    inner = Recorder(twice=lambda x: [2 * x, 1.0])
    outer = Recorder(twice=lambda x: compiled([len(x), 10 * x], inner))
    assert compiled([2, np.array([1.0, 2.0])], outer)[0].tolist() == [20.0, 40.0]


def test_threads_call_one_function_at_once() -> None:
    def body(b: Any, n: Any, x: Any) -> Any:
        rows = b.build([n, n], lambda i, j: [b.prim("mul", b.get(x, i), b.get(x, j))])
        return b.reduce("sum", [n, n], lambda i, j: [b.get(rows[0], i, j)])

    n = Var(I64, "n")
    compiled = LLVMBackend().compile(function([n, Type("f64", (n,))], body), UNCACHED)
    results: dict[int, float] = {}

    def work(k: int) -> None:
        for _ in range(20):
            results[k] = compiled([100, np.full(100, float(k))], Recorder())[0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: 10000.0 * k * k for k in range(4)}


def test_a_call_takes_microseconds() -> None:
    compiled = LLVMBackend().compile(function([F64], lambda b, x: [b.prim("sin", x)]), UNCACHED)
    host, best = Recorder(), float("inf")
    for _ in range(2000):
        start = time.perf_counter()
        compiled([0.5], host)
        best = min(best, time.perf_counter() - start)
    assert best < 2e-5


def test_the_text_of_the_stages() -> None:
    backend = LLVMBackend()
    func = function([F64], lambda b, x: [b.prim("exp", x)])
    assert "exp" in backend.emit(func, "loops", UNCACHED)
    assert "@difflang_entry(" in backend.emit(func, "llvm", UNCACHED)
    assert "difflang_entry:" in backend.emit(func, "asm", UNCACHED)
    with pytest.raises(DiffLangError) as caught:
        backend.emit(func, "cuda", UNCACHED)
    assert caught.value.code == "E0905"


def test_literal_results() -> None:
    literals = [Literal(1.5, "f64"), Literal(float("nan"), "f32"), Literal(-3, "i64"), Literal(True, "bool")]
    half, nan, three, true = run(function([], lambda b: literals))
    assert (half, three, true) == (1.5, -3, True)
    assert np.isnan(nan)


LOOPING = """
import sys
from difflang.core.builder import literal
from difflang_llvm import libraries
from difflang_llvm.backend import LLVMBackend
from tests.llvm.running import UNCACHED, Recorder, function
from difflang.core.ir import Type
F64 = Type('f64')

def body(b, x):
    one = literal(1.0, "f64")
    return b.while_([x], lambda v: b.prim("ge", v, one), lambda v: [b.prim("mul", v, one)])[:1]

compiled = LLVMBackend().compile(function([F64], body), UNCACHED)
compiled([0.5], Recorder())
print("ready", flush=True)
try:
    compiled([2.0], Recorder())
except KeyboardInterrupt:
    print("interrupted")
print(compiled([0.25], Recorder())[0])
"""


def test_an_endless_loop_can_be_interrupted() -> None:
    command = [sys.executable, "-c", LOOPING]

    def heed_interrupts() -> None:
        """What runs in the background may have been told to ignore them."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=heed_interrupts)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (rest, process.returncode) == ("interrupted\n0.25\n", 0)


def test_threads_compile_at_once() -> None:
    results: dict[int, float] = {}

    def work(k: int) -> None:
        func = function([F64], lambda b, x: [b.prim("exp", b.prim("mul", x, literal(float(k), "f64")))])
        results[k] = run(func, 0.5)[0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == pytest.approx({k: np.exp(0.5 * k) for k in range(6)}, rel=1e-15)


def advised() -> int:
    """Kilobytes of this process for which huge pages are wished, as the kernel tells."""
    sizes, flags = [], []
    for line in Path("/proc/self/smaps").read_text().splitlines():
        sizes += [int(line.split()[1])] if line.startswith("Size:") else []
        flags += [line.split()[1:]] if line.startswith("VmFlags:") else []
    return sum(size for size, flag in zip(sizes, flags, strict=True) if "hg" in flag)


@pytest.mark.skipif(not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="the kernel has no huge pages")
def test_huge_pages_are_asked_for_where_memory_is_large() -> None:
    gradient = dl.grad(
        dl.loads("""
fn f(x: real[n], steps: int) -> real:
    var u = x
    for t in 0..steps:
        u = [sin(u[i] + 0.1 * u[n - 1 - i]) for i in 0..n]
    return sum(u[i] for i)
""").f
    )
    x = np.linspace(0.0, 1.0, 1000)
    libraries.free_kept()
    before = advised()
    gradient(x, 10)
    assert advised() == before
    gradient(x, 2500)
    assert advised() - before > 19_000


def test_large_memory_is_kept_for_the_next_run() -> None:
    """The faults of a page at a time show whether memory is fresh; sizes above and below what is kept are right too."""
    program = dl.loads("""
fn f(x: real[n], steps: int) -> real:
    var u = x
    for t in 0..steps:
        u = [sin(u[i]) * 0.9 + x[i] for i in 0..n]
    return sum(u[i] for i)
""")
    gradient = dl.grad(program["f"], wrt="x").on(threads=1)
    small, large, larger = (np.linspace(0.0, 1.0, n) for n in (1000, 40_000, 60_000))
    expected = [gradient(x, 50) for x in (small, large, larger)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for x, wanted in zip((small, large, larger, larger, large, small), (*expected, *reversed(expected)), strict=True):
        assert gradient(x, 50).tobytes() == wanted.tobytes()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults * resource.getpagesize() < 50 * large.nbytes


@pytest.mark.parametrize(("text", "value"), [("0.0", 0.0), ("-0.0", -0.0), ("0", 0), ("7", 7), ("false", False)])
def test_arrays_of_one_literal_have_its_bits(text: str, value: float) -> None:
    kind = {bool: "bool", int: "int", float: "real"}[type(value)]
    made = dl.loads(f"fn f(n: int) -> {kind}[n] = [{text} for i in 0..n]")["f"](19)
    assert made.tobytes() == np.full(19, value).tobytes()
