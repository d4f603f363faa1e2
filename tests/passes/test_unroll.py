"""Short loops and small arrays inside loops, accumulators without loops, and branches that become choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from difflang.core.ir import Block, Eqn, Func, Type, Var, walk
from difflang.core.ops import I64, integer
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.diagnostics.model import DiffLangError
from difflang.passes.model import Pass
from difflang.passes.rewrite import Rewriter
from difflang.passes.speculate import Speculate
from difflang.passes.unroll import Unroll
from tests.core.generators import arguments, functions
from tests.passes.checking import after, unchanged_value, value

PARAMS = "n: i64, x: f64[n, 3], c: f64[4, 3], p: i64[n]"
X = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -0.5]])
C = np.arange(12.0).reshape(4, 3)


def ops_after(step: Pass, func: Func) -> list[str]:
    after_ = step(func)
    verify(after_)
    return [eqn.op for eqn in walk(after_.block)]


def over_points(lines: str, result: str = "f64[n]") -> Func:
    """A function with a loop over the rows of x, whose body is given."""
    return parse_func(f"func f({PARAMS}) {{\nout: {result} = build n {{ i: i64\n{lines}\n}}\nyield out\n}}\n")


def run(func: Func, *args: Any) -> Any:
    return value(func, [*args])[0]


def points(func: Func, x: np.ndarray = X, index: list[int] | None = None) -> Any:
    return run(func, len(x), x, C, np.array([1, 2] if index is None else index))


NORM = """
  d: f64[3] = build 3 { k: i64
    u: f64 = get x i k
    v: f64 = get c 2 k
    w: f64 = sub u v
    yield w
  }
  s: f64 = reduce[op="sum"] 3 { l: i64
    e: f64 = get d l
    q: f64 = mul e e
    yield q
  }
  yield s
"""


def test_vectors_of_three_become_scalars() -> None:
    func = over_points(NORM)
    ops = ops_after(Unroll(), func)
    assert ops.count("build") == 1 and "reduce" not in ops
    np.testing.assert_allclose(points(Unroll()(func)), ((X - C[2]) ** 2).sum(1), rtol=1e-15)


def test_nothing_is_unrolled_outside_of_loops() -> None:
    text = "y: f64[3] = build 3 { k: i64\nv: f64 = get w k\nu: f64 = exp v\nyield u\n}\nyield y"
    assert "build 3" in after(Unroll(), text, "w: f64[3]")


def test_no_points() -> None:
    assert points(Unroll()(over_points(NORM)), np.zeros((0, 3)), []).shape == (0,)


def test_a_concatenation_has_no_branches() -> None:
    """The pieces of 3 and 2 elements are told apart by literal indices."""
    lines = """
      a: f64[5] = build 5 { k: i64
        first: bool = lt k 3
        v: f64 = cond first {
          u: f64 = get x i k
          yield u
        } {
          j: i64 = sub k 3
          w: f64 = get c j j
          yield w
        }
        yield v
      }
      yield a
    """
    func = over_points(lines, "f64[n, 5]")
    assert "cond" not in ops_after(Unroll(), func)
    np.testing.assert_array_equal(points(Unroll()(func)), np.hstack([X, np.tile([C[0, 0], C[1, 1]], (2, 1))]))


@pytest.mark.parametrize("reverse", ["true", "false"])
def test_short_sequential_loops(reverse: str) -> None:
    """Horner's rule, with the partial results stacked."""
    lines = f"""
      s: f64, t: f64[3] = fold[carries=1, reverse={reverse}] 3 0.0 {{ k: i64, h: f64
        u: f64 = get x i k
        v: f64 = mul h 2.0
        w: f64 = add v u
        yield w, h
      }}
      r: f64 = get t 1
      z: f64 = sub s r
      yield z
    """
    func = over_points(lines)
    assert "fold" not in ops_after(Unroll(), func)
    coefficients = X[:, ::-1] if reverse == "true" else X
    h = [np.zeros(2)]
    for k in range(3):
        h.append(2 * h[-1] + coefficients[:, k])
    np.testing.assert_allclose(points(Unroll()(func)), h[3] - h[1], rtol=1e-15)


def test_small_products_of_matrices_and_branches_of_vectors() -> None:
    lines = """
      a: f64[3] = get x i
      b: f64[4] = contract[spec="ij,j->i"] c a
      s: f64 = get a 0
      positive: bool = gt s 1.0
      d: f64[4] = cond positive {
        yield b
      } {
        e: f64[4] = set b 2 7.0
        yield e
      }
      yield d
    """
    func = over_points(lines, "f64[n, 4]")
    ops = ops_after(Unroll(), func)
    assert not {"contract", "set"} & set(ops)
    expected = X @ C.T
    expected[0, 2] = 7.0
    np.testing.assert_allclose(points(Unroll()(func)), expected, rtol=1e-15)


def test_an_array_that_is_read_at_a_computed_index_is_made() -> None:
    lines = """
      a: f64[3] = build 3 { k: i64
        u: f64 = get x i k
        v: f64 = mul u u
        yield v
      }
      j: i64 = get p i
      r: f64 = get a j
      yield r
    """
    func = over_points(lines)
    assert "table" in ops_after(Unroll(), func)
    assert points(Unroll()(func)).tolist() == [1.0, 0.25]
    for step in (func, Unroll()(func)):
        with pytest.raises(DiffLangError) as failure:
            points(step, index=[0, 3])
        assert failure.value.code == "E0801"


def test_an_update_leaves_the_array_before_it() -> None:
    lines = """
      a: f64[3] = build 3 { k: i64
        u: f64 = get x i k
        yield u
      }
      b: f64[3] = set a 1 9.0
      s: f64 = get a 1
      v: f64 = get b 1
      w: f64 = sub v s
      yield w
    """
    assert points(Unroll()(over_points(lines))).tolist() == [10.0, 8.75]


def test_sums_of_small_vectors_are_sums_of_scalars() -> None:
    text = f"""
      func f({PARAMS}) {{
        s: f64[3] = reduce[op="sum"] n {{ i: i64
          a: f64[3] = build 3 {{ k: i64
            u: f64 = get x i k
            v: f64 = mul u 2.0
            yield v
          }}
          yield a
        }}
        yield s
      }}
    """
    func = Unroll()(parse_func(text))
    assert all(not out.type.shape for eqn in walk(func.block) if eqn.op == "reduce" for out in eqn.outs)
    np.testing.assert_allclose(points(func), 2 * X.sum(0), rtol=1e-15)


def test_the_budget_bounds_the_program() -> None:
    lines = NORM.replace(" 3 {", " 12 {").replace("get x i k", "get x i 0").replace("get c 2 k", "get c 0 0")
    func = over_points(lines.replace("f64[3]", "f64[12]"))
    assert ops_after(Unroll(budget=20), func).count("build") == 2
    assert ops_after(Unroll(), func).count("build") == 1


ADDITIONS = """
  positive: bool = gt u 0.0
  s: f64, g: f64[2] = accum 1.0 z { r: &f64, q: &f64[2]
    add_to r u
    cond positive {
      add_to r u
      add_to q 1 u
      yield
    } {
      add_to q w
      yield
    }
    add_to q 0 2.0
    yield
  }
  yield s, g
"""


@pytest.mark.parametrize("u", [3.0, -3.0])
def test_accumulators_without_loops_are_values(u: float) -> None:
    func = parse_func(f"func f(u: f64, z: f64[2], w: f64[2]) {{{ADDITIONS}}}\n")
    assert not {"accum", "add_to"} & set(ops_after(Unroll(), func))
    total, vector = value(Unroll()(func), [u, np.array([1.0, 2.0]), np.array([10.0, 20.0])])
    assert total == (7.0 if u > 0 else -2.0)
    assert vector.tolist() == ([3.0, 5.0] if u > 0 else [13.0, 22.0])


def test_accumulators_that_loops_add_to_stay() -> None:
    text = f"""
      func f({PARAMS}) {{
        s: f64, t: f64 = accum 0.0 0.0 {{ r: &f64, q: &f64
          build n {{ i: i64
            u: f64 = get x i 0
            add_to r u
            yield
          }}
          add_to q 5.0
          yield
        }}
        yield s, t
      }}
    """
    func = Unroll()(parse_func(text))
    assert value(func, [2, X, C, np.array([0, 0])]) == [3.5, 5.0]


BRANCHES = """
  u: f64 = get x i 0
  positive: bool = gt u 1.0
  y: f64 = cond positive {
    v: f64 = log u
    yield v
  } {
    w: f64 = mul u u
    yield w
  }
  yield y
"""


def test_branches_in_innermost_loops_become_choices() -> None:
    func = over_points(BRANCHES)
    ops = ops_after(Speculate(), func)
    assert "cond" not in ops and "select" in ops
    x = np.array([[-2.0, 0, 0], [3.0, 0, 0]])
    with np.errstate(all="ignore"):
        assert points(Speculate()(func), x).tolist() == [4.0, np.log(3.0)]


READ = "j: i64 = get p i\nv: f64 = get c j 0"
DIVISION = 'k: i64 = get p i\nj: i64 = floordiv 6 k\nv: f64 = convert[dtype="f64"] j'


@pytest.mark.parametrize(("branch", "bad", "expected"), [(READ, 9, 6.0), (DIVISION, 0, 3.0)])
def test_what_may_fail_stays_in_its_branch(branch: str, bad: int, expected: float) -> None:
    """The first point does not take the branch, which would fail."""
    func = over_points(BRANCHES.replace("v: f64 = log u", branch))
    assert "cond" in ops_after(Speculate(), func)
    assert points(Speculate()(func), index=[bad, 2]).tolist() == [0.25, expected]


def test_dear_branches_and_sequential_loops_keep_their_branches() -> None:
    assert "cond" in ops_after(Speculate(dearest=4), over_points(BRANCHES))
    text = """
      func f(n: i64, s: f64) {
        t: f64 = fold[carries=1] n s { i: i64, u: f64
          positive: bool = gt u 1.0
          y: f64 = cond positive {
            v: f64 = log u
            yield v
          } {
            w: f64 = mul u u
            yield w
          }
          yield y
        }
        yield t
      }
    """
    assert "cond" in ops_after(Speculate(), parse_func(text))


def of_literal_size(func: Func, size: int, copies: int) -> Func:
    """The function for n = size, computed several times over in a loop."""
    rewriter = Rewriter()
    rewriter.atoms[func.params[0]] = integer(size)
    block = rewriter.block(Block(func.params[1:], func.block.eqns, func.block.results))
    body = Block((Var(I64, "copy"),), block.eqns, block.results)
    outs = tuple(Var(Type(r.type.dtype, (integer(copies), *r.type.shape))) for r in block.results)
    return Func("f", Block(block.params, (Eqn(outs, "build", (integer(copies),), {}, (body,)),), outs))


@pytest.mark.parametrize("step", [Unroll(), Speculate()])
@given(func=functions(size=12))
@settings(max_examples=40, deadline=None)
def test_values_stay(step: Pass, func: Func) -> None:
    _, *args = arguments(func, n=3)
    unchanged_value(step, of_literal_size(func, 3, 2), args)
