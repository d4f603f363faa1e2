"""The reverse sweep of a loop in segments, of which the forward sweep (`segments`) has kept a few states.

Segments are taken last first. A slot whose segment is done is free for a state nearer to the one that is next.
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
from difflang.derive.segments import Kept
from difflang.derive.treeverse import distance

if TYPE_CHECKING:
    from difflang.derive.reverse import Cotangent, Frame, Sweep, Trace


def replayed(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """The adjoint of a loop that was cut: a loop over its segments in the opposite order."""
    b, carries, kept = sweep.builder, carried(eqn), trace.copy.kept[eqn]
    active = [k for k, (_, param, _, _) in enumerate(carries) if param in sweep.active]
    outs = trace.copy.atoms(eqn.outs)
    seeds = [values.instantiated(b, cotangents[k], outs[k].type) for k in active]

    def body(refs: Mapping[Var, Atom]) -> Sequence[Atom]:
        replay = _Replay(sweep, eqn, trace, refs, active, kept)
        slots = [] if kept.plan.exact else [*kept.states, kept.places, kept.top]
        start, split = [*seeds, *slots], len(seeds)
        params = [Var(I64, "place"), *(Var(a.type) for a in start)]
        region = sweep.region(params, lambda place, *state: replay.turn(place, state[:split], state[split:]))
        count = ceiling_quotient(b, kept.count, kept.plan.length)
        return b.emit("fold", [count, *start], {"carries": len(start), "reverse": True}, [region])[:split]

    results = frame.accumulated([eqn.regions[-1]], body)
    for k, result in zip(active, results, strict=True):
        frame.add(carries[k][0], result)


@dataclass(frozen=True, slots=True)
class _Replay:
    """One loop on its way back."""

    sweep: Sweep
    eqn: Eqn
    trace: Trace
    refs: Mapping[Var, Atom]
    active: Sequence[int]
    kept: Kept

    def turn(self, place: Atom, bars: Sequence[Atom], slots: Sequence[Atom]) -> list[Atom]:
        """Takes the cotangents of the carries from the end of a segment to its start, and frees its slot.

        The slots are the rows of states, the places of the segments that these belong to, and the last slot used.
        """
        b = self.sweep.builder
        if self.kept.plan.exact:
            return self.segment(place, [b.get(a, place, inbounds=True) for a in self.kept.states], bars)
        *rows, places, top = self._placed(place, slots)
        nearest = b.get(places, top, inbounds=True)
        before = [b.get(a, top, inbounds=True) for a in rows]
        reached = self._advanced(nearest, b.prim("sub", place, nearest), before)
        moved = self.segment(place, reached, bars)
        done = b.prim("convert", b.prim("eq", nearest, place), dtype="i64")
        return [*moved, *rows, places, b.prim("max", b.prim("sub", top, done), integer(0))]

    def _placed(self, place: Atom, slots: Sequence[Atom]) -> Sequence[Atom]:
        """Fills free slots with states on the way to the segment at `place`."""
        b, room = self.sweep.builder, slots[-2].type.shape[0]

        def going(*state: Atom) -> Atom:
            *_, places, top = state
            free = b.prim("lt", b.prim("add", top, integer(1)), room)
            return b.prim("and", free, b.prim("lt", b.get(places, top, inbounds=True), place))

        def step(*state: Atom) -> list[Atom]:
            *rows, places, top = state
            nearest = b.get(places, top, inbounds=True)
            left = b.prim("add", b.prim("sub", place, nearest), integer(1))
            far = distance(b, left, b.prim("sub", room, top))
            reached = self._advanced(nearest, far, [b.get(a, top, inbounds=True) for a in rows])
            top = b.prim("add", top, integer(1))
            rows = [b.set(a, top, r, inbounds=True) for a, r in zip(rows, reached, strict=True)]
            return [*rows, b.set(places, top, b.prim("add", nearest, far), inbounds=True), top]

        return b.while_(slots, going, step)[: len(slots)]

    def _advanced(self, place: Atom, segments: Atom, state: Sequence[Atom]) -> Sequence[Atom]:
        """Runs some whole segments from the one at `place`, keeping nothing."""
        b, kept = self.sweep.builder, self.kept
        start, steps = (b.prim("mul", a, kept.plan.length) for a in (place, segments))
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
