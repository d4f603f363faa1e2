"""The inner loop is the one that runs along the rows of arrays.

    build m { j: s = reduce[sum] n { i: .. get a i j .. }; yield s }
      ->  reduce[sum] n { i: r = build m { j: .. get a i j .. }; yield r }

Arrays are row-major: a sum over the first index of `a` for each value of its last one would touch a new line of the
cache at every step. Exchanged, it adds whole rows. It is done when some read walks along its rows with the index of
the build and none does so with the index of the sum, unless the loops are so short that they will be unrolled.

A short build around a long sum of arrays goes inside too: a step of the sum then reads what all its turns need once.

    build 3 { r: s = reduce[sum] n { i: .. yield row }; yield s }  ->  reduce[sum] n { i: build 3 { r: .. yield row } }
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var, walk
from difflang.passes.inline import mentions
from difflang.passes.rewrite import Rewriter

SHORT = 8
"""Extents up to this literal size are unrolled; their loads have no order."""


@dataclass(frozen=True, slots=True)
class Interchange:
    """Exchanges builds with the sums inside where memory is then read in its order."""

    def __call__(self, func: Func) -> Func:
        return _Interchanger().func(func)


class _Interchanger(Rewriter):
    def copy(self, eqn: Eqn) -> Eqn:
        new = super().copy(eqn)
        if new.op != "build" or not new.regions[0].eqns:
            return new
        return gathered(new) if _is_short(new.args) else exchanged(new) if len(new.outs) == 1 else new


def gathered(build: Eqn) -> Eqn:
    """A short build of nothing but long sums of arrays as one sum; another build as it is."""
    outer, total = build.regions[0], build.regions[0].eqns[-1]
    sums = total.op == "reduce" and total.attrs["op"] == "sum" and outer.results == total.outs
    if not sums or len(outer.eqns) > 1 or _is_short(total.args) or not any(out.type.shape for out in total.outs):
        return build
    if any(param in total.args for param in outer.params) or any(eqn.op == "add_to" for eqn in walk(total.regions[0])):
        return build
    inner = total.regions[0]
    parts = tuple(Var(out.type) for out in build.outs)
    turns = Eqn(parts, "build", build.args, build.attrs, (Block(outer.params, inner.eqns, inner.results),), build.span)
    return Eqn(build.outs, "reduce", total.args, total.attrs, (Block(inner.params, (turns,), parts),), total.span)


def exchanged(build: Eqn) -> Eqn:
    """The build as a sum of rows, or as it is where that is no gain."""
    outer = build.regions[0]
    total = outer.eqns[-1] if outer.eqns else None
    if total is None or total.op != "reduce" or total.attrs["op"] != "sum" or outer.results != total.outs:
        return build
    before = outer.eqns[:-1]
    inner, row, extent = total.regions[0], outer.params[-1], build.args[-1]
    short = _is_short((extent,)) or any(_is_short((n,)) for n in total.args)
    if short or total.outs[0].type.shape or row in total.args or not runs_along(inner, (row,)):
        return build
    if before and (len(outer.params) == 1 or any(row in mentions(eqn) for eqn in before)):
        return build
    element = Type(total.outs[0].type.dtype)
    line = Var(Type(element.dtype, (extent,)))
    body = Block(inner.params, (_build((row,), (extent,), inner, line, build),), (line,))
    if len(outer.params) == 1:
        return Eqn(build.outs, "reduce", total.args, total.attrs, (body,), total.span)
    sums = Var(line.type)
    summing = Eqn((sums,), "reduce", total.args, total.attrs, (body,), total.span)
    around = Block(outer.params[:-1], (*before, summing), (sums,))
    return Eqn(build.outs, "build", build.args[:-1], build.attrs, (around,), build.span)


def _is_short(extents: Sequence[Atom]) -> bool:
    """Whether so few turns are unrolled."""
    return all(isinstance(n, Literal) and n.value <= SHORT for n in extents)


def _build(params: tuple[Var, ...], extents: tuple[Atom, ...], body: Block, out: Var, like: Eqn) -> Eqn:
    return Eqn((out,), "build", extents, {}, (Block(params, body.eqns, body.results),), like.span)


def runs_along(body: Block, rows: Sequence[Var]) -> bool:
    """Whether reads go along rows with an index in `rows` and none with an index of the loop, which has none inside."""
    reads = [eqn.args[1:] for eqn in walk(body) if eqn.op == "get"]
    along = [indices for indices in reads if _mentions(indices[-1:], *rows) and _mentions(indices[:-1], *body.params)]
    across = [indices for indices in reads if _mentions(indices[-1:], *body.params) and _mentions(indices, *rows)]
    return bool(along) and not across and all(not eqn.regions for eqn in body.eqns)


def _mentions(indices: Sequence[Atom], *variables: Var) -> bool:
    return any(index is variable for index in indices for variable in variables)
