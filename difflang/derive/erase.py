"""What only derivatives need, removed: `checkpoint`, `rule` and `implicit` become the code of their first regions."""

from __future__ import annotations

from difflang.core.builder import Builder
from difflang.core.ir import Eqn, Func
from difflang.core.ops import CLOSED
from difflang.derive.copying import Copy


def erased(func: Func) -> Func:
    """The function as backends take it: nothing can be differentiated further by its rules and conditions."""
    builder = Builder()
    copy = _Erasing(builder, {})
    params = copy.fresh(func.params)
    return Func(func.name, builder.block_with(params, lambda *_: copy.rest(func.block)))


class _Erasing(Copy):
    def equation(self, eqn: Eqn) -> None:
        if eqn.op in CLOSED or eqn.op == "checkpoint":
            region = eqn.regions[0]
            results = self.run(region, self.atoms(eqn.args))
            self.values.update(zip(eqn.outs, results, strict=True))
        else:
            super().equation(eqn)
