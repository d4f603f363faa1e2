"""Additions at shifted subscripts become sums over neighbours: the adjoint of a stencil is a stencil.

    accum zeros { r: build n { i: .. add_to r i v; cond p { add_to r (i + 1) w } { } } }
      ->  build n { j: v(j) + (w'(j - 1) if j - 1 >= 0 else 0) }        w'(i) = w(i) if p(i) else 0

An addend that is cheap is computed where it is needed; a dear one is put into an array first. Subscripts are the loop
indices, in order, each plus a constant; or wrapped around, (i + 1) % n or (i - 1) % n. An addition that could fail
(its subscript is not proved to be in range) stays, and with it all others to the same accumulator. So do additions to
arrays of more than two dimensions, whose many borders would take much code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Uses, Var, walk
from difflang.core.ops import BOOL, I64, same_dim
from difflang.passes.bounds import Bounds
from difflang.passes.cost import CHEAP, price, pure
from difflang.passes.inline import mentions, needed_for
from difflang.passes.rewrite import Rewriter, clone

CHEAP_ADDEND = 2 * CHEAP
MOST_ADDENDS = 8
"""Additions to one accumulator; more would make a body that does not fit into registers."""

MOST_DIMENSIONS = 2
"""Of an accumulator; each has borders of its own, where the sum is another one."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Removes accumulators of stencils."""

    def __call__(self, func: Func) -> Func:
        if not any(eqn.op == "add_to" for eqn in walk(func.block)):
            return func
        return _Shifter(func).func(func)


@dataclass(frozen=True, slots=True)
class _Subscript:
    """A loop index plus a constant, wrapped around by the number of iterations or not."""

    shift: int
    wrapped: bool = False


@dataclass(eq=False, slots=True)
class _Site:
    """One `add_to`, the build around it, the branches (with their number) that lead to it, its subscripts."""

    eqn: Eqn
    build: Eqn
    trail: tuple[tuple[Eqn, int], ...]
    subscripts: tuple[_Subscript, ...] | None

    @property
    def moves(self) -> bool:
        return bool(self.trail) or any(s.shift for s in self.subscripts or ())

    @property
    def zero(self) -> Literal:
        return Literal(0.0, self.eqn.args[-1].type.dtype)

    def element(self, nothing: Atom) -> Block:
        """The addend as a function of the loop indices; `nothing` where the branches do not lead to it."""
        region = self.build.regions[0]
        eqns, result = _slice(region.eqns, self.trail, self.eqn.args[-1], nothing)
        return Block(region.params, eqns, (result,))


def _slice(
    eqns: Sequence[Eqn], trail: Sequence[tuple[Eqn, int]], value: Atom, nothing: Atom
) -> tuple[tuple[Eqn, ...], Atom]:
    if not trail:
        return needed_for([value], eqns), value
    (branch, number), *rest = trail
    inner, result = _slice(branch.regions[number].eqns, rest, value, nothing)
    out = Var(Type(value.type.dtype))
    taken = Block((), inner, (result,))
    regions = [Block((), (), (nothing,))] * 2
    regions[number] = taken
    choice = Eqn((out,), "cond", branch.args, {}, tuple(regions), branch.span)
    return (*needed_for(mentions(choice), eqns), choice), out


class _Shifter(Rewriter):
    def __init__(self, func: Func) -> None:
        super().__init__()
        self.bounds = Bounds()
        self.bounds.dimensions(func.params)
        self.zeros: set[Atom] = set()

    def append(self, eqn: Eqn) -> None:
        self.bounds.dimensions(eqn.outs)
        self.bounds.define(eqn) if len(eqn.outs) == 1 else None
        if eqn.op == "build" and not eqn.regions[0].eqns:
            self.zeros.update(o for o, r in zip(eqn.outs, eqn.regions[0].results, strict=True) if _is_zero(r))
        super().append(eqn)

    def equation(self, eqn: Eqn) -> None:
        if eqn.op in ("build", "reduce"):
            self.bounds.loop(eqn.regions[0].params, self.all(eqn.args))
        new = self.copy(eqn)
        if new.op == "accum":
            self.accum(new)
        else:
            self.append(new)

    def accum(self, eqn: Eqn) -> None:
        region = eqn.regions[0]
        sites = _Sites(self.bounds, region)
        found = {k: sites.movable(ref) for k, ref in enumerate(region.params)}
        local = {out for inner in region.eqns for out in inner.outs}
        uses = Uses()
        chosen = {
            k: group
            for k, group in found.items()
            if group and all(local.isdisjoint(uses.free(site.element(site.zero))) for site in group)
        }
        if not chosen:
            self.append(eqn)
            return
        gone = {site.eqn for group in chosen.values() for site in group}
        sums = {k: self.total(eqn, k, group) for k, group in chosen.items()}
        self.remainder(eqn, set(chosen), _without(region.eqns, gone))
        for k, (eqns, value) in sums.items():
            for inner in eqns:
                self.append(inner)
            self.atoms[eqn.outs[k]] = value

    def remainder(self, eqn: Eqn, gone: set[int], eqns: tuple[Eqn, ...]) -> None:
        """Writes what is left of the accumulation; that of none is its loops, which others may join."""
        region, count = eqn.regions[0], len(eqn.args)
        kept = [k for k in range(count) if k not in gone]
        if not kept:
            for inner in eqns:
                self.append(inner)
            self.atoms.update(zip(eqn.outs[count:], region.results, strict=True))
            return
        body = Block(tuple(region.params[k] for k in kept), eqns, region.results)
        outs = (*(eqn.outs[k] for k in kept), *eqn.outs[count:])
        self.append(Eqn(outs, "accum", tuple(eqn.args[k] for k in kept), eqn.attrs, (body,), eqn.span))

    # --- sums ---

    def total(self, eqn: Eqn, k: int, sites: Sequence[_Site]) -> tuple[list[Eqn], Var]:
        """Equations for the initial value plus all addends, and the array.

        An addend that is not there is -0.0, which changes no sum; the first one is 0.0, lest all of them make -0.0.
        """
        init = eqn.args[k]
        params = tuple(Var(I64) for _ in init.type.shape)
        before: list[Eqn] = []
        eqns: list[Eqn] = []
        terms: list[Atom] = []
        if not _is_zero(init) and init not in self.zeros:
            terms.append(_defined(eqns, "get", (init, *params), init.type.dtype, inbounds=True))
        for site in sorted(sites, key=self.is_rare):
            nothing = Literal(-0.0, init.type.dtype) if terms else site.zero
            terms.append(self.term(site, init.type, params, before, eqns, nothing))
        result = terms[0]
        for term in terms[1:]:
            result = _defined(eqns, "add", (result, term), init.type.dtype)
        out = Var(init.type)
        body = Block(params, tuple(eqns), (result,))
        return [*before, Eqn((out,), "build", init.type.shape, {}, (body,), eqn.span)], out

    def is_rare(self, site: _Site) -> bool:
        """Whether the branches lead to an addition for single indices only, such as those of a border."""
        return any(number == 0 and self.is_equality(branch.args[0]) for branch, number in site.trail)

    def is_equality(self, predicate: Atom) -> bool:
        eqn = self.bounds.predicates.get(predicate) if isinstance(predicate, Var) else None
        return eqn is not None and (eqn.op == "eq" or (eqn.op == "or" and all(map(self.is_equality, eqn.args))))

    def term(
        self,
        site: _Site,
        type_: Type,
        params: Sequence[Var],
        before: list[Eqn],
        eqns: list[Eqn],
        nothing: Literal,
    ) -> Atom:
        """What one addition gives to the element at `params`, or `nothing`; arrays of dear addends go to `before`."""
        extents = site.build.args
        indices, guards = _sources(site, type_, params, eqns)
        element = site.element(nothing)
        if _price(element.eqns) > CHEAP_ADDEND:
            array = Var(Type(type_.dtype, extents))
            before.append(Eqn((array,), "build", extents, {}, (Block(*_renamed(element)),), site.eqn.span))
            inner: list[Eqn] = []
            value: Atom = _defined(inner, "get", (array, *indices), type_.dtype, inbounds=True)
        else:
            copied, (value,) = clone(element, indices)
            inner = list(copied)
        if not guards:
            eqns += inner
            return value
        condition = guards[0]
        for guard in guards[1:]:
            condition = _defined(eqns, "and", (condition, guard), "bool")
        out = Var(Type(type_.dtype))
        regions = (Block((), tuple(inner), (value,)), Block((), (), (nothing,)))
        eqns.append(Eqn((out,), "cond", (condition,), {}, regions, site.eqn.span))
        return out


def _price(eqns: Sequence[Eqn]) -> int:
    """The price of an addend, in which a branch costs no more than what is in it."""
    branches = [eqn for eqn in eqns if eqn.op == "cond"]
    inside = sum(_price(region.eqns) for eqn in branches for region in eqn.regions)
    return price([eqn for eqn in eqns if eqn.op != "cond"]) + inside + len(branches)


def _renamed(element: Block) -> tuple[tuple[Var, ...], tuple[Eqn, ...], tuple[Atom, ...]]:
    params = tuple(Var(p.type, p.name) for p in element.params)
    return params, *clone(element, params)


def _sources(site: _Site, type_: Type, params: Sequence[Var], eqns: list[Eqn]) -> tuple[list[Atom], list[Var]]:
    """The loop indices whose addition meets the element at `params`, and the conditions that there is one."""
    indices: list[Atom] = []
    guards: list[Var] = []
    assert site.subscripts is not None
    for param, subscript, extent, dim in zip(params, site.subscripts, site.build.args, type_.shape, strict=True):
        index: Atom = param
        if subscript.shift:
            index = _defined(eqns, "add", (param, Literal(-subscript.shift, "i64")), "i64")
        if subscript.wrapped:
            indices.append(_wrapped(eqns, index, subscript.shift, extent))
            continue
        if subscript.shift > 0:
            guards.append(_defined(eqns, "ge", (param, Literal(subscript.shift, "i64")), "bool"))
        if subscript.shift < 0 or not same_dim(extent, dim):
            end = _defined(eqns, "add", (extent, Literal(subscript.shift, "i64")), "i64")
            guards.append(_defined(eqns, "lt", (param, end), "bool"))
        indices.append(index)
    return indices, guards


def _wrapped(eqns: list[Eqn], index: Atom, shift: int, extent: Atom) -> Atom:
    """An index that is one below 0 or one too large, brought back into the range."""
    if shift > 0:
        outside = _defined(eqns, "lt", (index, Literal(0, "i64")), "bool")
        other = _defined(eqns, "add", (index, extent), "i64")
    else:
        outside = _defined(eqns, "ge", (index, extent), "bool")
        other = _defined(eqns, "sub", (index, extent), "i64")
    return _defined(eqns, "select", (outside, other, index), "i64")


def _defined(eqns: list[Eqn], op: str, args: tuple[Atom, ...], dtype: str, *, inbounds: bool = False) -> Var:
    out = Var({"i64": I64, "bool": BOOL}.get(dtype) or Type("f32" if dtype == "f32" else "f64"))
    eqns.append(Eqn((out,), op, args, {"inbounds": True} if inbounds else {}, ()))
    return out


def _is_zero(atom: Atom) -> bool:
    return isinstance(atom, Literal) and atom.value == 0


def _without(eqns: Sequence[Eqn], gone: set[Eqn]) -> tuple[Eqn, ...]:
    """The equations without those additions, at any depth."""
    if not any(inner in gone for eqn in eqns for inner in (eqn, *(i for r in eqn.regions for i in walk(r)))):
        return tuple(eqns)
    kept: list[Eqn] = []
    for eqn in eqns:
        if eqn not in gone:
            regions = tuple(Block(r.params, _without(r.eqns, gone), r.results) for r in eqn.regions)
            kept.append(Eqn(eqn.outs, eqn.op, eqn.args, eqn.attrs, regions, eqn.span))
    return tuple(kept)


class _Sites:
    """The additions to the accumulators of one region."""

    def __init__(self, bounds: Bounds, region: Block) -> None:
        self.bounds = bounds
        self.found: dict[Var, list[_Site]] = {param: [] for param in region.params}
        self.blocked: set[Atom] = set()
        self.remainders: dict[Atom, Eqn] = {}
        for eqn in region.eqns:
            if eqn.op == "build":
                bounds.loop(eqn.regions[0].params, eqn.args)
                self.collect(eqn.regions[0].eqns, eqn, ())
            else:
                self.block([eqn])

    def collect(self, eqns: Sequence[Eqn], build: Eqn, trail: tuple[tuple[Eqn, int], ...]) -> None:
        for eqn in eqns:
            if eqn.op == "add_to":
                ref = eqn.args[0]
                if isinstance(ref, Var) and ref in self.found:
                    self.found[ref].append(_Site(eqn, build, trail, self.subscripts(eqn, build)))
            elif eqn.op == "cond":
                for number, region in enumerate(eqn.regions):
                    with self.bounds.assuming(eqn.args[0], number == 0):
                        self.collect(region.eqns, build, (*trail, (eqn, number)))
            else:
                self.block([eqn])
                if eqn.op == "mod":
                    self.remainders[eqn.outs[0]] = eqn
                if len(eqn.outs) == 1:
                    self.bounds.define(eqn)

    def block(self, eqns: Sequence[Eqn]) -> None:
        """Additions in anything else stay where they are."""
        for eqn in eqns:
            for inner in (eqn, *(i for region in eqn.regions for i in walk(region))):
                if inner.op == "add_to":
                    self.blocked.add(inner.args[0])

    def subscripts(self, eqn: Eqn, build: Eqn) -> tuple[_Subscript, ...] | None:
        """How the subscripts follow from the loop indices; None if in another way, or if they may be out of range."""
        ref, *indices, _ = eqn.args
        params = build.regions[0].params
        if len(params) != len(indices) or len(indices) != ref.type.rank:
            return None
        found: list[_Subscript] = []
        for index, param, extent, dim in zip(indices, params, build.args, ref.type.shape, strict=True):
            subscript = self.subscript(index, param, extent, dim, sure=bool(eqn.attrs.get("inbounds")))
            if subscript is None:
                return None
            found.append(subscript)
        return tuple(found)

    def subscript(self, index: Atom, param: Var, extent: Atom, dim: Atom, *, sure: bool) -> _Subscript | None:
        form = self.bounds.form(index)
        if form.terms == {param: 1}:
            return _Subscript(form.constant) if sure or self.bounds.in_range(index, dim) else None
        maker = self.remainders.get(index)
        if maker is None or not same_dim(maker.args[1], extent) or not same_dim(extent, dim):
            return None
        form = self.bounds.form(maker.args[0])
        rest = {variable: c for variable, c in form.terms.items() if variable is not extent}
        neighbour = rest == {param: 1} and form.constant in (1, -1)
        return _Subscript(form.constant, wrapped=True) if neighbour else None

    def movable(self, ref: Var) -> list[_Site] | None:
        """The additions to an accumulator, if all of them can go and this is not done more simply (`Gather`)."""
        sites = self.found[ref]
        if ref in self.blocked or not ref.type.is_float or ref.type.rank > MOST_DIMENSIONS:
            return None
        if not 0 < len(sites) <= MOST_ADDENDS:
            return None
        fits = all(s.subscripts is not None and not s.eqn.args[-1].type.shape for s in sites)
        if not fits or not any(site.moves for site in sites):
            return None
        return sites if all(pure(site.element(site.zero).eqns) for site in sites) else None
