"""The check that the value an implicit function returned does make its condition zero.

A residual is held against the scale of its terms: the value that the condition would have if nothing in it
cancelled (the running error bound of N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.3,
without the roundings). It is computed beside the condition, like a tangent.
"""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn
from difflang.derive.activity import varied_variables
from difflang.derive.desugar import desugared
from difflang.derive.forward import TANGENTS, Forward, Series
from difflang.prims import PRIMITIVES

TOLERANCE = {"f64": 2.0**-26, "f32": 2.0**-11.5}
"""The square roots of the machine precisions."""


def check_residual(b: Builder, condition: Block, point: Sequence[Atom], name: str) -> None:
    """Emits the check: tells the host of a residual above the tolerance times the scale, with their quotient."""
    flags = [a.type.is_float for a in point]
    condition = desugared(condition, varied_variables(condition, flags))
    forward = _Magnitudes(b, varied_variables(condition, flags), 1, _magnitude_rule)
    pairs = zip(condition.params, point, strict=True)
    forward.series.update((p, (_absolute(b, a),)) for p, a in pairs if a.type.is_float)
    residuals = forward.run(condition, point)
    for result, residual in zip(condition.results, residuals, strict=True):
        scale = forward.coefficients(result)[0]
        _check_one(b, residual, forward.missing(result) if scale is None else scale, name)


def _check_one(b: Builder, residual: Atom, scale: Atom, name: str) -> None:
    worst, size = _largest(b, _absolute(b, residual)), _largest(b, scale)
    allowed = b.prim("mul", size, literal(TOLERANCE[residual.type.dtype], residual.type.dtype))

    def tell() -> list[Atom]:
        b.emit("extern", [b.prim("div", worst, size)], {"name": name}, (), ())
        return []

    b.cond(b.prim("le", worst, allowed), list, tell)


def _largest(b: Builder, a: Atom) -> Atom:
    if not a.type.shape:
        return a
    return b.reduce("max", a.type.shape, lambda *i: [b.get(a, *i, inbounds=True)])[0]


def _absolute(b: Builder, a: Atom) -> Atom:
    return b.map(lambda x: b.prim("abs", x), a)


class _Magnitudes(Forward):
    """Carries magnitudes; that of a value without one is its absolute value."""

    def missing(self, atom: Atom) -> Atom:
        return _absolute(self.builder, self.atom(atom))


def _magnitude_rule(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    pairs = zip(eqn.args, series, strict=True)
    sizes = [(s[0] or _absolute(b, a)) if a.type.is_float else a for a, s in pairs]
    if eqn.op in PRIMITIVES:
        return [(_primitive(b, eqn, sizes),)]
    if eqn.op == "contract":
        return [(b.emit("contract", sizes, dict(eqn.attrs))[0],)]
    if eqn.op in ("get", "set", "reshape"):
        tangents = [s if a.type.is_float else None for a, s in zip(eqn.args, sizes, strict=True)]
        return [(t,) for t in TANGENTS[eqn.op](b, eqn, tangents)]
    return [(_absolute(b, out) if out.type.is_float else None,) for out in eqn.outs]


def _primitive(b: Builder, eqn: Eqn, sizes: Sequence[Atom]) -> Atom:
    match eqn.op:
        case "add" | "sub":
            return b.prim("add", *sizes)
        case "mul":
            return b.prim("mul", *sizes)
        case "div":
            return b.prim("div", sizes[0], _absolute(b, eqn.args[1]))
        case "neg":
            return sizes[0]
        case "select":
            return b.prim("select", *sizes)
        case _:
            return _absolute(b, eqn.outs[0])
