"""Loops whose Jacobian is diagonal: reverse mode takes them forwards, and they store nothing.

Where every element of what a loop carries depends on that element alone, however many steps there are, one tangent is
enough: the Jacobian times a vector of ones is its diagonal, by which the cotangent is multiplied (the extreme case of a
compressed Jacobian, of one colour: A. R. Curtis, M. J. D. Powell and J. K. Reid, On the estimation of sparse Jacobian
matrices, 1974). A carried scalar is such an array of one element.

Each step is differentiated by itself and multiplied to what came before, so that a step with slope 0 ends what may
have grown beyond all numbers, as it does in a reverse sweep.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Type, Var, free_vars
from difflang.core.ops import carries, same_dim
from difflang.derive.activity import LOOPS, carried
from difflang.derive.budget import LIMITS
from difflang.derive.copying import Copy
from difflang.derive.forward import Forward, tangent_rule
from difflang.prims import PRIMITIVES

SLOPE = ".slope"
"""End of the name of the diagonal of a loop, for readers."""


def is_diagonal(eqn: Eqn, active: Collection[Var]) -> bool:
    """Whether a loop has one active carry, whose elements meet no other active value and not each other."""
    if eqn.op not in LOOPS or not _stacks_nothing(eqn):
        return False
    found = [(init, param) for init, param, _, _ in carried(eqn) if param in active]
    if len(found) != 1 or found[0][0] not in active or any(v in active for r in eqn.regions for v in free_vars(r)):
        return False
    return _Elements(active, found[0][1].type.shape).hold(eqn.regions[-1])


def _stacks_nothing(loop: Eqn) -> bool:
    return len(loop.regions[-1].results) == carries(loop.attrs)


class _Elements:
    """The proof, for arrays of one shape: equations compute with numbers, or with elements at the same indices."""

    def __init__(self, active: Collection[Var], shape: Sequence[Atom]) -> None:
        self.active = active
        self.shape = shape

    def hold(self, block: Block, indices: Sequence[Var] = ()) -> bool:
        return all(self._holds(eqn, indices) for eqn in block.eqns)

    def _holds(self, eqn: Eqn, indices: Sequence[Var]) -> bool:
        if not self._is_touched(eqn):
            return True
        if eqn.op == "get":
            return bool(indices) and eqn.args[1:] == tuple(indices)
        if eqn.op == "build":
            extents = len(eqn.args) == len(self.shape) and all(map(same_dim, eqn.args, self.shape))
            return extents and not indices and self.hold(eqn.regions[0], eqn.regions[0].params)
        if eqn.op == "cond" or (eqn.op in LOOPS and not indices and _stacks_nothing(eqn)):
            return all(self.hold(region, indices) for region in eqn.regions)
        return eqn.op in PRIMITIVES

    def _is_touched(self, eqn: Eqn) -> bool:
        """Whether an equation has anything to do with active values."""
        block = Block((), (eqn,), eqn.outs)
        return any(out in self.active for out in eqn.outs) or any(v in self.active for v in free_vars(block))


def diagonal(copy: Copy, eqn: Eqn, active: Collection[Var]) -> Atom:
    """Emits the loop for a copy of the block around it, with the tangent of the active carry; returns that tangent."""
    b = copy.builder
    (init, param, out), *_ = ((init, param, out) for init, param, _, out in carried(eqn) if param in active)
    forward = _Slopes(b, set(active), 1, tangent_rule)
    forward.values = ChainMap[Var, Atom]({}, copy.values)
    forward.again, forward.silenced = copy.again, copy.silenced
    type_ = copy.atom(init).type
    assert isinstance(init, Var)
    forward.series[init] = (_ones(b, type_),)
    attrs = {name: value for name, value in eqn.attrs.items() if name not in LIMITS}
    forward.equation(Eqn(eqn.outs, eqn.op, eqn.args, attrs, eqn.regions, eqn.span))
    copy.values.update((o, forward.atom(o)) for o in eqn.outs)
    copy.values.update((o, copy.known[o]) for o in eqn.outs if o in copy.known)
    (slope,) = forward.coefficients(out)
    assert isinstance(slope, Var)
    slope.name = f"{param.name or 'value'}{SLOPE}"
    return slope


class _Slopes(Forward):
    """Forward mode in which every step of a loop with a single varied value begins anew."""

    def step(self, eqn: Eqn) -> list[Atom]:
        before = [param for _, param, _, _ in carried(eqn) if param in self.varied]
        meets = any(self.is_varied(v) for region in eqn.regions for v in free_vars(region))
        if len(before) != 1 or meets:
            return super().step(eqn)
        (slope,) = self.coefficients(before[0])
        assert slope is not None
        self.series[before[0]] = (_ones(self.builder, slope.type),)
        *results, own = super().step(eqn)
        return [*results, times_diagonal(self.builder, slope, own)]


def _ones(b: Builder, type_: Type) -> Atom:
    return b.full(literal(1, type_.dtype), type_.shape)


def times_diagonal(b: Builder, slope: Atom, cotangent: Atom) -> Atom:
    """The cotangent before a loop from that behind it. What the result does not depend on counts for nothing, also
    where the slope has grown beyond all numbers: a product in the opposite order would begin with that 0."""

    def product(s: Atom, c: Atom) -> Atom:
        zero = literal(0, s.type.dtype)
        return b.prim("mul", b.prim("select", b.prim("eq", c, zero), zero, s), c)

    return b.map(product, slope, cotangent)
