"""A loop that computes a part of what another loop computes is not run.

    y = fold n (x0) { x: .. yield f(x) }                          y, dy = fold n (x0, 0) { x, dx: .. }
    z, dz = fold n (x0, 0) { x, dx: .. yield f(x), f'(x) dx }  ->  z = y

So a value and its derivative, asked for side by side, share the forward sweep. Expressions are numbered by what they
compute (value numbering, Click 1995), a result of a loop by its own slice of the body. A carry of a `fold` depends on
others: the first carries that depend on each other only are the same in two folds if they start from the same and make
the same of it, by induction over the steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from difflang.core.ir import Atom, Block, Eqn, Func, Var, free_vars
from difflang.core.ops import carries, is_effect
from difflang.passes.rewrite import Rewriter, key_of

SLICED = frozenset({"build", "reduce", "cond"})
"""Operations of which each result has its own result in the region."""

LOOPS = frozenset({"build", "reduce", "fold"})
REACH = 2000
"""Blocks with more equations are left as they are."""


@dataclass(frozen=True, slots=True)
class Share:
    """Replaces the loops at the top of a function whose results another loop there has among its own."""

    def __call__(self, func: Func) -> Func:
        if len(func.block.eqns) > REACH or not _has_candidates(func.block.eqns):
            return func
        numbers = _Numbers()
        for eqn in func.block.eqns:
            numbers.equation(eqn, 0)
        eqns, same = _shared(list(func.block.eqns), numbers)
        if not same:
            return func
        rewriter = Rewriter()
        rewriter.atoms.update(same)
        return rewriter.func(Func(func.name, Block(func.block.params, tuple(eqns), func.block.results)))


def _has_candidates(eqns: Iterable[Eqn]) -> bool:
    """Whether two loops have the same extents."""
    seen = [(eqn.op, tuple(map(key_of, _extents(eqn)))) for eqn in eqns if eqn.op in LOOPS]
    return len(set(seen)) < len(seen)


def _extents(eqn: Eqn) -> Sequence[Atom]:
    return eqn.args[:1] if eqn.op == "fold" else eqn.args


def _shared(eqns: list[Eqn], numbers: _Numbers) -> tuple[list[Eqn], dict[Var, Atom]]:
    """The equations without loops that others contain, and what stands for the results of these."""
    same: dict[Var, Atom] = {}
    loops = [eqn for eqn in eqns if eqn.op in LOOPS and eqn.outs and eqn.regions[0].eqns]
    makers = _makers(loops, numbers)
    for eqn in loops:
        others = (e for e in makers[numbers.atom(eqn.outs[0])] if e is not eqn and e.outs[0] not in same)
        larger = next((e for e in others if _contains(e, eqn, numbers)), None)
        order = _with_first(eqns, larger, eqn, same) if larger is not None else None
        if larger is not None and order is not None:
            by_number = {numbers.atom(out): out for out in larger.outs}
            same.update((out, by_number[numbers.atom(out)]) for out in eqn.outs)
            eqns = [e for e in order if e is not eqn]
    return eqns, {out: _last_of(atom, same) for out, atom in same.items()}


def _makers(loops: Iterable[Eqn], numbers: _Numbers) -> dict[int, list[Eqn]]:
    """The loops that compute each number."""
    makers: dict[int, list[Eqn]] = {}
    for eqn in loops:
        for number in {numbers.atom(out) for out in eqn.outs}:
            makers.setdefault(number, []).append(eqn)
    return makers


def _last_of(atom: Atom, same: Mapping[Var, Atom]) -> Atom:
    """What stands for an atom in the end: a loop that contains another may itself be a part of a third."""
    while isinstance(atom, Var) and atom in same:
        atom = same[atom]
    return atom


def _contains(larger: Eqn, eqn: Eqn, numbers: _Numbers) -> bool:
    """Whether every result of a loop is one of another loop."""
    if larger.op != eqn.op:
        return False
    found = {numbers.atom(out): out.type for out in larger.outs}
    return all(found.get(numbers.atom(out)) == out.type for out in eqn.outs)


def _with_first(eqns: list[Eqn], first: Eqn, second: Eqn, same: Mapping[Var, Atom]) -> list[Eqn] | None:
    """The equations with `first` before `second`; None where it needs it, or where an effect stands between them.

    `same` is what stands for the results of loops that are gone.
    """
    here, there = eqns.index(second), eqns.index(first)
    if there < here:
        return eqns
    between = eqns[here : there + 1]
    if any(is_effect(eqn.op, eqn.regions) for eqn in between):
        return None
    moved: list[Eqn] = []
    needed: set[Var] = set(first.outs)
    for eqn in reversed(between):
        if not needed.isdisjoint(eqn.outs):
            moved.append(eqn)
            needed.update(used for var in _used(eqn) if isinstance(used := _last_of(var, same), Var))
    if second in moved:
        return None
    return [*eqns[:here], *reversed(moved), *(e for e in between if e not in moved), *eqns[there + 1 :]]


def _used(eqn: Eqn) -> set[Var]:
    dims = [dim for out in eqn.outs for dim in out.type.shape]
    free = [var for region in eqn.regions for var in free_vars(region)]
    return {atom for atom in (*eqn.args, *dims, *free) if isinstance(atom, Var)}


@dataclass(slots=True)
class _Numbers:
    """A number for each expression. `carries` has for each the numbers of the carries that it is made of, as bits.

    Parameters of loops are numbered by their place and the number of loops around them, and a carry also by its start,
    so that bodies that do the same have the same numbers.
    """

    known: dict[object, int] = field(default_factory=dict[object, int])
    carries: list[int] = field(default_factory=list[int])
    variables: dict[Var, int] = field(default_factory=dict[Var, int])

    def number(self, *key: object, parts: tuple[int, ...] = ()) -> int:
        whole = (*key, parts)
        if whole not in self.known:
            number = self.known[whole] = len(self.carries)
            own = 1 << number if key[0] == "carry" else 0
            self.carries.append(reduce(or_, (self.carries[part] for part in parts), own))
        return self.known[whole]

    def atom(self, atom: Atom) -> int:
        if not isinstance(atom, Var):
            return self.number("literal", key_of(atom))
        if atom not in self.variables:
            self.variables[atom] = self.number("variable", atom)
        return self.variables[atom]

    def equation(self, eqn: Eqn, depth: int) -> None:
        """Numbers the results, and what is inside."""
        if is_effect(eqn.op, eqn.regions) or (eqn.regions and eqn.op not in SLICED | {"fold"}):
            return
        args = tuple(map(self.atom, eqn.args))
        attrs = tuple(sorted((name, repr(value)) for name, value in eqn.attrs.items() if name != "carries"))
        if eqn.op == "fold":
            self._fold(eqn, args, attrs, depth)
            return
        for region in eqn.regions:
            self._enter(region, [self.number("index", depth, k) for k in range(len(region.params))], depth)
        for k, out in enumerate(eqn.outs):
            inside = tuple(self.atom(region.results[k]) for region in eqn.regions)
            place = () if eqn.regions else (k, out.type.dtype, tuple(map(self.atom, out.type.shape)))
            self.variables[out] = self.number(eqn.op, attrs, *place, parts=(*args, *inside))

    def _enter(self, region: Block, params: Sequence[int], depth: int) -> None:
        self.variables.update(zip(region.params, params, strict=True))
        for eqn in region.eqns:
            self.equation(eqn, depth + 1)

    def _fold(self, eqn: Eqn, args: tuple[int, ...], attrs: object, depth: int) -> None:
        """Results depend on the first carries up to the last that any of these depends on."""
        region, count = eqn.regions[0], carries(eqn.attrs)
        starts = [self.number("carry", depth, k, parts=(start,)) for k, start in enumerate(args[1:])]
        self._enter(region, [self.number("index", depth, 0), *starts], depth)
        results = tuple(map(self.atom, region.results))
        places = {start: k for k, start in enumerate(starts)}
        last = [self._last(result, places) for result in results]
        for k, (out, result) in enumerate(zip(eqn.outs, results, strict=True)):
            closed = max(last[k], k) if k < count else last[k]
            while (further := max(last[: closed + 1], default=-1)) > closed:
                closed = further
            kind = ("fold", k) if k < count else ("stack",)
            parts = (args[0], *starts[: closed + 1], *results[: closed + 1], result)
            self.variables[out] = self.number(*kind, attrs, closed, parts=parts)

    def _last(self, number: int, places: Mapping[int, int]) -> int:
        """The last of the carries that an expression depends on, -1 if it depends on none."""
        return max((k for start, k in places.items() if self.carries[number] >> start & 1), default=-1)
