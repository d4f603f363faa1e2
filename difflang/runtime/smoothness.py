"""Where the derivative of a function is zero by definition, or chosen at a kink: for `check --derivatives`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from difflang.core.ir import FLOATS, Atom, Block, Eqn, Func, Var, free_vars
from difflang.diagnostics import Diagnostic
from difflang.prims import PRIMITIVES

KINKS = {
    "abs": "at 0 the derivative is 0",
    "max": "where both are equal, each has half of the derivative",
    "min": "where both are equal, each has half of the derivative",
    "relu": "at 0 the derivative is 0",
}
COMPARISONS = ("lt", "le", "gt", "ge")
"""Not `eq` and `ne`: equality of reals holds on a set of measure zero, and guards divisions there."""
STEPS = {
    "floor": "`floor` is a step function",
    "ceil": "`ceil` is a step function",
    "round": "`round` is a step function",
    "sign": "`sign` is a step function",
    "convert": "the conversion to an integer is a step function",
}


def report(func: Func) -> list[Diagnostic]:
    """Warnings W0501 (zero everywhere) and W0502 (a kink), one a place, in the order of the source."""
    active = {param for param in func.params if param.type.dtype in FLOATS}
    found: dict[tuple[object, str], Diagnostic] = {}
    _scan(func.block, active, found)
    diagnostics = [d for d in found.values() if d.span is not None]
    return sorted(diagnostics, key=lambda d: (d.span.path, d.span.line, d.span.column) if d.span else ("", 0, 0))


def _scan(block: Block, active: set[Var], found: dict[tuple[object, str], Diagnostic]) -> None:
    """Marks what depends on the active variables, and notes the places where such a dependence ends or bends."""
    for eqn in block.eqns:
        if eqn.regions:
            _scan_regions(eqn, active, found)
        elif _any_active(eqn.args, active):
            for diagnostic in _notes(eqn):
                found.setdefault((diagnostic.span, diagnostic.message), diagnostic)
            active.update(out for out in eqn.outs if out.type.dtype in FLOATS)


def _scan_regions(eqn: Eqn, active: set[Var], found: dict[tuple[object, str], Diagnostic]) -> None:
    """Loops carry activity from one turn to the next, so a region is scanned until nothing new is active."""
    inputs = [*eqn.args, *(var for region in eqn.regions for var in free_vars(region))]
    params = [param for region in eqn.regions for param in region.params if param.type.dtype in FLOATS]
    if _any_active(eqn.args, active):
        active.update(params)
    for region in eqn.regions:
        _scan(region, active, found)
    results = [result for region in eqn.regions for result in region.results]
    if _any_active(results, active) and not active.issuperset(params):
        active.update(params)
        for region in eqn.regions:
            _scan(region, active, found)
    if _any_active([*inputs, *results], active):
        active.update(out for out in eqn.outs if out.type.dtype in FLOATS)


def _any_active(atoms: Iterable[Atom], active: set[Var]) -> bool:
    return any(isinstance(atom, Var) and atom in active for atom in atoms)


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
