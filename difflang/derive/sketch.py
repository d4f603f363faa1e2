"""Derivatives of which only the types are known, for `difflang check`.

The functions have the signatures of the transforms whose names they bear. What they emit holds the operation `unknown`,
which stands for code that nobody will run; they are right only for blocks in which nothing can lack a derivative.
"""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Literal, Type, walk
from difflang.derive.copying import inline
from difflang.derive.forward import REGION_RULES, TANGENTS, Series, Tangent
from difflang.derive.linearize import Push
from difflang.derive.reverse import Cotangent, Pullback
from difflang.prims import PRIMITIVES

UNKNOWN = "unknown"
REFUSING = frozenset({"rule", "implicit"})
"""These have derivatives unless what the user states about them does not fit."""
WITHOUT_VALUE = frozenset({"assert", "print", "report", "table", UNKNOWN})


def suffices(block: Block) -> bool:
    """Whether no derivative of the block can be refused."""
    return all(is_smooth(eqn) for eqn in walk(block))


def is_smooth(eqn: Eqn) -> bool:
    """Whether no derivative of an equation can be refused; its regions are not looked at."""
    known = eqn.op in PRIMITIVES or eqn.op in REGION_RULES or eqn.op in TANGENTS or eqn.op in WITHOUT_VALUE
    return eqn.op not in REFUSING if known else not any(out.type.is_float for out in eqn.outs)


def is_sketched(block: Block) -> bool:
    """Whether a block holds what only stands for code."""
    return any(eqn.op == UNKNOWN for eqn in walk(block))


def jvp(
    builder: Builder, block: Block, args: Sequence[Atom], tangents: Sequence[Tangent]
) -> tuple[list[Atom], list[Tangent]]:
    return bundle(builder, block, args, tangents, ())


def bundle(
    builder: Builder, block: Block, args: Sequence[Atom], tangents: Sequence[Tangent], directions: Sequence[Atom]
) -> tuple[list[Atom], list[Tangent]]:
    outs = _results(builder, block, args)
    return outs, [_unknown(builder, out, directions) for out in outs]


def jet(
    builder: Builder, block: Block, args: Sequence[Atom], coefficients: Sequence[Series], order: int
) -> tuple[list[Atom], list[Series]]:
    outs = _results(builder, block, args)
    return outs, [tuple(_unknown(builder, out) for _ in range(order)) for out in outs]


def linearized(builder: Builder, block: Block, args: Sequence[Atom], active: Sequence[bool]) -> tuple[list[Atom], Push]:
    outs = _results(builder, block, args)
    return outs, lambda tangents: [_unknown(builder, out) for out in outs]


def vjp(builder: Builder, block: Block, args: Sequence[Atom], active: Sequence[bool]) -> tuple[list[Atom], Pullback]:
    def pullback(cotangents: Sequence[Cotangent]) -> list[Cotangent]:
        return [_unknown(builder, arg) if flag else None for arg, flag in zip(args, active, strict=True)]

    return _results(builder, block, args), pullback


def _results(builder: Builder, block: Block, args: Sequence[Atom]) -> list[Atom]:
    """The results of the block; its code is needed only for sizes that it computes."""
    if not all(builder.in_scope(dim) for r in block.results for dim in r.type.shape):
        return inline(builder, block, args)
    return [r if isinstance(r, Literal) else standing_for(builder, r.type) for r in block.results]


def _unknown(builder: Builder, like: Atom, directions: Sequence[Atom] = ()) -> Tangent:
    """A tangent of a value; None where it has none."""
    type_ = like.type
    return standing_for(builder, Type(type_.dtype, (*type_.shape, *directions))) if type_.is_float else None


def standing_for(builder: Builder, type_: Type) -> Atom:
    """What stands for a value of which only the type is known."""
    return builder.emit(UNKNOWN, (), out_types=[type_])[0]
