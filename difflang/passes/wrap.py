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
        self.choices: dict[Var, Eqn] = {}

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
        self._define(new)
        self.append(new)

    def _define(self, eqn: Eqn) -> None:
        if len(eqn.outs) == 1:
            self.bounds.define(eqn)
        if eqn.op == "select" and eqn.outs[0].type == I64:
            self.choices[eqn.outs[0]] = eqn

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
        return self._there_and_back(low, high)

    def _there_and_back(self, value: Affine, divisor: Affine) -> Atom | None:
        """The index i, where a remainder of it that became a choice is moved back: ((i + 1) % n + n - 1) % n."""
        moved = [v for v, factor in value.terms.items() if factor == 1 and v in self.choices]
        if len(moved) != 1:
            return None
        predicate, *branches = self.choices[moved[0]].args
        rest = value.plus(Affine(0, {moved[0]: 1}), -1)
        found: list[Affine | None] = []
        for branch, holds in zip(branches, (True, False), strict=True):
            with self.bounds.assuming(predicate, holds):
                found.append(self._reduced(rest.plus(self.bounds.form(branch)), divisor))
        first, second = found
        if first is None or first != second or first.constant or list(first.terms.values()) != [1]:
            return None
        return next(iter(first.terms))

    def _reduced(self, value: Affine, divisor: Affine) -> Affine | None:
        """A remainder whose quotient is known to be 0, 1 or -1."""
        turns = (value.plus(divisor, -quotient) for quotient in (0, 1, -1))
        return next((t for t in turns if self._holds(t) and self._holds(divisor.plus(t, -1), 1)), None)

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
        self._define(new)
        self.append(new)
        return out
