"""Derivatives stated in the program: the operation `rule`, whose regions are the tangent or the cotangents.

Of the two modes one may be missing; it is then the transpose of the other, which must be linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Type
from difflang.derive import values
from difflang.derive.copying import Copy
from difflang.derive.forward import TANGENTS
from difflang.derive.homogeneous import vanishes_with
from difflang.derive.refuse import captured_by_rule, not_linear, not_vanishing
from difflang.derive.reverse import ADJOINTS, Adjoint, Cotangent, Frame, NotLinear, Sweep, Trace
from difflang.derive.transpose import transposed

Tangent = Atom | None


def rule_tangents(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    """The tangents of the results; `eqn` stands in the emitted program. Raises E0510, E0513."""
    places, outs = moving(eqn), _floats(eqn.outs)
    if any(t is not None and k not in places for k, t in enumerate(tangents)):
        raise captured_by_rule(eqn)
    real = [values.instantiated(b, tangents[k], eqn.args[k].type) for k in places]
    region = _linear_region(eqn, "jvp")
    if region is not None:
        return _spread(len(eqn.outs), outs, _unfolded(b, eqn, region, [*eqn.args, *real]))
    types = [eqn.outs[k].type for k in outs]
    return _spread(len(eqn.outs), outs, _transposed(b, eqn, types, "vjp", [*eqn.args, *eqn.outs], real))


def rule_cotangents(b: Builder, eqn: Eqn, cotangents: Sequence[Tangent]) -> list[Tangent]:
    """The cotangents of the arguments; `eqn` stands in the emitted program."""
    places = moving(eqn)
    real = [values.instantiated(b, cotangents[k], eqn.outs[k].type) for k in _floats(eqn.outs)]
    region = _linear_region(eqn, "vjp")
    if region is not None:
        return _spread(len(eqn.args), places, _unfolded(b, eqn, region, [*eqn.args, *eqn.outs, *real]))
    types = [eqn.args[k].type for k in places]
    return _spread(len(eqn.args), places, _transposed(b, eqn, types, "jvp", eqn.args, real))


def moving(eqn: Eqn) -> list[int]:
    """The arguments that the regions of a rule have tangents for: all floats, but for what its bodies capture."""
    tangent, pulled = _region(eqn, "jvp"), _region(eqn, "vjp")
    if tangent is not None:
        return _floats(eqn.args)[: len(tangent.params) - len(eqn.args)]
    assert pulled is not None, "a rule has at least one mode"
    return _floats(eqn.args)[: len(pulled.results)]


def _transposed(
    b: Builder, eqn: Eqn, types: Sequence[Type], mode: str, point: Sequence[Atom], real: Sequence[Atom]
) -> list[Tangent]:
    """The transpose of the rule for a mode, which is linear in the last of its parameters."""
    region = _linear_region(eqn, mode)
    assert region is not None, "a rule has at least one mode"
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
            args = (*self.atoms(eqn.args), *self.rule.args[len(eqn.args) :])
            self.builder.append(Eqn(self.fresh(eqn.outs), "rule", args, attrs, regions, eqn.span))
        else:
            super().equation(eqn)


def _floats(atoms: Sequence[Atom]) -> list[int]:
    return [k for k, a in enumerate(atoms) if a.type.is_float]


def _spread(count: int, places: Sequence[int], found: Sequence[Tangent]) -> list[Tangent]:
    """What was found, at its places; None elsewhere."""
    known = dict(zip(places, found, strict=True))
    return [known.get(k) for k in range(count)]


def _region(eqn: Eqn, mode: str) -> Block | None:
    modes = eqn.attrs["modes"]
    assert isinstance(modes, tuple)
    names = [str(m) for m in modes]
    return eqn.regions[1 + names.index(mode)] if mode in names else None


def _linear_region(eqn: Eqn, mode: str) -> Block | None:
    """The region of a rule for a mode. Raises E0510 where it gives something for directions that are zero."""
    region = _region(eqn, mode)
    if region is not None:
        point = len(eqn.args) + (len(eqn.outs) if mode == "vjp" else 0)
        if not vanishes_with(region, len(region.params) - point):
            raise not_vanishing(eqn, mode)
    return region


def closed(rule: Callable[[Builder, Eqn, Sequence[Cotangent]], list[Cotangent]]) -> Adjoint:
    """The adjoint of an operation that is a function of its arguments alone, from a rule on the emitted equation."""

    def adjoint(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
        frame.add_all(eqn.args, rule(sweep.builder, trace.copy.emitted[eqn], cotangents))

    return adjoint


def _rule_adjoint(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """Raises E0513 when the function depends on something active that the rule says nothing of."""
    made = trace.copy.emitted[eqn]
    places = moving(made)
    if any(arg in sweep.active and k not in places for k, arg in enumerate(eqn.args)):
        raise captured_by_rule(eqn)
    frame.add_all(eqn.args, rule_cotangents(sweep.builder, made, cotangents))


TANGENTS["rule"] = rule_tangents
ADJOINTS["rule"] = _rule_adjoint
