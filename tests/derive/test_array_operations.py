"""Operations on whole arrays and on parts of them, in every mode and at second order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from difflang.core.builder import Builder
from difflang.core.ir import Atom
from difflang.core.ops import integer
from tests.derive.test_structures import X3, real, times
from tests.derive.toolkit import check_all_orders, function, gradient_function, run


def test_get_set_and_reshape_of_subarrays() -> None:
    def body(b: Builder, n: Atom, m: Atom, a: Atom, x: Atom) -> list[Atom]:
        changed = b.set(b.set(a, integer(1), x), integer(0), integer(1), b.get(a, integer(1), integer(0)))
        total = b.prim("mul", n, m)
        line = b.emit("reshape", [changed, total])[0]
        squares = b.map(lambda v: times(b, v, v), line)
        return [b.emit("reshape", [squares, n, m])[0], b.get(changed, integer(0)), b.set(x, x)]

    check_all_orders(function("n m A[n,m] x[m]", body), [2, 3, np.arange(6.0).reshape(2, 3), X3])


@pytest.mark.parametrize(
    ("spec", "left", "right"),
    [
        ("ij,jk->ik", (2, 3), (3, 4)),
        ("ji,jk->ki", (3, 2), (3, 4)),
        ("ij,j->i", (2, 3), (3,)),
        ("i,j->ij", (2,), (3,)),
        ("i,i->", (3,), (3,)),
        (",ij->ji", (), (2, 3)),
        ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
        ("ij,k->k", (2, 3), (2,)),
        ("ii,ij->j", (3, 3), (3, 2)),
        ("ij,ij->", (2, 3), (2, 3)),
        ("ii,jk->", (2, 2), (2, 3)),
    ],
)
def test_contract(spec: str, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    letters = dict(zip(spec.replace(",", "").split("->")[0], (*left, *right), strict=True))
    names = sorted(letters)
    shape = {"A": spec.split(",")[0], "B": spec.split(",")[1].split("->")[0]}
    words = [*names, *(f"{k}[{','.join(v)}]" if v else k for k, v in shape.items())]
    f = function(" ".join(words), lambda b, *p: b.emit("contract", [p[-2], p[-1]], {"spec": spec}))
    rng = np.random.default_rng(0)
    a, c = rng.uniform(-1, 1, left), rng.uniform(-1, 1, right)
    sizes = [letters[k] for k in names]
    np.testing.assert_allclose(run(f, *sizes, a, c)[0], np.einsum(spec, a, c), atol=1e-14)
    check_all_orders(f, [*sizes, a if left else float(a), c])


def test_accumulators() -> None:
    """Whole and elementwise additions, from nested loops, branches and a loop with carries."""

    def body(b: Builder, n: Atom, s: Atom, x: Atom, a: Atom) -> Sequence[Atom]:
        def region(total: Atom, row: Atom, matrix: Atom) -> list[Atom]:
            def one(i: Atom) -> list[Atom]:
                b.add_to(total, times(b, b.get(x, i), s))
                b.add_to(matrix, i, x)
                b.cond(b.prim("gt", b.get(x, i), real(0)), lambda: (b.add_to(row, i, times(b, s, s)), [])[1], list)
                return []

            b.build([n], one)

            def step(i: Atom, c: Atom) -> list[Atom]:
                b.add_to(row, i, times(b, c, b.get(x, i)))
                return [b.prim("sin", times(b, c, s))]

            last = b.fold(n, [s], step)
            b.add_to(row, x)
            return [times(b, last[0], s)]

        return b.accum([s, x, a], region)

    check_all_orders(function("n s x[n] A[n,n]", body), [3, 0.9, X3, np.ones((3, 3))])


def test_argsort_orders_its_gradient() -> None:
    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        order = b.emit("argsort", [x])[0]
        return b.reduce("sum", [n], lambda i: [times(b, b.get(x, b.get(order, i)), b.prim("convert", i, dtype="f64"))])

    assert run(gradient_function(function("n x[n]", body)), 3, X3)[0].tolist() == [1, 0, 2]


# --- effects, types, refusals ---
