"""Loops cut into ranges for threads give the same results, whatever the order of the ranges."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Func
from difflang.core.parser import parse_func
from difflang.diagnostics import DiffLangError
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.printer import format_program
from difflang.loops.schedule import schedule
from difflang.loops.threads import AskForThreads, ForThreads, ranges
from tests.core.generators import arguments, functions
from tests.loops.interpreter import Machine
from tests.loops.running import Recorder

OPTIONS = CompileOptions()
MATRIX = np.arange(1.0, 41.0).reshape(10, 4)
VECTOR = np.cos(np.arange(10.0))


@contextmanager
def eager() -> Any:
    """Threads are worth it for next to nothing, and ranges are as short as they may be."""
    names = ("THRESHOLD", "GRAIN", "COPY_COST", "LENGTH_BY_OVERLAP")
    with patch.multiple(ranges, **dict(zip(names, (1.0, 1.0, 0.01, 2), strict=True))):
        yield


def for_threads(func: Func) -> ir.Program:
    with eager():
        return ForThreads()(schedule(func, OPTIONS))


def both(func: Func, args: Sequence[Any]) -> ir.Program:
    """Asserts that the program for threads gives what the one for one thread gives; gives the former."""
    expected = Machine(schedule(func, OPTIONS), Recorder()).run(args)
    program = for_threads(func)
    for value, wanted in zip(Machine(program, Recorder()).run(args), expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-12)
    return program


def parallels(program: ir.Program) -> list[ir.Parallel]:
    return [statement for statement in walk(program.body) if isinstance(statement, ir.Parallel)]


def text(program: ir.Program) -> str:
    return format_program(program)


@given(functions(size=16))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("n", [2, 4])
def test_random_functions(n: int, func: Func) -> None:
    both(func, arguments(func, n))


SCALE = """
    func f(n: i64, m: i64, x: f64[n, m]) {
      y: f64[n, m] = build n m { i: i64, j: i64
        v: f64 = get x i j
        w: f64 = mul v 2.0
        yield w
      }
      yield y
    }
    """


def test_the_outermost_loop_is_cut() -> None:
    program = both(parse_func(SCALE), [10, 4, MATRIX])
    (parallel,) = parallels(program)
    assert isinstance(parallel.body[-1], ir.For) and parallel.body[-1].start is parallel.begin


def test_nothing_to_do() -> None:
    both(parse_func(SCALE), [0, 4, np.zeros((0, 4))])


def test_sums_are_kept_by_each_range() -> None:
    func = """
        func f(n: i64, x: f64[n]) {
          s: f64 = reduce[op="sum"] n { i: i64
            v: f64 = get x i
            yield v
          }
          m: f64 = reduce[op="max"] n { j: i64
            w: f64 = get x j
            yield w
          }
          yield s, m
        }
        """
    program = both(parse_func(func), [10, VECTOR])
    assert all("partial" in format_program(program) for _ in parallels(program))
    assert len(parallels(program)) >= 1


ACCUMULATE = """
    func f(n: i64, m: i64, x: f64[n], y: f64[m], p: i64[n]) {
      z: f64[m] = accum y { r: &f64[m]
        build n { i: i64
          v: f64 = get x i
          w: f64 = exp v
          LINES
          yield
        }
        yield
      }
      yield z
    }
    """
INDICES = np.array([3, 1, 3, 0, 2, 2, 1, 3, 3, 0])


def accumulate(*lines: str) -> ir.Program:
    func = parse_func(ACCUMULATE.replace("LINES", "\n".join(lines)))
    return both(func, [10, 14, VECTOR, np.ones(14), INDICES])


def test_additions_anywhere_go_to_copies() -> None:
    program = accumulate("k: i64 = get p i", "add_to r k w")
    adding = [p for p in parallels(program) if any(isinstance(s, ir.Rebind) for s in walk(p.body))]
    assert len(adding) == 1
    assert any(isinstance(s, ir.Accumulate) for p in parallels(program) if p not in adding for s in walk(p.body))


def test_additions_that_keep_apart_need_no_copies() -> None:
    program = accumulate("add_to r i w")
    assert not any(isinstance(s, ir.Rebind) or p.overlap for p in parallels(program) for s in walk(p.body))


def test_a_stencil_overlaps() -> None:
    program = accumulate("a: i64 = add i 1", "b: i64 = add i 3", "add_to r a w", "add_to r b w", "add_to r i v")
    (parallel,) = (p for p in parallels(program) if p.overlap)
    assert parallel.overlap == 3
    assert "the last 3 of each late" in text(program)


def test_a_distance_that_is_not_known_takes_copies() -> None:
    program = accumulate("a: i64 = get p i", "b: i64 = add i a", "add_to r b w", "add_to r i w")
    assert not any(p.overlap for p in parallels(program))
    assert any(isinstance(s, ir.Rebind) for p in parallels(program) for s in walk(p.body))


def test_effects_stay_in_order() -> None:
    func = """
        func f(n: i64, x: f64[n]) {
          fold[carries=0] n { i: i64
            v: f64 = get x i
            print[template="{0}"] v
            yield
          }
          y: f64[n] = build n { j: i64
            u: f64 = get x j
            w: f64 = extern[name="half"] u
            yield w
          }
          yield y
        }
        """
    assert not parallels(for_threads(parse_func(func)))


def test_loops_in_a_sequence_are_cut() -> None:
    func = """
        func f(n: i64, x: f64[n], t: i64) {
          y: f64[n] = fold[carries=1] t x { k: i64, u: f64[n]
            z: f64[n] = build n { i: i64
              j: i64 = sub n i
              l: i64 = sub j 1
              a: f64 = get u l
              b: f64 = add a 1.0
              yield b
            }
            yield z
          }
          yield y
        }
        """
    program = both(parse_func(func), [10, VECTOR, 5])
    assert parallels(program)
    assert not any(isinstance(s, ir.Parallel) for p in parallels(program) for s in walk(p.body))


def test_a_short_literal_loop_leaves_threads_to_the_loop_inside() -> None:
    func = """
        func f(n: i64, x: f64[n]) {
          y: f64[2, n] = build 2 n { k: i64, i: i64
            v: f64 = get x i
            yield v
          }
          yield y
        }
        """
    program = both(parse_func(func), [10, VECTOR])
    (parallel,) = parallels(program)
    assert isinstance(parallel.extent, ir.Register)


def test_the_first_failure_is_reported() -> None:
    func = parse_func("""
        func f(n: i64, x: f64[n], p: i64[n]) {
          y: f64[n] = build n { i: i64
            k: i64 = get p i
            v: f64 = get x k
            yield v
          }
          yield y
        }
        """)
    indices = np.array([0, 1, 2, 3, 10, 5, 12, 7, 11, 9])
    with pytest.raises(DiffLangError, match="10"):
        Machine(for_threads(func), Recorder()).run([10, VECTOR, indices])


def asks(func: str, *args: Any) -> bool:
    """What the start of a program says of threads; the rest is not run."""
    program = AskForThreads()(schedule(parse_func(func), OPTIONS))
    start = next(k for k, statement in enumerate(program.body) if isinstance(statement, ir.PreferThreads))
    machine = Machine(replace(program, results=(), body=program.body[: start + 1]), Recorder())
    machine.run(args)
    return machine.prefers


def test_threads_are_preferred_from_a_size_on() -> None:
    assert not asks(SCALE, 10, 4, MATRIX)
    assert asks(SCALE, 400, 400, np.ones((400, 400)))


def test_threads_are_not_preferred_where_copies_would_cost_more_than_they_save() -> None:
    func = ACCUMULATE.replace("LINES", "k: i64 = get p i\nadd_to r k w")
    few, many = np.ones(12_000), np.ones(20_000)
    assert not asks(func, len(few), len(many), few, many, np.zeros(len(few), int))
    assert asks(func, len(many), 100, many, few[:100], np.zeros(len(many), int))


def test_small_literal_sizes_are_not_asked_about() -> None:
    literal = SCALE.replace("n: i64, m: i64, ", "").replace("n, m", "10, 4").replace("build n m", "build 10 4")
    program = AskForThreads()(schedule(parse_func(literal), OPTIONS))
    assert not any(isinstance(statement, ir.PreferThreads) for statement in program.body)
    assert not parallels(ForThreads()(schedule(parse_func(literal), OPTIONS)))


def test_rows_of_a_transposed_product_are_shared() -> None:
    func = """
        func f(n: i64, m: i64, x: f64[n, m], v: f64[n]) {
          y: f64[m] = contract[spec="i,ij->j"] v x
          yield y
        }
        """
    program = both(parse_func(func), [10, 4, MATRIX, VECTOR])
    (y,) = Machine(program, Recorder()).run([10, 4, MATRIX, VECTOR])
    np.testing.assert_allclose(y, MATRIX.T @ VECTOR, rtol=1e-13)
    shared = [loop for p in parallels(program) for loop in p.body if isinstance(loop, ir.For) and loop.start is p.begin]
    assert any(isinstance(s, ir.For) for loop in shared for s in loop.body)


def test_a_loop_that_begins_later_stays() -> None:
    """As one does that is restricted to where its terms are not 0."""
    n, first, i, value = (ir.Register(dtype) for dtype in ("i64", "i64", "i64", "f64"))
    x, y = ir.Array("f64", (n,)), ir.Array("f64", (n,))
    loop = ir.For(i, n, (ir.Load(value, x, (i,)), ir.Store(y, (i,), value)), "vector", start=first)
    program = ir.Program("f", (n, first, x), (ir.Result(y, provided=True),), (loop,))
    with eager():
        assert ForThreads()(program).body == (loop,)
