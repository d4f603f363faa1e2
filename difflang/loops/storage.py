"""Memory as the scheduler sees it: which variables may share it, and where values are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from difflang.core.ir import Var
from difflang.loops.ir import Array


@dataclass(eq=False, slots=True)
class Storage:
    """A piece of memory and the variables whose elements lie in it.

    `level` is the depth of the frame that it belongs to; `writable` is false for the function's parameters.
    Views share the storage of what they look at. After `merge` two storages are one.
    """

    level: int
    writable: bool = True
    variables: list[Var] = field(default_factory=list[Var])
    merged: Storage | None = None

    def root(self) -> Storage:
        """The storage that stands for this one after merging."""
        storage = self
        while storage.merged is not None:
            storage = storage.merged
        return storage

    def merge(self, other: Storage) -> None:
        """Makes the two one: what overwrites either must wait for the variables of both."""
        one, two = self.root(), other.root()
        if one is not two:
            one.variables.extend(two.variables)
            one.level = min(one.level, two.level)
            one.writable = one.writable and two.writable
            two.merged = one


@dataclass(eq=False, slots=True)
class Place:
    """Where an array is: the pointer, and the storage that it points into."""

    array: Array
    storage: Storage


class Destination:
    """A place where the result of a block is wanted; it is made when it is first asked for.

    `early`: it can be made before the sizes in the result's type are known.
    """

    def __init__(self, make: Callable[[], Place], early: bool = True) -> None:
        self.early = early
        self._make = make
        self._place: Place | None = None

    @property
    def place(self) -> Place:
        if self._place is None:
            self._place = self._make()
        return self._place

    def candidates(self) -> Iterator[Place]:
        """Places from which the value needs no further copy, the best first."""
        yield self.place


class CarryDestination(Destination):
    """The next value of a carried array: over the present one, or in a spare buffer that takes turns with it."""

    def __init__(self, current: Place, make_spare: Callable[[], Place]) -> None:
        super().__init__(lambda: current)
        self._make_spare = make_spare
        self.spare: Place | None = None

    def candidates(self) -> Iterator[Place]:
        yield self.place
        yield self.spare_place()

    def spare_place(self) -> Place:
        if self.spare is None:
            self.spare = self._make_spare()
        return self.spare


class ReshapedDestination(Destination):
    """The places of another destination, seen with another shape."""

    def __init__(self, wanted: Destination, reshape: Callable[[Place], Place]) -> None:
        super().__init__(lambda: reshape(wanted.place))
        self._wanted = wanted
        self._reshape = reshape

    def candidates(self) -> Iterator[Place]:
        for place in self._wanted.candidates():
            yield self._reshape(place)
