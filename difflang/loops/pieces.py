"""Loops over ranges that conditions on the index cut become a loop for each piece.

    build n { i: .. cond (i < b) { A } { B } }  ->  for i < min(b, n) { .. A }; for j < n - b { i = j + b; .. B }

A concatenation, a padded array, a stencil with a border: inside a piece there is no branch, and what the conditions say
of the index is known to the proofs that it is in range. The pieces are scheduled one after the other from one region.
Where comparisons of an index with the same sizes choose between values (or between neighbours, as in a ring), they are
settled by the pieces too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from difflang.core.ir import Atom, Block, Eqn, Literal, Var, walk
from difflang.core.ops import integer
from difflang.loops.ir import Operand, Register
from difflang.loops.scheduler import Scheduler
from difflang.passes.bounds import LARGEST_CONSTANT, Affine, Bounds

LARGEST = 200
"""Equations in a body that is worth having twice."""

CODE = 800
"""Equations in all pieces of a nest together."""

MOST = 6
"""Pieces of one loop."""

FEW = 4
"""A piece of so many turns is not worth pieces of the loops in it."""

MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
OFFSETS = {"lt": (0,), "ge": (0,), "le": (1,), "gt": (1,), "eq": (0, 1), "ne": (0, 1)}
"""By comparison `index op bound`: where the outcome changes, counted from the bound."""

Element = Callable[[tuple[Register, ...]], None]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The place `bound + offset` in the range of an index; equal ones have the same form."""

    bound: Atom
    offset: int
    form: Affine

    @property
    def key(self) -> tuple[frozenset[tuple[Var, int]], int]:
        return frozenset(self.form.terms.items()), self.form.constant


class Pieces:
    """The loops of one nest, outermost first, around `element`."""

    def __init__(self, s: Scheduler, region: Block, extents: Sequence[Operand], element: Element) -> None:
        self.s = s
        self.region = region
        self.extents = extents
        self.element = element
        self.nest = object()
        self.size = sum(1 for _ in walk(region))
        self.inside = {*region.params, *(out for eqn in walk(region) for out in eqn.outs)}
        self.comparisons = [eqn for eqn in walk(region) if self._is_comparison(eqn)]
        for eqn in walk(region) if self.comparisons else ():
            if len(eqn.outs) == 1:
                s.bounds.define(eqn)

    def emit(self) -> None:
        if self.comparisons and self.size <= LARGEST:
            self._loops((), CODE // self.size)
        else:
            self.s.nest(self.extents, self.element)

    def _is_comparison(self, eqn: Eqn) -> bool:
        return eqn.op in OFFSETS and eqn.args[0].type.dtype == "i64"

    def _loops(self, indices: tuple[Register, ...], room: int) -> None:
        """The loops from the one over the next index inwards; there may be `room` copies of the body."""
        s = self.s
        if len(indices) == len(self.extents):
            with self._settled():
                self.element(indices)
            return
        thresholds = self._thresholds(self.region.params[len(indices)])
        thresholds = thresholds if len(thresholds) < min(MOST, room) else []
        index = Affine(0, {self.region.params[len(indices)]: 1})
        start, facts = integer(0), len(s.bounds.facts)
        rooms = self._rooms(self.region.params[len(indices)], thresholds, room)
        for threshold, copies in zip(thresholds, rooms, strict=False):
            stop = self._stop(threshold, start, self.extents[len(indices)])
            above = index.plus(threshold.form, -1)
            place = len(s.bounds.facts)
            s.bounds.facts.append(Affine(-1, {}).plus(above, -1))
            self._piece(start, stop, indices, copies)
            s.bounds.facts[place] = above
            start = stop
        self._piece(start, self.extents[len(indices)], indices, rooms[-1])
        del s.bounds.facts[facts:]

    def _rooms(self, index: Var, thresholds: Sequence[Threshold], room: int) -> list[int]:
        """How many copies of the body may stand in each piece: one in a short piece, the others share the rest."""
        extent = self.s.bounds.form(self.s.bounds.extents[index])
        ends = [Affine(0, {}), *(threshold.form for threshold in thresholds), extent]
        lengths = [end.plus(start, -1) for start, end in pairwise(ends)]
        short = [not length.terms and length.constant <= FEW for length in lengths]
        if all(short):
            return [room // len(short)] * len(short)
        share = (room - sum(short)) // (len(short) - sum(short))
        return [1 if is_short else share for is_short in short]

    def _piece(self, start: Operand, stop: Operand, indices: tuple[Register, ...], room: int) -> None:
        """The loops for the values of an index from `start` up to `stop`."""
        s, step = self.s, Register("i64", "ijklmn"[len(indices) % 6])
        first = start == integer(0)

        def body() -> None:
            self._loops((*indices, step if first else s.apply("add", step, start)), room)

        nest = None if indices else self.nest
        s.loop(step, stop if first else s.apply("sub", stop, start), body, independent=True, nest=nest)

    def _stop(self, threshold: Threshold, start: Operand, extent: Operand) -> Operand:
        """The end of the piece before a threshold. The bound is brought near the range first, lest the sum wraps."""
        s, place = self.s, self.s.operand(threshold.bound)
        if isinstance(place, Literal):
            place = integer(threshold.form.constant)
        elif threshold.offset:
            near = s.apply("min", place, extent) if threshold.offset > 0 else s.apply("max", place, integer(0))
            place = s.apply("add", near, integer(threshold.offset))
        return s.apply("min", s.apply("max", place, start), extent)

    @contextmanager
    def _settled(self) -> Generator[None]:
        """Meanwhile the comparisons whose outcome the pieces around say have that outcome."""
        outer = dict(self.s.decided)
        for eqn in self.comparisons:
            outcome = self._outcome(eqn)
            if outcome is not None:
                self.s.decided[eqn.outs[0]] = outcome
        yield
        self.s.decided = outer

    # --- where conditions change ---

    def _thresholds(self, index: Var) -> list[Threshold]:
        """Where conditions that are still open cut the range of an index, in the order in which they are likely to lie.

        Choices between values cut no loop by themselves, but are settled with the conditions if that is possible.
        """
        needed = self._distinct(index, self._open(self.region, choices=False))
        if not needed:
            return []
        wanted = self._distinct(index, self._open(self.region, choices=True))
        return wanted if len(wanted) < MOST else needed

    def _distinct(self, index: Var, comparisons: Iterator[Eqn]) -> list[Threshold]:
        """Constants first, then the others, those that differ by a constant side by side."""
        found: dict[object, Threshold] = {}
        for eqn in comparisons:
            for threshold in self._of(eqn, index):
                found.setdefault(threshold.key, threshold)
        groups = list(dict.fromkeys(terms for terms, _ in (t.key for t in found.values())))
        groups.sort(key=bool)
        return sorted(found.values(), key=lambda t: (groups.index(t.key[0]), t.key[1]))

    def _of(self, eqn: Eqn, index: Var) -> Iterator[Threshold]:
        """Where the outcome of a comparison changes within the range of the index."""
        compared = _compared(eqn, index, self.s.bounds)
        if compared is None or not self._is_fixed(compared[1]):
            return
        op, bound, shift = compared
        extent = self.s.bounds.form(self.s.bounds.extents[index])
        for offset in OFFSETS[op]:
            form = self.s.bounds.form(bound).plus(Affine(offset - shift, {}))
            nobody_before = self.s.bounds.never_negative(Affine(0, {}).plus(form, -1))
            nobody_behind = self.s.bounds.never_negative(form.plus(extent, -1))
            if not nobody_before and not nobody_behind:
                yield Threshold(bound, offset - shift, form)

    def _is_fixed(self, bound: Atom) -> bool:
        """Whether a bound stays the same in the nest, and no arithmetic wraps around where it is compared.

        Sizes are small, and so is what `min` and `max` choose from them; of any other variable, only itself is a bound.
        """
        form = self.s.bounds.form(bound)
        plain = (
            isinstance(bound, Literal) or form == Affine(0, {bound: 1}) or form.terms.keys() <= self.s.bounds.moderate
        )
        return plain and abs(form.constant) < LARGEST_CONSTANT and self.inside.isdisjoint({bound, *form.terms})

    def _outcome(self, eqn: Eqn) -> bool | None:
        """The outcome of a comparison, if the pieces around settle it."""
        for index in self.region.params:
            compared = _compared(eqn, index, self.s.bounds)
            if compared is not None and self._is_fixed(compared[1]):
                return self.s.bounds.outcome(eqn)
        return None

    # --- conditions ---

    def _open(self, block: Block, choices: bool) -> Iterator[Eqn]:
        """The comparisons on which conditions depend whose outcome is not known; with `choices` those of values too.

        Choices between integers count as conditions, since they mostly choose what to read.
        """
        for eqn in block.eqns:
            if eqn.op == "cond":
                yield from self._leaves(eqn.args[0])
                known = self._value(eqn.args[0])
                taken = eqn.regions if known is None else (eqn.regions[0 if known else 1],)
                for region in taken:
                    yield from self._open(region, choices)
            elif eqn.op == "select" and (choices or eqn.outs[0].type.dtype == "i64"):
                yield from self._leaves(eqn.args[0])

    def _leaves(self, predicate: Atom) -> Iterator[Eqn]:
        """The open comparisons in a predicate."""
        eqn = self.s.bounds.predicates.get(predicate) if isinstance(predicate, Var) else None
        if eqn is None or self._value(predicate) is not None:
            return
        if eqn.op in ("and", "or", "not"):
            for arg in eqn.args:
                yield from self._leaves(arg)
        elif self._is_comparison(eqn):
            yield eqn

    def _value(self, predicate: Atom) -> bool | None:
        """What a predicate is, as far as the pieces around settle it."""
        if isinstance(predicate, Literal):
            return bool(predicate.value)
        eqn = self.s.bounds.predicates.get(predicate)
        if eqn is None:
            return None
        if self._is_comparison(eqn):
            return self._outcome(eqn)
        values = [self._value(arg) for arg in eqn.args] if eqn.op in ("and", "or", "not") else [None]
        if eqn.op == "not":
            return None if values[0] is None else not values[0]
        deciding = eqn.op == "or"
        return deciding if deciding in values else None if None in values else not deciding


def _compared(eqn: Eqn, index: Var, bounds: Bounds) -> tuple[str, Atom, int] | None:
    """A comparison as `index + shift op bound`: the op, the bound and the shift."""
    for op, own, bound in ((eqn.op, *eqn.args), (MIRRORED[eqn.op], *reversed(eqn.args))):
        form = bounds.form(own)
        if form.terms == {index: 1}:
            return op, bound, form.constant
    return None
