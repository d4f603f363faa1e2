"""What every turn of a loop would compute again, in a part of its builds, is computed before the loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import difflang as dl
from difflang.core.ir import Func, walk
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.passes.dead import DeadCode
from difflang.passes.steady import Steady
from tests.core.generators import arguments, functions
from tests.passes.checking import unchanged_value, value

A, B, W = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])


def program(*body: str, yields: str = "y") -> Func:
    """For each number s of b a build over the elements v of a, and the sum of what it yields."""
    lines = "\n".join(body)
    return parse_func(f"""
        func f(n: i64, m: i64, a: f64[n], b: f64[m], w: f64[n, n]) {{
          total: f64 = reduce[op="sum"] m {{ i: i64
            s: f64 = get[inbounds] b i
            c: f64[n] = build n {{ j: i64
              v: f64 = get[inbounds] a j
              {lines}
              yield {yields}
            }}
            d: f64 = contract[spec="i->"] c
            yield d
          }}
          yield total
        }}
        """)


def divided(func: Func) -> Func:
    result = DeadCode()(Steady()(func))
    verify(result)
    return result


def inside(func: Func) -> list[str]:
    """The operations in the loop."""
    loop = next(eqn for eqn in func.block.eqns if eqn.op == "reduce")
    return [eqn.op for eqn in walk(loop.regions[0])]


def run(func: Func) -> float:
    return value(func, [3, 2, A, B, W])[0]


def test_a_dear_part_leaves_the_loop() -> None:
    func = divided(program("t: f64 = exp v", "y: f64 = mul t s"))
    assert "exp" not in inside(func)
    assert run(func) == pytest.approx(np.sum(np.exp(A)) * 3, rel=1e-15)


def test_what_is_cheap_from_a_stored_value_has_no_array() -> None:
    func = divided(program("t: f64 = tanh v", "q: f64 = mul t t", "z: f64 = mul q s", "y: f64 = add z t"))
    (made,) = [eqn for eqn in func.block.eqns if eqn.op == "build"]
    assert len(made.outs) == 1
    t = np.tanh(A)
    assert run(func) == pytest.approx(np.sum(np.outer(B, t * t) + t), rel=1e-14)


@pytest.mark.parametrize("body", [("y: f64 = mul v s",), ("q: f64 = mul v s", "y: f64 = exp q")])
def test_cheap_and_varying_parts_stay(body: tuple[str, ...]) -> None:
    func = program(*body)
    assert inside(divided(func)) == inside(func)


def test_reads_that_may_fail_stay() -> None:
    """In a loop without turns they never happen."""
    func = program("k: i64 = add j 1", "u: f64 = get a k", "t: f64 = exp u", "y: f64 = mul t s")
    assert "exp" in inside(divided(func))


def test_what_follows_from_a_steady_array_leaves_with_it() -> None:
    """The contraction of a result that has become an array of its own, and what is computed from that."""
    func = parse_func("""
        func f(n: i64, m: i64, a: f64[n], b: f64[m], w: f64[n, n]) {
          total: f64 = reduce[op="sum"] m { i: i64
            s: f64 = get[inbounds] b i
            t: f64[n], u: f64[n] = build n { j: i64
              v: f64 = get[inbounds] a j
              e: f64 = exp v
              y: f64 = mul e s
              yield e, y
            }
            p: f64[n] = contract[spec="ij,j->i"] w t
            q: f64[n] = contract[spec="ij,j->i"] w u
            r: f64[n] = build n { k: i64
              g: f64 = get[inbounds] p k
              h: f64 = get[inbounds] q k
              z: f64 = sin g
              x: f64 = mul z h
              yield x
            }
            d: f64 = contract[spec="i->"] r
            yield d
          }
          yield total
        }
        """)
    result = divided(func)
    assert inside(result).count("contract") == 2
    assert not {"exp", "sin"} & set(inside(result))
    e = np.exp(A)
    assert run(result) == pytest.approx(3 * np.sum(np.sin(W @ e) * (W @ e)), rel=1e-13)


def test_a_loop_without_turns_computes_nothing_that_fails() -> None:
    module = dl.loads("fn f(x: real[n], b: real[m]) -> real = sum(sum(b[i] * exp(x[j] * x[0]) for j in 0..3) for i)")
    assert module.f(np.zeros(3), np.zeros(0)) == 0.0
    assert module.f(np.ones(3), np.ones(2)) == pytest.approx(6 * np.e, rel=1e-15)


@given(functions())
@settings(max_examples=60, deadline=None)
def test_random_programs_keep_their_values(func: Func) -> None:
    unchanged_value(Steady(), func, arguments(func))
