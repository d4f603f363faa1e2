"""Remainders of what is at most one turn away from its range become choices.

    (i + 1) % n   ->   i + 1 - n if i + 1 >= n else i + 1        in a loop over i < n

A division of integers costs as much as the rest of a stencil on a ring, and no SIMD lanes have one. A choice by the
index of a loop also says where the loop can be cut, and is none in either piece.
"""

from __future__ import annotations

from dataclasses import dataclass

from difflang.core.ir import Atom, Eqn, Func, Var, walk
from difflang.core.ops import BOOL, I64, integer
from difflang.passes.bounds import Affine, Bounds
from difflang.passes.rewrite import Rewriter


@dataclass(frozen=True, slots=True)
class Wrap:
    """Replaces remainders whose quotient is known to be 0, or one of two neighbours."""

    def __call__(self, func: Func) -> Func:
        return _Wrapper(func).func(func) if any(_is_remainder(eqn) for eqn in walk(func.block)) else func


def _is_remainder(eqn: Eqn) -> bool:
    return eqn.op == "mod" and eqn.outs[0].type == I64


class _Wrapper(Rewriter):
    def __init__(self, func: Func) -> None:
        super().__init__()
        self.bounds = Bounds()
        self.bounds.dimensions(func.params)

    def equation(self, eqn: Eqn) -> None:
        if eqn.op in ("build", "reduce"):
            self.bounds.loop(eqn.regions[0].params, self.all(eqn.args))
        elif eqn.op == "fold":
            self.bounds.loop(eqn.regions[0].params[:1], self.all(eqn.args[:1]))
        new = self.copy(eqn)
        known = self.remainder(new) if _is_remainder(new) else None
        if known is not None:
            self.atoms[eqn.outs[0]] = known
            return
        self.bounds.dimensions(new.outs)
        if len(new.outs) == 1:
            self.bounds.define(new)
        self.append(new)

    def remainder(self, eqn: Eqn) -> Atom | None:
        """The value of a remainder without a division, if the quotient is 0, or 0 or 1, or -1 or 0."""
        value, divisor = eqn.args
        low, high = self.bounds.form(value), self.bounds.form(divisor)
        natural, below = self._holds(low), self._holds(high.plus(low, -1), 1)
        if natural and below:
            return value
        if natural and self._holds(high.plus(high).plus(low, -1), 1):
            return self._once_over(eqn, value, divisor)
        if below and self._holds(low.plus(high)):
            return self._once_under(eqn, value, divisor)
        return None

    def _holds(self, form: Affine, least: int = 0) -> bool:
        return self.bounds.never_negative(form.plus(Affine(-least, {})))

    def _once_over(self, eqn: Eqn, value: Atom, divisor: Atom) -> Atom:
        """The shorter of the two sums is compared: an index alone says where a loop can be cut."""
        back = self._emitted(eqn, "sub", value, divisor)
        if len(self.bounds.form(back).terms) < len(self.bounds.form(value).terms):
            return self._emitted(eqn, "select", self._emitted(eqn, "lt", back, integer(0)), value, back)
        return self._emitted(eqn, "select", self._emitted(eqn, "lt", value, divisor), value, back)

    def _once_under(self, eqn: Eqn, value: Atom, divisor: Atom) -> Atom:
        forth = self._emitted(eqn, "add", value, divisor)
        return self._emitted(eqn, "select", self._emitted(eqn, "lt", value, integer(0)), forth, value)

    def _emitted(self, eqn: Eqn, op: str, *args: Atom) -> Var:
        out = Var(BOOL if op == "lt" else I64)
        new = Eqn((out,), op, args, {}, (), eqn.span)
        self.bounds.define(new)
        self.append(new)
        return out
