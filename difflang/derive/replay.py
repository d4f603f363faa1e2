"""The reverse sweep of a loop in segments, of which the forward sweep (`segments`) has kept a few states.

Stretches and the segments in them are taken last first. States within a stretch are placed as treeverse does: with s
slots free and at most r more runs of each segment, binomial(s + r, s) segments can be reversed, and a state is put
where both parts into which it cuts them need as few runs as that.
Reference: A. Griewank and A. Walther, Algorithm 799: revolve (2000), equations 2 to 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from difflang.core.ir import Atom, Block, Eqn, Var
from difflang.core.ops import I64, integer
from difflang.derive import values
from difflang.derive.activity import carried
from difflang.derive.plan import ceiling_quotient
from difflang.derive.segments import Kept, first_row

if TYPE_CHECKING:
    from difflang.derive.reverse import Cotangent, Frame, Sweep, Trace


def replayed(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """The adjoint of a loop that was cut: a loop over its stretches in the opposite order."""
    b, carries, kept = sweep.builder, carried(eqn), trace.copy.kept[eqn]
    active = [k for k, (_, param, _, _) in enumerate(carries) if param in sweep.active]
    outs = trace.copy.atoms(eqn.outs)
    seeds = [values.instantiated(b, cotangents[k], outs[k].type) for k in active]

    def body(refs: Mapping[Var, Atom]) -> Sequence[Atom]:
        replay = _Replay(sweep, eqn, trace, refs, active, kept, _segments(sweep, kept))
        params = [Var(I64, "j"), *(Var(s.type) for s in seeds)]
        region = sweep.region(params, lambda j, *bars: replay.stretch(j, bars))
        return b.emit("fold", [kept.used, *seeds], {"carries": len(seeds), "reverse": True}, [region])

    results = frame.accumulated([eqn.regions[-1]], body)
    for k, result in zip(active, results, strict=True):
        frame.add(carries[k][0], result)


def _segments(sweep: Sweep, kept: Kept) -> Atom:
    return ceiling_quotient(sweep.builder, kept.count, kept.plan.length)


@dataclass(frozen=True, slots=True)
class _Replay:
    """One loop on its way back; `segments` is the number of its segments."""

    sweep: Sweep
    eqn: Eqn
    trace: Trace
    refs: Mapping[Var, Atom]
    active: Sequence[int]
    kept: Kept
    segments: Atom

    def stretch(self, number: Atom, bars: Sequence[Atom]) -> Sequence[Atom]:
        """Takes the cotangents of the carries from the end of a stretch to its start."""
        b, kept = self.sweep.builder, self.kept
        base = [b.get(states, number, inbounds=True) for states in kept.states]
        if kept.plan.exact:
            return self.segment(number, base, bars)
        first = b.prim("mul", number, kept.stretch)
        count = b.prim("min", kept.stretch, b.prim("sub", self.segments, first))
        slots = b.prim("min", kept.plan.inner_slots, kept.stretch)
        slots.name = "slots"
        rows = [first_row(b, a, slots) for a in base]
        places = b.full(integer(0), (slots,))
        start = [*bars, *rows, places, integer(0)]
        split = len(bars)

        def one(place: Atom, *state: Atom) -> list[Atom]:
            found, bars = state[split:], state[:split]
            found = self._placed(first, place, slots, found)
            *rows, places, top = found
            before = [b.get(a, top, inbounds=True) for a in rows]
            nearest = b.get(places, top, inbounds=True)
            reached = self._advanced(first, nearest, b.prim("sub", place, nearest), before)
            moved = self.segment(b.prim("add", first, place), reached, bars)
            done = b.prim("convert", b.prim("eq", nearest, place), dtype="i64")
            return [*moved, *rows, places, b.prim("max", b.prim("sub", top, done), integer(0))]

        region = self.sweep.region([Var(I64, "place"), *(Var(a.type) for a in start)], one)
        outs = b.emit("fold", [count, *start], {"carries": len(start), "reverse": True}, [region])
        for out, array in zip(outs[split:], kept.states, strict=False):
            out.name = array.name if isinstance(array, Var) else ""
        return outs[:split]

    def _placed(self, first: Atom, place: Atom, slots: Atom, state: Sequence[Atom]) -> Sequence[Atom]:
        """Fills free slots with states on the way to the segment at `place` of a stretch.

        The carries are the rows of the slots, the places of the segments that they belong to, and the last slot used.
        """
        b = self.sweep.builder

        def going(*state: Atom) -> Atom:
            *_, places, top = state
            free = b.prim("lt", b.prim("add", top, integer(1)), slots)
            return b.prim("and", free, b.prim("lt", b.get(places, top, inbounds=True), place))

        def step(*state: Atom) -> list[Atom]:
            *rows, places, top = state
            nearest = b.get(places, top, inbounds=True)
            left = b.prim("add", b.prim("sub", place, nearest), integer(1))
            distance = self._distance(left, b.prim("sub", slots, top))
            reached = self._advanced(first, nearest, distance, [b.get(a, top, inbounds=True) for a in rows])
            top = b.prim("add", top, integer(1))
            rows = [b.set(a, top, r, inbounds=True) for a, r in zip(rows, reached, strict=True)]
            return [*rows, b.set(places, top, b.prim("add", nearest, distance), inbounds=True), top]

        return b.while_(state, going, step)[: len(state)]

    def _distance(self, left: Atom, slots: Atom) -> Atom:
        """How far from a state the next one is put, of `left` segments to be reversed from there (at least 2).

        `slots` are those that can be used, the one of the state among them.
        """
        b = self.sweep.builder
        slots = b.prim("min", slots, left)

        def more(runs: Atom, _: Atom, reach: Atom) -> list[Atom]:
            runs = b.prim("add", runs, integer(1))
            grown = b.prim("mul", reach, b.prim("add", slots, runs))
            return [runs, reach, b.prim("floordiv", grown, runs)]

        start = [integer(1), integer(1), b.prim("add", slots, integer(1))]
        runs, fewer, _ = b.while_(start, lambda _r, _f, reach: b.prim("lt", reach, left), more)[:3]
        divisor = b.prim("sub", b.prim("add", slots, runs), integer(1))
        after = b.prim("floordiv", b.prim("mul", fewer, slots), divisor)
        return b.prim("min", fewer, b.prim("sub", left, after))

    def _advanced(self, first: Atom, place: Atom, distance: Atom, state: Sequence[Atom]) -> Sequence[Atom]:
        """Runs `distance` whole segments from the one at `place` of a stretch, keeping nothing."""
        b, kept = self.sweep.builder, self.kept
        start = b.prim("mul", b.prim("add", first, place), kept.plan.length)
        steps = b.prim("mul", distance, kept.plan.length)
        copy = self.sweep.traced(Block((), (), ()), (), self.trace.copy.values, again=True).copy
        return copy.steps(self.eqn, start, steps, kept.count, state)

    def segment(self, number: Atom, state: Sequence[Atom], bars: Sequence[Atom]) -> list[Atom]:
        """The adjoint of a segment from its first state: that of an ordinary loop."""
        b, carries, kept = self.sweep.builder, carried(self.eqn), self.kept
        start = b.prim("mul", number, kept.plan.length)
        length = b.prim("min", kept.plan.length, b.prim("sub", kept.count, start))
        length.name = "segment"
        moving = dict(zip(kept.moving, state, strict=True))
        args = [moving.get(k, self.trace.copy.atom(init)) for k, (init, _, _, _) in enumerate(carries)]
        block = self._segment_block(args, start, length)

        def seed(frame: Frame) -> None:
            frame.add_all([block.results[k] for k in self.active], bars)

        frame = self.sweep.region_adjoint(block, args, self.trace, self.refs, seed)
        return [frame.taken(block.params[k]) for k in self.active]

    def _segment_block(self, args: Sequence[Atom], start: Atom, length: Atom) -> Block:
        """`length` steps of the loop from `start` as a loop of their own. It has the variables of the loop inside."""
        eqn, body, k = self.eqn, self.eqn.regions[-1], len(args)
        params, outs = (tuple(Var(a.type) for a in args) for _ in range(2))
        for place in self.active:
            self.sweep.active.update((params[place], outs[place]))
        offset = Var(I64, "offset")
        index = _indexed(eqn, body.params[: len(body.params) - k], offset, start, self.kept.count)
        region = Block((offset, *body.params[len(body.params) - k :]), (*index, *body.eqns), body.results)
        attrs = {"carries": k, "reverse": False}
        return Block(params, (Eqn(outs, "fold", (length, *params), attrs, (region,), eqn.span),), outs)


def _indexed(eqn: Eqn, index: Sequence[Var], offset: Var, start: Atom, count: Atom) -> list[Eqn]:
    """Equations that define the index of a step (a `while` has none)."""
    if not index:
        return []
    if not eqn.attrs.get("reverse", False):
        return [Eqn((index[0],), "add", (start, offset))]
    number, left = Var(I64), Var(I64)
    return [
        Eqn((number,), "add", (start, offset)),
        Eqn((left,), "sub", (count, integer(1))),
        Eqn((index[0],), "sub", (left, number)),
    ]
