"""Dead code goes, effects stay."""

from __future__ import annotations

from hypothesis import given, settings

from difflang.core.ir import Func
from difflang.passes.dead import DeadCode
from tests.core.generators import arguments, functions
from tests.passes.checking import rewritten, unchanged_value


@given(functions())
@settings(max_examples=60, deadline=None)
def test_values_stay(func: Func) -> None:
    unchanged_value(DeadCode(), func, arguments(func), tolerance=0)


def test_unused_results_go_with_their_computation() -> None:
    before = """\
func f(n: i64, x: f64[n], s: f64) {
  a: f64[n], b: f64[n] = build n { i: i64
    v: f64 = get x i
    w: f64 = exp v
    yield v, w
  }
  unused: f64 = exp s
  yield a
}
"""
    after = """\
func f(n: i64, x: f64[n], s: f64) {
  a: f64[n] = build n { i: i64
    v: f64 = get x i
    yield v
  }
  yield a
}
"""
    assert rewritten(DeadCode(), before) == after


def test_unused_carries_and_stacks_go() -> None:
    before = """\
func f(n: i64, s: f64) {
  a: f64, b: f64, c: f64[n], d: f64[n] = fold[carries=2] n s 1.0 { i: i64, p: f64, q: f64
    p2: f64 = exp p
    q2: f64 = sin q
    yield p2, q2, p, q
  }
  yield a, c
}
"""
    after = """\
func f(n: i64, s: f64) {
  a: f64, c: f64[n] = fold[carries=1] n s { i: i64, p: f64
    p2: f64 = exp p
    yield p2, p
  }
  yield a, c
}
"""
    assert rewritten(DeadCode(), before) == after


def test_a_carry_that_another_carry_reads_stays() -> None:
    text = """\
func f(n: i64, s: f64) {
  a: f64, b: f64 = fold[carries=2] n s 1.0 { i: i64, p: f64, q: f64
    p2: f64 = add p q
    q2: f64 = sin q
    yield p2, q2
  }
  yield a
}
"""
    assert rewritten(DeadCode(), text) == text


def test_while_keeps_what_its_condition_reads() -> None:
    before = """\
func f(s: f64) {
  a: f64, b: f64, c: f64, count: i64, d: f64[count] = while[carries=3] s 1.0 2.0 { p: f64, q: f64, r: f64
    t: bool = lt q 5.0
    yield t
  } { p.1: f64, q.1: f64, r.1: f64
    p2: f64 = exp p.1
    q2: f64 = add q.1 1.0
    yield p2, q2, r.1, r.1
  }
  yield a
}
"""
    after = """\
func f(s: f64) {
  a: f64, b: f64, count: i64 = while[carries=2] s 1.0 { p: f64, q: f64
    t: bool = lt q 5.0
    yield t
  } { p.1: f64, q.1: f64
    p2: f64 = exp p.1
    q2: f64 = add q.1 1.0
    yield p2, q2
  }
  yield a
}
"""
    assert rewritten(DeadCode(), before) == after


def test_unused_accumulators_go_with_their_additions() -> None:
    before = """\
func f(n: i64, x: f64[n], s: f64) {
  a: f64[n], b: f64 = accum x s { r: &f64[n], t: &f64
    build n { i: i64
      add_to r i s
      v: f64 = exp s
      add_to t v
      yield
    }
    yield
  }
  yield b
}
"""
    after = """\
func f(n: i64, x: f64[n], s: f64) {
  b: f64 = accum s { t: &f64
    build n { i: i64
      v: f64 = exp s
      add_to t v
      yield
    }
    yield
  }
  yield b
}
"""
    assert rewritten(DeadCode(), before) == after


def test_effects_stay_with_what_is_around_them() -> None:
    text = """\
func f(n: i64, s: f64) {
  build n { i: i64
    p: bool = lt i 3
    cond p {
      print[template="{0}"] i
      yield
    } {
      yield
    }
    assert[code="E0803", message="no"] p
    yield
  }
  yield s
}
"""
    assert rewritten(DeadCode(), text) == text
