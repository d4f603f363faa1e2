"""What the derivative programs hold: no tape but what is needed, and code linear in that of the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Func, Uses, Var, walk
from difflang.core.ops import carries
from difflang.derive.budget import small_loops
from difflang.derive.copying import Copy
from tests.derive.toolkit import cotangent_function, function, gradient_function, tangent_function


def real(value: float) -> Atom:
    return literal(value, "f64")


def size(func: Func) -> int:
    return sum(1 for _ in walk(func.block))


def stacks(func: Func) -> list[tuple[int, ...]]:
    """The ranks of what the loops of a function stack."""
    return [
        tuple(out.type.rank for out in eqn.outs[carries(eqn.attrs) :])
        for eqn in walk(func.block)
        if eqn.op in ("fold", "while") and not eqn.attrs.get("reverse")
    ]


def summing(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    return b.fold(n, [real(0)], lambda i, s: [b.prim("add", s, b.prim("sin", b.get(x, i)))])


def descent(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    """x <- x - 0.1 x: linear, so that no step is needed again."""

    def step(i: Atom, x: Atom) -> list[Atom]:
        return [b.map(lambda v: b.prim("sub", v, b.prim("mul", real(0.1), v)), x)]

    return [b.get(b.fold(n, [x], step)[0], literal(0, "i64"))]


def in_place(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    def step(i: Atom, x: Atom) -> list[Atom]:
        return [b.set(x, i, b.prim("sin", b.get(x, i)))]

    return [b.get(b.fold(n, [x], step)[0], literal(0, "i64"))]


def opposite(b: Builder, n: Atom, x: Atom) -> Atom:
    """The elements in the opposite order: a loop that takes them so has no diagonal Jacobian."""
    last = b.prim("sub", n, literal(1, "i64"))
    return b.build([n], lambda i: [b.get(x, b.prim("sub", last, i))])[0]


def nonlinear(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    def step(i: Atom, x: Atom, unused: Atom) -> list[Atom]:
        return [b.map(lambda v: b.prim("sin", v), opposite(b, n, x)), b.prim("cos", unused)]

    return [b.get(b.fold(n, [x, real(1)], step)[0], literal(0, "i64"))]


@pytest.mark.parametrize(
    ("body", "ranks"),
    [(summing, [()]), (descent, [()]), (in_place, [(1,)]), (nonlinear, [(2,)])],
    ids=["a sum", "a linear recurrence", "updates in place", "a nonlinear recurrence"],
)
def test_loops_save_only_what_their_adjoint_reads(body: Callable[..., Sequence[Atom]], ranks: list[object]) -> None:
    """Nothing for what is linear, elements for updates, arrays only where every element changes."""
    assert stacks(gradient_function(function("n x[n]", body))) == ranks


def nest(depth: int) -> Func:
    """Loops of every kind, `depth` deep, each body using the carry and the array."""

    def level(b: Builder, n: Atom, x: Atom, value: Atom, left: int) -> Atom:
        if left == 0:
            return b.prim("sin", value)
        kind = left % 3

        def inner(i: Atom, carry: Atom) -> Atom:
            return level(b, n, x, b.prim("mul", carry, b.get(x, i)), left - 1)

        if kind == 0:
            return b.fold(n, [value], lambda i, c: [inner(i, c)])[0]
        if kind == 1:
            return b.reduce("sum", [n], lambda i: [inner(i, value)])[0]
        positive = b.prim("gt", value, real(0))
        return b.cond(positive, lambda: [inner(literal(0, "i64"), value)], lambda: [value])[0]

    return function("n x[n]", lambda b, n, x: [level(b, n, x, b.get(x, literal(0, "i64")), depth)])


def test_code_grows_by_a_constant_for_each_level_of_nesting() -> None:
    """The primal code of a level stands once in the forward sweep and once in the adjoint of each level around it."""
    counts = [size(gradient_function(nest(3 * k))) for k in range(1, 6)]
    first = [b - a for a, b in pairwise(counts)]
    second = [b - a for a, b in pairwise(first)]
    assert max(second) <= second[0] + 1


def test_code_is_linear_in_the_length_of_the_program() -> None:
    def chain(length: int) -> Func:
        def body(b: Builder, n: Atom, x: Atom) -> list[Atom]:
            for _ in range(length):
                x = b.map(lambda v: b.prim("sin", v), x)
            return [b.get(x, literal(0, "i64"))]

        return function("n x[n]", body)

    for transform in (gradient_function, tangent_function, cotangent_function):
        counts = [size(transform(chain(k))) for k in (10, 20, 40)]
        assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])


def test_only_active_values_get_cotangents() -> None:
    """The gradient in s alone makes no array of the size of x."""

    def body(b: Builder, n: Atom, s: Atom, x: Atom) -> list[Atom]:
        frozen = b.map(lambda v: b.prim("stop_grad", v), x)
        y = b.map(lambda v: b.prim("exp", v), frozen)
        return [b.prim("mul", s, b.reduce("sum", [n], lambda i: [b.get(y, i)])[0])]

    gradient = gradient_function(function("n s x[n]", body))
    zeros = [e for e in walk(gradient.block) if e.op == "build" and e.regions[0].results == (real(0),)]
    assert len(zeros) == 1, "the zero gradient of x itself"
    assert not [e for e in walk(gradient.block) if e.op in ("accum", "add_to")]


def test_the_time_of_differentiation_is_linear_in_length_and_no_worse_than_the_code_in_depth() -> None:
    """Counted in visits of equations by the analyses of uses, which no clock disturbs."""

    def visits(func: Func, monkeypatch: pytest.MonkeyPatch) -> int:
        count = 0
        original = Uses._of_block

        def counting(self: Uses, block: Block) -> dict[Var, None]:
            nonlocal count
            count += len(block.eqns)
            return original(self, block)

        with monkeypatch.context() as patched:
            patched.setattr(Uses, "_of_block", counting)
            gradient = gradient_function(func)
        return round(count / size(gradient), 2)

    per_equation = [visits(nest(depth), pytest.MonkeyPatch()) for depth in (6, 12, 24)]
    assert max(per_equation) <= 2 * per_equation[0]


def test_inner_loops_store_what_is_dear_and_outer_loops_only_carries() -> None:
    """The inner loop is run again for each outer step and its tape is short: the tanh of a step is kept there."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def step(k: Atom, x: Atom) -> list[Atom]:
            y = b.map(lambda v: b.prim("tanh", v), x)
            return [b.map(lambda v, w: b.prim("mul", v, w), opposite(b, n, x), y)]

        def outer(i: Atom, x: Atom) -> list[Atom]:
            return b.fold(n, [x], step)

        return [b.get(b.fold(n, [x], outer)[0], literal(0, "i64"))]

    assert stacks(gradient_function(function("n x[n]", body))) == [(2,), (), (2, 2)]


def layers(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    """A state of n rows, passed through row by row, n times over."""

    def layer(k: Atom, h: Atom, s: Atom) -> list[Atom]:
        y = b.map(lambda v, w: b.prim("tanh", b.prim("mul", v, w)), h, b.get(s, k, inbounds=True))
        return [y, b.set(s, k, y, inbounds=True)]

    def step(t: Atom, s: Atom) -> list[Atom]:
        return [b.fold(n, [b.get(s, literal(0, "i64"), inbounds=True), s], layer)[1]]

    rows = b.map(lambda v: b.prim("mul", real(0.5), v), b.build([n, n], lambda i, j: [b.get(x, j, inbounds=True)])[0])
    return [b.get(b.fold(n, [rows], step)[0], literal(0, "i64"), literal(0, "i64"))]


def test_a_loop_that_stores_no_more_than_the_carries_around_it_does_not_run_twice() -> None:
    gradient = gradient_function(function("n x[n]", layers))
    folds = [eqn for eqn in walk(gradient.block) if eqn.op == "fold"]
    assert [bool(eqn.attrs.get("reverse")) for eqn in folds] == [False, False, True, True]
    assert "tanh" not in {eqn.op for eqn in walk(folds[2].regions[0])}


def test_with_a_budget_it_does() -> None:
    limited = [eqn for eqn in walk(function("n x[n]", layers).block) if eqn.op == "fold"]
    assert small_loops(Builder(), Copy(Builder(), {}), limited[0]) == [limited[1]]
    limited[0].attrs = {**limited[0].attrs, "memory": 1000, "share": 1}
    assert not small_loops(Builder(), Copy(Builder(), {}), limited[0])


def test_the_cosine_is_made_beside_the_sine_where_it_can_be_stored() -> None:
    """The adjoint of the inner loop calls no function; that of a loop whose tape is as long as the run does."""

    def body(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
        def step(i: Atom, x: Atom) -> list[Atom]:
            return [b.map(lambda v: b.prim("sin", b.prim("mul", real(1.1), v)), opposite(b, n, x))]

        return [b.get(b.fold(n, [x], lambda i, x: b.fold(n, [x], step))[0], literal(0, "i64"))]

    gradient = gradient_function(function("n x[n]", body))
    backwards = [eqn for eqn in walk(gradient.block) if eqn.op == "fold" and eqn.attrs.get("reverse")]
    assert len(backwards) == 2
    inner = [eqn.op for eqn in walk(backwards[1].regions[0])]
    assert "mul" in inner
    assert not {"sin", "cos"} & set(inner)
