"""Partial derivatives that cost as much as a function, computed beside its value where they can be stored.

The adjoint of a sine multiplies by a cosine. A loop whose tape is short-lived (`budget.residuals_of`) stores what is
dear of each step: with the cosine as one more result, made next to the sine, which costs little more than the sine
alone, the adjoint only reads it. Elsewhere the adjoint computes it, and loops stay as they are.
"""

from __future__ import annotations

import ast
from functools import cache

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Type, Var
from difflang.core.ops import CLOSED
from difflang.derive.activity import LOOPS
from difflang.derive.budget import is_cut
from difflang.derive.partials import NAMES, Expansion, parsed
from difflang.passes.cost import MEDIUM, SIMPLE
from difflang.prims import PRIMITIVES

Companions = dict[tuple[Eqn, int], Atom]
"""The value of the partial derivative of a primitive equation in an argument, in the block of the equation; without
the minus in front of it, which stays where it is in the adjoint, so that the same operations give the same bits."""


def with_companions(block: Block, varied: set[Var]) -> tuple[Block, Companions]:
    """The block with the dear partial derivatives of what is varied in its short-lived loops."""
    maker = _Maker(varied)
    return maker.around(block, top=True), maker.made


def times_companion(b: Builder, eqn: Eqn, place: int, companion: Atom, factor: Atom) -> Atom:
    """`factor` times the partial derivative of which `companion` is the value."""
    product = b.prim("mul", factor, companion)
    return b.prim("neg", product) if _slope(eqn.op, place)[1] else product


class _Maker:
    def __init__(self, varied: set[Var]) -> None:
        self.builder = Builder()
        self.varied = varied
        self.made: Companions = {}

    def around(self, block: Block, top: bool = False) -> Block:
        """A block that is no step itself. The tape of an uncut loop at the top is as long as the run."""

        def change(eqn: Eqn) -> Eqn:
            if not eqn.regions or eqn.op in CLOSED:
                return eqn
            steps = eqn.op in LOOPS and (not top or is_cut(eqn))
            return self._with(eqn, [self.step(r) if steps else self.around(r) for r in eqn.regions])

        return Block(block.params, tuple(change(eqn) for eqn in block.eqns), block.results)

    def step(self, block: Block) -> Block:
        """The body of a loop: what its own equations, and the elements of its builds, have for companions."""
        b = self.builder
        b.open(block.params)
        for eqn in block.eqns:
            if eqn.op == "build":
                b.append(self._build(eqn))
            elif eqn.op in LOOPS:
                b.append(self._with(eqn, [self.step(r) for r in eqn.regions]))
            elif eqn.regions and eqn.op not in CLOSED:
                b.append(self._with(eqn, [self.around(r) for r in eqn.regions]))
            else:
                b.append(eqn)
                self._companions(eqn)
        return b.close(block.params, block.results)

    def _build(self, eqn: Eqn) -> Eqn:
        """Companions of the elements are further results."""
        region = self.around(eqn.regions[0])
        self.builder.open(region.params)
        found: list[Atom] = []
        for inner in region.eqns:
            self.builder.append(inner)
            found += self._companions(inner)
        region = self.builder.close(region.params, [*region.results, *found])
        outs = [Var(Type(a.type.dtype, eqn.args), a.name if isinstance(a, Var) else "") for a in found]
        return Eqn((*eqn.outs, *outs), eqn.op, eqn.args, eqn.attrs, (region,), eqn.span)

    def _companions(self, eqn: Eqn) -> list[Atom]:
        """Emits those of an equation."""
        found: list[Atom] = []
        for place, arg in enumerate(eqn.args):
            called = _dear_call(eqn.op, place) if arg in self.varied else None
            if called is not None:
                names = dict(zip(NAMES, eqn.args, strict=False)) | {"y": eqn.outs[0]}
                self.builder.span = eqn.span
                expansion = Expansion(self.builder, names, eqn.outs[0].type.dtype)
                value = expansion.value(_slope(eqn.op, place)[0])
                if isinstance(value, Var):
                    value.name = called
                self.made[eqn, place] = value
                found.append(value)
        return found

    @staticmethod
    def _with(eqn: Eqn, regions: list[Block]) -> Eqn:
        return Eqn(eqn.outs, eqn.op, eqn.args, eqn.attrs, tuple(regions), eqn.span)


@cache
def _dear_call(op: str, place: int) -> str | None:
    """The function that a partial derivative calls. One that depends on the case is left to where it is used."""
    partials = PRIMITIVES[op].partials if op in PRIMITIVES else ()
    text = partials[place] if place < len(partials) else None
    calls = (node.func for node in ast.walk(parsed(text or "0")) if isinstance(node, ast.Call))
    called = [name.id for name in calls if isinstance(name, ast.Name)]
    dear = (name for name in called if name in PRIMITIVES and name not in SIMPLE | MEDIUM)
    return None if "where" in called else next(dear, None)


def _slope(op: str, place: int) -> tuple[ast.expr, bool]:
    """The text of a partial derivative without a minus in front, and whether there is one."""
    node = parsed(PRIMITIVES[op].partials[place] or "0")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand, True
    return node, False
