"""Regions whose results are decided after their body has been elaborated, and the choice between two values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from difflang.check.coerce import coerce, join
from difflang.check.context import Context
from difflang.check.leaves import atoms, materialize, rebuild, settle
from difflang.check.types import Type
from difflang.check.values import ErrorValue, Number, Value
from difflang.core.builder import Results
from difflang.core.ir import Atom, Block, Eqn, Var
from difflang.diagnostics.model import Span

T = TypeVar("T")


@dataclass
class Captured(Generic[T]):
    """The equations of a region without its results, and what its body gave."""

    params: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    payload: T

    def replay(self, context: Context) -> None:
        """Puts the equations into the block that is open now."""
        for eqn in self.eqns:
            context.builder.append(eqn)


def capture(context: Context, body: Callable[[], T], params: Sequence[Var] = ()) -> Captured[T]:
    """Elaborates `body` into a region of its own."""
    builder = context.builder
    builder.open(params)
    try:
        payload = body()
    except BaseException:
        builder.close(params, ())
        raise
    block = builder.close(params, ())
    return Captured(block.params, block.eqns, payload)


def finish(context: Context, captured: Captured[T], results: Callable[[], Results]) -> Block:
    """Takes the region up again, to end it with `results`, which may emit more."""
    context.builder.open(captured.params)
    try:
        captured.replay(context)
        final = list(results())
    except BaseException:
        context.builder.close(captured.params, ())
        raise
    return context.builder.close(captured.params, final)


def choose(
    context: Context,
    condition: Atom,
    then: Callable[[], Value],
    otherwise: Callable[[], Value],
    span: Span,
    expected: Type | None = None,
) -> Value:
    """One of two values; only the one that is taken is computed."""
    regions = [capture(context, then), capture(context, otherwise)]
    values = [r.payload for r in regions]
    type_ = common_type(context, values, span, "the value", expected)
    blocks: list[Block] = []
    fitted: list[Value] = []
    for region in regions:
        blocks.append(finish(context, region, lambda region=region: fit(context, region.payload, type_, span, fitted)))
    return chosen(context, condition, blocks, fitted[0], span)


def common_type(context: Context, values: Sequence[Value], span: Span, what: str, expected: Type | None = None) -> Type:
    """The type that fits two values of which one is taken; bare numbers lean towards what is expected."""
    left, right = values
    if expected is not None and isinstance(left, Number) and isinstance(right, Number):
        return expected
    if isinstance(left, Number) and not isinstance(right, Number):
        return literal_join(context, left, right, span, what)
    if isinstance(right, Number) and not isinstance(left, Number):
        return literal_join(context, right, left, span, what)
    return join(context, context.type_of(left), context.type_of(right), span, what)


def literal_join(context: Context, number: Number, other: Value, span: Span, what: str) -> Type:
    """A number literal takes the type of a float beside it."""
    from difflang.check.types import is_float

    type_ = context.type_of(other)
    return type_ if is_float(type_) else join(context, context.type_of(number), type_, span, what)


def fit(context: Context, value: Value, type_: Type, span: Span, kept: list[Value]) -> list[Atom]:
    """The leaves of a value brought to the common type, as results of a region; the value is added to `kept`."""
    final = settle(context, coerce(context, materialize_for(context, value, type_), type_, span, "the value"), span)
    kept.append(final)
    return atoms(final)


def materialize_for(context: Context, value: Value, type_: Type) -> Value:
    """Structures hold typed numbers before they are compared leaf by leaf."""
    return value if isinstance(value, Number | ErrorValue) else materialize(context, value)


def chosen(context: Context, condition: Atom, blocks: Sequence[Block], template: Value, span: Span) -> Value:
    """The `cond` over two finished regions, as a value."""
    with context.at(span):
        outs = context.builder.emit("cond", [condition], {}, blocks)
    require_visible(context, outs, span)
    return rebuild(template, outs)


def require_visible(context: Context, outs: Sequence[Var], span: Span) -> None:
    """Raises E0406 when the size of a result was computed inside the region that gives it."""
    for out in outs:
        for dim in out.type.shape:
            if not context.builder.in_scope(dim):
                raise context.error(
                    "E0406", "the size of this result is computed inside the branch or loop that makes it", span,
                    hint="compute the size before the loop or branch, and give all cases the same size",
                )  # fmt: skip
