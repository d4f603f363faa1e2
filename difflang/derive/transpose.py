"""The adjoint of an operation from its tangent rule: the reverse sweep through that (linear) rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Eqn, Type, Var
from difflang.derive.linalg import LINEAR_ALGEBRA
from difflang.derive.reverse import ADJOINTS, Cotangent, Frame, Sweep, Trace, emitted_pruned, vjp


def transposed(
    builder: Builder,
    types: Sequence[Type],
    tangents: Callable[..., Sequence[Atom | None]],
    cotangents: Sequence[Cotangent],
) -> list[Cotangent]:
    """Emits the transpose of a linear map at the builder's position.

    `tangents` emits the map: from tangents of the given types to tangents of the results. The values that
    its nonlinear part would need are never used, so the primal emission is dropped whole. Raises NotLinear
    when the map is not linear.
    """
    kept: list[Cotangent] = []

    def forward(*params: Atom) -> list[Atom]:
        pairs = [(t, ct) for t, ct in zip(tangents(*params), cotangents, strict=True) if t is not None]
        kept.extend(ct for _, ct in pairs)
        return [t for t, _ in pairs]

    block = builder.block(types, forward)

    unknown = [Var(t) for t in types]

    def adjoint() -> list[Cotangent]:
        _, pullback = vjp(builder, block, unknown, [True] * len(types))
        return pullback(kept)

    return emitted_pruned(builder, adjoint, unknown)


def _by_transposition(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """The adjoint of an operation of linear algebra."""
    made = trace.copy.emitted[eqn]
    places = [k for k, arg in enumerate(eqn.args) if arg in sweep.active]

    def tangents(*params: Atom) -> Sequence[Atom | None]:
        full: list[Atom | None] = [None] * len(made.args)
        for place, param in zip(places, params, strict=True):
            full[place] = param
        return LINEAR_ALGEBRA[eqn.op](sweep.builder, made, full)

    found = transposed(sweep.builder, [made.args[k].type for k in places], tangents, cotangents)
    for place, cotangent in zip(places, found, strict=True):
        frame.add(eqn.args[place], cotangent)


ADJOINTS.update({op: ADJOINTS.get(op, _by_transposition) for op in LINEAR_ALGEBRA})
