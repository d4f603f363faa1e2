"""Products of a matrix with a vector in every turn of a loop become products of matrices.

    reduce[sum] n { i: v = build m { j: .. }; p = contract["ij,j->i"] a v; .. p .. }
      ->  reduce[sum] blocks { b:
            vs = build size { t: v = build m { j: .. }; yield v }
            ps = contract["ij,zj->zi"] a vs
            reduce[sum] size { t: p = get ps t; .. p .. } }

A product with a vector reads the whole matrix for two operations an element; for a block of turns at once it is a call
of the matrix library, which reads the matrix once. So go the directions of a Jacobian or a Hessian, the samples of a
trace, the points of a batch. A block has no more turns than the matrices have rows or columns: what it stores takes no
more memory than they do.

The blocks of a sum may be of different sizes. Those of a build have to be of the same size: the last one begins early
enough to end with the loop, so a few turns are computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from difflang.core.ir import Atom, Block, Eqn, Func, Type, Var, walk
from difflang.core.ops import BOOL, I64, integer
from difflang.passes.cost import pure
from difflang.passes.fuse import Fuse
from difflang.passes.nest import NESTING
from difflang.passes.rewrite import Rewriter, clone
from difflang.passes.simplify import Simplify
from difflang.passes.stack import matrix_product
from difflang.passes.turns import Turns, is_short, ready

ROWS = 128
"""The most turns in a block: packing the matrix takes a small part of the product then."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Takes products of matrices and vectors out of the turns of loops."""

    rows: int = ROWS

    def __call__(self, func: Func) -> Func:
        """Loops that do the same are joined before: their blocks would not be."""
        if not any(_products(eqn) for eqn in walk(func.block)):
            return func
        return _Batcher(self.rows).func(Simplify()(Fuse()(func)))


def _products(loop: Eqn) -> list[Eqn]:
    """The products that may leave a loop first, if it can be divided into blocks."""
    if loop.op not in ("build", "reduce") or len(loop.args) != 1 or is_short(loop.args):
        return []
    divisible = loop.attrs["op"] in NESTING if loop.op == "reduce" else not loop.outs or pure(loop.regions[0].eqns)
    return ready(loop.regions[0]) if divisible else []


class _Batcher(Rewriter):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def copy(self, eqn: Eqn) -> Eqn:
        new = super().copy(eqn)
        found = _products(new)
        if not found:
            return new
        dims = [dim for eqn in found if (product := matrix_product(eqn)) for dim in product.matrix.type.shape]
        write = _Writer(self.frames[-1])
        blocks, size = _divided(write, new.args[0], dims, self.rows)
        return _built(write, new, blocks, size) if new.op == "build" and new.outs else _summed(new, blocks, size)


@dataclass(slots=True)
class _Writer:
    """Writes equations at the end of a list."""

    eqns: list[Eqn] = field(default_factory=list[Eqn])

    def integer(self, op: str, *args: Atom) -> Var:
        out = Var(I64)
        self.eqns.append(Eqn((out,), op, args))
        return out

    def row(self, array: Var, index: Atom) -> Var:
        out = Var(Type(array.type.dtype, array.type.shape[1:]))
        self.eqns.append(Eqn((out,), "get", (array, index), {"inbounds": True}))
        return out


def _divided(write: _Writer, extent: Atom, dims: Sequence[Atom], rows: int) -> tuple[Var, Var]:
    """The number of blocks, at least one, and the turns in each: hardly more in all than there are."""
    most: Atom = integer(rows)
    for dim in dict.fromkeys(dims):
        most = write.integer("min", most, dim)
    most = write.integer("max", most, integer(1))
    turns = write.integer("max", extent, integer(0))
    blocks = write.integer("max", _quotient(write, turns, most), integer(1))
    return blocks, _quotient(write, turns, blocks)


def _quotient(write: _Writer, number: Atom, divisor: Atom) -> Var:
    """Rounded up."""
    return write.integer("floordiv", write.integer("add", number, write.integer("sub", divisor, integer(1))), divisor)


def _summed(loop: Eqn, blocks: Var, size: Var) -> Eqn:
    """A sum, or a loop for its effects; the last block is shorter."""
    block, write = Var(I64), _Writer()
    start = write.integer("mul", block, size)
    left = write.integer("max", write.integer("sub", loop.args[0], start), integer(0))
    inner = _block(write, loop, start, write.integer("min", size, left))
    region = Block((block,), (*write.eqns, inner), inner.outs)
    return Eqn(loop.outs, loop.op, (blocks,), loop.attrs, (region,), loop.span)


def _built(write: _Writer, loop: Eqn, blocks: Var, size: Var) -> Eqn:
    """Arrays of the rows of all blocks, and the build that reads them in order."""
    block, inside = Var(I64), _Writer()
    latest = inside.integer("sub", loop.args[0], size)
    start = inside.integer("min", inside.integer("mul", block, size), latest)
    inner = _block(inside, loop, start, size)
    region = Block((block,), (*inside.eqns, inner), inner.outs)
    made = tuple(Var(Type(out.type.dtype, (blocks, *out.type.shape))) for out in inner.outs)
    write.eqns.append(Eqn(made, "build", (blocks,), loop.attrs, (region,), loop.span))
    total = write.integer("mul", blocks, size)
    rows = tuple(Var(Type(out.type.dtype, (total, *out.type.shape[1:]))) for out in loop.outs)
    for array, parts in zip(rows, made, strict=True):
        write.eqns.append(Eqn((array,), "reshape", (parts, *array.type.shape), {}, (), loop.span))
    last = write.integer("sub", total, size)
    return _in_order(loop, rows, last, write.integer("sub", total, loop.args[0]))


def _in_order(loop: Eqn, rows: Sequence[Var], last: Var, twice: Var) -> Eqn:
    """The rows but the first ones of the last block, `twice` of them, which the block before it has made too."""
    index, before, write = Var(I64), Var(BOOL), _Writer()
    write.eqns.append(Eqn((before,), "lt", (index, last)))
    place = write.integer("add", index, write.integer("select", before, integer(0), twice))
    read = tuple(write.row(array, place) for array in rows)
    return Eqn(loop.outs, "build", loop.args, loop.attrs, (Block((index,), tuple(write.eqns), read),), loop.span)


def _block(write: _Writer, loop: Eqn, start: Var, count: Var) -> Eqn:
    """The loop over `count` turns from `start` on; the products of all of them are written before it."""
    turn, index = Var(I64), Var(I64)
    eqns, results = clone(loop.regions[0], (index,))
    region = Block((turn,), (Eqn((index,), "add", (start, turn)), *eqns), results)
    while products := ready(region):
        turns = Turns(region, count, index, products)
        write.eqns += turns.before()
        region = turns.after()
    rows = (count,) if loop.op == "build" else ()
    outs = tuple(Var(Type(result.type.dtype, (*rows, *result.type.shape))) for result in results)
    return Eqn(outs, loop.op, (count,), loop.attrs, (region,), loop.span)
