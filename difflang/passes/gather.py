"""Additions into an accumulator become plain arrays and sums (the scatter becomes a gather).

    accum zeros { r: build n { i: .. add_to r i v } }         ->  build n { i: .. yield v }
    accum zeros { r: build n { i: .. build m { j: .. add_to r i v } } }
                                                              ->  build n { i: .. reduce m { j: .. yield v } }
    accum zeros { r: build n m { i, j: .. add_to r j v } }    ->  build m { j: reduce n { i: .. yield v } }
    accum 0.0   { r: build n { i: .. add_to r v } }           ->  reduce n { i: .. yield v }

An addition whose subscripts are exactly the loop indices around it, in order, is lifted: it becomes one more
result of those loops, whatever else they do. Any other addition needs a loop nest of its own; it gets one if the
loops do nothing else, or if computing the addend a second time is cheap. Initial values that are no zeros are
added afterwards. An accumulator is converted only if all additions to it can be. Zero plus a single addend is taken
to be the addend, also where that is -0.0: an accumulator of zeros means that there is nothing yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var
from difflang.core.ops import I64, same_dim
from difflang.passes.cost import CHEAP, price, pure
from difflang.passes.inline import mentions, needed_for
from difflang.passes.rewrite import Cloner, Rewriter

CHEAP_NEST = 2 * CHEAP


@dataclass(frozen=True, slots=True)
class Gather:
    """Removes accumulators whose additions are at loop indices."""

    def __call__(self, func: Func) -> Func:
        return _Gatherer().func(func)


@dataclass(slots=True)
class _Site:
    """One `add_to`, the builds around it inside the accumulation, and how it will go."""

    eqn: Eqn
    path: tuple[Eqn, ...]
    lifted: bool = False

    @property
    def indices(self) -> tuple[Atom, ...]:
        return self.eqn.args[1:-1]

    @property
    def value(self) -> Atom:
        return self.eqn.args[-1]


class _Gatherer(Rewriter):
    def __init__(self) -> None:
        super().__init__()
        self.zeros: set[Atom] = set()

    def equation(self, eqn: Eqn) -> None:
        new = self.copy(eqn)
        if new.op == "accum":
            self.accum(new)
            return
        if new.op == "build" and not new.regions[0].eqns:
            self.zeros.update(o for o, r in zip(new.outs, new.regions[0].results, strict=True) if _is_zero(r))
        self.append(new)

    def accum(self, eqn: Eqn) -> None:
        """Takes the accumulators out that can be; the others stay in an `accum` with the same region."""
        region = eqn.regions[0]
        sites = _Sites(region)
        converted = {k: found for k, ref in enumerate(region.params) if (found := sites.convertible(ref)) is not None}
        if not converted:
            self.append(eqn)
            return
        parts = _Parts([site for found in converted.values() for site in found])
        eqns = [*parts.lift(region.eqns), *parts.nests()]
        values = [parts.values[site.eqn] for found in converted.values() for site in found]
        parts_by_site = dict(zip(parts.values, self.remainder(eqn, eqns, set(converted), values), strict=True))
        for k, found in converted.items():
            addends = [parts_by_site[site.eqn] for site in found]
            self.atoms[eqn.outs[k]] = self.total(eqn.args[k], addends, eqn)

    def remainder(self, eqn: Eqn, eqns: list[Eqn], gone: set[int], values: list[Atom]) -> list[Atom]:
        """Writes what is left of the accumulation; gives the atoms that stand for `values` outside."""
        region, count = eqn.regions[0], len(eqn.args)
        kept = [k for k in range(count) if k not in gone]
        if not kept:
            for inner in eqns:
                self.append(inner)
            self.atoms.update(zip(eqn.outs[count:], region.results, strict=True))
            return values
        outs = [Var(value.type) for value in values]
        body = Block(tuple(region.params[k] for k in kept), tuple(eqns), (*region.results, *values))
        finals = tuple(eqn.outs[k] for k in kept)
        args = tuple(eqn.args[k] for k in kept)
        self.append(Eqn((*finals, *eqn.outs[count:], *outs), "accum", args, eqn.attrs, (body,), eqn.span))
        return list(outs)

    def total(self, init: Atom, addends: list[Atom], eqn: Eqn) -> Atom:
        """The initial value plus the addends, elementwise."""
        terms = addends if _is_zero(init) or init in self.zeros else [init, *addends]
        if len(terms) < 2:
            return terms[0] if terms else init
        eqns, params, scalars = [], tuple(Var(I64) for _ in init.type.shape), terms
        if params:
            gets = [
                Eqn((Var(Type(t.type.dtype)),), "get", (t, *params), {"inbounds": True}, (), eqn.span) for t in terms
            ]
            eqns, scalars = gets, [get.outs[0] for get in gets]
        result = scalars[0]
        for scalar in scalars[1:]:
            out = Var(Type(init.type.dtype))
            eqns.append(Eqn((out,), "add", (result, scalar), {}, (), eqn.span))
            result = out
        if not params:
            for inner in eqns:
                self.append(inner)
            return result
        out = Var(init.type)
        self.append(Eqn((out,), "build", init.type.shape, {}, (Block(params, tuple(eqns), (result,)),), eqn.span))
        return out


class _Sites:
    """The additions to the accumulators of one region."""

    def __init__(self, region: Block) -> None:
        self.found: dict[Var, list[_Site]] = {param: [] for param in region.params}
        self.blocked: set[Atom] = set()
        self.crowd: dict[Eqn, int] = {}
        self.collect(region.eqns, ())

    def collect(self, eqns: Sequence[Eqn], path: tuple[Eqn, ...]) -> None:
        for eqn in eqns:
            if eqn.op == "add_to":
                self.note(eqn, path)
            elif eqn.op == "build":
                self.collect(eqn.regions[0].eqns, (*path, eqn))
            else:
                for region in eqn.regions:
                    self.block(region.eqns, path)

    def note(self, eqn: Eqn, path: tuple[Eqn, ...]) -> None:
        ref = eqn.args[0]
        if path:
            self.crowd[path[0]] = self.crowd.get(path[0], 0) + 1
        if isinstance(ref, Var) and ref in self.found:
            self.found[ref].append(_Site(eqn, path))

    def block(self, eqns: Sequence[Eqn], path: tuple[Eqn, ...]) -> None:
        """Additions inside other loops and branches stay where they are."""
        for eqn in eqns:
            if eqn.op == "add_to":
                self.note(eqn, path)
                self.blocked.add(eqn.args[0])
            for region in eqn.regions:
                self.block(region.eqns, path)

    def convertible(self, ref: Var) -> list[_Site] | None:
        """The sites of an accumulator, if all of them can go; each is told how."""
        if ref in self.blocked or not ref.type.is_float:
            return None
        for site in self.found[ref]:
            site.lifted = _is_lifted(site, ref)
            if not site.lifted and not self.has_nest(site, ref):
                return None
        return self.found[ref]

    def has_nest(self, site: _Site, ref: Var) -> bool:
        if not site.path or site.value.type.shape or not _in_order(site) or not _fits(site, ref):
            return False
        nest, addend = _nest(site)
        top = site.path[0]
        alone = self.crowd[top] == 1 and not top.outs
        return pure([nest]) and (alone or addend <= CHEAP_NEST)


def _is_zero(atom: Atom) -> bool:
    return isinstance(atom, Literal) and atom.value == 0


def _params(site: _Site) -> list[Var]:
    return [param for eqn in site.path for param in eqn.regions[0].params]


def _fits(site: _Site, ref: Var) -> bool:
    """The subscripts are distinct loop indices that run over the whole of their dimensions."""
    extents = {p: n for eqn in site.path for p, n in zip(eqn.regions[0].params, eqn.args, strict=True)}
    whole = all(
        isinstance(index, Var) and index in extents and same_dim(extents[index], dim)
        for index, dim in zip(site.indices, ref.type.shape, strict=False)
    )
    return whole and len(set(site.indices)) == len(site.indices)


def _is_lifted(site: _Site, ref: Var) -> bool:
    params = _params(site)
    same = len(params) == len(site.indices) and all(a is b for a, b in zip(params, site.indices, strict=True))
    return same and _fits(site, ref)


def _in_order(site: _Site) -> bool:
    """Whether the loops can become builds outside and sums inside without changing places across levels."""
    if len(site.path) == 1:
        return True
    kept = [param in site.indices for param in _params(site)]
    outer = [param for param in _params(site) if param in site.indices]
    return outer == list(site.indices) and kept == sorted(kept, reverse=True)


def _nest(site: _Site) -> tuple[Eqn, int]:
    """The value of the accumulator as builds over the subscripts with sums over the other indices inside.

    Together with the price of one addend.
    """
    eqn: Eqn | None = None
    addend = 0
    result = site.value
    for loop in reversed(site.path):
        region = loop.regions[0]
        wanted = [result] if eqn is None else mentions(eqn)
        needed = needed_for(wanted, region.eqns)
        addend += price(needed)
        eqns = (*needed, *([eqn] if eqn else []))
        extents = dict(zip(region.params, loop.args, strict=True))
        summed = [p for p in region.params if p not in site.indices]
        kept = [p for p in site.indices if isinstance(p, Var) and p in extents]
        if summed:
            eqn = _loop("reduce", summed, extents, eqns, result, site.eqn)
            eqns, result = (eqn,), eqn.outs[0]
        if kept:
            eqn = _loop("build", kept, extents, eqns, result, site.eqn)
            result = eqn.outs[0]
    assert eqn is not None
    return eqn, addend


def _loop(
    op: str, params: Sequence[Var], extents: dict[Var, Atom], eqns: tuple[Eqn, ...], result: Atom, at: Eqn
) -> Eqn:
    args = tuple(extents[p] for p in params)
    shape = (*args, *result.type.shape) if op == "build" else result.type.shape
    attrs = {"op": "sum"} if op == "reduce" else {}
    body = Block(tuple(params), eqns, (result,))
    return Eqn((Var(Type(result.type.dtype, shape)),), op, args, dict(attrs), (body,), at.span)


class _Parts:
    """The additions of some sites as values: by lifting, or by a nest of their own."""

    def __init__(self, sites: Sequence[_Site]) -> None:
        self.sites = {site.eqn: site for site in sites}
        self.values: dict[Eqn, Atom] = dict.fromkeys(self.sites, Literal(0.0, "f64"))
        self.touched = {eqn for site in sites for eqn in site.path}

    def lift(self, eqns: Sequence[Eqn]) -> list[Eqn]:
        """The equations without the additions; lifted ones give another result to the loops around them."""
        new, _ = self._lift(eqns)
        return new

    def _lift(self, eqns: Sequence[Eqn]) -> tuple[list[Eqn], list[_Site]]:
        new: list[Eqn] = []
        lifted: list[_Site] = []
        for eqn in eqns:
            site = self.sites.get(eqn)
            if site is not None:
                if site.lifted:
                    self.values[eqn] = site.value
                    lifted.append(site)
            elif eqn in self.touched:
                loop, sites = self._loop(eqn)
                new.append(loop)
                lifted += sites
            else:
                new.append(eqn)
        return new, lifted

    def _loop(self, eqn: Eqn) -> tuple[Eqn, list[_Site]]:
        region = eqn.regions[0]
        eqns, lifted = self._lift(region.eqns)
        results = [self.values[site.eqn] for site in lifted]
        outs = [Var(Type(r.type.dtype, (*eqn.args, *r.type.shape))) for r in results]
        self.values.update((site.eqn, out) for site, out in zip(lifted, outs, strict=True))
        body = Block(region.params, tuple(eqns), (*region.results, *results))
        return Eqn((*eqn.outs, *outs), "build", eqn.args, eqn.attrs, (body,), eqn.span), lifted

    def nests(self) -> list[Eqn]:
        eqns: list[Eqn] = []
        for site in self.sites.values():
            if not site.lifted:
                cloner = Cloner()
                nest = cloner.copy(_nest(site)[0])
                self.values[site.eqn] = nest.outs[0]
                eqns.append(nest)
        return eqns
