"""Rewrites of Loops: what code generators cannot easily see any more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import with_bodies
from difflang.loops.ir import Operand, Program, Register, Statement

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class RedundantChecks:
    """Drops a check whose condition is a literal truth or was checked before on every path to it."""

    def __call__(self, program: Program) -> Program:
        return replace(program, body=_Walk().body(program.body))


@dataclass(slots=True)
class _Walk:
    """`value` numbers the conditions: registers that hold the same value have the same number."""

    value: dict[Register, object] = field(default_factory=dict[Register, object])
    computed: dict[Key, object] = field(default_factory=dict[Key, object])
    true: set[object] = field(default_factory=set[object])
    undo: list[Key] = field(default_factory=list[Key])
    doubt: list[object] = field(default_factory=list[object])

    def body(self, body: ir.Body) -> ir.Body:
        """A body whose facts hold only inside it."""
        computed, true = len(self.undo), len(self.doubt)
        kept = tuple(new for statement in body for new in self.statement(statement))
        while len(self.undo) > computed:
            del self.computed[self.undo.pop()]
        while len(self.doubt) > true:
            self.true.discard(self.doubt.pop())
        return kept

    def statement(self, statement: Statement) -> tuple[Statement, ...]:
        match statement:
            case ir.Check():
                return (statement,) if self._is_news(statement.condition) else ()
            case ir.Apply():
                self._number(statement)
                return (statement,)
            case _:
                return (with_bodies(statement, self.body),)

    def _is_news(self, condition: Operand) -> bool:
        """Whether the condition is not known to hold; from here on it is."""
        if isinstance(condition, Literal):
            return not condition.value
        number = self.value.get(condition, condition)
        if number in self.true:
            return False
        if not condition.mutable:
            self.true.add(number)
            self.doubt.append(number)
        return True

    def _number(self, statement: ir.Apply) -> None:
        """Gives the result of a computation the number of an equal one; mutable registers take no part."""
        if statement.attrs or any(isinstance(x, Register) and x.mutable for x in (statement.out, *statement.args)):
            return
        key: Key = (statement.primitive, *(self._of(arg) for arg in statement.args))
        if key not in self.computed:
            self.computed[key] = statement.out
            self.undo.append(key)
        self.value[statement.out] = self.computed[key]

    def _of(self, operand: Operand) -> object:
        if isinstance(operand, Literal):
            return (repr(operand.value), operand.dtype)
        return self.value.get(operand, operand)
