"""Sums of products become `contract`, which backends give to a matrix library.

    build n m { i, j: r = reduce[sum] k { l: get a i l * get b l j } }   ->  contract["il,lj->ij"] a b

Each operand is read at loop indices only, each index runs over the whole of the dimensions that it subscripts, and at
least one index of the result and one summed index occur. Plain sums (dot products) stay loops, which fuse better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Var
from difflang.core.ops import same_dim
from difflang.passes.rewrite import Rewriter

LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


@dataclass(frozen=True, slots=True)
class Contract:
    """Recognises sums of products of two arrays."""

    def __call__(self, func: Func) -> Func:
        return _Recogniser().func(func)


class _Recogniser(Rewriter):
    def copy(self, eqn: Eqn) -> Eqn:
        new = super().copy(eqn)
        found = contraction(new) if new.op == "build" and len(new.outs) == 1 else None
        return found or new


def contraction(build: Eqn) -> Eqn | None:
    """The contraction that a build computes, if it computes one."""
    outer = build.regions[0]
    if len(outer.eqns) != 1 or outer.eqns[0].op != "reduce" or not _yields(outer, outer.eqns[0]):
        return None
    total = outer.eqns[0]
    inner = total.regions[0]
    operands = _operands(inner) if total.attrs["op"] == "sum" and len(total.outs) == 1 else None
    if operands is None:
        return None
    params = (*outer.params, *inner.params)
    extents = dict(zip(params, (*build.args, *total.args), strict=True))
    letters = dict(zip(params, LETTERS, strict=False))
    if len(params) > len(LETTERS) or not all(covers(get, extents) for get in operands):
        return None
    subscripts = [[i for i in get.args[1:] if isinstance(i, Var)] for get in operands]
    if {i for indices in subscripts for i in indices} != set(params):
        return None
    inputs = ",".join("".join(letters[i] for i in indices) for indices in subscripts)
    spec = f"{inputs}->{''.join(letters[p] for p in outer.params)}"
    arrays = tuple(get.args[0] for get in operands)
    return Eqn(build.outs, "contract", arrays, {"spec": spec}, (), total.span or build.span)


def _yields(block: Block, eqn: Eqn) -> bool:
    return len(block.results) == 1 and block.results[0] in eqn.outs


def _operands(block: Block) -> tuple[Eqn, Eqn] | None:
    """The two reads of a body that is their product and nothing else."""
    if not block.eqns:
        return None
    *gets, product = block.eqns
    if product.op != "mul" or not product.outs[0].type.is_float or not _yields(block, product):
        return None
    by_out = {eqn.outs[0]: eqn for eqn in gets if eqn.op == "get"}
    if len(by_out) != len(gets) or not all(arg in by_out for arg in product.args):
        return None
    left, right = (by_out[arg] for arg in product.args if isinstance(arg, Var))
    return left, right


def covers(get: Eqn, extents: dict[Var, Atom]) -> bool:
    """Every dimension of the array is subscripted by another index that runs over the whole of it."""
    array, *indices = get.args
    return (
        len(indices) == array.type.rank
        and len(set(indices)) == len(indices)
        and array not in extents
        and _all_whole(indices, array.type.shape, extents)
    )


def _all_whole(indices: Sequence[Atom], shape: Sequence[Atom], extents: dict[Var, Atom]) -> bool:
    return all(
        isinstance(index, Var) and index in extents and same_dim(extents[index], dim)
        for index, dim in zip(indices, shape, strict=True)
    )
