"""The slots of a program's frame."""

from __future__ import annotations

from difflang.core.ir import Literal
from difflang.loops.bodies import walk
from difflang.loops.ir import Apply, Array, Assign, Check, If, Load, Operand, Program, Register, Store, View
from difflang_llvm.layout import FIRST_FAILURE_SLOT, Dimension, Interface, Slot

BRIEF = (Apply, Assign, Check, If, Load, Store, View)


def plan(program: Program) -> Interface:
    """Gives every parameter and result its slots."""
    checks = (len(s.values) for s in walk(program.body) if isinstance(s, Check))
    position = FIRST_FAILURE_SLOT + max(checks, default=0)
    numbers = {param: k for k, param in enumerate(program.params)}
    params: list[Slot] = []
    for param in program.params:
        params.append(Slot(param.dtype, position, _shape(param, numbers) if isinstance(param, Array) else None))
        position += 1
    results: list[Slot] = []
    for result in program.results:
        value = result.value
        if not isinstance(value, Array):
            results.append(Slot(value.dtype, position))
            position += 1
        elif result.provided:
            results.append(Slot(value.dtype, position, _shape(value, numbers)))
            position += 1
        else:
            results.append(Slot(value.dtype, position, None, value.rank))
            position += 1 + value.rank
    return Interface(position, tuple(params), tuple(results), brief=_is_brief(program))


def _is_brief(program: Program) -> bool:
    """Whether nothing in it takes time or asks for anything: no loop, no array of unknown size, no call."""
    return all(isinstance(statement, BRIEF) for statement in walk(program.body))


def _shape(array: Array, numbers: dict[Register | Array, int]) -> tuple[Dimension, ...]:
    return tuple(_dimension(dim, numbers) for dim in array.shape)


def _dimension(dim: Operand, numbers: dict[Register | Array, int]) -> Dimension:
    return int(dim.value) if isinstance(dim, Literal) else f"p{numbers[dim]}"
