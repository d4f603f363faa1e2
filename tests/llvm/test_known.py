"""Equal instructions are emitted once where the first is on every way, and nowhere else."""

from __future__ import annotations

import numpy as np
from difflang_llvm.generate import generate
from difflang_llvm.known import Known
from difflang_llvm.text import Emitter, Needs

import difflang as dl
from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops.schedule import schedule


def test_once_on_one_way() -> None:
    emitter = Emitter(Needs())
    first = emitter.value("add i64 %a, %b")
    assert emitter.value("add i64 %a, %b") == first
    assert emitter.value("sub i64 %a, %b") != first
    assert len(emitter.lines) == 2


def test_loads_are_made_every_time() -> None:
    emitter = Emitter(Needs())
    assert emitter.value("load i64, ptr %p") != emitter.value("load i64, ptr %p")


def test_what_a_loop_computes_is_not_known_behind_it() -> None:
    emitter = Emitter(Needs())
    outside = emitter.value("add i64 %a, 1")
    with emitter.counted("%n"):
        inside = emitter.value("mul i64 %a, 2")
        assert emitter.value("add i64 %a, 1") == outside
    assert emitter.value("mul i64 %a, 2") != inside
    assert emitter.value("add i64 %a, 1") == outside


def test_a_block_with_other_ways_to_it_knows_nothing() -> None:
    known = Known()
    known.note("a", "%a")
    with known.branch():
        known.forget()
        known.note("b", "%b")
    assert known.get("a") is None
    assert known.get("b") is None


def test_offsets_of_literals_are_numbers() -> None:
    func = parse_func("""func f(a: f64[3, 4]) {
  x: f64 = get[inbounds] a 2 1
  y: f64 = get[inbounds] a 0 3
  z: f64 = add x y
  yield z
}""")
    text = generate(schedule(func, CompileOptions())).text
    assert "ptr %p0, i64 9" in text
    assert "ptr %p0, i64 3" in text
    assert "mul" not in text


def test_branches_and_loops_that_compute_the_same() -> None:
    module = dl.loads("""
fn f(n: int, x: real) -> real:
    var total = 0.0
    for i in 0..n:
        if i % 3 == 1:
            total = total + exp(x * real(i))
        else:
            total = total - exp(x * real(i)) / real(i // 3 + 1)
    while total < 10.0:
        total = total + exp(x * real(n)) + 1.0
    return total + exp(x * real(n))
""")
    x, total = 0.3, 0.0
    for i in range(7):
        total += np.exp(x * i) if i % 3 == 1 else -np.exp(x * i) / (i // 3 + 1)
    while total < 10.0:
        total += np.exp(x * 7) + 1.0
    np.testing.assert_allclose(module.f(7, x), total + np.exp(x * 7), rtol=1e-14)


def test_quotients_by_literals() -> None:
    module = dl.loads("fn f(a: int) -> (int, int, int, int) = (a // 3, a % 3, a // -3, a % -3)")
    for a in (*range(-7, 8), -(2**63), 2**63 - 1):
        assert module.f(a) == (a // 3, a % 3, a // -3, a % -3)
