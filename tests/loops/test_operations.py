"""Each operation of Core, scheduled, against the reference interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from tests.loops.running import agree_text

A = np.arange(1.0, 7.0).reshape(2, 3)
B = np.cos(np.arange(12.0)).reshape(3, 4)
V = np.array([3.0, -1.0, 2.0])


def test_views_and_reshapes() -> None:
    text = """
        func f(m: i64, n: i64, a: f64[m, n], i: i64) {
          row: f64[n] = get a i
          k: i64 = mul m n
          flat: f64[k] = reshape a k
          x: f64 = get flat 4
          back: f64[n, m] = reshape flat n m
          new: f64[n, m] = set back 0 1 100.0
          yield row, flat, x, back, new
        }
        """
    agree_text(text, 2, 3, A, 1)


def test_one_element_arrays_and_scalars_reshape() -> None:
    text = """
        func f(x: f64[1, 1], s: f64) {
          y: f64 = reshape x
          z: f64 = reshape s
          a: f64[1] = build 1 { i: i64
            yield s
          }
          yield y, z, a
        }
        """
    agree_text(text, np.array([[2.5]]), 4.0)


def test_what_is_reshaped_is_made_in_place() -> None:
    text = """
        func f(m: i64, n: i64, x: f64[n]) {
          k: i64 = mul m n
          rows: f64[m, k] = build m { i: i64
            a: f64[m, n] = build m n { p: i64, q: i64
              v: f64 = get x q
              yield v
            }
            b: f64[k] = reshape a k
            yield b
          }
          flat: f64[n, 1] = build n 1 { r: i64, s: i64
            w: f64 = get x r
            yield w
          }
          u: f64[n] = reshape flat n
          t: f64[1] = reshape 2.5 1
          yield rows, u, t
        }
        """
    assert agree_text(text, 2, 3, V).copies == 0
    both = text.replace("yield rows, u, t", "yield rows, u, t, flat")
    agree_text(both, 2, 3, V)


def test_builds_of_arrays_with_several_results() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          a: f64[n, n], b: i64[n], c: f64[n, n], d: f64[n, 2, n] = build n { i: i64
            r: f64[n] = build n { j: i64
              u: f64 = get x j
              v: f64 = get x i
              w: f64 = mul u v
              yield w
            }
            q: f64[2, n] = build 2 n { k: i64, l: i64
              z: f64 = get x l
              yield z
            }
            yield r, i, x, q
          }
          yield a, b, c, d
        }
        """
    agree_text(text, 3, V)
    agree_text(text, 0, np.zeros(0))


def test_the_same_array_twice_and_parameters_directly() -> None:
    text = """
        func f(n: i64, x: f64[n], s: f64) {
          a: f64[n] = build n { i: i64
            yield s
          }
          yield a, a, x, x, s, 3, n
        }
        """
    agree_text(text, 3, V, 2.0)


def test_negative_extents_and_dead_outputs() -> None:
    text = """
        func f(m: i64) {
          a: f64[m], b: f64[m] = build m { i: i64
            yield 1.0, 2.0
          }
          s: f64 = reduce[op="sum"] m { j: i64
            yield 1.0
          }
          yield b, s
        }
        """
    for m in (-2, 0, 3):
        agree_text(text, m)


@pytest.mark.parametrize("op", ["sum", "prod", "max", "min", "argmax", "argmin"])
@pytest.mark.parametrize("dtype", ["f64", "i64"])
def test_reductions(op: str, dtype: str) -> None:
    result = "i64" if op.startswith("arg") else dtype
    text = f"""
        func f(m: i64, n: i64, a: {dtype}[m, n]) {{
          s: {result} = reduce[op="{op}"] m n {{ i: i64, j: i64
            v: {dtype} = get a i j
            yield v
          }}
          yield s
        }}
        """
    values = np.array([[3, 7, -2], [7, -2, 5]])
    agree_text(text, 2, 3, values.astype("float64" if dtype == "f64" else "int64"))
    agree_text(text, 0, 3, np.zeros((0, 3), "float64" if dtype == "f64" else "int64"))


def test_extremes_with_nan_and_infinity() -> None:
    for op in ("max", "argmax", "argmin"):
        text = f"""
            func f(n: i64, a: f64[n]) {{
              s: {"i64" if op.startswith("arg") else "f64"} = reduce[op="{op}"] n {{ i: i64
                v: f64 = get a i
                yield v
              }}
              yield s
            }}
            """
        for values in ([1.0, np.nan, 2.0, np.nan], [-np.inf, -np.inf], [np.inf, np.inf]):
            agree_text(text, len(values), np.array(values))


def test_logical_reductions() -> None:
    text = """
        func f(n: i64, a: bool[n]) {
          p: bool = reduce[op="all"] n { i: i64
            v: bool = get a i
            yield v
          }
          q: bool = reduce[op="any"] n { j: i64
            w: bool = get a j
            yield w
          }
          yield p, q
        }
        """
    for values in ([True, True], [True, False], [False, False], []):
        agree_text(text, len(values), np.array(values, bool))


def test_sums_of_arrays() -> None:
    text = """
        func f(m: i64, n: i64, a: f64[m, n], x: f64[m]) {
          s: f64[n], t: f64[n], u: f64 = reduce[op="sum"] m { i: i64
            row: f64[n] = get a i
            scaled: f64[n] = build n { j: i64
              v: f64 = get row j
              w: f64 = get x i
              z: f64 = mul v w
              yield z
            }
            q: f64 = get x i
            yield row, scaled, q
          }
          yield s, t, u
        }
        """
    agree_text(text, 2, 3, A, V[:2])
    agree_text(text, 0, 3, np.zeros((0, 3)), np.zeros(0))


def test_a_summed_array_that_is_also_read() -> None:
    text = """
        func f(m: i64, n: i64, a: f64[m, n]) {
          s: f64[n], t: f64 = reduce[op="sum"] m { i: i64
            scaled: f64[n] = build n { j: i64
              v: f64 = get a i j
              z: f64 = mul v 2.0
              yield z
            }
            q: f64 = get scaled 1
            yield scaled, q
          }
          yield s, t
        }
        """
    agree_text(text, 2, 3, A)


SPECS = ["ij,jk->ik", "ij,jk->ki", "ji,jk->ik", "ji,kj->ik", "ij,kj->ki", "ij,j->i", "ij,i->j", "i,j->ij", "i,i->"]
MORE_SPECS = [
    "ij,ij->",
    "ij,ij->i",
    "ij,ij->ij",
    "ijk,kl->ijl",
    "ijk,ikl->ijl",
    "ij,k->kij",
    "ij,ij->j",
    "i,ij->ji",
    ",ij->ji",
    "ij,->i",
    ",->",
]


@pytest.mark.parametrize("spec", SPECS + MORE_SPECS)
@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize("scale", [1, 8])
def test_sums_of_products(spec: str, literal: bool, scale: int) -> None:
    sizes = {"i": 2 * scale, "j": 3 * scale, "k": 4 * scale, "l": 2}
    inputs, output = spec.split("->")
    dims = {x: str(n) if literal else x for x, n in sizes.items()}
    first, second, out = (
        f"f64[{', '.join(dims[x] for x in part)}]" if part else "f64" for part in (*inputs.split(","), output)
    )
    text = f"""
        func f(i: i64, j: i64, k: i64, l: i64, a: {first}, b: {second}) {{
          c: {out} = contract[spec="{spec}"] a b
          yield c
        }}
        """
    random = np.random.default_rng(1)
    arrays = [random.standard_normal([sizes[x] for x in part]) for part in inputs.split(",")]
    agree_text(text, *sizes.values(), *arrays)


def test_accumulators_of_every_kind() -> None:
    text = """
        func f(m: i64, n: i64, a: f64[m, n]) {
          zero: f64[n] = build n { z: i64
            yield 0.0
          }
          p: f64[n], sum: f64, whole: f64[m, n], rows: f64[m] = accum zero 0.5 a { r: &f64[n], s: &f64, t: &f64[m, n]
            out: f64[m] = build m { i: i64
              build n { j: i64
                v: f64 = get a i j
                add_to r j v
                add_to s v
                add_to t i j 1.0
                yield
              }
              row: f64[n] = get a i
              add_to t i row
              add_to r row
              w: f64 = get a i 0
              yield w
            }
            add_to t a
            yield out
          }
          yield p, sum, whole, rows
        }
        """
    agree_text(text, 2, 3, A)


def test_integers_and_bools_in_arrays() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          p: bool[n], k: i64[n], h: i32[n], g: f32[n] = build n { i: i64
            v: f64 = get x i
            b: bool = lt v 2.5
            s: i64 = convert[dtype="i64"] v
            t: i32 = convert[dtype="i32"] v
            u: f32 = convert[dtype="f32"] v
            yield b, s, t, u
          }
          q: bool[n] = set p 0 true
          yield q, k, h, g
        }
        """
    agree_text(text, 3, V)


def test_linear_algebra_and_sorting() -> None:
    text = """
        func f(n: i64, a: f64[n, n], b: f64[n, n], x: f64[n]) {
          l: f64[n, n] = cholesky a
          m: f64[n, n], p: i64[n] = lu b
          t: f64[n] = triangular_solve[lower] l x
          y: f64[n] = solve b x
          z: f64[n, n] = solve b a
          w: f64[n], v: f64[n, n] = eigh a
          o: i64[n] = argsort x
          yield l, m, p, t, y, z, w, o
        }
        """
    b = B[:, :3] + 2 * np.eye(3)
    agree_text(text, 3, b @ b.T, b, V)


def test_a_result_whose_size_is_computed() -> None:
    text = """
        func f(n: i64) {
          k: i64 = mul n 2
          a: i64[k] = build k { i: i64
            yield i
          }
          b: i64[k] = set a 0 7
          yield b
        }
        """
    agree_text(text, 3)
