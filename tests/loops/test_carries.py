"""Carried arrays: in place where it is safe, copied or permuted where it is not."""

from __future__ import annotations

import numpy as np

from tests.loops.running import agree_text

X = np.arange(1.0, 6.0)
Y = np.arange(10.0, 15.0)


def test_updates_of_a_carry_are_in_place() -> None:
    machine = agree_text(
        """
        func f(n: i64, x: f64[n]) {
          y: f64[n] = fold[carries=1] n x { i: i64, c: f64[n]
            v: f64 = get c i
            w: f64 = mul v 2.0
            d: f64[n] = set c i w
            yield d
          }
          yield y
        }
        """,
        5,
        X,
    )
    assert machine.copies == 5, "only the parameter is copied, once"


def test_an_array_made_for_the_loop_is_not_copied() -> None:
    machine = agree_text(
        """
        func f(n: i64) {
          z: f64[n] = build n { k: i64
            yield 0.0
          }
          y: f64[n] = fold[carries=1] n z { i: i64, c: f64[n]
            d: f64[n] = set c i 1.0
            yield d
          }
          yield y
        }
        """,
        5,
    )
    assert (machine.copies, machine.allocations) == (0, 0)


def test_a_swap_of_two_carries_moves_no_elements() -> None:
    text = """
        func f(n: i64, steps: i64, x: f64[n], y: f64[n]) {
          a: f64[n], b: f64[n] = fold[carries=2] steps x y { i: i64, c: f64[n], d: f64[n]
            yield d, c
          }
          yield a, b
        }
        """
    for steps in range(4):
        agree_text(text, 5, steps, X, Y)
    assert agree_text(text, 5, 4, X, Y).copies == agree_text(text, 5, 100, X, Y).copies


def test_a_swap_of_two_small_carries() -> None:
    text = """
        func f(steps: i64, x: f64[5], y: f64[5]) {
          a: f64[5], b: f64[5] = fold[carries=2] steps x y { i: i64, c: f64[5], d: f64[5]
            yield d, c
          }
          yield a, b
        }
        """
    for steps in range(4):
        agree_text(text, steps, X, Y)


def test_a_rotation_with_a_new_value() -> None:
    for dim in ("n", "5"):
        text = f"""
            func f(n: i64, steps: i64, x: f64[{dim}], y: f64[{dim}]) {{
              a: f64[{dim}], b: f64[{dim}] = fold[carries=2] steps x y {{ t: i64, c: f64[{dim}], d: f64[{dim}]
                e: f64[{dim}] = build {dim} {{ i: i64
                  j: i64 = sub 4 i
                  u: f64 = get c j
                  v: f64 = get d j
                  w: f64 = add u v
                  yield w
                }}
                yield d, e
              }}
              yield a, b
            }}
            """
        for steps in range(5):
            agree_text(text, 5, steps, X, Y)


def test_an_elementwise_step_is_in_place() -> None:
    text = """
        func f(n: i64, steps: i64, x: f64[n], y: f64[n]) {
          a: f64[n] = fold[carries=1] steps x { t: i64, c: f64[n]
            d: f64[n] = build n { i: i64
              u: f64 = get c i
              v: f64 = get y i
              w: f64 = add u v
              yield w
            }
            yield d
          }
          yield a
        }
        """
    machine = agree_text(text, 5, 7, X, Y)
    assert (machine.copies, machine.allocations) == (5, 0)


def test_a_stencil_needs_a_second_buffer() -> None:
    for dim in ("n", "5"):
        text = f"""
            func f(n: i64, steps: i64, x: f64[{dim}]) {{
              a: f64[{dim}] = fold[carries=1] steps x {{ t: i64, c: f64[{dim}]
                d: f64[{dim}] = build {dim} {{ i: i64
                  k: i64 = add i 1
                  j: i64 = mod k 5
                  u: f64 = get c i
                  v: f64 = get c j
                  w: f64 = sub u v
                  yield w
                }}
                yield d
              }}
              yield a
            }}
            """
        for steps in range(4):
            machine = agree_text(text, 5, steps, X)
        assert machine.allocations == (1 if steps else machine.allocations)


def test_a_carry_that_becomes_an_outer_array() -> None:
    for dim in ("n", "5"):
        text = f"""
            func f(n: i64, steps: i64, x: f64[{dim}], y: f64[{dim}]) {{
              a: f64[{dim}] = fold[carries=1] steps x {{ t: i64, c: f64[{dim}]
                d: f64[{dim}] = set c 0 7.0
                yield y
              }}
              yield a, y
            }}
            """
        for steps in range(3):
            agree_text(text, 5, steps, X, Y)


def test_both_carries_become_the_same_value() -> None:
    for dim in ("n", "5"):
        text = f"""
            func f(n: i64, steps: i64, x: f64[{dim}], y: f64[{dim}]) {{
              a: f64[{dim}], b: f64[{dim}] = fold[carries=2] steps x y {{ t: i64, c: f64[{dim}], d: f64[{dim}]
                e: f64[{dim}] = set c 1 7.0
                f: f64[{dim}] = set d t 3.0
                yield f, f
              }}
              yield a, b, a
            }}
            """
        for steps in range(4):
            agree_text(text, 5, steps, X, Y)


def test_the_old_and_the_new_value_are_both_carried() -> None:
    for dim in ("n", "5"):
        text = f"""
            func f(n: i64, steps: i64, x: f64[{dim}], y: f64[{dim}]) {{
              a: f64[{dim}], b: f64[{dim}] = fold[carries=2] steps x y {{ t: i64, c: f64[{dim}], d: f64[{dim}]
                e: f64[{dim}] = build {dim} {{ i: i64
                  u: f64 = get d i
                  v: f64 = get c 0
                  w: f64 = mul u v
                  yield w
                }}
                g: f64[{dim}] = set e 1 7.0
                yield g, e
              }}
              yield a, b
            }}
            """
        for steps in range(4):
            agree_text(text, 5, steps, X, Y)


def test_one_array_starts_two_carries() -> None:
    text = """
        func f(n: i64, steps: i64) {
          x: f64[n] = build n { i: i64
            v: f64 = convert[dtype="f64"] i
            yield v
          }
          a: f64[n], b: f64[n] = fold[carries=2] steps x x { t: i64, c: f64[n], d: f64[n]
            e: f64[n] = set c t 7.0
            yield e, d
          }
          yield a, b
        }
        """
    for steps in range(3):
        agree_text(text, 5, steps)


def test_the_loop_reads_the_array_that_it_starts_from() -> None:
    text = """
        func f(n: i64, steps: i64) {
          x: f64[n] = build n { i: i64
            v: f64 = convert[dtype="f64"] i
            yield v
          }
          a: f64[n] = fold[carries=1] steps x { t: i64, c: f64[n]
            u: f64 = get c t
            o: f64 = get x 4
            w: f64 = add u o
            e: f64[n] = set c 4 w
            yield e
          }
          yield a
        }
        """
    agree_text(text, 5, 4)


def test_a_view_of_the_carry_is_read_after_an_update() -> None:
    text = """
        func f(n: i64, x: f64[n, n]) {
          a: f64[n, n] = fold[carries=1] n x { t: i64, c: f64[n, n]
            row: f64[n] = get c 0
            e: f64[n, n] = set c 0 t 7.0
            v: f64 = get row 1
            g: f64[n, n] = set e t 1 v
            yield g
          }
          yield a
        }
        """
    agree_text(text, 3, np.arange(9.0).reshape(3, 3))


def test_rows_are_set_in_place() -> None:
    text = """
        func f(n: i64, x: f64[n, n]) {
          a: f64[n, n] = fold[carries=1] n x { t: i64, c: f64[n, n]
            row: f64[n] = build n { j: i64
              v: f64 = get c t j
              w: f64 = mul v v
              yield w
            }
            e: f64[n, n] = set c t row
            yield e
          }
          yield a
        }
        """
    agree_text(text, 3, np.arange(9.0).reshape(3, 3))


def test_every_iteration_of_a_build_updates_the_same_array() -> None:
    text = """
        func f(n: i64) {
          x: f64[n] = build n { k: i64
            v: f64 = convert[dtype="f64"] k
            yield v
          }
          y: f64[n] = build n { i: i64
            d: f64[n] = set x i 100.0
            s: f64 = reduce[op="sum"] n { j: i64
              u: f64 = get d j
              yield u
            }
            yield s
          }
          yield y
        }
        """
    agree_text(text, 4)


def test_a_row_of_the_array_is_set_to_another_row() -> None:
    text = """
        func f(n: i64, x: f64[n, n]) {
          a: f64[n, n] = fold[carries=1] n x { t: i64, c: f64[n, n]
            row: f64[n] = get c 0
            e: f64[n, n] = set c t row
            yield e
          }
          yield a
        }
        """
    agree_text(text, 3, np.arange(9.0).reshape(3, 3))


def test_a_row_that_is_read_after_it_was_overwritten_is_saved() -> None:
    text = """
        func f(n: i64, m: i64, x: f64[n, m]) {
          a: f64[n, m] = fold[carries=1] n x { t: i64, c: f64[n, m]
            new: f64[m] = build m { i: i64
              yield 0.5
            }
            d: f64[n, m] = set c t new
            row: f64[m] = build m { j: i64
              u: f64 = get c t j
              v: f64 = get d t j
              w: f64 = add u v
              yield w
            }
            again: f64[m] = get c t
            last: f64 = get again 1
            e: f64[n, m] = set d t row
            g: f64[n, m] = set e 0 1 last
            yield g
          }
          yield a
        }
        """
    machine = agree_text(text, 4, 3, np.arange(12.0).reshape(4, 3))
    assert machine.copies == 12 + 4 * 3 * 3, "the start, and three rows in each step"


def test_an_element_that_is_read_after_it_was_overwritten_is_saved() -> None:
    text = """
        func f(n: i64, x: f64[n]) {
          a: f64[n] = fold[carries=1] n x { t: i64, c: f64[n]
            d: f64[n] = set c t 0.5
            s: f64 = reduce[op="sum"] n { j: i64
              u: f64 = get c t
              v: f64 = get d j
              w: f64 = mul u v
              yield w
            }
            g: f64[n] = set d 0 s
            yield g
          }
          yield a
        }
        """
    assert agree_text(text, 5, X).copies == 5
