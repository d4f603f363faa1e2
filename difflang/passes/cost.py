"""A rough price of recomputing, in additions; only its order of magnitude matters."""

from __future__ import annotations

from collections.abc import Iterable

from difflang.core.ir import Eqn, Literal
from difflang.core.ops import EFFECTS
from difflang.passes.algebra import scalar
from difflang.prims import PRIMITIVES

COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "isnan", "isfinite", "select"})
ROUNDING = frozenset({"abs", "sign", "floor", "ceil", "round", "max", "min", "clip", "relu", "convert"})
SIMPLE = COMPARISONS | ROUNDING | {"add", "sub", "mul", "neg", "stop_grad", "get"}
MEDIUM = frozenset({"div", "sqrt", "floordiv", "mod", "powi", "hypot"})
MEDIUM_PRICE = 4
DEAR_PRICE = 12
UNKNOWN_COUNT = 16
"""The number of turns that a loop of unknown length is taken to make."""

CHEAP = 8
"""What may be computed twice to save an array; `kept`, a primitive like any other here, is too dear for that."""


def price(eqns: Iterable[Eqn]) -> int:
    """The price of some equations and what is inside them."""
    return sum(_price(eqn) for eqn in eqns)


def _price(eqn: Eqn) -> int:
    if eqn.op in SIMPLE:
        return 1
    if eqn.op in MEDIUM:
        return MEDIUM_PRICE
    if eqn.op in PRIMITIVES:
        return DEAR_PRICE
    inside = sum(price(region.eqns) + 1 for region in eqn.regions)
    return DEAR_PRICE + inside * _turns(eqn)


def _turns(eqn: Eqn) -> int:
    if eqn.op not in ("build", "reduce", "fold", "while"):
        return 1
    extents = eqn.args if eqn.op in ("build", "reduce") else eqn.args[:1]
    turns = 1
    for extent in extents:
        turns *= int(scalar(extent)) if eqn.op != "while" and isinstance(extent, Literal) else UNKNOWN_COUNT
    return turns


def pure(eqns: Iterable[Eqn]) -> bool:
    """Whether nothing in here (regions included) is an effect, or an addition to an accumulator outside."""
    return all(eqn.op not in EFFECTS and all(pure(region.eqns) for region in eqn.regions) for eqn in eqns)


def safe(eqns: Iterable[Eqn]) -> bool:
    """Whether nothing in here can fail or wait forever: it may be computed earlier, later, or not at all."""
    return all(_safe(eqn) for eqn in eqns)


def _safe(eqn: Eqn) -> bool:
    if eqn.op in PRIMITIVES:
        divides = eqn.op in ("floordiv", "mod") and not eqn.outs[0].type.is_float
        return not divides or (isinstance(eqn.args[1], Literal) and eqn.args[1].value != 0)
    if eqn.op in ("get", "set", "add_to"):
        return bool(eqn.attrs.get("inbounds"))
    return eqn.op in SAFE_STRUCTURE and all(safe(region.eqns) for region in eqn.regions)


SAFE_STRUCTURE = frozenset({"build", "reduce", "fold", "cond", "accum", "contract", "argsort", "table"})
