"""The text of scheduled programs."""

from __future__ import annotations

from difflang.backend.protocol import CompileOptions
from difflang.core.parser import parse_func
from difflang.loops.printer import format_program
from difflang.loops.schedule import schedule


def text_of(core: str) -> str:
    return format_program(schedule(parse_func(core), CompileOptions()))


def test_a_dot_product_and_a_scaled_vector() -> None:
    core = """
        func f(n: i64, x: f64[n]) {
          s: f64 = reduce[op="sum"] n { i: i64
            v: f64 = get x i
            w: f64 = mul v v
            yield w
          }
          y: f64[n] = build n { j: i64
            u: f64 = get x j
            t: f64 = div u s
            yield t
          }
          yield s, y
        }
        """
    assert (
        text_of(core)
        == """\
program f(n: i64, x: f64[n])
    result result1: f64[n]
    s: f64 = 0.0
    for i < n vector add(s):
        v: f64 = x[i]
        w: f64 = mul v, v
        s = add s, w
    for i_1 < n vector:
        u: f64 = x[i_1]
        t: f64 = div u, s
        result1[i_1] = t
    return s, result1
"""
    )


def test_loops_branches_checks_and_the_host() -> None:
    core = """
        func f(n: i64, x: f64[n], k: i64) {
          y: f64[n], c: i64, h: f64[c] = while[carries=1] x { a: f64[n]
            v: f64 = get a k
            p: bool = lt v 1.0
            yield p
          } { b: f64[n]
            w: f64 = get b 0
            d: f64[n] = set b k 2.0
            print[template="{0}"] w
            yield d, w
          }
          yield c, h
        }
        """
    assert (
        text_of(core)
        == """\
program f(n: i64, x: f64[n], k: i64)
    c: i64 = 0
    y: f64[n] = allocate (arena)
    copy y = x
    h: f64[c] = allocate (growing)
    y_1: f64[n] = view y[]
    while:
        t: bool = le 0, k
        t_1: bool = lt k, n
        t_2: bool = and t, t_1
        check t_2 else index: k, n
        v: f64 = y_1[k]
        p: bool = lt v, 1.0
    holds p:
        t_3: i64 = add c, 1
        reserve h, t_3
        t_4: bool = lt 0, n
        check t_4 else index: 0, n
        w: f64 = y_1[0]
        h[c] = w
        t_5: bool = le 0, k
        t_6: bool = lt k, n
        t_7: bool = and t_5, t_6
        check t_7 else index: k, n
        y_1[k] = 2.0
        print {0} w
        c = add c, 1
    result1: f64[c] = allocate (result 1)
    copy result1 = h
    return c, result1
"""
    )
