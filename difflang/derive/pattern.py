"""The places of a Jacobian that may differ from zero, from the program's own indices.

An element of an array that a `build` makes depends on the elements that its region reads: the region is entered with
the indices of the element, and what it needs is followed to arrays of the outermost block, whose own patterns are known
by then. What is added to an accumulator is followed from the index added to. The code that enumerates the pairs
(row, column) runs twice: to count them, and to write them. Time is that of the reads the program makes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Var, free_vars, walk
from difflang.core.ops import integer
from difflang.derive.activity import active_variables
from difflang.derive.compressed import Distinct, Rows, between, distinct, get, put, rows_of_pairs
from difflang.derive.copying import Copy
from difflang.derive.followed import FOLLOWED, Unsuitable, branches
from difflang.derive.partials import has_partial
from difflang.derive.values import flat_place
from difflang.prims import PRIMITIVES

MOST_STEPS = 3000
"""What is emitted for one pattern at most: reads of reads of arrays made inside of regions multiply."""


def structure(builder: Builder, block: Block, args: Sequence[Atom], which: int) -> Rows | None:
    """Emits the pattern of the only result in the vector `args[which]`; None where it must be found by marks."""
    builder.open()
    span = builder.span
    try:
        found = Pattern(builder, block, args, which).run()
    except Unsuitable:
        found = None
    made = builder.close((), ())
    builder.span = span
    for eqn in made.eqns if found else ():
        builder.append(eqn)
    return found


class _Relation(Protocol):
    """What an array of the outermost block depends on."""

    def visit(self, pattern: Pattern, place: Atom) -> None:
        """Enumerates the columns of the element at the flat index `place`."""
        ...


@dataclass(frozen=True, slots=True)
class _Identity:
    def visit(self, pattern: Pattern, place: Atom) -> None:
        pattern.sink(place)


@dataclass(frozen=True, slots=True)
class _Stored:
    """`pairs` are the rows and columns as they were enumerated; `found` has the columns of each row once."""

    pairs: tuple[Atom, Atom]
    found: Distinct

    def visit(self, pattern: Pattern, place: Atom) -> None:
        b, found = pattern.builder, self.found

        def column(t: Atom, *state: Atom) -> list[Atom]:
            pattern.state = list(state)
            pattern.sink(get(b, found.columns, t))
            return pattern.state

        pattern.state = between(b, found.starts, place, pattern.state, column)

    def rows(self, b: Builder, width: Atom) -> Rows:
        height = b.prim("sub", self.found.starts.type.shape[0], integer(1))
        return rows_of_pairs(b, *self.pairs, height, width)


class Pattern:
    """`state` is what the enumeration carries: the number of pairs, then (the second time) their rows and columns."""

    def __init__(self, builder: Builder, block: Block, args: Sequence[Atom], which: int) -> None:
        self.builder = builder
        self.block = block
        self.args = args
        self.width = args[which].type.shape[0]
        self.active = active_variables(block, [k == which for k in range(len(args))])
        self.relations: dict[Var, _Relation] = {block.params[which]: _Identity()}
        self.made_by = {out: eqn for eqn in walk(block) for out in eqn.outs}
        self.silenced: set[Var] = set()
        self.copy = Copy(builder, {}, silenced=self.silenced)
        self.seen: set[tuple[Atom, tuple[Atom, ...]]] = set()
        self.state: list[Atom] = []
        self.row: Atom = integer(0)
        self.steps = 0

    def run(self) -> Rows:
        if any(eqn.op in ("print", "report", "extern") for eqn in walk(self.block)):
            raise Unsuitable
        (result,) = self.block.results
        self.copy.run(self.block, self.args)
        self.copy.again = True
        for eqn in self.block.eqns:
            for position, out in enumerate(eqn.outs):
                if out in self.active:
                    self.relations[out] = self.relation(eqn, position)
        found = self.relations.get(result) if isinstance(result, Var) else None
        if not isinstance(found, _Stored):
            found = self.stored(result.type.shape, lambda: self.elements(result))
        return found.rows(self.builder, self.width)

    def relation(self, eqn: Eqn, position: int) -> _Relation:
        out = eqn.outs[position]
        if eqn.op == "reshape":
            return self.relations[_variable(eqn.args[0])]
        if eqn.op == "accum" and position < len(eqn.args):
            return self.stored(out.type.shape, lambda: self.added(eqn, position))
        return self.stored(out.type.shape, lambda: self.defined_elements(eqn, position))

    # --- the two passes ---

    def stored(self, shape: Sequence[Atom], enumerate_pairs: Callable[[], None]) -> _Stored:
        b = self.builder
        height: Atom = integer(1)
        for dim in self.copy.atoms(shape):
            height = b.hoisted("mul", height, dim)
        self.state, self.seen = [integer(0)], set()
        enumerate_pairs()
        (count,) = self.state
        empty = b.full(integer(0), [count])
        self.state, self.seen = [integer(0), empty, empty], set()
        enumerate_pairs()
        _, rows, columns = self.state
        return _Stored((rows, columns), distinct(b, rows, columns, height, self.width))

    def sink(self, column: Atom) -> None:
        """One pair."""
        b = self.builder
        place, *arrays = self.state
        written = [put(b, a, place, value) for a, value in zip(arrays, (self.row, column), strict=False)]
        self.state = [b.prim("add", place, integer(1)), *written]

    def loop(self, extents: Sequence[Atom], body: Callable[..., None]) -> None:
        """Enumerates inside of a nest of loops; what has been seen in there may be met again behind it."""
        outside = self.seen
        self.seen = set(outside)
        self.nest(extents, body, ())
        self.seen = outside

    def nest(self, extents: Sequence[Atom], body: Callable[..., None], indices: tuple[Atom, ...]) -> None:
        if not extents:
            body(*indices)
            return

        def step(i: Atom, *state: Atom) -> list[Atom]:
            self.state = list(state)
            self.nest(extents[1:], body, (*indices, i))
            return self.state

        self.state = list(self.builder.fold(extents[0], self.state, step))

    def where(self, test: Atom, body: Callable[[], None]) -> None:
        """A loop of one step or none: unlike the branches of a `cond`, it never copies what it carries."""
        self.loop([self.builder.prim("select", test, integer(1), integer(0))], lambda _: body())

    # --- what the elements of a value need ---

    def elements(self, value: Atom) -> None:
        """Every element of a value is a row."""

        def element(*indices: Atom) -> None:
            self.row = self.flat(value.type.shape, indices)
            self.need(value, indices)

        self.loop(self.copy.atoms(value.type.shape), element)

    def defined_elements(self, eqn: Eqn, position: int) -> None:
        shape = eqn.outs[position].type.shape

        def element(*indices: Atom) -> None:
            self.row = self.flat(shape, indices)
            self.follow(eqn, position, indices)

        self.loop(self.copy.atoms(shape), element)

    def flat(self, shape: Sequence[Atom], indices: Sequence[Atom]) -> Atom:
        return flat_place(self.builder, self.copy.atoms(shape), indices)

    def need(self, atom: Atom, indices: Sequence[Atom]) -> None:
        """Enumerates what the element of a variable of the program depends on."""
        if not isinstance(atom, Var) or atom not in self.active:
            return
        key = (self.copy.atom(atom), tuple(indices))
        if key in self.seen:
            return
        self.seen.add(key)
        if atom in self.relations:
            self.relations[atom].visit(self, self.flat(atom.type.shape, indices))
        elif atom in self.made_by:
            eqn = self.made_by[atom]
            self.follow(eqn, eqn.outs.index(atom), indices)
        else:
            raise Unsuitable

    def follow(self, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Unsuitable
        if eqn.op in PRIMITIVES:
            for k, arg in enumerate(eqn.args):
                if has_partial(eqn.op, k):
                    self.need(arg, ())
        elif eqn.op in FOLLOWED:
            FOLLOWED[eqn.op](self, eqn, position, indices)
        else:
            raise Unsuitable

    def entered(self, region: Block, params: Sequence[Atom], position: int, indices: Sequence[Atom]) -> None:
        """What an element of a region's result needs."""
        self.copy.run(region, params)
        self.need(region.results[position], indices)

    # --- what is added ---

    def added(self, accum: Eqn, position: int) -> None:
        """The pairs of an accumulator: those of its first value, and those of everything added to it."""
        region = accum.regions[0]
        self.elements(accum.args[position])
        self.inside(accum, lambda: self.additions(region, region.params[position]))

    def inside(self, accum: Eqn, body: Callable[[], None]) -> None:
        """In the region of an accumulator, whose additions themselves are not made."""
        region = accum.regions[0]
        before = set(self.silenced)
        self.silenced.update(region.params)
        self.copy.rest(region)
        body()
        self.silenced.intersection_update(before)

    def additions(self, block: Block, ref: Var) -> None:
        """Those in a block whose code has been copied."""
        for eqn in block.eqns:
            if eqn.op == "add_to" and eqn.args[0] is ref:
                self.addition(eqn)
            elif any(ref in free_vars(region) for region in eqn.regions):
                self.additions_inside(eqn, ref)

    def addition(self, eqn: Eqn) -> None:
        ref, *places, value = eqn.args

        def at(found: Sequence[Atom]) -> None:
            def element(*indices: Atom) -> None:
                self.row = self.flat(ref.type.shape, [*found, *indices])
                self.need(value, indices)

            self.loop(self.copy.atoms(value.type.shape), element)

        self.inside_of(ref, eqn, places, at)

    def additions_inside(self, eqn: Eqn, ref: Var) -> None:
        region = eqn.regions[0]

        def step(*indices: Atom) -> None:
            self.copy.run(region, indices)
            self.additions(region, ref)

        match eqn.op:
            case "build" | "reduce":
                self.loop(self.copy.atoms(eqn.args), step)
            case "accum":
                self.inside(eqn, lambda: self.additions(region, ref))
            case "cond":
                branches(self, eqn, lambda branch: self.additions_in_branch(branch, ref))
            case _:
                raise Unsuitable

    def additions_in_branch(self, branch: Block, ref: Var) -> None:
        self.copy.rest(branch)
        self.additions(branch, ref)

    def inside_of(self, array: Atom, eqn: Eqn, places: Sequence[Atom], body: Callable[[Sequence[Atom]], None]) -> None:
        """Enumerates at indices of an array, unless the program is about to fail because they are out of range."""
        indices = self.copy.atoms(places)
        if eqn.attrs.get("inbounds") or not indices:
            body(indices)
            return
        b = self.builder
        tests: list[Atom] = []
        for index, dim in zip(indices, self.copy.atoms(array.type.shape), strict=False):
            tests += [b.prim("ge", index, integer(0)), b.prim("lt", index, dim)]
        good = tests[0]
        for test in tests[1:]:
            good = b.prim("and", good, test)
        self.where(good, lambda: body(indices))


def _variable(atom: Atom) -> Var:
    assert isinstance(atom, Var)
    return atom
