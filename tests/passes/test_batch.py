"""Products of a matrix with a vector in every turn become products of matrices, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.special import expit

import difflang as dl
from difflang.core.ir import Func, walk
from difflang.core.parser import parse_func
from difflang.core.verifier import verify
from difflang.passes.batch import Batch
from difflang.passes.dead import DeadCode
from tests.core.generators import arguments, functions
from tests.passes.checking import unchanged_value, value

PARAMS = "n: i64, m: i64, k: i64, a: f64[k, m], x: f64[n, m], u: f64[k]"


def program(*body: str, op: str = 'reduce[op="sum"]', type_: str = "f64", yields: str = "y") -> Func:
    """A loop over the rows of x with p = a sin(x_i), and what else `body` says."""
    lines = "\n".join(body)
    return parse_func(f"""
        func f({PARAMS}) {{
          r: {type_} = {op} n {{ i: i64
            row: f64[m] = build m {{ j: i64
              e: f64 = get[inbounds] x i j
              s: f64 = sin e
              yield s
            }}
            p: f64[k] = contract[spec="ij,j->i"] a row
            {lines}
            yield {yields}
          }}
          yield r
        }}
        """)


SQUARES = 'y: f64 = contract[spec="i,i->"] p p'
COUNTS = [0, 1, 3, 4, 5, 7, 8, 23]


def batched(func: Func, rows: int = 4) -> Func:
    verify(func)
    result = DeadCode()(Batch(rows)(func))
    verify(result)
    return result


def products(func: Func) -> list[str]:
    """The contractions that make matrices."""
    made = [eqn for eqn in walk(func.block) if eqn.op == "contract" and eqn.outs[0].type.rank == 2]
    return [str(eqn.attrs["spec"]) for eqn in made]


def data(n: int, m: int = 3, k: int = 5) -> list[Any]:
    rng = np.random.default_rng(n)
    return [n, m, k, rng.normal(size=(k, m)), rng.normal(size=(n, m)), rng.normal(size=k)]


@pytest.mark.parametrize("n", COUNTS)
def test_a_sum_over_turns_for_any_number_of_them(n: int) -> None:
    func = batched(program(SQUARES))
    assert products(func) == ["ij,kj->ki"]
    _, _, _, a, x, _ = args = data(n)
    assert value(func, args)[0] == pytest.approx(np.sum((np.sin(x) @ a.T) ** 2), rel=1e-13)


@pytest.mark.parametrize("n", COUNTS)
def test_an_array_of_rows_for_any_number_of_turns(n: int) -> None:
    """The last block ends with the loop, and no row is missing or in a wrong place."""
    func = batched(program(op="build", type_="f64[n, k]", yields="p"))
    assert products(func) == ["ij,kj->ki"]
    _, _, _, a, x, _ = args = data(n)
    np.testing.assert_allclose(value(func, args)[0], np.sin(x) @ a.T, rtol=1e-13, atol=1e-15)


def test_layers_follow_one_another() -> None:
    """The products of the second layer take what the first has made of all turns."""
    func = batched(
        parse_func("""
        func f(n: i64, m: i64, a: f64[m, m], b: f64[m, m], x: f64[n, m]) {
          r: f64 = reduce[op="sum"] n { i: i64
            row: f64[m] = get[inbounds] x i
            p: f64[m] = contract[spec="ij,j->i"] a row
            h: f64[m] = build m { j: i64
              e: f64 = get[inbounds] p j
              t: f64 = tanh e
              yield t
            }
            q: f64[m] = contract[spec="ji,j->i"] b h
            s: f64 = contract[spec="i,i->"] q h
            yield s
          }
          yield r
        }
        """)
    )
    assert products(func) == ["ij,kj->ki", "ji,kj->ki"]
    assert [eqn.op for eqn in walk(func.block)].count("tanh") == 1
    rng = np.random.default_rng(1)
    a, b, x = rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=(7, 3))
    h = np.tanh(x @ a.T)
    assert value(func, [7, 3, a, b, x])[0] == pytest.approx(np.sum((h @ b) * h), rel=1e-13)


def test_vectors_that_lie_in_columns_are_read_along_the_rows() -> None:
    func = parse_func("""
        func f(n: i64, m: i64, d: f64[n], x: f64[n, m]) {
          h: f64[m, m] = build m { i: i64
            c: f64[n] = build n { j: i64
              e: f64 = get[inbounds] x j i
              w: f64 = get[inbounds] d j
              y: f64 = mul e w
              yield y
            }
            p: f64[m] = contract[spec="i,ij->j"] c x
            yield p
          }
          yield h
        }
        """)
    made = batched(func)
    assert products(made) == ["ik,ij->kj"]
    rng = np.random.default_rng(2)
    d, x = rng.normal(size=9), rng.normal(size=(9, 6))
    np.testing.assert_allclose(value(made, [9, 6, d, x])[0], x.T @ (d[:, None] * x), rtol=1e-13, atol=1e-14)


def test_a_loop_for_its_additions() -> None:
    """No turn is made twice."""
    func = parse_func(f"""
        func f({PARAMS}) {{
          r: f64[k] = accum u {{ t: &f64[k]
            build n {{ i: i64
              row: f64[m] = get[inbounds] x i
              p: f64[k] = contract[spec="ij,j->i"] a row
              add_to t p
              yield
            }}
            yield
          }}
          yield r
        }}
        """)
    made = batched(func)
    assert products(made) == ["ij,kj->ki"]
    for n in COUNTS:
        _, _, _, a, x, u = args = data(n)
        np.testing.assert_allclose(value(made, args)[0], u + np.sum(x @ a.T, axis=0), rtol=1e-12)


def test_the_largest_of_all_turns() -> None:
    made = batched(program(SQUARES, op='reduce[op="max"]'))
    assert products(made)
    for n in COUNTS[1:]:
        _, _, _, a, x, _ = args = data(n)
        assert value(made, args)[0] == pytest.approx(np.max(np.sum((np.sin(x) @ a.T) ** 2, axis=1)), rel=1e-13)


@pytest.mark.parametrize(
    "func",
    [
        pytest.param(program(SQUARES, op='reduce[op="argmax"]', type_="i64"), id="a place in the loop"),
        pytest.param(parse_func(f"""
            func f({PARAMS}) {{
              r: f64 = reduce[op="sum"] n {{ i: i64
                row: f64[m] = get x i
                p: f64[k] = contract[spec="ij,j->i"] a row
                {SQUARES}
                yield y
              }}
              yield r
            }}
            """), id="a vector whose reading may fail"),
        pytest.param(parse_func(f"""
            func f({PARAMS}) {{
              v: f64[k], r: f64[n] = accum u {{ t: &f64[k]
                q: f64[n] = build n {{ i: i64
                  row: f64[m] = get[inbounds] x i
                  p: f64[k] = contract[spec="ij,j->i"] a row
                  add_to t p
                  {SQUARES}
                  yield y
                }}
                yield q
              }}
              yield v, r
            }}
            """), id="additions and elements"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_in_blocks_stays(func: Func) -> None:
    assert not products(batched(func))


LOGISTIC = """
fn loss(w: real[d], x: real[n, d], y: real[n]) -> real:
    let z = x @ w
    return sum(softplus(z[i]) - y[i] * z[i] for i)
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 3), (90, 33), (40, 150)])
def test_the_hessian_of_a_logistic_regression(n: int, d: int, threads: int) -> None:
    """X^T diag(p (1 - p)) X."""
    rng = np.random.default_rng(n)
    w, x, y = rng.normal(size=d) / d, rng.normal(size=(n, d)), rng.integers(2, size=n).astype(float)
    p = expit(x @ w)
    loss = dl.loads(LOGISTIC).loss.on(threads=threads)
    expected = x.T @ ((p * (1 - p))[:, None] * x)
    np.testing.assert_allclose(dl.hessian(loss)(w, x, y), expected, rtol=1e-12, atol=1e-13)


NETWORK = """
fn energy(x: real[n], a: real[h, n], b: real[h, h]) -> real = sum(tanh(b @ tanh(a @ x)))
fn laplacian(x: real[n], a: real[h, n], b: real[h, h]) -> real:
    return sum(jvp(fn(y) = grad(energy)(y, a, b))(x, [1.0 if j == i else 0.0 for j in 0..n])[1][i] for i in 0..n)
fn batch(xs: real[m, n], a: real[h, n], b: real[h, h]) -> real = sum(energy(xs[i], a, b) for i)
"""


def hessian(x: Any, a: Any, b: Any) -> Any:
    """Of sum(tanh(b tanh(a x))), by hand: with s = tanh(a x), t = tanh(b s), it is
    a^T (diag(s') b^T diag(t'') b diag(s') + diag((b^T t') s'')) a, where f' = 1 - f^2 and f'' = -2 f f'."""
    s = np.tanh(a @ x)
    t = np.tanh(b @ s)
    s1, t1 = 1 - s * s, 1 - t * t
    inner = s1[:, None] * (b.T @ ((-2 * t * t1)[:, None] * b)) * s1 + np.diag((b.T @ t1) * -2 * s * s1)
    return a.T @ inner @ a


@pytest.mark.parametrize(("n", "h"), [(4, 3), (20, 17), (70, 40)])
def test_second_derivatives_of_a_network(n: int, h: int) -> None:
    rng = np.random.default_rng(h)
    x, a, b = rng.normal(size=n), rng.normal(size=(h, n)) / n**0.5, rng.normal(size=(h, h)) / h**0.5
    module, expected = dl.loads(NETWORK), hessian(x, a, b)
    np.testing.assert_allclose(dl.hessian(module.energy)(x, a, b), expected, rtol=1e-11, atol=1e-13)
    assert module.laplacian(x, a, b) == pytest.approx(np.trace(expected), rel=1e-11)


@pytest.mark.parametrize("m", [1, 9, 150])
def test_the_gradient_of_a_batch_in_the_weights(m: int) -> None:
    """Backpropagation over all points at once, by hand."""
    rng = np.random.default_rng(m)
    xs, a, b = rng.normal(size=(m, 12)), rng.normal(size=(10, 12)), rng.normal(size=(10, 10))
    s = np.tanh(xs @ a.T)
    t = np.tanh(s @ b.T)
    back = ((1 - t * t) @ b) * (1 - s * s)
    value_, (of_a, of_b) = dl.value_and_grad(dl.loads(NETWORK).batch, wrt=("a", "b"))(xs, a, b)
    assert value_ == pytest.approx(np.sum(t), rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(of_a, back.T @ xs, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(of_b, (1 - t * t).T @ s, rtol=1e-11, atol=1e-12)


@given(functions())
@settings(max_examples=60, deadline=None)
def test_random_programs_keep_their_values(func: Func) -> None:
    unchanged_value(Batch(), func, arguments(func))
