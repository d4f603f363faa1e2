"""Elementary functions of one argument that are cheaper together: sin and cos share their reduction and polynomials,
erf(x) and erfc(x) the factor exp(-x^2), which is their slope.

Derivatives ask for both at once. Where a body of Loops does, it calls the function of the library that gives a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from difflang.loops import ir
from difflang.loops.ir import Operand, Statement
from difflang.loops.values import all_assigned
from difflang_llvm.math.library import PAIRS, result_type
from difflang_llvm.primitives import Operation

PAIR_OF = {frozenset(parts): name for name, parts in PAIRS.items()}
PARTS = frozenset(part for parts in PAIRS.values() for part in parts)
"""The functions that stand in a pair, some in several."""


@dataclass(slots=True)
class Pairs:
    """The results of the second functions of pairs, which are known before their own statements are reached."""

    _partners: dict[ir.Apply, tuple[ir.Apply, str]] = field(default_factory=dict["ir.Apply", tuple["ir.Apply", str]])
    _known: dict[ir.Apply, str] = field(default_factory=dict["ir.Apply", str])

    def look(self, statements: Sequence[Statement]) -> None:
        """Finds the pairs of a body: of functions of one register that is not written in between."""
        alone: dict[Operand, list[ir.Apply]] = {}
        for statement in statements:
            if isinstance(statement, ir.Apply) and statement.primitive in PARTS:
                others = alone.setdefault(statement.args[0], [])
                first, name = next(((other, pair) for other in others if (pair := _pair(other, statement))), (None, ""))
                if first is None:
                    others.append(statement)
                else:
                    others.remove(first)
                    self._partners[first] = statement, name
            for register in [known for known in alone if isinstance(known, ir.Register) and known.mutable]:
                if register in all_assigned((statement,)):
                    del alone[register]

    def result(self, statement: ir.Apply, operation: Operation) -> str | None:
        """The text of the result of a function in a pair."""
        if statement not in self._partners:
            return self._known.pop(statement, None)
        partner, name = self._partners[statement]
        place = PAIRS[name].index(statement.primitive)
        both = operation.library(name)
        type_ = result_type(name, operation.dtype)
        self._known[partner] = operation.emit(f"extractvalue {type_} {both}, {1 - place}")
        return operation.emit(f"extractvalue {type_} {both}, {place}")


def _pair(one: ir.Apply, other: ir.Apply) -> str | None:
    """The function that gives the results of both."""
    return PAIR_OF.get(frozenset((one.primitive, other.primitive)))
