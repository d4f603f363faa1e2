"""Where states are placed in few slots.

With s slots, and at most r runs of each segment, binomial(s + r, s) segments can be reversed, and a state is put where
both parts into which it cuts them need as few runs as that.

Reference: A. Griewank and A. Walther, Algorithm 799: revolve (2000), equations 2 to 6.
"""

from __future__ import annotations

from difflang.core.builder import Builder
from difflang.core.ir import Atom
from difflang.core.ops import integer


def distance(b: Builder, left: Atom, slots: Atom) -> Atom:
    """How far from a state the next one is put, of `left` segments to be reversed from there.

    `slots` are those that can be used, the one of the state among them. There are at least two of both.
    """
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


def first_distance(b: Builder, left: Atom, slots: Atom) -> Atom:
    """Likewise while the segments are run for the first time: from the last slot to their end.

    There are at least as many segments as slots, and so many are left for the others, that each of them is filled.
    """
    others = b.prim("sub", slots, integer(1))
    near = b.prim("min", distance(b, left, slots), b.prim("sub", left, others))
    return b.prim("select", b.prim("eq", others, integer(0)), left, b.prim("max", near, integer(1)))
