"""The adjoint of a formula: its slope in each place that it reads, times the cotangent of its result.

A reverse sweep takes the cotangent through the operations one by one, last first. Where a formula of sums and products
reads few places, fewer operations make its slopes from what its value is made of, since numbers are put together
before they meet anything that varies (preaccumulation: A. Griewank and A. Walther, Evaluating Derivatives, 2008,
section 10.2). Whichever takes fewer operations is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from difflang.core.builder import literal
from difflang.core.ir import Atom, Block, Eqn, Literal, Var
from difflang.derive import values
from difflang.derive.sums import Factor, Line, Product, Sum, settled
from difflang.passes.rewrite import key_of
from difflang.prims import PRIMITIVES

if TYPE_CHECKING:
    from difflang.derive.reverse import Frame

SIGNS = {"add": (1.0, 1.0), "sub": (1.0, -1.0), "neg": (-1.0,)}
MOST_EQUATIONS = 64
MOST_PLACES = 8

Place = tuple[object, ...]
"""What is read from outside of the formula: by the same keys, the same value."""


@dataclass(frozen=True, slots=True)
class Formula:
    """One result of a block, made by sums and products (`steps`) of values from outside.

    `places` tells by variable where these come from, `reads` by place an equation that reads there, or None for a
    variable that is at hand, and its first variable.
    """

    result: Var
    steps: Sequence[Eqn]
    places: Mapping[Var, Place]
    reads: Mapping[Place, tuple[Eqn | None, Var]]


Slopes = Mapping[Place, Sum]


def slopes_of(block: Block, active: Collection[Var]) -> tuple[Formula, Slopes] | None:
    """The block as a formula, and its slopes if they take fewer operations than a reverse sweep; else None."""
    found = _formula(block, active)
    if found is None or len(found.reads) > MOST_PLACES:
        return None
    slopes = _Slopes(found).run()
    fewer = _operations(slopes.values()) < _in_reverse(found, active)
    return (found, slopes) if fewer and all(s.is_finite for s in slopes.values()) else None


def _formula(block: Block, active: Collection[Var]) -> Formula | None:
    results = {r for r in block.results if isinstance(r, Var) and r in active}
    if len(results) != 1 or len(block.eqns) > MOST_EQUATIONS or not all(map(_is_plain, block.eqns)):
        return None
    made = {eqn.outs[0]: eqn for eqn in block.eqns if eqn.outs[0] in active}
    steps = [eqn for eqn in made.values() if eqn.op != "get"]
    if not steps or not all(eqn.op in SIGNS or eqn.op == "mul" for eqn in steps):
        return None
    numbers: dict[Atom, object] = {}
    for eqn in block.eqns:
        numbers[eqn.outs[0]] = (eqn.op, repr(eqn.attrs), *(numbers.get(a, key_of(a)) for a in eqn.args))
    read = dict.fromkeys(a for eqn in steps for a in eqn.args if isinstance(a, Var) and a in active)
    outside = [a for a in read if a not in made or made[a].op == "get"]
    places = {a: (numbers.get(a, a),) for a in outside}
    reads = {places[a]: (made.get(a), a) for a in reversed(outside)}
    return Formula(results.pop(), steps, places, reads)


def _is_plain(eqn: Eqn) -> bool:
    return eqn.op in PRIMITIVES or (eqn.op == "get" and not eqn.outs[0].type.shape)


# --- operations ---


def _operations(slopes: Collection[Sum]) -> int:
    """How many multiplications and additions make the slopes, and multiply them by the cotangent."""
    products = {product for slope in slopes for product in slope.products()}
    made = sum(slope.operations for slope in slopes) + sum(p.left.operations + 1 for p in products)
    return made + sum(bool(slope.terms) or abs(slope.constant) != 1 for slope in slopes)


def _in_reverse(found: Formula, active: Collection[Var]) -> int:
    """Those of a reverse sweep: each use of a value but the first is an addition to its cotangent."""
    met = [a for eqn in found.steps for a in eqn.args if isinstance(a, Var) and a in active]
    uses = Counter(found.places.get(a, a) for a in met)
    products = sum(a in active for eqn in found.steps if eqn.op == "mul" for a in eqn.args)
    return products + sum(count - 1 for count in uses.values())


# --- slopes ---


class _Slopes:
    """The slopes of every value of a formula, by place."""

    def __init__(self, found: Formula) -> None:
        self.found = found
        self.first = {variable: found.reads[place][1] for variable, place in found.places.items()}
        self.slopes: dict[Var, dict[Place, Sum]] = {a: {place: Sum(1.0)} for a, place in found.places.items()}
        self.multiples: dict[Var, tuple[float, Var]] = {}
        self.lines: dict[Factor, Line] = {}

    def run(self) -> Slopes:
        for eqn in self.found.steps:
            self._learn(eqn)
            parts = self._product(eqn) if eqn.op == "mul" else self._signed(eqn)
            slopes: dict[Place, Sum] = {}
            for place, part in parts:
                slopes[place] = slopes.get(place, Sum()).plus(part)
            self.slopes[eqn.outs[0]] = slopes
        return {place: settled(slope, self.lines.get) for place, slope in self.slopes[self.found.result].items()}

    def _signed(self, eqn: Eqn) -> list[tuple[Place, Sum]]:
        signs = zip(eqn.args, SIGNS[eqn.op], strict=True)
        return [(place, slope.scaled(sign)) for arg, sign in signs for place, slope in self._of(arg).items()]

    def _product(self, eqn: Eqn) -> list[tuple[Place, Sum]]:
        pairs = zip(eqn.args, reversed(eqn.args), strict=True)
        return [(place, self._times(slope, other)) for arg, other in pairs for place, slope in self._of(arg).items()]

    def _of(self, atom: Atom) -> Mapping[Place, Sum]:
        return self.slopes.get(atom, {}) if isinstance(atom, Var) else {}

    def _times(self, slope: Sum, value: Atom) -> Sum:
        number, variable = self._multiple(value)
        if variable is None:
            return slope.scaled(number)
        if not slope.terms:
            return Sum(0.0, {variable: number * slope.constant})
        return Sum(0.0, {Product(settled(slope, self.lines.get), variable): number})

    def _multiple(self, value: Atom) -> tuple[float, Var | None]:
        """A value as a number times a variable, or a number."""
        if isinstance(value, Literal):
            return float(value.value), None
        return self.multiples.get(value, (1.0, self.first.get(value, value)))

    def _learn(self, eqn: Eqn) -> None:
        """What is a multiple of one value, or a number and such a multiple."""
        parts = [self._multiple(arg) for arg in eqn.args]
        found = [(k, variable) for k, (_, variable) in enumerate(parts) if variable is not None]
        if len(found) != 1:
            return
        (place, variable), out, numbers = found[0], eqn.outs[0], [number for number, _ in parts]
        if eqn.op == "mul":
            self.multiples[out] = (prod(numbers), variable)
            return
        slope, *rest = (sign * numbers[k] for k, sign in sorted(enumerate(SIGNS[eqn.op]), key=lambda s: s[0] != place))
        if rest:
            self.lines[out] = Line(rest[0], slope, variable)
        else:
            self.multiples[out] = (slope, variable)


# --- code ---


def add_slopes(found: Formula, slopes: Slopes, frame: Frame, cotangent: Atom) -> None:
    """Adds the slopes times the cotangent of the result to the cotangents of all that the formula reads."""
    code = _Code(frame)
    for place, slope in slopes.items():
        read, variable = found.reads[place]
        value = code.times(cotangent, slope)
        if value is None:
            continue
        if read is None:
            frame.add(variable, value)
        else:
            at = frame.trace.copy.atoms(read.args[1:])
            frame.add_at(read.args[0], at, value, inbounds=values.is_inbounds(read))


class _Code:
    """What is emitted of sums; a product is emitted once."""

    def __init__(self, frame: Frame) -> None:
        self.builder = frame.builder
        self.copy = frame.trace.copy
        self.made: dict[Product, Atom] = {}

    def times(self, cotangent: Atom, slope: Sum) -> Atom | None:
        if slope.terms:
            return self.builder.prim("mul", cotangent, self.sum(slope, cotangent))
        return self.scaled(cotangent, slope.constant) if slope.constant else None

    def scaled(self, value: Atom, number: float) -> Atom:
        if abs(number) != 1:
            return self.builder.prim("mul", value, literal(number, value.type.dtype))
        return value if number == 1 else self.builder.prim("neg", value)

    def sum(self, total: Sum, like: Atom) -> Atom:
        found: Atom | None = literal(total.constant, like.type.dtype) if total.constant else None
        for factor, coefficient in total.terms.items():
            value = self.factor(factor)
            if found is not None and coefficient == -1:
                found = self.builder.prim("sub", found, value)
            else:
                found = values.added(self.builder, found, self.scaled(value, coefficient))
        assert found is not None
        return found

    def factor(self, factor: Factor) -> Atom:
        if isinstance(factor, Var):
            return self.copy.atom(factor)
        if factor not in self.made:
            right = self.copy.atom(factor.right)
            self.made[factor] = self.builder.prim("mul", self.sum(factor.left, right), right)
        return self.made[factor]
