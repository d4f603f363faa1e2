"""Jacobians term by term: where every element of the result is a sum of formulas over few elements of the argument.

Stencils and sums over neighbours are of this kind, and the gradients of such sums (partially separable functions:
Griewank and Toint, On the unconstrained optimization of partially separable functions, 1982). Each term has a fixed
number of partial derivatives, its slots. They are computed in the loop over the terms, all at once and without
directions, into a table; an entry of the matrix is the sum of the slots with its row and column. Which they are follows
from the indices of the program, so that it is known as soon as these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Var, free_vars, walk
from difflang.core.ops import integer
from difflang.derive.activity import varied_variables
from difflang.derive.compressed import Merged, Rows, first, get, merged, put
from difflang.derive.copying import NOTICES, Copy
from difflang.derive.elements import Element, Output, Surroundings
from difflang.derive.followed import Unsuitable
from difflang.derive.values import flat_place, indices_of
from difflang.passes import as_formulas

MOST_SLOTS = 64
"""Of a term: each is code."""

MOST_TERMS = 4
"""Tables that an entry is chosen from."""


@dataclass(frozen=True, slots=True)
class Local:
    """The structure and the values of the entries."""

    rows: Rows
    values: Atom


def local_jacobian(builder: Builder, block: Block, args: Sequence[Atom], which: int) -> Local | None:
    """Emits the Jacobian of the only result, a vector, in the vector `args[which]`; None for any other program.

    Best are formulas of which no two meet in an entry.
    """
    for gathered in (True, False):
        found = _tried(builder, as_formulas(block, gathered=gathered), args, which)
        if found:
            return found
    return None


def _tried(builder: Builder, block: Block, args: Sequence[Atom], which: int) -> Local | None:
    """What is emitted in vain is dropped."""
    builder.open()
    span, level = builder.span, builder.level
    try:
        found = _Assembly(builder, block, args, which).run()
    except Unsuitable:
        found = None
    while builder.level > level:
        builder.close((), ())
    made = builder.close((), ())
    builder.span = span
    for eqn in made.eqns if found else ():
        builder.append(eqn)
    return found


@dataclass(frozen=True, slots=True)
class _Term:
    """A loop over formulas. Each adds to the result, or the region's result number `element` is an element of it."""

    extents: Sequence[Atom]
    region: Block
    element: int | None = None


@dataclass(frozen=True, slots=True)
class _Table:
    """The values of a term's slots, `stride` for each turn. The first is number `begin` of all slots."""

    term: _Term
    turns: Atom
    stride: Atom
    values: Atom
    begin: Atom

    @property
    def size(self) -> Atom:
        return self.values.type.shape[0]


class _Assembly:
    def __init__(self, builder: Builder, block: Block, args: Sequence[Atom], which: int) -> None:
        self.builder = builder
        self.block = block
        self.args = args
        self.param = block.params[which]
        self.width = args[which].type.shape[0]
        self.varied = varied_variables(block, [k == which for k in range(len(args))])
        self.made_by = {out: eqn for eqn in block.eqns for out in eqn.outs}
        self.copy = Copy(builder, {})
        self.terms: list[_Term] = []
        self.refs: set[Var] = set()

    def run(self) -> Local:
        if any(eqn.op in NOTICES or eqn.op == "extern" for eqn in walk(self.block)):
            raise Unsuitable
        (result,) = self.block.results
        self.copy.run(self.block, self.args)
        self.copy.again = True
        self.collect(result)
        around = self.surroundings()
        tables: list[_Table] = []
        for term in self.terms:
            table = self.table(term, around, self.end(tables))
            tables += [table] if table else []
        if len(tables) > MOST_TERMS:
            raise Unsuitable
        found = self.merged(tables, around, self.copy.atom(result).type.shape[0])
        return Local(found.rows, self.entries(tables, found))

    # --- the terms ---

    def collect(self, atom: Atom) -> None:
        """The terms of a value that is the result, or is added to it."""
        if not isinstance(atom, Var) or atom not in self.varied:
            return
        eqn = self.made_by.get(atom)
        place = eqn.outs.index(atom) if eqn else 0
        if eqn and eqn.op == "reshape":
            self.collect(eqn.args[0])
        elif eqn and eqn.op == "build" and len(eqn.args) == len(atom.type.shape):
            self.terms.append(_Term(eqn.args, eqn.regions[0], place))
        elif eqn and eqn.op == "accum" and place < len(eqn.args):
            self.collect(eqn.args[place])
            self.additions(eqn.regions[0], eqn.regions[0].params[place])
        else:
            raise Unsuitable

    def additions(self, region: Block, ref: Var) -> None:
        """What else the region does is done once more outside of it."""
        self.copy.silenced = {*self.copy.silenced, *region.params}
        self.copy.rest(region)
        self.refs.add(ref)
        for eqn in region.eqns:
            if ref in eqn.args or any(ref in free_vars(inner) for inner in eqn.regions):
                loop = eqn.op == "build" and not eqn.outs
                self.terms.append(_Term(eqn.args, eqn.regions[0]) if loop else _Term((), Block((), (eqn,), ())))

    def surroundings(self) -> Surroundings:
        """Raises Unsuitable where a term takes anything else that depends on the argument from outside."""
        argument = {self.param}
        makers: dict[Var, Eqn] = {}
        for eqn in self.block.eqns:
            if eqn.op == "reshape" and eqn.args[0] in argument:
                argument.update(eqn.outs)
            elif eqn.op == "build":
                makers.update((out, eqn) for out in eqn.outs if out in self.varied)
        around = Surroundings(frozenset(argument), frozenset(self.refs), makers)
        for block in [*(term.region for term in self.terms), *(eqn.regions[0] for eqn in makers.values())]:
            if any(v in self.varied and not around.matters(v) for v in free_vars(block)):
                raise Unsuitable
        return around

    # --- one term ---

    def formula(self, term: _Term, around: Surroundings, indices: Sequence[Atom]) -> Element:
        b = self.builder
        element = Element(b, self.copy.values, around)
        element.run(term.region, indices)
        if term.element is not None:
            row = flat_place(b, self.copy.atoms(term.extents), indices)
            element.outputs.append(Output(row, element.slopes_of(term.region.results[term.element])))
        return element

    def table(self, term: _Term, around: Surroundings, begin: Atom) -> _Table | None:
        """The values of the slots; behind those of a turn are values that stand for checks of indices."""
        b = self.builder
        extents = self.copy.atoms(term.extents) or (integer(1),)

        def turn(*indices: Atom) -> list[Atom]:
            element = self.formula(term, around, indices[: len(term.extents)])
            slots = [output.slopes[site] for output in element.outputs for site in element.in_order(output)]
            if len(slots) > MOST_SLOTS:
                raise Unsuitable
            slots += element.checked.values() if slots else ()
            return list(b.emit("table", slots, {"shape": (len(slots),)})) if slots else []

        region = b.block([integer(0).type] * len(extents), turn)
        if not region.results:
            return None
        (made,) = b.emit("build", extents, {}, [region])
        *dims, stride = made.type.shape
        turns: Atom = integer(1)
        for dim in dims:
            turns = b.hoisted("mul", turns, dim)
        values = b.emit("reshape", [made, b.hoisted("mul", turns, stride)])[0]
        return _Table(term, turns, stride, values, begin)

    # --- all of them ---

    def merged(self, tables: Sequence[_Table], around: Surroundings, height: Atom) -> Merged:
        """The row, the column and the number of each slot, sorted."""
        b = self.builder
        room = b.full(integer(0), [b.hoisted("add", self.end(tables), integer(1))])
        state: Sequence[Atom] = [room, room, room, integer(0)]
        for table in tables:
            state = b.fold(table.turns, state, lambda i, *now, t=table: self.enumerated(t, around, i, now))
        *arrays, count = state
        return merged(b, *(first(b, array, count) for array in arrays), height=height, width=self.width)

    def enumerated(self, table: _Table, around: Surroundings, turn: Atom, state: Sequence[Atom]) -> Sequence[Atom]:
        """The slots of one turn behind those before. What is no entry is overwritten by the next one."""
        b = self.builder
        element = self.formula(table.term, around, indices_of(b, self.copy.atoms(table.term.extents), turn))
        pairs = [(o.row, element.sites[site]) for o in element.outputs for site in element.in_order(o)]
        slot = b.prim("add", table.begin, b.prim("mul", turn, table.stride))
        for number, (row, column) in enumerate(pairs):
            *arrays, count = state
            own = (row, column, b.prim("add", slot, integer(number)))
            written = [put(b, array, count, value) for array, value in zip(arrays, own, strict=True)]
            there = b.prim("and", b.prim("ge", row, integer(0)), b.prim("ge", column, integer(0)))
            state = [*written, b.prim("add", count, b.prim("select", there, integer(1), integer(0)))]
        return state

    def end(self, tables: Sequence[_Table]) -> Atom:
        """The number of all slots."""
        last = tables[-1] if tables else None
        return self.builder.hoisted("add", last.begin, last.size) if last else integer(0)

    def entries(self, tables: Sequence[_Table], found: Merged) -> Atom:
        """The first slot of each entry, and then the others."""
        b = self.builder
        if not tables:
            return b.full(literal(0, self.param.type.dtype), [found.rows.count])
        entries = self.firsts(tables, found)
        others = found.others.type.shape

        def add(ref: Atom) -> list[Atom]:
            def one(k: Atom) -> list[Atom]:
                b.add_to(ref, get(b, found.entries, k), self.slot(tables, get(b, found.others, k)), inbounds=True)
                return []

            b.build(others, one)
            return []

        return b.accum([entries], add)[0]

    def firsts(self, tables: Sequence[_Table], found: Merged) -> Atom:
        """The first slots; those of a band are a part of the table, and are copied without a look at their numbers."""
        b, count = self.builder, found.rows.count
        some = b.prim("gt", count, integer(0))
        (begin,) = b.cond(some, lambda: [get(b, found.first, integer(0))], lambda: [integer(0)])

        def follows(k: Atom) -> list[Atom]:
            return [b.prim("eq", get(b, found.first, k), b.prim("add", k, begin))]

        def in_order() -> Sequence[Atom]:
            return b.build([count], lambda k: [self.slot(tables, b.prim("add", k, begin))])

        def in_any_order() -> Sequence[Atom]:
            return b.build([count], lambda k: [self.slot(tables, get(b, found.first, k))])

        return b.cond(b.reduce("all", [count], follows)[0], in_order, in_any_order)[0]

    def slot(self, tables: Sequence[_Table], number: Atom) -> Atom:
        b, (table, *rest) = self.builder, tables
        if not rest:
            return get(b, table.values, b.prim("sub", number, table.begin))
        here = b.prim("lt", number, rest[0].begin)
        return b.cond(here, lambda: [self.slot([table], number)], lambda: [self.slot(rest, number)])[0]
