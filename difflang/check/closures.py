"""A function apart from the reals that it captures, so that a rule can give derivatives by these as well."""

from __future__ import annotations

from collections.abc import Sequence

from difflang import derive
from difflang.check.context import Context
from difflang.check.leaves import atoms, materialize, rebuild, rewrap, settle
from difflang.check.values import Arguments, FunctionValue, Scalar, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom, Block, Var, free_vars
from difflang.diagnostics.model import Span
from difflang.signature import ScalarType


class Opened(FunctionValue):
    """A function whose last argument is the tuple of what it captured."""

    def __init__(self, inner: FunctionValue, captured: tuple[Var, ...]) -> None:
        self.inner = inner
        self.captured = captured
        self.name = inner.name

    def call(self, context: Context, arguments: Arguments) -> Value:
        """The code of the inner function with other values in the places of the captured ones."""
        *own, given = (materialize(context, v) for v in arguments.positional)
        result, block = _body(context, self.inner, own, arguments.span)
        inside: dict[Var, Atom] = dict(zip(self.captured, atoms(given), strict=False))
        flat = [a for v in own for a in atoms(v)]
        return rewrap(context, result, derive.inline(context.builder, block, flat, inside))


def opened(context: Context, function: FunctionValue, arguments: Sequence[Value], span: Span) -> Value:
    """The function with one more argument, and the tuple of the reals it captures, found at a trial call.

    A function that captures none gets a zero, as a tuple of nothing is no vector.
    """
    _, block = _body(context, function, [materialize(context, v) for v in arguments], span)
    captured = tuple(v for v in free_vars(block) if v.type.is_float)
    values = [_value(context, v) for v in captured]
    nothing = Scalar(literal(0.0, context.real.dtype), context.real)
    return TupleValue((Opened(function, captured), TupleValue(tuple(values) or (nothing,))))


def _body(context: Context, function: FunctionValue, arguments: Sequence[Value], span: Span) -> tuple[Value, Block]:
    """The result of a call, and its code over the leaves of the arguments, which is not emitted."""
    made: list[Value] = []

    def results(*params: Atom) -> list[Atom]:
        remaining = iter(params)
        own = [rebuild(v, [next(remaining) for _ in atoms(v)]) for v in arguments]
        value = materialize(context, function.call(context, Arguments(tuple(own), {}, span)))
        made.append(settle(context, value, span))
        return atoms(made[0])

    block = context.builder.block([a.type for v in arguments for a in atoms(v)], results)
    return made[0], block


def _value(context: Context, atom: Var) -> Value:
    element = context.real if atom.type.dtype == context.real.dtype else ScalarType(atom.type.dtype, atom.type.dtype)
    return context.wrap(atom, element)
