"""What the turns of a loop do first, for all of them before any goes on (loop distribution, Kuck 1978).

    build n { t: v = build m { j: .. }; p = contract["ij,j->i"] a v; .. p .. v .. }
      ->  vs = build n { t: v = build m { j: .. }; yield v }
          ps = contract["ij,zj->zi"] a vs
          build n { t: p = get ps t; v = get vs t; .. p .. v .. }

Values that are dear, and used behind the product too, are stored with the vectors; others are computed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from difflang.core.ir import Atom, Block, Eqn, Literal, Type, Var, walk
from difflang.passes.contract import LETTERS
from difflang.passes.cost import DEAR_PRICE, price, pure, safe
from difflang.passes.inline import needed_for
from difflang.passes.interchange import runs_along
from difflang.passes.rewrite import clone
from difflang.passes.stack import matrix_product
from difflang.passes.steady import mentioned

SHORT = 8
"""Extents of a smaller literal size are better unrolled."""


def ready(region: Block) -> list[Eqn]:
    """The products with a vector of its own in each turn whose matrix is the same in all turns.

    What the vectors are made from is no such product, and can be computed in advance. A matrix that meets several
    vectors in a turn is read once for all of them (`Fuse`), which is nearly as good: these products stay.
    """
    contractions = [eqn for eqn in region.eqns if eqn.op == "contract"]
    if not contractions:
        return []
    inside = _inside(region)
    wanted = [eqn for eqn in contractions if _is_wanted(eqn, inside)]
    meetings = Counter(map(_meeting, wanted))
    return [eqn for eqn in wanted if meetings[_meeting(eqn)] == 1 and _is_first(eqn, region, set(wanted))]


def is_short(extents: Iterable[Atom]) -> bool:
    return any(isinstance(n, Literal) and n.value < SHORT for n in extents)


def _inside(region: Block) -> set[Var]:
    return {*region.params, *(out for eqn in region.eqns for out in eqn.outs)}


def _is_wanted(eqn: Eqn, inside: set[Var]) -> bool:
    product = matrix_product(eqn)
    if product is None or product.matrix in inside or product.vector not in inside:
        return False
    shape = product.matrix.type.shape
    return eqn.outs[0].type.is_float and not is_short(shape) and inside.isdisjoint(product.vector.type.shape)


def _meeting(eqn: Eqn) -> tuple[Atom, bool] | None:
    """The matrix of a product, and whether its rows or its columns meet the vector."""
    product = matrix_product(eqn)
    return (product.matrix, product.by_rows) if product else None


def _is_first(eqn: Eqn, region: Block, wanted: set[Eqn]) -> bool:
    makers = needed_for([_vector(eqn)], region.eqns)
    return wanted.isdisjoint(makers) and pure(makers) and safe(makers)


class Turns:
    """`count` turns of a loop whose products are taken out; `index` is their number in the loop they are a part of."""

    def __init__(self, region: Block, count: Var, index: Var, products: Sequence[Eqn]) -> None:
        self.region = region
        self.count = count
        self.products = {eqn: _vector(eqn) for eqn in products}
        self.made = {eqn: Var(self._rows(eqn.outs[0].type)) for eqn in products}
        vectors = dict.fromkeys(self.products.values())
        self.makers = needed_for(vectors, region.eqns)
        self.stored = vectors | self._dear(vectors)
        self.columns = self._by_columns((*region.params, index))
        self.vectors = self.columns or self._by_rows()
        self.arrays = dict(zip(self.stored, self.vectors.outs, strict=True))

    def _rows(self, type_: Type) -> Type:
        return Type(type_.dtype, (self.count, *type_.shape))

    def _dear(self, vectors: dict[Var, None]) -> dict[Var, None]:
        """What the turns go on with and would not like to compute again."""
        used = self._used()
        inside = _inside(self.region)
        known = dict(vectors)
        for eqn in self.makers:
            for out in eqn.outs:
                again = needed_for([out], [e for e in self.makers if not known.keys() >= set(e.outs)])
                if out in used and inside.isdisjoint(out.type.shape) and _is_dear(again):
                    known[out] = None
        return known

    def _used(self) -> set[Atom]:
        """What the turns use otherwise than for the vectors."""
        taken = {*self.products, *self.makers}
        rest = [eqn for eqn in self.region.eqns if eqn not in taken]
        return {*self.region.results, *(atom for eqn in rest for atom in mentioned(eqn))}

    def before(self) -> list[Eqn]:
        """The vectors of all turns, and the products."""
        return [self.vectors, *map(self._product, self.products)]

    def _by_rows(self) -> Eqn:
        """A row for each turn."""
        body = _copied(Block(self.region.params, self.makers, tuple(self.stored)))
        outs = tuple(Var(self._rows(value.type)) for value in self.stored)
        return Eqn(outs, "build", (self.count,), {}, (body,))

    def _by_columns(self, turns: Sequence[Var]) -> Eqn | None:
        """A column for each turn, if memory is then read along its rows: with the turn innermost."""
        *scalars, vector = self.makers
        if vector.op != "build" or len(vector.args) != 1 or set(vector.outs) != set(self.stored):
            return None
        if _is_dear(scalars) or any(out.type.shape for eqn in scalars for out in eqn.outs):
            return None
        if not runs_along(vector.regions[0], turns):
            return None
        inner = vector.regions[0]
        params = (*inner.params, *self.region.params)
        results = tuple(inner.results[vector.outs.index(value)] for value in self.stored)
        body = _copied(Block(params, (*scalars, *inner.eqns), results))
        outs = tuple(Var(Type(value.type.dtype, (*vector.args, self.count))) for value in self.stored)
        return Eqn(outs, "build", (*vector.args, self.count), {}, (body,), vector.span)

    def _product(self, eqn: Eqn) -> Eqn:
        """The product for all turns: one more letter at the vector, and in front of the result."""
        inputs, output = str(eqn.attrs["spec"]).split("->")
        turn = next(x for x in LETTERS if x not in inputs + output)
        args, specs = list(eqn.args), inputs.split(",")
        k = args.index(self.products[eqn])
        args[k] = self.arrays[self.products[eqn]]
        specs[k] = specs[k] + turn if self.columns else turn + specs[k]
        spec = {"spec": f"{','.join(specs)}->{turn}{output}"}
        return Eqn((self.made[eqn],), "contract", tuple(args), spec, (), eqn.span)

    def after(self) -> Block:
        """One turn, which reads its products and what has been stored."""
        (turn,) = self.region.params
        eqns: list[Eqn] = []
        for eqn in self.region.eqns:
            if eqn in self.products:
                eqns.append(_read(eqn.outs[0], self.made[eqn], turn))
            elif self.columns or self.stored.keys().isdisjoint(eqn.outs):
                eqns.append(eqn)
            else:
                eqns += self._reading(eqn, turn)
        return Block(self.region.params, tuple(eqns), self.region.results)

    def _reading(self, eqn: Eqn, turn: Var) -> list[Eqn]:
        """An equation of which some results are stored; it stays for the others."""
        outs = tuple(Var(out.type) if out in self.stored else out for out in eqn.outs)
        rest = Eqn(outs, eqn.op, eqn.args, eqn.attrs, eqn.regions, eqn.span)
        return [rest, *(_read(out, self.arrays[out], turn) for out in eqn.outs if out in self.stored)]


def _vector(eqn: Eqn) -> Var:
    """The vector of a product."""
    return next(arg for arg in eqn.args if isinstance(arg, Var) and arg.type.rank == 1)


def _copied(block: Block) -> Block:
    """A block with variables of its own."""
    params = tuple(Var(param.type, param.name) for param in block.params)
    eqns, results = clone(block, params)
    return Block(params, eqns, results)


def _read(out: Var, array: Var, turn: Var) -> Eqn:
    return Eqn((out,), "get", (array, turn), {"inbounds": True})


def _is_dear(eqns: Iterable[Eqn]) -> bool:
    """Whether there are sums, other sequences of steps, or dear numbers to compute."""
    inside = walk(Block((), tuple(eqns), ()))
    return any(eqn.op not in ("build", "cond") and price((eqn,)) >= DEAR_PRICE for eqn in inside)
