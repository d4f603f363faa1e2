"""What only derivatives need, removed: `checkpoint`, `rule` and `implicit` become the code of their first regions,
a `stop_grad` its argument, and a `solve` with factors two triangular ones.

An implicit function that the program names is followed by the check of its residual.
"""

from __future__ import annotations

from difflang.backend.notice import notice_name
from difflang.core.builder import Builder
from difflang.core.ir import Eqn, Func
from difflang.core.ops import CLOSED
from difflang.derive.copying import Copy
from difflang.derive.factors import is_factored, solved_by_factors
from difflang.derive.residual import check_residual


def erased(func: Func) -> Func:
    """The function as backends take it: nothing can be differentiated further by its rules and conditions."""
    builder = Builder()
    copy = _Erasing(builder, {})
    params = copy.fresh(func.params)
    return Func(func.name, builder.block_with(params, lambda *_: copy.rest(func.block)))


class _Erasing(Copy):
    def equation(self, eqn: Eqn) -> None:
        if eqn.op == "solve" and is_factored(eqn):
            self._by_factors(eqn)
            return
        if eqn.op == "stop_grad":
            self.values[eqn.outs[0]] = self.atom(eqn.args[0])
            return
        if eqn.op not in CLOSED and eqn.op != "checkpoint":
            super().equation(eqn)
            return
        args = self.atoms(eqn.args)
        results = self.run(eqn.regions[0], args)
        self.values.update(zip(eqn.outs, results, strict=True))
        if eqn.op == "implicit" and "name" in eqn.attrs:
            self.builder.span = eqn.span
            place = notice_name(str(eqn.attrs["name"]), eqn.span)
            check_residual(self.builder, self.region(eqn.regions[1]), [*results, *args], place)

    def _by_factors(self, eqn: Eqn) -> None:
        _, right, packed, order = self.atoms(eqn.args)
        self.builder.span = eqn.span
        transposed = bool(eqn.attrs.get("transpose"))
        found = solved_by_factors(self.builder, packed, order, right, transposed=transposed)
        self.values[eqn.outs[0]] = found
