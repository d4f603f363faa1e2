"""Elementary functions of one argument that are cheaper together: sin and cos share their reduction and polynomials.

Derivatives ask for both at once. Where a body of Loops does, it calls the function of the library that gives a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from difflang.loops import ir
from difflang.loops.ir import Operand, Statement
from difflang_llvm.math.library import PAIRS, result_type
from difflang_llvm.primitives import Operation

PAIR_OF = {part: (name, place) for name, parts in PAIRS.items() for place, part in enumerate(parts)}
"""The pair that a function belongs to, and its place there."""


@dataclass(slots=True)
class Pairs:
    """The results of the second functions of pairs, which are known before their own statements are reached."""

    _partners: dict[ir.Apply, ir.Apply] = field(default_factory=dict["ir.Apply", "ir.Apply"])
    _known: dict[ir.Apply, str] = field(default_factory=dict["ir.Apply", str])

    def look(self, statements: Sequence[Statement]) -> None:
        """Finds the pairs of a body."""
        first: dict[tuple[str, Operand], ir.Apply] = {}
        for statement in statements:
            if isinstance(statement, ir.Apply) and statement.primitive in PAIR_OF and _is_steady(statement):
                other = first.setdefault((PAIR_OF[statement.primitive][0], statement.args[0]), statement)
                if other.primitive != statement.primitive and other not in self._partners:
                    self._partners[other] = statement

    def result(self, statement: ir.Apply, operation: Operation) -> str | None:
        """The text of the result of a function in a pair."""
        partner = self._partners.get(statement)
        if partner is None:
            return self._known.pop(statement, None)
        name, place = PAIR_OF[statement.primitive]
        both = operation.library(name)
        type_ = result_type(name, operation.dtype)
        self._known[partner] = operation.emit(f"extractvalue {type_} {both}, {1 - place}")
        return operation.emit(f"extractvalue {type_} {both}, {place}")


def _is_steady(statement: ir.Apply) -> bool:
    """Whether the argument is the same in the whole body."""
    argument = statement.args[0]
    return isinstance(argument, ir.Register) and not argument.mutable
