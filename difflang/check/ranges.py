"""Ranges of loops and comprehensions: their bounds, their number of steps, and the variable that runs through them."""

from __future__ import annotations

from dataclasses import dataclass

from difflang.check.coerce import as_int
from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.operators import int_arithmetic
from difflang.check.types import INT
from difflang.check.values import Scalar
from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.diagnostics.model import Span
from difflang.sizes import Size
from difflang.syntax import ast

OUTSIDE_OF_LOOPS = 2
"""The deepest level of blocks at which no loop is open: a function, and an operator's function in it."""


@dataclass(frozen=True, slots=True)
class Range:
    """`start..stop by step` as ints, and the number of steps."""

    start: Scalar
    stop: Scalar
    step: Scalar
    count: Scalar


def range_of(context: Context, start: ast.Expr, stop: ast.Expr, step: ast.Expr | None, scope: Scope) -> Range:
    """The bounds of a range; `by` must not be zero (checked where it is known)."""
    first = as_int(context, context.evaluate(start, scope), start.span, "the start of a range")
    last = as_int(context, context.evaluate(stop, scope), stop.span, "the end of a range")
    if step is None:
        if context.builder.level <= OUTSIDE_OF_LOOPS and not _is_zero(first):
            require_near(context, first, last, start.span)
        one = Scalar(integer(1), INT, Size.literal(1))
        return Range(first, last, one, int_arithmetic(context, "-", last, first))
    by = as_int(context, context.evaluate(step, scope), step.span, "the step of a range")
    if isinstance(by.atom, Literal) and by.atom.value == 0:
        raise context.error(
            "E0317",
            "a range cannot have the step 0",
            step.span,
            hint="write a step such as `by 2`, or `by -1` to count down",
        )
    if by.size is None or by.size.constant is None:
        with context.at(step.span):
            moving = context.builder.prim("ne", by.atom, integer(0))
            context.builder.emit("assert", [moving], {"code": "E0317", "message": "a range cannot have the step 0"})
    require_near(context, first, last, start.span)
    return Range(first, last, by, _steps(context, first, last, by))


def require_near(context: Context, first: Scalar, last: Scalar, span: Span) -> None:
    """Sees to it that the difference of the bounds of a range is an int (E0815), unless that is certain.

    Where loops run an inner range with the step 1 this is left out: it would cost more than the range itself.
    """
    a, b = context.size_of(first), context.size_of(last)
    if context.sizes.is_moderate(b - a):
        return
    message = "the bounds {0} and {1} of a range are too far apart: their difference is no int"
    if a.constant is not None and b.constant is not None:
        if abs(b.constant - a.constant) >= 2**63:
            hint = "no loop can make so many steps"
            raise context.error("E0815", message.format(a, b), span, hint=hint)
        return
    prim = context.builder.prim
    with context.at(span):
        difference = prim("sub", last.atom, first.atom)
        agree = prim("eq", prim("le", first.atom, last.atom), prim("le", integer(0), difference))
        near = prim("and", agree, prim("ne", difference, integer(-(2**63))))
        context.builder.emit("assert", [near, first.atom, last.atom], {"code": "E0815", "message": message})


def _is_zero(value: Scalar) -> bool:
    return isinstance(value.atom, Literal) and value.atom.value == 0


def _steps(context: Context, first: Scalar, last: Scalar, by: Scalar) -> Scalar:
    """ceil((last - first) / by) = -((first - last) // by)"""
    quotient = int_arithmetic(context, "//", int_arithmetic(context, "-", first, last), by)
    return int_arithmetic(context, "-", Scalar(integer(0), INT, Size.literal(0)), quotient)


def loop_index(context: Context, extent: Range, index: Scalar, name: str) -> Scalar:
    """The loop variable for step number `index`, with its range recorded for proofs about subscripts."""
    size = context.sizes.fresh(name, index.atom)
    context.sizes.limit(size, Size.literal(0), context.size_of(extent.count))
    counted = Scalar(index.atom, INT, size)
    one = isinstance(extent.step.atom, Literal) and extent.step.atom.value == 1
    scaled = counted if one else int_arithmetic(context, "*", counted, extent.step)
    return scaled if _is_zero(extent.start) else int_arithmetic(context, "+", extent.start, scaled)
