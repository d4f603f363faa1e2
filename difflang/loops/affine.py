"""Integers as sums of multiples of registers, read from the statements that compute them."""

from __future__ import annotations

from dataclasses import dataclass, field

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import walk
from difflang.loops.ir import Operand, Register

Form = dict[Register, int]
"""The sum of coefficient * register; the constant stands under `CONSTANT`. No coefficient is 0."""

CONSTANT = Register("i64", "1")


@dataclass(slots=True)
class Forms:
    """The forms of immutable integers; `clamped` are those that are max(x, 0)."""

    known: dict[Register, Form] = field(default_factory=dict[Register, Form])
    clamped: dict[Register, Operand] = field(default_factory=dict[Register, Operand])

    def collect(self, body: ir.Body) -> None:
        for statement in walk(body):
            if isinstance(statement, ir.Apply):
                self._define(statement)

    def _define(self, statement: ir.Apply) -> None:
        """Remembers sums, differences and multiples of immutable integers."""
        out, args = statement.out, statement.args
        mutable = any(isinstance(x, Register) and x.mutable for x in (out, *args))
        if statement.primitive == "max" and args[1] == Literal(0, "i64") and not mutable:
            self.clamped[out] = args[0]
        if mutable or out.dtype != "i64" or statement.primitive not in ("add", "sub", "mul"):
            return
        left, right = self.of(args[0]), self.of(args[1])
        if statement.primitive == "mul":
            if left.keys() - {CONSTANT}:
                left, right = right, left
            if not left.keys() - {CONSTANT}:
                self.known[out] = total({}, right, left.get(CONSTANT, 0))
        else:
            self.known[out] = total(left, right, 1 if statement.primitive == "add" else -1)

    def of(self, operand: Operand) -> Form:
        if isinstance(operand, Literal):
            return {CONSTANT: int(operand.value)} if operand.value else {}
        return self.known.get(operand, {operand: 1})


def total(left: Form, right: Form, factor: int) -> Form:
    """left + factor * right"""
    result = dict(left)
    for register, coefficient in right.items():
        result[register] = result.get(register, 0) + factor * coefficient
    return {register: coefficient for register, coefficient in result.items() if coefficient}
