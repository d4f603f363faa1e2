"""The tangent rule of an operation as a program of its own, which Taylor mode differentiates in turn."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Type, Var
from difflang.derive import values
from difflang.derive.copying import Copy
from difflang.derive.forward import TANGENTS, Tangent


def rate_block(b: Builder, eqn: Eqn, moving: Sequence[int], floats: Sequence[int]) -> Block:
    """The tangent rule of an equation as a block over its moving arguments, its float outs, and the tangents."""
    types = [eqn.args[k].type for k in moving]

    def body(*params: Atom) -> list[Atom]:
        stated = _stated(eqn, moving, floats, params)
        tangents: list[Tangent] = [None] * len(eqn.args)
        for place, tangent in zip(moving, params[len(params) - len(moving) :], strict=True):
            tangents[place] = tangent
        found = TANGENTS[eqn.op](b, stated, tangents)
        return [values.instantiated(b, found[k], eqn.outs[k].type) for k in floats]

    parameters = [*types, *(eqn.outs[k].type for k in floats), *types]
    block = b.block(parameters, body)
    return _without_itself(b, block, parameters, eqn, moving, floats) if eqn.op == "rule" else block


def _stated(eqn: Eqn, moving: Sequence[int], floats: Sequence[int], params: Sequence[Atom]) -> Eqn:
    """The equation between the parameters of a block."""
    args, outs = list(eqn.args), list(eqn.outs)
    for place, arg in zip(moving, params, strict=False):
        args[place] = arg
    for place, out in zip(floats, params[len(moving) :], strict=False):
        assert isinstance(out, Var)
        outs[place] = out
    return Eqn(tuple(outs), eqn.op, tuple(args), eqn.attrs, eqn.regions, eqn.span)


def _without_itself(
    b: Builder, block: Block, types: Sequence[Type], eqn: Eqn, moving: Sequence[int], floats: Sequence[int]
) -> Block:
    """A rule that mentions its function at the same arguments means its result, whose series is known by then."""

    def body(*params: Atom) -> list[Atom]:
        return _Known(b, _stated(eqn, moving, floats, params)).run(block, params)

    return b.block(types, body)


class _Known(Copy):
    """A copy in which the results of one rule are known."""

    def __init__(self, builder: Builder, known_rule: Eqn) -> None:
        super().__init__(builder, {})
        self.known_rule = known_rule

    def equation(self, eqn: Eqn) -> None:
        known = self.known_rule
        name = known.attrs.get("name")
        if eqn.op == "rule" and name and eqn.attrs.get("name") == name and self.atoms(eqn.args) == known.args:
            self.values.update(zip(eqn.outs, known.outs, strict=True))
        else:
            super().equation(eqn)
