"""Parts of arrays: what a subscript on each axis selects, as Core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from difflang.core.builder import Builder
from difflang.core.ir import Atom
from difflang.core.ops import integer

Places = Sequence[Atom]


class Axis(Protocol):
    """How one axis of an array is cut. `extent` is that of the part, None where the axis is gone."""

    @property
    def extent(self) -> Atom | None: ...

    def found(self, b: Builder, place: Atom) -> Atom:
        """What `inside` and `local` have in common, for a place of the array."""
        ...

    def inside(self, b: Builder, place: Atom, found: Atom) -> Atom | None:
        """Whether the place is in the part; None where every one is."""
        ...

    def local(self, b: Builder, found: Atom) -> Atom:
        """The place in the part of one that is inside."""
        ...

    def whole(self, b: Builder, place: Atom) -> Atom:
        """The place in the array of one of the part."""
        ...


@dataclass(frozen=True, slots=True)
class Uncut:
    extent: Atom | None

    def found(self, b: Builder, place: Atom) -> Atom:
        return place

    def inside(self, b: Builder, place: Atom, found: Atom) -> Atom | None:
        return None

    def local(self, b: Builder, found: Atom) -> Atom:
        return found

    def whole(self, b: Builder, place: Atom) -> Atom:
        return place


@dataclass(frozen=True, slots=True)
class Chosen:
    """One place."""

    at: Atom
    extent: Atom | None = None

    def found(self, b: Builder, place: Atom) -> Atom:
        return integer(0)

    def inside(self, b: Builder, place: Atom, found: Atom) -> Atom | None:
        return b.prim("eq", place, self.at)

    def local(self, b: Builder, found: Atom) -> Atom:
        return found

    def whole(self, b: Builder, place: Atom) -> Atom:
        return self.at


@dataclass(frozen=True, slots=True)
class Cut:
    """The places start..start + extent - 1."""

    start: Atom
    extent: Atom | None

    def found(self, b: Builder, place: Atom) -> Atom:
        return b.prim("sub", place, self.start)

    def inside(self, b: Builder, place: Atom, found: Atom) -> Atom | None:
        assert self.extent is not None
        return b.prim("and", b.prim("ge", found, integer(0)), b.prim("lt", found, self.extent))

    def local(self, b: Builder, found: Atom) -> Atom:
        return found

    def whole(self, b: Builder, place: Atom) -> Atom:
        return b.prim("add", place, self.start)


@dataclass(frozen=True, slots=True)
class Listed:
    """Distinct places. `ordered` has them in ascending order and -1 behind them; `order` says where each stands in
    `places`; `steps` is the number of bisections that find one. So nothing has the size of the array.
    """

    places: Atom
    ordered: Atom
    order: Atom
    steps: Atom

    @property
    def extent(self) -> Atom | None:
        return self.places.type.shape[0]

    def found(self, b: Builder, place: Atom) -> Atom:
        """How many of the listed places are below this one."""

        def halved(_: Atom, low: Atom, high: Atom) -> list[Atom]:
            middle = b.prim("floordiv", b.prim("add", low, high), integer(2))
            below = b.prim("lt", b.get(self.ordered, middle, inbounds=True), place)
            is_open = b.prim("lt", low, high)
            up, down = b.prim("and", is_open, below), b.prim("and", is_open, b.prim("not", below))
            above = b.prim("add", middle, integer(1))
            return [b.prim("select", up, above, low), b.prim("select", down, middle, high)]

        (count,) = self.places.type.shape
        return b.fold(self.steps, [integer(0), count], halved)[0]

    def inside(self, b: Builder, place: Atom, found: Atom) -> Atom | None:
        return b.prim("eq", b.get(self.ordered, found, inbounds=True), place)

    def local(self, b: Builder, found: Atom) -> Atom:
        return b.get(self.order, found, inbounds=True)

    def whole(self, b: Builder, place: Atom) -> Atom:
        return b.get(self.places, place, inbounds=True)


def listed(b: Builder, places: Atom) -> Listed:
    """The axis for a vector of distinct places."""
    (order,) = b.emit("argsort", [places])
    (count,) = places.type.shape

    def entry(k: Atom) -> list[Atom]:
        known = b.prim("lt", k, count)
        return list(
            b.cond(
                known,
                lambda: [b.get(places, b.get(order, k, inbounds=True), inbounds=True)],
                lambda: [integer(-1)],
            )
        )

    (ordered,) = b.build([b.prim("add", count, integer(1))], entry)
    # As long as the interval is not empty, a step leaves less than half of it.
    start = [integer(0), count]
    steps, _ = b.while_(
        start,
        lambda _, left: b.prim("gt", left, integer(0)),
        lambda steps, left: [b.prim("add", steps, integer(1)), b.prim("floordiv", left, integer(2))],
    )[:2]
    return Listed(places, ordered, order, steps)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an array that stands for a parameter: how each axis is cut, and the old array."""

    axes: tuple[Axis, ...]
    old: Atom

    @property
    def shape(self) -> tuple[Atom, ...]:
        return tuple(axis.extent for axis in self.axes if axis.extent is not None)

    def wholes(self, b: Builder, places: Places) -> list[Atom]:
        """The place in the array of a place of the part."""
        rest = iter(places)
        return [axis.whole(b, integer(0) if axis.extent is None else next(rest)) for axis in self.axes]

    def found(self, b: Builder, places: Places) -> list[Atom]:
        return [axis.found(b, place) for axis, place in zip(self.axes, places, strict=True)]

    def inside(self, b: Builder, places: Places, found: Places) -> Atom | None:
        triples = zip(self.axes, places, found, strict=True)
        return all_of(b, [axis.inside(b, place, own) for axis, place, own in triples])

    def locals(self, b: Builder, found: Places) -> list[Atom]:
        pairs = zip(self.axes, found, strict=True)
        return [axis.local(b, own) for axis, own in pairs if axis.extent is not None]


def all_of(b: Builder, tests: Sequence[Atom | None]) -> Atom | None:
    found: Atom | None = None
    for test in tests:
        if test is not None:
            found = test if found is None else b.prim("and", found, test)
    return found
