"""Derivatives stated in the program: the operation `rule`, whose regions are the tangent or the cotangents.

Of the two modes one may be missing; it is then the transpose of the other, which must be linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn
from difflang.derive import values
from difflang.derive.copying import Copy
from difflang.derive.forward import TANGENTS
from difflang.derive.refuse import not_linear
from difflang.derive.reverse import ADJOINTS, Adjoint, Cotangent, Frame, NotLinear, Sweep, Trace
from difflang.derive.transpose import transposed

Tangent = Atom | None


def rule_tangents(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    """The tangents of the results; `eqn` stands in the emitted program."""
    real = _real(b, eqn.args, tangents)
    region = _region(eqn, "jvp")
    if region is not None:
        return _spread(eqn.outs, _unfolded(b, eqn, region, [*eqn.args, *real]))
    return _spread(eqn.outs, _transposed(b, eqn, eqn.outs, "vjp", [*eqn.args, *eqn.outs], real))


def rule_cotangents(b: Builder, eqn: Eqn, cotangents: Sequence[Tangent]) -> list[Tangent]:
    """The cotangents of the arguments; `eqn` stands in the emitted program."""
    real = _real(b, eqn.outs, cotangents)
    region = _region(eqn, "vjp")
    if region is not None:
        return _spread(eqn.args, _unfolded(b, eqn, region, [*eqn.args, *eqn.outs, *real]))
    return _spread(eqn.args, _transposed(b, eqn, eqn.args, "jvp", eqn.args, real))


def _transposed(
    b: Builder, eqn: Eqn, inputs: Sequence[Atom], mode: str, point: Sequence[Atom], real: Sequence[Atom]
) -> list[Tangent]:
    """The transpose of the rule for a mode, which is linear in one tangent for each float of `inputs`."""
    region = _region(eqn, mode)
    assert region is not None, "a rule has at least one mode"
    types = [a.type for a in inputs if a.type.is_float]
    try:
        return transposed(b, types, lambda *tangents: _unfolded(b, eqn, region, [*point, *tangents]), real)
    except NotLinear:
        raise not_linear(eqn, mode) from None


def _unfolded(b: Builder, eqn: Eqn, region: Block, args: Sequence[Atom]) -> list[Atom]:
    """The code of a region of a rule, in which the rule itself may occur again."""
    return _Unfolding(b, eqn).run(region, args)


class _Unfolding(Copy):
    def __init__(self, builder: Builder, rule: Eqn) -> None:
        super().__init__(builder, {})
        self.rule = rule

    def equation(self, eqn: Eqn) -> None:
        """A mention of the rule becomes the rule; the mentions in its regions stay."""
        name = self.rule.attrs.get("name")
        if eqn.op == "rule" and not eqn.regions and eqn.attrs.get("name") == name:
            plain = Copy(self.builder, {})
            regions = tuple(plain.region(r) for r in self.rule.regions)
            attrs = self.rule.attrs
            self.builder.append(Eqn(self.fresh(eqn.outs), "rule", self.atoms(eqn.args), attrs, regions, eqn.span))
        else:
            super().equation(eqn)


def _real(b: Builder, atoms: Sequence[Atom], tangents: Sequence[Tangent]) -> list[Atom]:
    """One real tangent for each float."""
    pairs = zip(atoms, tangents, strict=True)
    return [values.instantiated(b, t, a.type) for a, t in pairs if a.type.is_float]


def _spread(atoms: Sequence[Atom], found: Sequence[Tangent]) -> list[Tangent]:
    """Tangents of the floats, with None at the other places."""
    left = iter(found)
    return [next(left) if a.type.is_float else None for a in atoms]


def _region(eqn: Eqn, mode: str) -> Block | None:
    modes = eqn.attrs["modes"]
    assert isinstance(modes, tuple)
    return eqn.regions[1 + modes.index(mode)] if mode in modes else None  # type: ignore[arg-type]


def closed(rule: Callable[[Builder, Eqn, Sequence[Cotangent]], list[Cotangent]]) -> Adjoint:
    """The adjoint of an operation that is a function of its arguments alone, from a rule on the emitted equation."""

    def adjoint(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
        frame.add_all(eqn.args, rule(sweep.builder, trace.copy.emitted[eqn], cotangents))

    return adjoint


TANGENTS["rule"] = rule_tangents
ADJOINTS["rule"] = closed(rule_cotangents)
