"""The values of a program once, and its tangents for any number of directions."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Var
from difflang.derive.activity import varied_variables
from difflang.derive.copying import Copy
from difflang.derive.desugar import desugared
from difflang.derive.forward import REGION_RULES, Forward, Tangent, room_with_twins, tangent_rule
from difflang.derive.reverse import emitted_pruned

Push = Callable[[Sequence[Tangent]], list[Tangent]]


def linearized(builder: Builder, block: Block, args: Sequence[Atom], active: Sequence[bool]) -> tuple[list[Atom], Push]:
    """Emits the block's code at the builder's position; returns the results and the pushforward.

    `push(tangents)` emits the tangent code at the builder's position of that time, in the same scope or deeper, such as
    a loop over directions: what a factorisation, a solver or a loop has found is not computed again there, and nothing
    is printed. `active` flags the parameters that may have tangents. Raises E0501 like `jvp`.
    """
    block = desugared(block, varied_variables(block, active))
    varied = varied_variables(block, active)
    primal = _Pushed(builder, {})
    results = primal.run(block, args)

    def push(tangents: Sequence[Tangent]) -> list[Tangent]:
        def emit() -> list[Tangent]:
            pushing = _Pushing(builder, block, primal, varied)
            pushing.series.update((p, (t,)) for p, t in zip(block.params, tangents, strict=True) if t is not None)
            pushing.rest(block)
            return [pushing.coefficients(r)[0] for r in block.results]

        return emitted_pruned(builder, emit)

    return results, push


class _Pushed(Copy):
    """The values of a block that has tangents later: a loop with a budget has room for these too."""

    def equation(self, eqn: Eqn) -> None:
        if eqn.op == "room":
            room_with_twins(self, eqn, 1)
        else:
            super().equation(eqn)


class _Pushing(Forward):
    """Tangents beside the values of a block that has been copied."""

    def __init__(self, builder: Builder, block: Block, primal: Copy, varied: set[Var]) -> None:
        super().__init__(builder, varied, 1, tangent_rule)
        self.values = ChainMap[Var, Atom]({}, primal.values)
        self.again = True
        self.made = {eqn: primal.emitted[eqn] for eqn in block.eqns}

    def equation(self, eqn: Eqn) -> None:
        """Regions are entered once more, for the tangents inside."""
        if eqn not in self.made:
            super().equation(eqn)
        elif not any(self.is_varied(out) for out in eqn.outs):
            return
        elif eqn.op in REGION_RULES:
            super().equation(eqn)
            self.values.update(zip(eqn.outs, self.made[eqn].outs, strict=True))
        else:
            self.builder.span = eqn.span
            found = self.rule(self.builder, self.made[eqn], [self.coefficients(a) for a in eqn.args])
            self.series.update(zip(eqn.outs, found, strict=True))
