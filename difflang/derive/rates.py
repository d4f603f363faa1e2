"""The tangent rule of an operation as a program of its own, which Taylor mode differentiates in turn."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Var
from difflang.derive import values
from difflang.derive.forward import TANGENTS, Tangent


def rate_block(b: Builder, eqn: Eqn, moving: Sequence[int], floats: Sequence[int]) -> Block:
    """The tangent rule of an equation as a block over its moving arguments, its float outs, and the tangents."""
    types = [eqn.args[k].type for k in moving]

    def body(*params: Atom) -> list[Atom]:
        args, outs = list(eqn.args), list(eqn.outs)
        tangents: list[Tangent] = [None] * len(args)
        count = len(moving)
        for place, arg, tangent in zip(moving, params[:count], params[len(params) - count :], strict=True):
            args[place], tangents[place] = arg, tangent
        for place, out in zip(floats, params[count : count + len(floats)], strict=True):
            assert isinstance(out, Var)
            outs[place] = out
        stated = Eqn(tuple(outs), eqn.op, tuple(args), eqn.attrs, eqn.regions, eqn.span)
        found = TANGENTS[eqn.op](b, stated, tangents)
        return [values.instantiated(b, found[k], eqn.outs[k].type) for k in floats]

    return b.block([*types, *(eqn.outs[k].type for k in floats), *types], body)
