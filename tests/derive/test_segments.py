"""Loops that may store little: the same bits from less memory, and never more steps than the method promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Func
from difflang.core.ops import integer
from difflang.derive import erased, plan, within_budget
from difflang.diagnostics import DiffLangError
from difflang.prims import PRIMITIVES
from tests.derive.toolkit import check_all_orders, cotangent_function, function, gradient_function, run

STEPS = [0, 1, 2, 5, 24, 37]


def real(value: float) -> Atom:
    return literal(value, "f64")


def as_real(b: Builder, i: Atom) -> Atom:
    return b.prim("convert", i, dtype="f64")


# --- loops ---


def counted(b: Builder, n: Atom, r: Atom, x: Atom, *, reverse: bool = False) -> Sequence[Atom]:
    """Two carries that change, one that does not, and a free variable; the step depends on its number."""

    def step(i: Atom, x: Atom, y: Atom, fixed: Atom) -> list[Atom]:
        scaled = b.prim("mul", as_real(b, b.prim("add", i, integer(1))), y)
        turned = b.prim("sin", b.prim("add", b.prim("mul", r, scaled), fixed))
        return [turned, b.prim("cos", b.prim("add", x, y)), fixed]

    return b.fold(n, [x, r, x], step, reverse=reverse)[:2]


def backwards(b: Builder, n: Atom, r: Atom, x: Atom) -> Sequence[Atom]:
    return counted(b, n, r, x, reverse=True)


def unknown(b: Builder, n: Atom, r: Atom, x: Atom) -> Sequence[Atom]:
    """A `while` that counts for itself."""

    def step(t: Atom, x: Atom, fixed: Atom) -> list[Atom]:
        moved = b.prim("sin", b.prim("add", b.prim("mul", r, x), b.prim("mul", fixed, as_real(b, t))))
        return [b.prim("add", t, integer(1)), moved, fixed]

    return [b.while_([integer(0), x, r], lambda t, x, _: b.prim("lt", t, n), step)[1]]


def nested(b: Builder, n: Atom, r: Atom, x: Atom) -> Sequence[Atom]:
    def inner(i: Atom, x: Atom) -> list[Atom]:
        return [b.prim("sin", b.prim("add", b.prim("mul", r, x), as_real(b, i)))]

    def outer(i: Atom, x: Atom) -> list[Atom]:
        return b.fold(b.prim("add", i, integer(1)), [x], inner)

    return b.fold(n, [x], outer)


def written(b: Builder, n: Atom, r: Atom, x: Atom) -> Sequence[Atom]:
    """An array of which each step replaces one element."""

    def step(i: Atom, a: Atom) -> list[Atom]:
        place = b.prim("mod", b.prim("mul", i, integer(3)), integer(4))
        before = b.get(a, b.prim("mod", i, integer(4)))
        return [b.set(a, place, b.prim("sin", b.prim("mul", r, b.prim("add", before, b.get(a, place)))))]

    (a,) = b.fold(n, [b.full(x, (integer(4),))], step)
    return [b.get(a, integer(k)) for k in range(4)]


LOOPS: dict[str, Callable[..., Sequence[Atom]]] = {
    "counted": counted,
    "backwards": backwards,
    "while": unknown,
    "nested": nested,
    "written": written,
}


def plain(name: str) -> Func:
    return function("n:i64 r x", LOOPS[name])


def with_memory(name: str, memory: int) -> Func:
    func = plain(name)
    return Func(func.name, within_budget(func.block, memory))


def with_levels(name: str, levels: int) -> Func:
    def body(b: Builder, n: Atom, r: Atom, x: Atom) -> Sequence[Atom]:
        block = b.block((), lambda: LOOPS[name](b, n, r, x))
        return b.emit("checkpoint", [], {"levels": levels}, [block])

    return function("n:i64 r x", body)


@cache
def compiled(name: str, limit: tuple[str, int]) -> Func:
    kind, amount = limit
    made = {"plain": lambda: plain(name), "memory": lambda: with_memory(name, amount)}
    return erased(cotangent_function(made.get(kind, lambda: with_levels(name, amount))()))


def cotangents(name: str, limit: tuple[str, int], n: int) -> list[float]:
    func = compiled(name, limit)
    weights = [0.4, -1.2, 0.7, 0.3][: len(func.params) - 3]
    return [float(v) for v in run(func, n, 0.8, 0.3, *weights)]


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("limit", [("memory", 160), ("memory", 330), ("memory", 10_000), ("levels", 2), ("levels", 3)])
@pytest.mark.parametrize("name", list(LOOPS))
def test_limits_change_no_bit(name: str, limit: tuple[str, int], steps: int) -> None:
    assert cotangents(name, limit, steps) == cotangents(name, ("plain", 0), steps)


@pytest.mark.parametrize("limit", [("memory", 700), ("memory", 2000), ("levels", 2), ("levels", 3)])
@pytest.mark.parametrize("name", ["counted", "while"])
def test_every_mode_goes_through(name: str, limit: tuple[str, int]) -> None:
    """Values, tangents, cotangents and differences agree for the gradient as they do for a function."""
    kind, amount = limit
    func = with_memory(name, amount) if kind == "memory" else with_levels(name, amount)
    check_all_orders(erased(gradient_function(func)), [5, 0.8, 0.3])


def test_a_budget_without_room_for_a_state_is_refused_with_the_amount_that_is_needed() -> None:
    f = function("n:i64 k x[k]", lambda b, n, k, x: [total(b, b.fold(n, [x], lambda _, x: [sines(b, x)])[0])])
    limited = Func("f", within_budget(f.block, 100))
    with pytest.raises(DiffLangError) as caught:
        run(gradient_function(limited), 3, 10, np.ones(10))
    assert caught.value.diagnostic.code == "E0812"
    assert "one state takes 80 bytes" in caught.value.diagnostic.message
    assert "what a step stores 160" in caught.value.diagnostic.message, "the state, and the cosine"
    assert "Give at least 328 bytes" in caught.value.diagnostic.message, "states at both ends, and the number of one"
    enough = Func("f", within_budget(f.block, 328))
    (found,) = run(gradient_function(enough), 3, 10, np.ones(10))
    (expected,) = run(gradient_function(f), 3, 10, np.ones(10))
    np.testing.assert_array_equal(found, expected)


def sines(b: Builder, x: Atom) -> Atom:
    """Of the elements in the opposite order, so that the Jacobian of many steps is not diagonal."""
    last = b.prim("sub", x.type.shape[0], integer(1))
    return b.build(x.type.shape, lambda i: [b.prim("sin", b.get(x, b.prim("sub", last, i)))])[0]


def total(b: Builder, x: Atom) -> Atom:
    return b.reduce("sum", x.type.shape, lambda i: [b.get(x, i)])[0]


# --- how often steps are made ---


class Counting:
    """Counts the evaluations of `sin` while it stands in the table of primitives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.evaluate = PRIMITIVES["sin"].evaluate
        monkeypatch.setitem(PRIMITIVES, "sin", replace(PRIMITIVES["sin"], evaluate=self))

    def __call__(self, value: float) -> float:
        self.count += 1
        return self.evaluate(value)


def iterated(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    return b.fold(n, [x], lambda _, y: [b.prim("sin", b.prim("mul", x, y))])


def fewest_runs(steps: int, states: int) -> int:
    """The least number r with binomial(states + r, states) >= steps."""
    return next(r for r in range(steps + 1) if math.comb(states + r, states) >= steps)


@pytest.mark.parametrize(("memory", "states"), [(40, 1), (104, 2), (168, 10), (1600, 180)])
def test_no_step_is_made_more_often_than_the_states_require(
    memory: int, states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state is 8 bytes, a step at most 16; a part of the budget is for the sweeps to work in and for segments."""
    steps = 120
    block = function("n:i64 x", iterated).block
    gradient = gradient_function(Func("f", within_budget(block, memory)))
    counting = Counting(monkeypatch)
    run(gradient, steps, 0.5)
    usable = max(1, states // 4)
    assert counting.count <= (fewest_runs(steps, usable) + 2) * steps


def deeper(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    """Steps that store 32 bytes of which a state is 8."""

    def step(_: Atom, y: Atom) -> list[Atom]:
        return [b.prim("sin", b.prim("mul", x, b.prim("tanh", b.prim("exp", y))))]

    return b.fold(n, [x], step)


@pytest.mark.parametrize("steps", [5, 6, 20, 40, 120, 300])
def test_steps_are_made_as_often_as_in_revolve(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget of 120 bytes holds 5 states and segments of one step. The least number of steps forwards is
    r l - binomial(s + r, s + 1) (Griewank and Walther 2000, equation 3); each is then made once more to be reversed.
    The value takes some more behind the last state, where revolve turns."""
    states = 5
    gradient = gradient_function(Func("f", within_budget(function("n:i64 x", deeper).block, 120)))
    counting = Counting(monkeypatch)
    run(gradient, steps, 0.5)
    runs = fewest_runs(steps, states)
    least = runs * steps - math.comb(states + runs, states + 1)
    assert steps + least <= counting.count <= steps + least + 2 * states


def iterated_until(b: Builder, n: Atom, x: Atom) -> Sequence[Atom]:
    def step(t: Atom, y: Atom) -> list[Atom]:
        return [b.prim("add", t, integer(1)), b.prim("sin", b.prim("mul", x, y))]

    return [b.while_([integer(0), x], lambda t, _: b.prim("lt", t, n), step)[1]]


@pytest.mark.parametrize("steps", [0, 1, 15, 16, 17, 64, 65, 999])
def test_a_loop_of_unknown_length_makes_its_segments_longer_and_each_step_twice(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes 16 bytes and 8 kB are for the tape: segments of 16 steps may grow to 512, and 4 states are kept."""
    monkeypatch.setattr(plan, "TAPE_BYTES", 16)
    monkeypatch.setattr(plan, "ONLINE_SLOTS", 8)
    block = function("n:i64 x", iterated_until).block
    gradient = gradient_function(Func("f", within_budget(block, 16_500)))
    counting = Counting(monkeypatch)
    (found,) = run(gradient, steps, 0.5)
    assert counting.count <= 2 * steps
    (expected,) = run(gradient_function(Func("f", block)), steps, 0.5)
    assert found == expected


def test_two_levels_make_each_step_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once forwards, once more to have what the adjoint needs, which is not the sine."""
    gradient = gradient_function(function("n:i64 x", lambda b, n, x: in_levels(b, 2, lambda: iterated(b, n, x))))
    counting = Counting(monkeypatch)
    run(gradient, 100, 0.5)
    assert counting.count <= 2 * 100 + 100, "the value itself, and two sweeps"


def in_levels(b: Builder, levels: int, body: Callable[[], Sequence[Atom]]) -> Sequence[Atom]:
    block: Block = b.block((), body)
    return b.emit("checkpoint", [], {"levels": levels}, [block])
