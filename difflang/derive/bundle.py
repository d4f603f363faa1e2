"""Forward mode in several directions at once: one primal, and tangents with trailing axes of directions.

A scalar's tangent is an array over the directions, the tangent of `a[n]` has the shape (n, directions..); so what the
directions share is computed outside of the loops over them, and these run along rows. The same operations carry regions
as in one direction (`Forward`); this module says how the tangents of values follow from each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Type
from difflang.derive import values
from difflang.derive.forward import Series, Tangent, pushed, tangent_rule
from difflang.prims import PRIMITIVES

LETTERS = "zyxwvuts"
"""For the axes of directions in contractions, whose own letters come from the front of the alphabet."""


def bundle(
    builder: Builder,
    block: Block,
    args: Sequence[Atom],
    tangents: Sequence[Tangent],
    directions: Sequence[Atom],
) -> tuple[list[Atom], list[Tangent]]:
    """Like `jvp`, with tangents whose types have the extents `directions` behind the shape of the value."""
    rule = Bundled(tuple(directions))
    results, found = pushed(builder, block, args, [(t,) for t in tangents], 1, rule, rule.directions)
    return results, [series[0] for series in found]


class Bundled:
    """The rule of order 1 for tangents with axes of directions."""

    def __init__(self, directions: tuple[Atom, ...]) -> None:
        self.directions = directions

    def __call__(self, b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
        tangents = [s[0] for s in series]
        if eqn.op in PRIMITIVES:
            return [(self.primitive(b, eqn, tangents),)]
        rules = {"get": self.get, "set": self.set, "reshape": self.reshape, "contract": self.contract}
        return [(t,) for t in rules.get(eqn.op, self.by_direction)(b, eqn, tangents)]

    def type(self, like: Type) -> Type:
        return Type(like.dtype, (*like.shape, *self.directions))

    def primitive(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> Tangent:
        """One loop over the directions around the rule for one."""

        def element(*direction: Atom) -> list[Atom]:
            own = [None if t is None else b.get(t, *direction, inbounds=True) for t in tangents]
            ((found,),) = tangent_rule(b, eqn, [(t,) for t in own])
            return [] if found is None else [found]

        region = b.block([Type("i64")] * len(self.directions), element)
        return b.emit("build", self.directions, {}, [region])[0] if region.results else None

    def get(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
        if tangents[0] is None:
            return [None]
        return [values.element(b, tangents[0], eqn.args[1:], inbounds=values.is_inbounds(eqn))]

    def set(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
        array = values.instantiated(b, tangents[0], self.type(eqn.args[0].type))
        value = values.instantiated(b, tangents[-1], self.type(eqn.args[-1].type))
        return [values.replaced(b, array, eqn.args[1:-1], value, inbounds=values.is_inbounds(eqn))]

    def reshape(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
        if tangents[0] is None:
            return [None]
        return [b.emit("reshape", [tangents[0], *eqn.args[1:], *self.directions])[0]]

    def contract(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
        inputs, output = str(eqn.attrs["spec"]).split("->")
        letters = "".join(x for x in LETTERS if x not in inputs)[: len(self.directions)]

        def term(place: int) -> Tangent:
            tangent = tangents[place]
            if tangent is None:
                return None
            specs, args = inputs.split(","), list(eqn.args)
            specs[place], args[place] = specs[place] + letters, tangent
            return b.emit("contract", args, {"spec": f"{','.join(specs)}->{output}{letters}"})[0]

        return [values.added(b, term(0), term(1))]

    def by_direction(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
        """The rule for one direction, for each of them; the tangents of the results then change their axes."""
        moved: list[bool] = []

        def column(*direction: Atom) -> list[Atom]:
            own = [along(b, t, arg.type, direction) for t, arg in zip(tangents, eqn.args, strict=True)]
            found = [t for (t,) in tangent_rule(b, eqn, [(t,) for t in own])]
            moved.extend(t is not None for t in found)
            return [t for t in found if t is not None]

        columns = iter(b.build(self.directions, column))
        return [self.turned(b, next(columns)) if flag else None for flag in moved]

    def turned(self, b: Builder, columns: Atom) -> Atom:
        """The axes of directions behind the others."""
        front = len(self.directions)
        shape = (*columns.type.shape[front:], *self.directions)
        own = len(shape) - front
        return b.build(shape, lambda *i: [b.get(columns, *i[own:], *i[:own], inbounds=True)])[0]


def along(b: Builder, tangent: Tangent, like: Type, direction: Sequence[Atom]) -> Tangent:
    """The tangent of an argument in one direction."""
    if tangent is None:
        return None
    read = b.build(like.shape, lambda *i: [b.get(tangent, *i, *direction, inbounds=True)]) if like.shape else None
    return read[0] if read else b.get(tangent, *direction, inbounds=True)
