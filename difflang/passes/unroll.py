"""Inside loops, short loops of literal length become straight lines, and small arrays become their elements.

    build n { i: a = build 3 { j: .. yield v }; x = get a 0; .. }   ->   build n { i: .. x = v with j = 0; .. }

So a loop over many things that each take a few vectors of two or three numbers computes with scalars alone, and is
itself the innermost loop, which is worth SIMD lanes. Elements that are read at literal indices need no array (scalar
replacement of aggregates); one that is still read otherwise is made by a `table` where it was defined. The walk is
that of `Simplify`, which folds what the literal indices decide: a comparison with the index, a seed, the piece of a
`concat`.

The equations that unrolling adds are bounded for each function, and a loop with one of unknown length inside stays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var, walk
from difflang.core.ops import COMBINE, carries, integer
from difflang.passes.dead import DeadCode
from difflang.passes.rewrite import clone
from difflang.passes.settle import settled
from difflang.passes.simplify import LOOPS, Facts, Simplifier

TURNS = 16
"""The longest loop that is unrolled."""

ELEMENTS = 32
"""The largest array that is taken apart, and the most products of an unrolled contraction."""

BUDGET = 4000
"""Equations that unrolling may add to a function."""


@dataclass(frozen=True, slots=True)
class Unroll:
    """Unrolls short loops inside loops and takes small arrays apart; accumulators of straight lines become values."""

    turns: int = TURNS
    budget: int = BUDGET

    def __call__(self, func: Func) -> Func:
        walk = Unroller(self.turns, self.budget)
        plain = DeadCode()(walk.func(func))
        as_values = settled(plain)
        return plain if as_values is plain else DeadCode()(Unroller(self.turns, walk.budget).func(as_values))


class Unroller(Simplifier):
    """`elements` are those of the arrays that have been taken apart, row by row; `solid` the arrays that were made."""

    def __init__(self, turns: int, budget: int) -> None:
        super().__init__()
        self.turns = turns
        self.budget = budget
        self.elements: dict[Var, tuple[Atom, ...]] = {}
        self.solid: set[Var] = set()

    # --- the walk ---

    def block(self, block: Block) -> Block:
        params = self.define(block.params)
        self.frames.append([])
        for eqn in block.eqns:
            self.equation(eqn)
        results = self.all(block.results)
        self.solidify(results)
        return Block(params, tuple(self.frames.pop()), results)

    def equation(self, eqn: Eqn) -> None:
        rule = RULES.get(eqn.op)
        if rule is None or not rule(self, eqn, self.all(eqn.args)):
            super().equation(eqn)

    def structural(self, eqn: Eqn, args: tuple[Atom, ...]) -> None:
        chooses = eqn.op == "cond" and self.in_loop()
        sums = eqn.op == "reduce" and eqn.attrs["op"] == "sum"
        small = [out for out in eqn.outs if out.type.shape and 0 < _count(out.type.shape) <= self.turns]
        if not small or not (chooses or sums):
            super().structural(eqn, args)
            return
        scalars = {out: tuple(Var(Type(out.type.dtype)) for _ in range(_count(out.type.shape))) for out in small}
        super().structural(_by_elements(eqn, scalars), args)
        for out, elements in scalars.items():
            self.take_apart(out, self.all(elements))

    def write(self, eqn: Eqn, facts: Facts, level: int) -> tuple[Var, ...]:
        self.solidify(eqn.args)
        return super().write(eqn, facts, level)

    def in_loop(self) -> bool:
        return any(scope.owner in LOOPS for scope in self.scopes)

    # --- arrays by their elements ---

    def take_apart(self, out: Var, elements: Sequence[Atom]) -> None:
        self._declare((out,), self.level)
        self.elements[out] = tuple(elements)

    def known_elements(self, atom: Atom) -> tuple[Atom, ...] | None:
        """The elements of an array that is taken apart, or that is written as a table or as copies of one value."""
        if not isinstance(atom, Var):
            return None
        if atom in self.elements:
            return self.elements[atom]
        eqn, count = self.known.get(atom), _count(atom.type.shape)
        if eqn is None or not count:
            return None
        if eqn.op == "table":
            return eqn.args
        if eqn.op == "build" and not eqn.regions[0].eqns and not atom.type.rank > len(eqn.args):
            result = eqn.regions[0].results[eqn.outs.index(atom)]
            return None if result in eqn.regions[0].params else (result,) * count
        return None

    def all_elements(self, atom: Atom) -> tuple[Atom, ...]:
        """The elements of a scalar or of a small array, read one by one if need be."""
        if not atom.type.shape:
            return (atom,)
        found = self.known_elements(atom)
        return found or tuple(self.read(atom, place) for place in _places(atom.type.shape))

    def read(self, array: Atom, place: Sequence[Atom]) -> Atom:
        out = Var(Type(array.type.dtype))
        super().equation(Eqn((out,), "get", (array, *place), {"inbounds": True}))
        return self.atom(out)

    def apply(self, primitive: str, like: Type, *args: Atom) -> Atom:
        out = Var(Type(like.dtype))
        self.equation(Eqn((out,), primitive, args))
        return self.atom(out)

    def solidify(self, atoms: Sequence[Atom]) -> None:
        """Makes the arrays among the atoms where they were defined: they are used as a whole."""
        for atom in atoms:
            if isinstance(atom, Var) and atom in self.elements and atom not in self.solid:
                self.solid.add(atom)
                self.make(atom, self.elements[atom])

    def make(self, array: Var, elements: tuple[Atom, ...]) -> None:
        facts = Facts()
        for element in elements:
            facts.uses |= self.bit(element)
        shape = array.type.shape
        first = elements[0]
        if all(isinstance(e, Literal) and repr(e) == repr(first) for e in elements):
            body = Block(tuple(Var(Type("i64")) for _ in shape), (), (first,))
            made = Eqn((array,), "build", shape, {}, (body,))
        else:
            made = Eqn((array,), "table", elements, {"shape": tuple(_literal(dim) for dim in shape)})
        super().write(made, facts, self.levels[array])

    # --- unrolling ---

    def may_unroll(self, extents: Sequence[Atom], regions: Sequence[Block], results: Sequence[Atom]) -> bool:
        """Whether the loop is short, stands in a loop, and its copies fit the budget."""
        if not self.in_loop() or not all(isinstance(n, Literal) for n in extents):
            return False
        turns = math.prod(_literal(n) for n in extents)
        if not 0 < turns <= self.turns or any(r.type.shape and not _count(r.type.shape, turns) for r in results):
            return False
        size = _size(regions)
        if size is None or size * turns > self.budget:
            return False
        self.budget -= size * turns
        return True

    def turn(self, region: Block, args: Sequence[Atom]) -> tuple[Atom, ...]:
        """One copy of the body of a loop."""
        eqns, results = clone(region, args)
        for eqn in eqns:
            self.equation(eqn)
        return self.all(results)


# --- rules: whether they replaced the equation ---


def _get(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    array, *indices = args
    elements = walk.known_elements(array) if indices else None
    part = _part(array.type.shape, indices) if elements else None
    if elements is None or part is None:
        return False
    if eqn.outs[0].type.shape:
        walk.take_apart(eqn.outs[0], elements[part])
    else:
        walk.atoms[eqn.outs[0]] = elements[part.start]
    return True


def _set(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    array, *indices, value = args
    elements = walk.known_elements(array)
    part = _part(array.type.shape, indices) if elements else None
    if elements is None or part is None:
        return False
    if value.type.shape and not walk.in_loop() and walk.known_elements(value) is None:
        return False
    new = walk.all_elements(value)
    walk.take_apart(eqn.outs[0], (*elements[: part.start], *new, *elements[part.stop :]))
    return True


def _reshape(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    out, elements = eqn.outs[0], walk.known_elements(args[0])
    if elements is None or (out.type.shape and not _count(out.type.shape)):
        return False
    if out.type.shape:
        walk.take_apart(out, elements)
    else:
        walk.atoms[out] = elements[0]
    return True


def _build(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    region = eqn.regions[0]
    filled = eqn.outs and not region.eqns and not any(r in region.params for r in region.results)
    if filled or not walk.may_unroll(args, eqn.regions, region.results):
        return False
    turns = [walk.turn(region, place) for place in _places(args)]
    for k, out in enumerate(eqn.outs):
        walk.take_apart(out, [element for results in turns for element in walk.all_elements(results[k])])
    return True


def _reduce(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    region, combine = eqn.regions[0], COMBINE.get(str(eqn.attrs["op"]))
    if combine is None or not walk.may_unroll(args, eqn.regions, region.results):
        return False
    turns = [walk.turn(region, place) for place in _places(args)]
    for k, out in enumerate(eqn.outs):
        totals = walk.all_elements(turns[0][k])
        for results in turns[1:]:
            pairs = zip(totals, walk.all_elements(results[k]), strict=True)
            totals = tuple(walk.apply(combine, out.type, total, element) for total, element in pairs)
        _yield(walk, out, totals)
    return True


def _fold(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    region, count = eqn.regions[0], carries(eqn.attrs)
    if not walk.may_unroll(args[:1], eqn.regions, region.results[count:]):
        return False
    order = list(_places(args[:1]))
    carried, rows = args[1:], dict[int, tuple[Atom, ...]]()
    for place in reversed(order) if eqn.attrs.get("reverse") else order:
        results = walk.turn(region, (*place, *carried))
        carried, rows[_literal(place[0])] = results[:count], results[count:]
    walk.atoms.update(zip(eqn.outs, carried, strict=False))
    for k, out in enumerate(eqn.outs[count:]):
        walk.take_apart(out, [element for step in sorted(rows) for element in walk.all_elements(rows[step][k])])
    return True


def _contract(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    inputs, output = str(eqn.attrs["spec"]).split("->")
    specs = inputs.split(",")
    sizes = {x: n for spec, arg in zip(specs, args, strict=True) for x, n in zip(spec, arg.type.shape, strict=True)}
    shapes = [tuple(sizes.values()), *(arg.type.shape for arg in args)]
    if not walk.in_loop() or not all(map(_count, shapes)):
        return False
    operands = [dict(zip(_places(a.type.shape), walk.all_elements(a), strict=True)) for a in args]
    summed = [x for x in sizes if x not in output]
    totals = []
    for place in _places([sizes[x] for x in output]):
        total: Atom | None = None
        for inner in _places([sizes[x] for x in summed]):
            at = dict(zip((*output, *summed), (*place, *inner), strict=True))
            factors = [operand[tuple(at[x] for x in spec)] for spec, operand in zip(specs, operands, strict=True)]
            term = walk.apply("mul", eqn.outs[0].type, *factors)
            total = term if total is None else walk.apply("add", eqn.outs[0].type, total, term)
        assert total is not None
        totals.append(total)
    _yield(walk, eqn.outs[0], totals)
    return True


def _add_to(walk: Unroller, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    reference, *indices, value = args
    elements = walk.known_elements(value) if eqn.attrs.get("inbounds") or not indices else None
    if elements is None:
        return False
    for place, element in zip(_places(value.type.shape), elements, strict=True):
        walk.equation(Eqn((), "add_to", (reference, *indices, *place, element), {"inbounds": True}, (), eqn.span))
    return True


RULES: dict[str, Callable[[Unroller, Eqn, tuple[Atom, ...]], bool]] = {
    "get": _get,
    "set": _set,
    "reshape": _reshape,
    "build": _build,
    "reduce": _reduce,
    "fold": _fold,
    "contract": _contract,
    "add_to": _add_to,
}


# --- shapes ---


def _yield(walk: Unroller, out: Var, elements: Sequence[Atom]) -> None:
    if out.type.shape:
        walk.take_apart(out, elements)
    else:
        walk.atoms[out] = elements[0]


def _literal(atom: Atom) -> int:
    assert isinstance(atom, Literal)
    return int(atom.value)


def _count(shape: Sequence[Atom], times: int = 1) -> int:
    """The number of elements of (that many copies of) a small literal shape, 0 for any other shape."""
    if not all(isinstance(dim, Literal) for dim in shape):
        return 0
    count = math.prod(_literal(dim) for dim in shape)
    return count if 0 < count * times <= ELEMENTS else 0


def _places(shape: Sequence[Atom]) -> list[tuple[Literal, ...]]:
    """All index tuples of a literal shape, in row-major order."""
    return [tuple(map(integer, place)) for place in itertools.product(*(range(_literal(dim)) for dim in shape))]


def _part(shape: Sequence[Atom], indices: Sequence[Atom]) -> slice | None:
    """Where a sub-array at literal indices lies among the elements; None if an index is no literal or out of range."""
    start, size = 0, math.prod(_literal(dim) for dim in shape)
    for index, dim in zip(indices, shape, strict=False):
        if not isinstance(index, Literal) or not 0 <= index.value < _literal(dim):
            return None
        size //= _literal(dim)
        start += int(index.value) * size
    return slice(start, start + size)


def _size(regions: Sequence[Block]) -> int | None:
    """The number of equations, or None where a loop inside is not of literal length."""
    size = 0
    for eqn in (eqn for region in regions for eqn in walk(region)):
        extents = eqn.args if eqn.op in ("build", "reduce") else eqn.args[:1] if eqn.op == "fold" else ()
        if eqn.op == "while" or not all(isinstance(n, Literal) for n in extents):
            return None
        size += 1
    return size


def _by_elements(eqn: Eqn, scalars: dict[Var, tuple[Var, ...]]) -> Eqn:
    """A `cond` or sum whose small array results are given element by element."""
    outs = tuple(s for out in eqn.outs for s in scalars.get(out, (out,)))
    regions: list[Block] = []
    for region in eqn.regions:
        eqns, results = list(region.eqns), list[Atom]()
        for out, result in zip(eqn.outs, region.results, strict=True):
            if out not in scalars:
                results.append(result)
                continue
            for place in _places(out.type.shape):
                element = Var(Type(out.type.dtype))
                eqns.append(Eqn((element,), "get", (result, *place), {"inbounds": True}, (), eqn.span))
                results.append(element)
        regions.append(Block(region.params, tuple(eqns), tuple(results)))
    return Eqn(outs, eqn.op, eqn.args, eqn.attrs, tuple(regions), eqn.span)
