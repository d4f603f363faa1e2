"""Taylor mode of rules that are formulas of numbers: their partial derivatives are blocks where primitives have texts.

A rule is linear in its direction, so its partial derivative by one argument is what it gives for a unit vector. A rule
may name functions with rules, itself among them, at arguments that have been met; their series are the same ones. So
exp by a rule that mentions it costs one series, and sin and cos by rules that mention each other two.
"""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, DType, Eqn, Literal, Var, walk
from difflang.derive.counted import Counted
from difflang.derive.power import Algebra, Order, Power, given_series
from difflang.derive.rates import rate_block
from difflang.prims import PRIMITIVES

Tangent = Atom | None


def is_formula(eqn: Eqn) -> bool:
    """Whether a rule and all that it is defined by are operations on numbers, of one float type."""
    blocks = (_is_formula_block(region) for region in eqn.regions)
    floats = {a.type.dtype for a in (*eqn.args, *eqn.outs) if a.type.is_float}
    return len(floats) == 1 and not any(a.type.shape for a in (*eqn.args, *eqn.outs)) and all(blocks)


def _is_formula_block(block: Block) -> bool:
    return all(eqn.op in PRIMITIVES or (eqn.op == "rule" and is_formula(eqn)) for eqn in block.eqns)


def mentions_rules(eqn: Eqn) -> bool:
    """Whether a rule is defined by functions with rules."""
    return any(inner.op == "rule" for region in eqn.regions for inner in walk(region))


def stated_series(b: Builder, eqn: Eqn, series: Sequence[tuple[Tangent, ...]]) -> list[tuple[Tangent, ...]]:
    """The coefficients of orders 1, 2, ... of the results of a rule, each a value of its own."""
    rules = _Rules(Algebra(b, _float_type(eqn)))
    results = rules.results(eqn, [rules.given(arg, s) for arg, s in zip(eqn.args, series, strict=True)])
    return [tuple(result[j] for j in range(1, len(series[0]) + 1)) for result in results]


def stated_arrays(b: Builder, eqn: Eqn, arrays: Sequence[Tangent], order: int) -> list[Tangent] | None:
    """The same, in arrays; None where the rules lead to others without end."""
    algebra = Counted(b, _float_type(eqn), order)
    rules = _Rules(algebra)
    args = [algebra.given(a, t) if t is not None else rules.constant(a) for a, t in zip(eqn.args, arrays, strict=True)]
    results = rules.results(eqn, args)
    return algebra.arrays(results) if algebra.expand() else None


class _Rules:
    """The series of the results of rules, each made once."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self._made: dict[tuple[object, ...], list[Power]] = {}
        self._constants: dict[Atom, Power] = {}

    def constant(self, value: Atom) -> Power:
        return self._constants.setdefault(value, Power(value, None))

    def given(self, first: Atom, coefficients: Sequence[Tangent]) -> Power:
        found = given_series(first, coefficients)
        return self.constant(first) if found.constant else found

    def known(self, eqn: Eqn, args: Sequence[Power]) -> list[Power] | None:
        return self._made.get(_key(eqn, args))

    def results(self, eqn: Eqn, args: Sequence[Power]) -> list[Power]:
        """The series of the results of an equation that stands in the emitted program."""
        moving = [k for k, a in enumerate(args) if not a.constant]
        floats = [k for k, out in enumerate(eqn.outs) if out.type.is_float]
        made = [Power(out, None) for out in eqn.outs]
        partials: list[list[Power]] = []

        def expand() -> None:
            if not partials:
                block = rate_block(self.algebra.b, eqn, moving, floats)
                partials.extend(self._partials(block, [args[k] for k in moving], [made[k] for k in floats]))

        def series(place: int, out: Atom) -> Power:
            def higher(order: Order) -> Tangent:
                expand()
                total: Tangent = None
                for k, partial in zip(moving, partials, strict=True):
                    total = self.algebra.added(total, self.algebra.slope_term(args[k], partial[place], order))
                return total

            return self.algebra.power(out, higher, expand)

        if moving:
            for place, k in enumerate(floats):
                made[k] = series(place, eqn.outs[k])
        self._made[_key(eqn, args)] = made
        return made

    def _partials(self, block: Block, args: Sequence[Power], outs: Sequence[Power]) -> list[list[Power]]:
        """For each moving argument, the partial derivatives of the results."""

        def units(place: int) -> list[Power]:
            return [self.constant(literal(k == place, a.first.type.dtype)) for k, a in enumerate(args)]

        return [self._evaluated(block, [*args, *outs, *units(place)]) for place in range(len(args))]

    def _evaluated(self, block: Block, args: Sequence[Power]) -> list[Power]:
        names: dict[Atom, Power] = dict(zip(block.params, args, strict=True))

        def power(atom: Atom) -> Power:
            return names[atom] if atom in names else self.constant(atom)

        outer = self.algebra.b.span
        for eqn in block.eqns:
            self.algebra.b.span = eqn.span
            names.update(zip(eqn.outs, self._equation(eqn, [power(a) for a in eqn.args]), strict=True))
        self.algebra.b.span = outer
        return [power(r) for r in block.results]

    def _equation(self, eqn: Eqn, args: Sequence[Power]) -> list[Power]:
        if eqn.op in PRIMITIVES:
            return [_simple(eqn.op, args) or self._primitive(eqn, args)]
        known = self.known(eqn, args)
        if known is not None:
            return known
        outs = tuple(Var(out.type, out.name) for out in eqn.outs)
        stated = Eqn(outs, "rule", tuple(a.first for a in args), eqn.attrs, eqn.regions, eqn.span)
        self.algebra.b.append(stated)
        return self.results(stated, args)

    def _primitive(self, eqn: Eqn, args: Sequence[Power]) -> Power:
        if not eqn.attrs:
            return self.algebra.apply(eqn.op, args)
        value = self.algebra.b.prim(eqn.op, *(a.first for a in args), **eqn.attrs)
        return self.algebra.applied(eqn.op, args, value)


def _key(eqn: Eqn, args: Sequence[Power]) -> tuple[object, ...]:
    """A rule without a name is another one everywhere."""
    numbers = (a.first if a.constant and isinstance(a.first, Literal) else id(a) for a in args)
    return (eqn.attrs.get("name") or id(eqn), *numbers)


def _simple(op: str, args: Sequence[Power]) -> Power | None:
    """A product with 0 or 1, and a sum with 0: those that unit vectors give."""
    for one, other in (args, args[::-1]) if len(args) == 2 else ():
        number = one.first.value if one.constant and isinstance(one.first, Literal) else None
        if (op == "mul" and number == 1) or (op == "add" and number == 0):
            return other
        if op == "mul" and number == 0:
            return one
    return None


def _float_type(eqn: Eqn) -> DType:
    return next(out.type.dtype for out in eqn.outs if out.type.is_float)
