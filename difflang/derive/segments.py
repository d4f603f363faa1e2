"""Loops in segments: the forward sweep of loops that may store little, for `checkpoint(f, levels = m)` and `memory`.

The steps of such a loop form segments of one length. The forward sweep keeps the carries at the starts of as many of
them as there are slots, placed as treeverse does. The reverse sweep (`replay`) takes the segments last first, each from
the nearest state before it: a segment is run again, now with everything that its adjoint needs, and reversed; states at
the starts of segments are kept on the way there in slots that have become free.

How long segments are is decided at run time (`plan`). The number of steps of a `while` is unknown before it ends.
Under a budget it fills a fixed number of slots, each with the state at the start of a stretch of segments. When they
are full it gives up every second one and doubles the length of its segments, or, once what a segment stores would take
more than its part of the budget, of its stretches (P. Stumm and A. Walther, New algorithms for optimal online
checkpointing, 2010; Q. Wang, P. Moin and G. Iaccarino, Minimal repetition dynamic checkpointing algorithm for unsteady
adjoint calculation, 2009); under `levels` it is run once to be counted.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Attribute, Block, Eqn, Var
from difflang.core.ops import integer
from difflang.derive.activity import carried
from difflang.derive.budget import LIMITS, is_cut
from difflang.derive.copying import Copy
from difflang.derive.diagonal import diagonal, is_diagonal
from difflang.derive.plan import Plan, ceiling_quotient, planned
from difflang.derive.treeverse import first_distance

TAPE, STATES = ".tape", ".states"
"""Ends of the names of arrays that a loop stores for the reverse sweep: step by step, or now and then."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the forward sweep kept of a loop of `count` steps: the slots, of which those up to number `top` are filled.

    Of each carry that changes (those in `moving`) `states` has an array with a row for each slot; `places` has the
    numbers of the segments that begin with them.
    """

    plan: Plan
    count: Atom
    moving: Sequence[int]
    states: Sequence[Atom]
    places: Atom
    top: Atom


class Primal(Copy):
    """The code of a forward sweep. Loops at its own level that are to be cut keep states, by equation in `kept`."""

    def __init__(
        self,
        builder: Builder,
        values: MutableMapping[Var, Atom],
        *,
        active: Collection[Var] = (),
        again: bool = False,
        silenced: Collection[Var] = (),
        known: Mapping[Var, Atom] | None = None,
    ) -> None:
        super().__init__(builder, values, again=again, silenced=silenced, known=known)
        self.active = active
        self.kept: dict[Eqn, Kept] = {}
        self.slopes: dict[Eqn, Atom] = {}
        self._depth = 0

    def equation(self, eqn: Eqn) -> None:
        if self._depth == 0 and is_diagonal(eqn, self.active):
            self.builder.span = eqn.span
            self.slopes[eqn] = diagonal(self, eqn, self.active)
        elif self._depth == 0 and is_cut(eqn) and any(param in self.active for _, param, _, _ in carried(eqn)):
            self.builder.span = eqn.span
            if eqn.op == "fold":
                self._fold(eqn)
            elif "memory" in eqn.attrs:
                self._online(eqn)
            else:
                self._counted(eqn)
        else:
            super().equation(eqn)

    def region(self, block: Block) -> Block:
        with self._inside():
            return super().region(block)

    def attributes(self, eqn: Eqn) -> Mapping[str, Attribute]:
        """Limits on memory are for this differentiation alone; those of an earlier one mean nothing any more."""
        attrs = super().attributes(eqn)
        if eqn.op == "room":
            return {**attrs, "free": True}
        return {name: value for name, value in attrs.items() if name not in LIMITS}

    @contextmanager
    def _inside(self) -> Generator[None]:
        self._depth += 1
        yield
        self._depth -= 1

    def body(self, eqn: Eqn, number: Atom, count: Atom, state: Sequence[Atom]) -> list[Atom]:
        """Step `number` of a loop from the carries that move to those after it."""
        block, carries = eqn.regions[-1], carried(eqn)
        moving = iter(state)
        full = [self.atom(init) if result is param else next(moving) for init, param, result, _ in carries]
        index = step_index(self.builder, eqn, number, count)
        with self._inside():
            results = self.run(block, [*index, *full])
        return [results[k] for k in moving_carries(eqn)]

    def steps(self, eqn: Eqn, start: Atom, length: Atom, count: Atom, state: Sequence[Atom]) -> Sequence[Atom]:
        """Steps start .. start + length - 1 of a loop of `count` steps; nothing is kept of them."""
        b = self.builder

        def step(offset: Atom, *carries: Atom) -> list[Atom]:
            return self.body(eqn, b.prim("add", start, offset), count, carries)

        return b.fold(length, state, step)

    def initial(self, eqn: Eqn) -> list[Atom]:
        """The initial values of the carries that move."""
        carries = carried(eqn)
        return [self.atom(carries[k][0]) for k in moving_carries(eqn)]

    def _name(self, eqn: Eqn, states: Sequence[Var]) -> None:
        """Says of arrays what they hold."""
        for k, array in zip(moving_carries(eqn), states, strict=True):
            array.name = f"{carried(eqn)[k][1].name or 'value'}{STATES}"

    def _finish(self, eqn: Eqn, finals: Sequence[Atom]) -> None:
        """The final values of the carries."""
        moved = iter(finals)
        for init, param, result, out in carried(eqn):
            self.values[out] = self.atom(init) if result is param else next(moved)

    # --- counted loops ---

    def _fold(self, eqn: Eqn) -> None:
        b, count = self.builder, self.atom(eqn.args[0])
        plan = planned(b, self, eqn, count)
        segments = ceiling_quotient(b, count, plan.length)
        slots = b.prim("min", plan.slots, segments)
        slots.name = "slots"
        initial = self.initial(eqn)
        split = 1 + len(initial)

        def leg(number: Atom, place: Atom, *rest: Atom) -> list[Atom]:
            state, (*rows, places) = rest[: split - 1], rest[split - 1 :]
            rows = [b.set(a, number, s, inbounds=True) for a, s in zip(rows, state, strict=True)]
            left, free = b.prim("sub", segments, place), b.prim("sub", slots, number)
            distance = integer(1) if plan.exact else first_distance(b, left, free)
            start = b.prim("mul", place, plan.length)
            length = b.prim("min", b.prim("mul", distance, plan.length), b.prim("sub", count, start))
            after = self.steps(eqn, start, length, count, state)
            return [b.prim("add", place, distance), *after, *rows, b.set(places, number, place, inbounds=True)]

        rows = [b.full(literal(0, a.type.dtype), (slots, *a.type.shape)) for a in initial]
        outs = b.fold(slots, [integer(0), *initial, *rows, b.full(integer(0), (slots,))], leg)
        *states, places = outs[split:]
        self._name(eqn, states)
        self._finish(eqn, outs[1:split])
        top = b.prim("sub", slots, integer(1))
        self.kept[eqn] = Kept(plan, count, moving_carries(eqn), states, places, top)

    # --- loops of unknown length ---

    def _counted(self, eqn: Eqn) -> None:
        """The loop as it is: only its first state is kept, and the number of its steps."""
        b = self.builder
        initial = self.initial(eqn)
        super().equation(eqn)
        count = self.atom(eqn.outs[len(eqn.args)])
        plan = planned(b, self, eqn, count)
        slots = b.prim("max", b.prim("min", plan.slots, ceiling_quotient(b, count, plan.length)), integer(1))
        slots.name = "slots"
        states = [first_row(b, a, slots) for a in initial]
        self._name(eqn, states)
        places = b.full(integer(0), (slots,))
        self.kept[eqn] = Kept(plan, count, moving_carries(eqn), states, places, integer(0))

    def _online(self, eqn: Eqn) -> None:
        """A loop over segments that keeps states while it runs."""
        b, test = self.builder, eqn.regions[0]
        plan = planned(b, self, eqn, None)
        initial = self.initial(eqn)
        slots = [b.full(literal(0, a.type.dtype), (plan.slots, *a.type.shape)) for a in initial]
        k, c = len(initial), len(COUNTERS)

        def going(*state: Atom) -> Atom:
            full = iter(state)
            args = [self.atom(init) if r is p else next(full) for init, p, r, _ in carried(eqn)]
            with self._inside():
                return self.run(test, args)[0]

        def segment(done: Atom, *rest: Atom) -> list[Atom]:
            state, kept = rest[c - 1 : c - 1 + k], rest[c - 1 + k :]
            (number, used, stretch, length), kept = _recorded(b, plan, rest[: c - 1], state, kept)
            steps, *after = b.while_(
                [integer(0), *state],
                lambda offset, *s: b.cond(b.prim("lt", offset, length), lambda: [going(*s)], _false)[0],
                lambda offset, *s: [
                    b.prim("add", offset, integer(1)),
                    *self.body(eqn, b.prim("add", done, offset), integer(0), s),
                ],
            )[: k + 1]
            counters = [b.prim("add", done, steps), b.prim("add", number, integer(1)), used, stretch, length]
            return [*counters, *after, *kept]

        counters = [integer(0), integer(0), integer(0), integer(1), plan.length]
        outs = b.while_([*counters, *initial, *slots], lambda *carries: going(*carries[c : c + k]), segment)
        done, _, used, stretch, length = outs[:c]
        self._name(eqn, outs[c + k : c + 2 * k])
        self._finish(eqn, outs[c : c + k])
        self.values[eqn.outs[len(eqn.args)]] = done
        places = b.build((plan.slots,), lambda slot: [b.prim("mul", slot, stretch)])[0]
        states, top = outs[c + k : c + 2 * k], b.prim("sub", used, integer(1))
        self.kept[eqn] = Kept(replace(plan, length=length), done, moving_carries(eqn), states, places, top)


COUNTERS = ("steps done", "segments done", "slots used", "segments of a stretch", "steps of a segment")
"""What a loop of unknown length carries while it keeps states."""


def _false() -> list[Atom]:
    return [literal(False, "bool")]


def _recorded(
    b: Builder, plan: Plan, counters: Sequence[Atom], state: Sequence[Atom], kept: Sequence[Atom]
) -> tuple[Sequence[Atom], Sequence[Atom]]:
    """The counters but the first, and the slots, with the state of a segment in them if a stretch begins there.

    What happens under a condition are loops of one turn or none, which work in place.
    """
    number, used, stretch, length = counters

    def due(number: Atom, stretch: Atom) -> Atom:
        return b.prim("eq", b.prim("mod", number, stretch), integer(0))

    full = b.prim("and", due(number, stretch), b.prim("eq", used, plan.slots))
    half = b.prim("floordiv", b.prim("add", plan.slots, integer(1)), integer(2))

    def moved(row: Atom, *arrays: Atom) -> list[Atom]:
        source = b.prim("mul", row, integer(2))
        return [b.set(a, row, b.get(a, source, inbounds=True), inbounds=True) for a in arrays]

    kept = b.fold(b.prim("select", full, half, integer(0)), kept, moved)
    used = b.prim("select", full, half, used)
    number, stretch, length = _coarser(b, plan, full, number, stretch, length)
    new = b.prim("convert", due(number, stretch), dtype="i64")
    place = used

    def written(_: Atom, *arrays: Atom) -> list[Atom]:
        return [b.set(a, place, s, inbounds=True) for a, s in zip(arrays, state, strict=True)]

    kept = b.fold(new, kept, written)
    return (number, b.prim("add", used, new), stretch, length), kept


def _coarser(b: Builder, plan: Plan, full: Atom, number: Atom, stretch: Atom, length: Atom) -> Sequence[Atom]:
    """The segments done, their number in a stretch and their length, when every second state is given up.

    Longer segments, of which two make one, are run no more often than before; longer stretches are.
    """
    double = b.prim("mul", length, integer(2))
    even = b.prim("eq", b.prim("mod", number, integer(2)), integer(0))
    longer = b.prim("and", full, b.prim("and", even, b.prim("le", double, plan.longest)))
    wider = b.prim("and", full, b.prim("not", longer))
    return (
        b.prim("select", longer, b.prim("floordiv", number, integer(2)), number),
        b.prim("select", wider, b.prim("mul", stretch, integer(2)), stretch),
        b.prim("select", longer, double, length),
    )


def moving_carries(eqn: Eqn) -> list[int]:
    """The positions of the carries that a step changes."""
    return [k for k, (_, param, result, _) in enumerate(carried(eqn)) if result is not param]


def step_index(b: Builder, eqn: Eqn, number: Atom, count: Atom) -> list[Atom]:
    """The index of a step that is the `number`th to be made: of a `fold` (a `while` has none)."""
    if eqn.op == "while":
        return []
    if not eqn.attrs.get("reverse", False):
        return [number]
    return [b.prim("sub", b.prim("sub", count, integer(1)), number)]


def first_row(b: Builder, value: Atom, rows: Atom) -> Var:
    """An array of rows like `value`, which is the first of them."""
    return b.set(b.full(literal(0, value.type.dtype), (rows, *value.type.shape)), integer(0), value, inbounds=True)
