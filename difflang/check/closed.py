"""`rule` and `implicit`: their regions see nothing but their arguments, so what a body captures becomes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang import derive
from difflang.check.context import Context
from difflang.check.leaves import atoms, materialize, settle
from difflang.check.values import Value
from difflang.core.ir import Atom, Attribute, Block, Type, Var, free_vars, walk
from difflang.diagnostics.model import Span


@dataclass
class Region:
    """A region over `before` leaves, then the arguments of the operation, then `after` further leaves."""

    block: Block
    before: int
    after: int


def elaborated(
    context: Context,
    types: Sequence[Type],
    body: Callable[[Sequence[Atom]], Value],
    span: Span,
    keep: Callable[[Value], list[Atom]] = atoms,
) -> tuple[Block, Value]:
    """A region with parameters of the given types, and the value it computes (`keep` selects the leaves it returns)."""
    made: list[Value] = []

    def results(*params: Atom) -> list[Atom]:
        value = settle(context, materialize(context, body(params)), span)
        made.append(value)
        return keep(value)

    block = context.builder.block(types, results)
    return block, made[0]


def emit_closed(
    context: Context, op: str, args: Sequence[Atom], regions: Sequence[Region], attrs: dict[str, Attribute]
) -> tuple[Var, ...]:
    """Emits the operation. Variables from outside that a region uses as values become arguments, after the others."""
    captured = _captured([r.block for r in regions])
    closed = [_closed_over(context, r, captured) for r in regions]
    types = [r.type for r in closed[0].results]
    return context.builder.emit(op, [*args, *captured], attrs, closed, types)


def _captured(blocks: Sequence[Block]) -> list[Var]:
    """The free variables of the regions, those excepted that occur as dimensions only or are sizes of others."""
    found: dict[Var, None] = {}
    for block in blocks:
        found.update(free_vars(block))
    dims = {d for v in found for d in v.type.shape}
    for block in blocks:
        dims.update(d for e in walk(block) for out in e.outs for d in out.type.shape)
    return [v for v in found if v not in dims]


def _closed_over(context: Context, region: Region, captured: Sequence[Var]) -> Block:
    block = region.block
    last = len(block.params) - region.after
    types = [p.type for p in block.params]
    count = len(captured)

    def body(*params: Atom) -> list[Atom]:
        own = [*params[:last], *params[last + count :]]
        inside = dict(zip(captured, params[last : last + count], strict=True))
        return derive.inline(context.builder, block, own, inside)

    return context.builder.block([*types[:last], *(v.type for v in captured), *types[last:]], body)
