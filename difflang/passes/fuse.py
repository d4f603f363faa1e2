"""Loops over the same extents become one loop.

Builds wait until something else reads what they make; a build that comes meanwhile joins one over the same
extents that it shares arrays with. If it reads an element that the other makes in the same turn, it gets the
scalar itself, so an array that only passed between the two loops disappears. Reductions by one operation over the
same extents join in the same way, and so do accumulations over equal loops, whose loops then join inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from difflang.core.ir import Atom, Block, Eqn, Func, Uses, Var, walk
from difflang.passes.dead import HOST_EFFECTS
from difflang.passes.rewrite import Rewriter, key_of, same_atom

LARGEST = 400
"""Equations in a fused body: beyond it there are no registers left, and compile time grows."""


@dataclass(frozen=True, slots=True)
class Fuse:
    """Joins loops over the same extents."""

    largest: int = LARGEST

    def __call__(self, func: Func) -> Func:
        return _Fuser(self.largest).func(func)


@dataclass(slots=True, eq=False)
class _Group:
    """Loops that will be one: their equations as they were, what they make and what they read."""

    key: object
    members: list[Eqn] = field(default_factory=list[Eqn])
    outs: set[Var] = field(default_factory=set[Var])
    reads: set[Var] = field(default_factory=set[Var])
    size: int = 0


@dataclass(slots=True)
class _Reads:
    """The variables that an equation uses, and those of them that a build uses otherwise than in its own turn."""

    all: dict[Var, None]
    elsewhere: set[Var]
    size: int
    host: bool


class _Fuser(Rewriter):
    def __init__(self, largest: int) -> None:
        super().__init__()
        self.largest = largest
        self.readings = _Readings()
        self.open: list[dict[object, _Group]] = []
        self.maker: dict[Var, _Group] = {}
        self.turn: dict[Var, tuple[tuple[Atom, ...], Atom]] = {}

    def block(self, block: Block) -> Block:
        params = self.define(block.params)
        self.frames.append([])
        self.open.append({})
        for eqn in block.eqns:
            self.equation(eqn)
        self.flush(self.open[-1].values())
        self.open.pop()
        return Block(params, tuple(self.frames.pop()), self.all(block.results))

    def equation(self, eqn: Eqn) -> None:
        if eqn.op == "get" and self.forward(eqn):
            return
        reads = self.readings.of(eqn)
        replaced = [v for v in map(self.atom, reads.all) if isinstance(v, Var) and v not in reads.all]
        reads.all.update(dict.fromkeys(replaced))
        reads.elsewhere.update(replaced)
        key = _key(eqn)
        group = self.open[-1].get(key) if key is not None else None
        joins = group is not None and self.fits(group, reads)
        needed = {self.maker[v]: None for v in reads.all if v in self.maker and not (joins and self.maker[v] is group)}
        if reads.host:
            needed = dict.fromkeys(self.open[-1].values())
        elif group is not None and not joins:
            needed[group] = None
        self.flush(needed)
        if key is None or reads.host:
            self.append(self.copy(eqn))
        else:
            self.join(key, eqn, reads)

    def fits(self, group: _Group, reads: _Reads) -> bool:
        shared = any(v.type.shape for v in reads.all.keys() & group.reads) or not reads.all.keys().isdisjoint(
            group.outs
        )
        kind = group.members[0].op
        direct = reads.elsewhere if kind == "build" else reads.all.keys()
        return shared and direct.isdisjoint(group.outs) and group.size + reads.size <= self.largest

    def join(self, key: object, eqn: Eqn, reads: _Reads) -> None:
        group = self.open[-1].setdefault(key, _Group(key))
        group.members.append(eqn)
        group.outs.update(eqn.outs)
        group.reads.update(reads.all)
        group.size += reads.size
        self.maker.update((out, group) for out in eqn.outs)

    def flush(self, groups: Iterable[_Group]) -> None:
        for group in list(groups):
            if self.open[-1].get(group.key) is not group:
                continue
            del self.open[-1][group.key]
            for out in group.outs:
                del self.maker[out]
            self.append(self.fused(group.members))

    # --- joining ---

    def fused(self, members: Sequence[Eqn]) -> Eqn:
        first = members[0]
        if len(members) == 1:
            return self.copy(first)
        if first.op == "accum":
            return self.copy(_joined_accum(members))
        region = first.regions[0]
        params = self.define(region.params)
        self.frames.append([])
        self.open.append({})
        results = [r for member in members for r in self.member(member, params)]
        self.flush(self.open[-1].values())
        self.open.pop()
        body = Block(params, tuple(self.frames.pop()), self.all(results))
        outs = self.define([out for member in members for out in member.outs])
        return Eqn(outs, first.op, self.all(first.args), first.attrs, (body,), first.span)

    def member(self, member: Eqn, params: tuple[Var, ...]) -> tuple[Atom, ...]:
        """Writes the body of one loop into the fused body; its elements are known to the loops after it."""
        region = member.regions[0]
        self.atoms.update(zip(region.params, params, strict=True))
        for eqn in region.eqns:
            self.equation(eqn)
        for out, result in zip(member.outs, region.results, strict=True):
            self.turn[out] = (params, result)
        return region.results

    def forward(self, eqn: Eqn) -> bool:
        """An element that the same turn of the fused loop has made needs no reading."""
        made = self.turn.get(eqn.args[0]) if isinstance(eqn.args[0], Var) else None
        if made is None:
            return False
        params, result = made
        indices = self.all(eqn.args[1:])
        if len(indices) < len(params) or not all(map(same_atom, indices, params)):
            return False
        if len(indices) == len(params):
            self.atoms[eqn.outs[0]] = self.atom(result)
        else:
            self.equation(Eqn(eqn.outs, "get", (result, *eqn.args[1 + len(params) :]), eqn.attrs, (), eqn.span))
        return True


def _joined_accum(members: Sequence[Eqn]) -> Eqn:
    """Accumulations one after the other as one; they do not read each other's results."""
    counts = [len(member.args) for member in members]
    regions = [member.regions[0] for member in members]
    finals = [out for member, k in zip(members, counts, strict=True) for out in member.outs[:k]]
    others = [out for member, k in zip(members, counts, strict=True) for out in member.outs[k:]]
    body = Block(
        tuple(p for region in regions for p in region.params),
        tuple(e for region in regions for e in region.eqns),
        tuple(r for region in regions for r in region.results),
    )
    args = tuple(arg for member in members for arg in member.args)
    return Eqn((*finals, *others), "accum", args, {}, (body,), members[0].span)


def _key(eqn: Eqn) -> object:
    """What loops that may join have in common; None for what never joins."""
    if eqn.op in ("build", "reduce"):
        return (eqn.op, eqn.attrs.get("op"), *map(key_of, eqn.args))
    if eqn.op == "accum" and eqn.regions[0].eqns and eqn.regions[0].eqns[-1].op == "build":
        return ("accum", _key(eqn.regions[0].eqns[-1]))
    return None


class _Readings:
    """What equations read, found once for each block from the inside out."""

    def __init__(self) -> None:
        self.uses = Uses()
        self.inside: dict[Block, tuple[int, bool]] = {}

    def of(self, eqn: Eqn) -> _Reads:
        atoms = (*eqn.args, *_dims(eqn), *self.uses.regions(eqn))
        size, host = self.extent(eqn)
        reads = _Reads(dict.fromkeys(a for a in atoms if isinstance(a, Var)), set(), size, host)
        if eqn.op == "build":
            _note_elsewhere(eqn, eqn.regions[0].params, reads.elsewhere)
        return reads

    def extent(self, eqn: Eqn) -> tuple[int, bool]:
        """The number of equations in it, itself included, and whether any is an effect for the host."""
        size, host = 1, eqn.op in HOST_EFFECTS
        for region in eqn.regions:
            if region not in self.inside:
                parts = [self.extent(inner) for inner in region.eqns]
                self.inside[region] = (sum(part[0] for part in parts), any(part[1] for part in parts))
            size, host = size + self.inside[region][0], host or self.inside[region][1]
        return size, host


def _note_elsewhere(top: Eqn, own: tuple[Var, ...], elsewhere: set[Var]) -> None:
    """What is read otherwise than in its own turn."""
    for eqn in (top, *walk(top.regions[0])):
        used = [a for a in (*eqn.args, *_region_atoms(eqn), *_dims(eqn)) if isinstance(a, Var)]
        in_turn = eqn.op == "get" and bool(own) and eqn.args[1 : 1 + len(own)] == own
        elsewhere.update(used[1:] if in_turn else used)


def _region_atoms(eqn: Eqn) -> Iterable[Atom]:
    return (result for region in eqn.regions for result in region.results)


def _dims(eqn: Eqn) -> Iterable[Atom]:
    return (dim for out in eqn.outs for dim in out.type.shape)
