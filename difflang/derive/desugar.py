"""Operations whose derivatives are those of simpler operations, rewritten before differentiation.

A product over a range becomes a loop that multiplies: its reverse sweep forms prefix times suffix products,
which is right with any number of zeros and at every order, where dividing the product by a factor is not.
A contraction that takes a diagonal or sums an index of one operand alone becomes its defining sum. A linear system is
factorised first, apart from the solution, so that every derivative of it, in any direction and of any order, reads the
factors (`difflang.derive.factors`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Type, Var, walk
from difflang.core.ops import I64
from difflang.derive.factors import factored_solve, is_factored


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Which equations of an operation are rewritten, and the code that stands for one: it defines the same outs."""

    applies: Callable[[Eqn], bool]
    emit: Callable[[Builder, Eqn], object]


def desugared(block: Block, varied: set[Var]) -> Block:
    """The block with those equations rewritten whose results are varied; the rest is shared, not copied."""
    if not any(_rewritable(eqn, varied) for eqn in walk(block)):
        return block
    builder = Builder()
    return _block(builder, block, varied)


def _rewritable(eqn: Eqn, varied: set[Var]) -> bool:
    return any(out in varied for out in eqn.outs) and eqn.op in REWRITES and REWRITES[eqn.op].applies(eqn)


def _block(builder: Builder, block: Block, varied: set[Var]) -> Block:
    builder.open(block.params)
    for eqn in block.eqns:
        _equation(builder, eqn, varied)
    return builder.close(block.params, block.results)


def _equation(builder: Builder, eqn: Eqn, varied: set[Var]) -> None:
    builder.span = eqn.span
    regions = tuple(_block(builder, r, varied) for r in eqn.regions)
    whole = Eqn(eqn.outs, eqn.op, eqn.args, eqn.attrs, regions, eqn.span)
    builder.span = eqn.span
    if _rewritable(eqn, varied):
        REWRITES[eqn.op].emit(builder, whole)
    else:
        builder.append(whole)


def _product(builder: Builder, eqn: Eqn) -> None:
    """Loops nested as the indices are, each carrying the products so far."""
    region = eqn.regions[0]
    types = [r.type for r in region.results]

    def loops(depth: int, products: Sequence[Atom]) -> Sequence[Atom]:
        if depth == len(eqn.args):
            for inner in region.eqns:
                builder.append(inner)
            pairs = zip(products, region.results, strict=True)
            return [builder.prim("mul", product, factor) for product, factor in pairs]
        params = (region.params[depth], *(Var(t, "product") for t in types))
        step = builder.block_with(params, lambda _, *carried: loops(depth + 1, carried))
        attrs = {"carries": len(types), "reverse": False}
        outs = eqn.outs if depth == 0 else tuple(Var(t) for t in types)
        return builder.append(Eqn(outs, "fold", (eqn.args[depth], *products), attrs, (step,), eqn.span))

    loops(0, [literal(1, t.dtype) for t in types])


def _is_plain(eqn: Eqn) -> bool:
    """Whether every index occurs once in an operand and again in the other operand or the result."""
    inputs, output = str(eqn.attrs["spec"]).split("->")
    left, right = inputs.split(",")
    distinct = all(len(set(part)) == len(part) for part in (left, right))
    return distinct and set(left) <= set(right + output) and set(right) <= set(left + output)


def _sum_of_products(builder: Builder, eqn: Eqn) -> None:
    inputs, output = str(eqn.attrs["spec"]).split("->")
    left, right = inputs.split(",")
    dims = (*eqn.args[0].type.shape, *eqn.args[1].type.shape)
    sizes = dict(reversed(list(zip(left + right, dims, strict=True))))
    summed = [letter for letter in sizes if letter not in output]

    def total(at: dict[str, Atom], outs: tuple[Var, ...]) -> Var:
        def term(*inner: Atom) -> list[Atom]:
            index = at | dict(zip(summed, inner, strict=True))
            operands = zip(eqn.args, (left, right), strict=True)
            factors = [builder.get(a, *(index[c] for c in letters), inbounds=True) for a, letters in operands]
            return [builder.prim("mul", *factors)]

        region = builder.block([I64] * len(summed), term)
        extents = tuple(sizes[c] for c in summed)
        return builder.append(Eqn(outs, "reduce", extents, {"op": "sum"}, (region,), eqn.span))[0]

    if not output:
        total({}, eqn.outs)
        return
    scalar = Type(eqn.outs[0].type.dtype)
    params = [Var(I64) for _ in output]
    region = builder.block_with(params, lambda *i: [total(dict(zip(output, i, strict=True)), (Var(scalar),))])
    builder.append(Eqn(eqn.outs, "build", tuple(sizes[c] for c in output), {}, (region,), eqn.span))


REWRITES: dict[str, Rewrite] = {
    "reduce": Rewrite(lambda eqn: eqn.attrs["op"] == "prod", _product),
    "contract": Rewrite(lambda eqn: not _is_plain(eqn), _sum_of_products),
    "solve": Rewrite(lambda eqn: not is_factored(eqn), factored_solve),
}
"""By operation; `implicit` adds its own."""
