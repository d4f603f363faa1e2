"""Loops over the same extents become one loop.

Builds wait until something else reads what they make; a build that comes meanwhile joins one over the same
extents that it shares arrays with. If it reads an element that the other makes in the same turn, it gets the
scalar itself, so an array that only passed between the two loops disappears. Reductions by one operation over the
same extents join in the same way, and so do accumulations over equal loops, whose loops then join inside.

With `mixed`, sums of scalars and builds join too:

    s = reduce[sum] n { i: .. yield v }        s, b = accum 0.0 { t:
    b = build n { i: .. yield w }         ->     c = build n { i: .. add_to t v; yield w }
                                                 yield c }

and so do the products of one matrix with several vectors (`stack`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Uses, Var, walk
from difflang.passes.dead import HOST_EFFECTS
from difflang.passes.rewrite import Rewriter, key_of, same_atom
from difflang.passes.stack import matrix_product, stacked

LARGEST = 400
"""Equations in a fused body: beyond it there are no registers left, and compile time grows."""


@dataclass(frozen=True, slots=True)
class Fuse:
    """Joins loops over the same extents. `mixed`: sums and builds too, and contractions, which hides them from other
    passes."""

    largest: int = LARGEST
    mixed: bool = False

    def __call__(self, func: Func) -> Func:
        return _Fuser(self.largest, self.mixed).func(func)


@dataclass(slots=True, eq=False)
class _Group:
    """Loops that will be one: their equations as they were, what they make and what they read."""

    keys: set[object] = field(default_factory=set[object])
    members: list[Eqn] = field(default_factory=list[Eqn])
    outs: set[Var] = field(default_factory=set[Var])
    totals: set[Var] = field(default_factory=set[Var])
    reads: set[Var] = field(default_factory=set[Var])
    size: int = 0


@dataclass(slots=True)
class _Reads:
    """The variables that an equation uses, and those of them that a loop uses otherwise than in its own turn."""

    all: dict[Var, None]
    elsewhere: set[Var]
    size: int
    host: bool


class _Fuser(Rewriter):
    def __init__(self, largest: int, mixed: bool) -> None:
        super().__init__()
        self.largest = largest
        self.mixed = mixed
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
        stands_for = [*map(self.atom, reads.all), *(self.turn[v][1] for v in reads.all if v in self.turn)]
        replaced = [v for v in stands_for if isinstance(v, Var) and v not in reads.all]
        reads.all.update(dict.fromkeys(replaced))
        reads.elsewhere.update(replaced)
        key = self.key(eqn)
        group = self.partner(key, eqn, reads)
        needed = {self.maker[v]: None for v in reads.all if v in self.maker and self.maker[v] is not group}
        if reads.host:
            needed = dict.fromkeys(self.open[-1].values())
        elif key in self.open[-1] and self.open[-1][key] is not group:
            needed[self.open[-1][key]] = None
        self.flush(needed)
        if key is None or reads.host:
            self.append(self.copy(eqn))
        else:
            self.join(group or _Group(), key, eqn, reads)

    def key(self, eqn: Eqn) -> object:
        """What loops that may join have in common; None for what never joins."""
        if eqn.op == "contract" and self.mixed and (product := matrix_product(eqn)) is not None:
            return ("contract", key_of(self.atom(product.matrix)), product.by_rows)
        return _key(eqn)

    def partner(self, key: object, eqn: Eqn, reads: _Reads) -> _Group | None:
        """The waiting loops that an equation may join."""
        keys = (key, _other_key(eqn) if self.mixed else None)
        groups = (self.open[-1].get(k) for k in keys if k is not None)
        return next((group for group in groups if group is not None and self.fits(group, eqn, reads)), None)

    def fits(self, group: _Group, eqn: Eqn, reads: _Reads) -> bool:
        if any(member.op != eqn.op for member in group.members) and not all(map(is_plain, (*group.members, eqn))):
            return False
        shared = any(v.type.shape for v in reads.all.keys() & group.reads) or not reads.all.keys().isdisjoint(
            group.outs
        )
        whole = reads.elsewhere if eqn.op in ("build", "reduce") else reads.all.keys()
        independent = group.outs.isdisjoint(whole) and group.totals.isdisjoint(reads.all)
        return shared and independent and group.size + reads.size <= self.largest

    def join(self, group: _Group, key: object, eqn: Eqn, reads: _Reads) -> None:
        self.open[-1][key] = group
        group.keys.add(key)
        group.members.append(eqn)
        group.outs.update(eqn.outs)
        group.totals.update(eqn.outs if eqn.op == "reduce" else ())
        group.reads.update(reads.all)
        group.size += reads.size
        self.maker.update((out, group) for out in eqn.outs)

    def flush(self, groups: Iterable[_Group]) -> None:
        for group in dict.fromkeys(groups):
            if not any(self.open[-1].get(key) is group for key in group.keys):
                continue
            for key in group.keys:
                del self.open[-1][key]
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
        if first.op == "contract":
            return self.copy(stacked(members))
        if any(member.op != first.op for member in members):
            return self.mixture(members)
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

    def mixture(self, members: Sequence[Eqn]) -> Eqn:
        """Sums and builds as one build that adds to accumulators."""
        sums = [member for member in members if member.op == "reduce"]
        builds = [member for member in members if member.op == "build"]
        totals = {out: Var(Type(out.type.dtype, (), ref=True)) for total in sums for out in total.outs}
        params = self.define(members[0].regions[0].params)
        self.frames.append([])
        self.open.append({})
        results: list[Atom] = []
        for member in members:
            made = self.member(member, params)
            if member.op == "build":
                results += made
                continue
            for out, term in zip(member.outs, made, strict=True):
                self.equation(Eqn((), "add_to", (totals[out], term), {}, (), member.span))
        self.flush(self.open[-1].values())
        self.open.pop()
        body = Block(params, tuple(self.frames.pop()), self.all(results))
        outs = self.define([out for build in builds for out in build.outs])
        inner = tuple(Var(out.type, out.name) for out in outs)
        first = members[0]
        loop = Eqn(inner, "build", self.all(first.args), {}, (body,), first.span)
        region = Block(tuple(totals.values()), (loop,), inner)
        zeros = tuple(Literal(0.0 if out.type.is_float else 0, out.type.dtype) for out in totals)
        return Eqn((*self.define(list(totals)), *outs), "accum", zeros, {}, (region,), first.span)

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


def is_plain(eqn: Eqn) -> bool:
    """Whether a sum of scalars or a build has no loops inside."""
    scalars = eqn.op == "build" or not any(out.type.shape for out in eqn.outs)
    return scalars and not any(inner.regions for inner in eqn.regions[0].eqns)


def _other_key(eqn: Eqn) -> object:
    """The key of the sums over the range of a build, and of the builds over that of a sum."""
    extents = tuple(map(key_of, eqn.args))
    if eqn.op == "build":
        return ("reduce", "sum", *extents)
    return ("build", None, *extents) if eqn.op == "reduce" and eqn.attrs["op"] == "sum" else None


def _key(eqn: Eqn) -> object:
    """The key of loops."""
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
        if eqn.op in ("build", "reduce"):
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
