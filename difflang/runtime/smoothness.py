"""Where the derivative of a function is zero by definition, or chosen at a kink: for `check --derivatives`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from difflang.core.ir import FLOATS, Atom, Block, Eqn, Func, Var, free_vars, walk
from difflang.diagnostics import Diagnostic
from difflang.prims import PRIMITIVES

KINKS = {
    "abs": "at 0 the derivative is 0",
    "max": "where both are equal, each has half of the derivative",
    "min": "where both are equal, each has half of the derivative",
    "relu": "at 0 the derivative is 0",
    "clip": "at both ends of the interval the derivative is 1",
}
COMPARISONS = ("lt", "le", "gt", "ge")
"""Not `eq` and `ne`: equality of reals holds on a set of measure zero, and guards divisions there."""
OWN_RULES = ("rule", "implicit")
"""Operations whose derivative is stated, or follows from a condition: that of their code is not taken."""
STEPS = {
    "floor": "`floor` is a step function",
    "ceil": "`ceil` is a step function",
    "round": "`round` is a step function",
    "sign": "`sign` is a step function",
    "convert": "the conversion to an integer is a step function",
}


def report(func: Func) -> list[Diagnostic]:
    """Warnings W0501 (zero everywhere) and W0502 (a kink), one a place, in the order of the source.

    The function is as it was elaborated, with what only derivatives need.
    """
    scan = _Scan(func)
    scan.block(func.block)
    diagnostics = [d for d in scan.found.values() if d.span is not None]
    return sorted(diagnostics, key=lambda d: (d.span.path, d.span.line, d.span.column) if d.span else ("", 0, 0))


class _Scan:
    """Marks what depends on the active variables, and notes the places where such a dependence ends or bends."""

    def __init__(self, func: Func) -> None:
        self.active = {param for param in func.params if param.type.dtype in FLOATS}
        self.found: dict[tuple[object, str], Diagnostic] = {}
        uses = [atom for eqn in walk(func.block) if eqn.op != "stop_grad" for atom in eqn.args]
        uses += [result for eqn in walk(func.block) for region in eqn.regions for result in region.results]
        self._used = {atom for atom in (*uses, *func.results) if isinstance(atom, Var)}

    def block(self, block: Block) -> None:
        for eqn in block.eqns:
            if eqn.op == "stop_grad" or not self._used.intersection(eqn.outs):
                continue
            if eqn.op in OWN_RULES:
                self._mark_results(eqn, self._inputs(eqn))
            elif eqn.regions:
                self._regions(eqn)
            elif self._depends(eqn.args):
                self._note(_notes(eqn))
                self._mark_results(eqn, eqn.args)

    def _regions(self, eqn: Eqn) -> None:
        """Loops carry activity from one turn to the next, so a region is scanned until nothing new is active."""
        params = [param for region in eqn.regions for param in region.params if param.type.dtype in FLOATS]
        if self._depends(eqn.args):
            self.active.update(params)
        for region in eqn.regions:
            self.block(region)
        results = [result for region in eqn.regions for result in region.results]
        if self._depends(results) and not self.active.issuperset(params):
            self.active.update(params)
            for region in eqn.regions:
                self.block(region)
        if self._depends(results):
            self._note(_ties(eqn))
        self._mark_results(eqn, [*self._inputs(eqn), *results])

    def _inputs(self, eqn: Eqn) -> list[Atom]:
        return [*eqn.args, *(var for region in eqn.regions for var in free_vars(region))]

    def _mark_results(self, eqn: Eqn, inputs: Iterable[Atom]) -> None:
        if self._depends(inputs):
            self.active.update(out for out in eqn.outs if out.type.dtype in FLOATS)

    def _depends(self, atoms: Iterable[Atom]) -> bool:
        return any(isinstance(atom, Var) and atom in self.active for atom in atoms)

    def _note(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.found.setdefault((diagnostic.span, diagnostic.message), diagnostic)


def _ties(eqn: Eqn) -> Iterator[Diagnostic]:
    """The largest and the smallest of several elements have a kink where two of them are equal."""
    operation = eqn.attrs.get("op")
    if eqn.op == "reduce" and operation in ("max", "min"):
        message = f"`{operation}` has a kink: where several elements are equal, they share the derivative."
        yield Diagnostic("W0502", message, eqn.span, hint="Nothing to do, if that is meant.", severity="warning")


def _notes(eqn: Eqn) -> Iterator[Diagnostic]:
    if eqn.op not in PRIMITIVES:
        return
    to_integer = eqn.op == "convert" and eqn.attrs.get("dtype") not in FLOATS
    if eqn.op in STEPS and (eqn.op != "convert" or to_integer):
        message = f"{STEPS[eqn.op]}: no derivative passes through it (it is zero)."
        hint = "If a derivative is wanted here, use a smooth function instead."
        yield Diagnostic("W0501", message, eqn.span, hint=hint, severity="warning")
    elif eqn.op in COMPARISONS:
        message = "The comparison depends on a differentiated value: the derivative does not see where it switches."
        hint = "This is right where both branches meet; else the function jumps here."
        yield Diagnostic("W0501", message, eqn.span, hint=hint, severity="warning")
    elif eqn.op in KINKS:
        message = f"`{eqn.op}` has a kink: {KINKS[eqn.op]}."
        yield Diagnostic("W0502", message, eqn.span, hint="Nothing to do, if that is meant.", severity="warning")
