"""The record of a scalar primitive: its name, type rule, evaluation and partial derivatives.

Partial derivatives are stated once, as text over the arguments `a`, `b`, `c` and the result `y`, with
`+ - * /`, comparisons, `where(c, x, y)` (eager), numbers, and calls of primitives by name. The same text
is expanded to Core by the derivative transforms, and read by SymPy in the tests.
A partial `None` means: no derivative with respect to that argument (it is zero everywhere, or the
argument is an integer).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from difflang.core.ir import FLOATS, INTEGERS, Attribute, DType

DTypeRule = Callable[[Sequence[DType], Mapping[str, Attribute]], DType]


@dataclass(frozen=True, slots=True)
class Primitive:
    """One scalar operation. `evaluate` takes NumPy scalars or arrays (elementwise) and the attributes as keywords.

    `folds` is false where the first evaluation is slow: then the compiler leaves literals to the program.
    """

    name: str
    arity: int
    evaluate: Callable[..., Any]
    rule: DTypeRule
    partials: tuple[str | None, ...] = ()
    doc: str = ""
    folds: bool = True

    def result_dtype(self, dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
        """The type of the result. Raises ValueError when the arguments do not fit."""
        if len(dtypes) != self.arity:
            raise ValueError(f"{self.name} takes {self.arity} arguments, not {len(dtypes)}")
        return self.rule(dtypes, attrs)

    @property
    def differentiable(self) -> bool:
        return any(p is not None for p in self.partials)


def same(allowed: frozenset[DType], count: int = 0) -> DTypeRule:
    """All arguments (the last `count` of them, if given) of one type out of `allowed`; the result has that type."""

    def rule(dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
        checked = dtypes[-count:] if count else dtypes
        if checked.count(checked[0]) != len(checked) or checked[0] not in allowed:
            raise ValueError(f"argument types {', '.join(dtypes)} do not fit")
        return checked[0]

    return rule


def gives(result: DType, allowed: frozenset[DType]) -> DTypeRule:
    """Arguments of one type out of `allowed`; the result is always `result`."""
    check = same(allowed)

    def rule(dtypes: Sequence[DType], attrs: Mapping[str, Attribute]) -> DType:
        check(dtypes, attrs)
        return result

    return rule


BOOLS: frozenset[DType] = frozenset({"bool"})
NUMBERS: frozenset[DType] = FLOATS | INTEGERS
ANY: frozenset[DType] = NUMBERS | BOOLS

of_floats = same(FLOATS)
of_numbers = same(NUMBERS)
