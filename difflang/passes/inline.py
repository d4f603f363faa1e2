"""Reads of a built array become the computation of the element (vertical fusion).

`get b i` with `b = build n { i: .. yield v }` is `v` at that index. It is done when it saves the array and
does not multiply work: for an array that is only read by proved indices, if
- an element is no more than a read elsewhere, a constant or an outer value (a view), or
- there is one read, it happens at most once for each element, and no sequential loop would take over work
  that the build does in parallel, or
- the element is cheap and each of a few reads happens at most once for each element.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Var
from difflang.passes.cost import CHEAP, price, pure, safe
from difflang.passes.dead import HOST_EFFECTS
from difflang.passes.rewrite import Rewriter, clone

FEW = 4
"""Reads of a cheap element that may each compute it."""

INDEX_ARITHMETIC = frozenset({"add", "sub", "mul", "neg"})


@dataclass(frozen=True, slots=True)
class Inline:
    """Replaces reads of built arrays by their elements where that is a gain."""

    def __call__(self, func: Func) -> Func:
        reads = _Census()
        reads.block(func.block, ())
        return _Inliner(reads).func(func)


@dataclass(slots=True)
class _Uses:
    """How a build's output is used: reads in all, reads at most once for each element, other uses."""

    reads: int = 0
    single: int = 0
    sequential: bool = False
    others: int = 0
    places: set[int] = field(default_factory=set[int])
    epochs: set[int] = field(default_factory=set[int])


class _Census:
    """Counts the uses of every build output. A path is the loops around an equation, outermost first."""

    def __init__(self) -> None:
        self.uses: dict[Var, _Uses] = {}
        self.depth: dict[Var, int] = {}
        self.rank: dict[Var, int] = {}
        self.epoch = 0
        self.made_at: dict[Var, int] = {}
        self.blocks = 0

    def block(self, block: Block, path: tuple[Eqn, ...]) -> None:
        self.blocks += 1
        place = self.blocks
        for eqn in block.eqns:
            self.equation(eqn, path, place)
        self.other(block.results)

    def equation(self, eqn: Eqn, path: tuple[Eqn, ...], place: int) -> None:
        if eqn.op == "get" and eqn.args[0] in self.uses:
            self.read(eqn, path, place)
            self.other(eqn.args[1:])
        else:
            self.other(eqn.args)
        for region in eqn.regions:
            self.block(region, (*path, eqn))
        if eqn.op in HOST_EFFECTS:
            self.epoch += 1
        if eqn.op == "build":
            for out in eqn.outs:
                self.uses[out] = _Uses()
                self.depth[out] = len(path)
                self.rank[out] = len(eqn.args)
                self.made_at[out] = self.epoch

    def other(self, atoms: Iterable[Atom]) -> None:
        for atom in atoms:
            if atom in self.uses:
                self.uses[atom].others += 1

    def read(self, eqn: Eqn, path: tuple[Eqn, ...], place: int) -> None:
        array = eqn.args[0]
        assert isinstance(array, Var)
        uses, rank = self.uses[array], self.rank[array]
        indices = eqn.args[1 : 1 + rank]
        if len(indices) < rank or not eqn.attrs.get("inbounds"):
            uses.others += 1
            return
        around = path[self.depth[array] :]
        uses.reads += 1
        uses.places.add(place)
        uses.epochs.add(self.epoch)
        uses.single += _at_most_once(indices, around)
        uses.sequential |= any(loop.op == "fold" for loop in around)


def _at_most_once(indices: Sequence[Atom], loops: Sequence[Eqn]) -> bool:
    """Whether every loop around the read steps one of the subscripts by itself."""
    bare = {index for index in indices if isinstance(index, Var)}
    return all(loop.op != "while" and all(index in bare for index in _loop_indices(loop)) for loop in loops)


def _loop_indices(loop: Eqn) -> Sequence[Var]:
    if loop.op in ("build", "reduce"):
        return loop.regions[0].params
    return loop.regions[0].params[:1] if loop.op == "fold" else ()


class _Inliner(Rewriter):
    def __init__(self, census: _Census) -> None:
        super().__init__()
        self.census = census
        self.elements: dict[Var, Block] = {}

    def equation(self, eqn: Eqn) -> None:
        array = self.atom(eqn.args[0]) if eqn.op == "get" else None
        if isinstance(array, Var) and array in self.elements:
            self.substitute(eqn, self.elements[array])
        elif eqn.op == "build":
            self.build(eqn)
        else:
            self.append(self.copy(eqn))

    def build(self, eqn: Eqn) -> None:
        """Decides for each output; the build itself stays only if one of them is still an array."""
        new = self.copy(eqn)
        body = new.regions[0]
        if not pure(body.eqns):
            self.append(new)
            return
        slices = [sliced(body, k) for k in range(len(new.outs))]
        chosen = self.choose(eqn.outs, slices)
        self.elements.update((new.outs[k], slices[k]) for k in chosen)
        if len(chosen) < len(slices) or any(self.census.uses[out].others for out in eqn.outs):
            self.append(new)

    def choose(self, outs: Sequence[Var], slices: Sequence[Block]) -> list[int]:
        """The outputs whose reads are replaced."""
        uses = [self.census.uses[out] for out in outs]
        alone = len({place for use in uses for place in use.places}) <= 1
        chosen = [k for k, piece in enumerate(slices) if self.gains(piece, uses[k], outs[k], alone)]
        if len(chosen) < len(slices):
            # The outputs that stay arrays compute what they share with the others anyway: only views may go.
            return [k for k in chosen if _is_view(slices[k])]
        return chosen

    def gains(self, piece: Block, uses: _Uses, out: Var, alone: bool) -> bool:
        if uses.others or not uses.reads:
            return _is_constant(piece) and bool(uses.reads)
        if uses.epochs != {self.census.made_at[out]} and not safe(piece.eqns):
            return False
        if _is_view(piece):
            return True
        if uses.single < uses.reads:
            return False
        cheap = price(piece.eqns) <= CHEAP
        if cheap:
            return uses.reads <= FEW
        return uses.reads == 1 and alone and not uses.sequential

    def substitute(self, eqn: Eqn, piece: Block) -> None:
        args = self.all(eqn.args)
        rank = len(piece.params)
        eqns, (result,) = clone(piece, args[1 : 1 + rank])
        for inner in eqns:
            self.append(inner)
        if len(args) == 1 + rank:
            self.atoms[eqn.outs[0]] = result
        else:
            self.append(Eqn(self.define(eqn.outs), "get", (result, *args[1 + rank :]), eqn.attrs, (), eqn.span))


def sliced(body: Block, k: int) -> Block:
    """A block with only result `k` and the equations that it needs; the equations must be pure."""
    return Block(body.params, needed_for([body.results[k]], body.eqns), (body.results[k],))


def needed_for(results: Iterable[Atom], eqns: Sequence[Eqn]) -> tuple[Eqn, ...]:
    """Those of the equations that the results are made from, in order."""
    needed: set[Atom] = set(results)
    kept: list[Eqn] = []
    for eqn in reversed(eqns):
        if any(out in needed for out in eqn.outs):
            kept.append(eqn)
            needed.update(mentions(eqn))
    return tuple(reversed(kept))


def mentions(eqn: Eqn) -> Iterable[Atom]:
    """Every atom in an equation and in its regions."""
    yield from eqn.args
    for out in eqn.outs:
        yield from out.type.shape
    for region in eqn.regions:
        yield from region.results
        for inner in region.eqns:
            yield from mentions(inner)


def _is_constant(piece: Block) -> bool:
    return not piece.eqns and (isinstance(piece.results[0], Literal) or piece.results[0] not in piece.params)


def _is_view(piece: Block) -> bool:
    """No more than one read at computed indices, and nothing of a price."""
    reads = sum(eqn.op == "get" for eqn in piece.eqns)
    indices = all(e.op in INDEX_ARITHMETIC and e.outs[0].type.dtype == "i64" for e in piece.eqns if e.op != "get")
    return reads <= 1 and indices
