"""Elements of a result that are formulas over few elements of an argument: their partial derivatives, one by one.

One copy of an element's code finds the places of the argument that it reads (its sites), and the slope of every value
in each of them. Where a value does not depend on a site there is no slope and no code for one, so that the derivatives
of a term cost what they cost on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Literal, Var, free_vars
from difflang.core.ops import integer
from difflang.derive.copying import Copy
from difflang.derive.followed import Unsuitable
from difflang.derive.forward import tangent_rule
from difflang.derive.pattern import MOST_STEPS
from difflang.derive.values import flat_place, is_inbounds
from difflang.prims import PRIMITIVES

Key = tuple[Atom, ...]
"""The dimensions of an array, then indices."""

Slopes = Mapping[int, Atom]
"""The partial derivatives of a value, by the numbers of the sites."""

MOST_SITES = 32
"""Of one element: every value may have a slope in each."""

NOWHERE = integer(-1)
"""The place of a site that is not read, the row of an addition that is not made."""


@dataclass(frozen=True, slots=True)
class Output:
    """What is added to the element of the result at the flat place `row`."""

    row: Atom
    slopes: Slopes


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What elements are made from: the variables that stand for the argument (itself, and reshaped), the accumulators
    that become the result, and arrays that depend on the argument, whose elements are computed where they are read.
    """

    argument: frozenset[Var]
    refs: frozenset[Var]
    makers: Mapping[Var, Eqn]

    def matters(self, variable: Atom) -> bool:
        return variable in self.argument or variable in self.refs or variable in self.makers


@dataclass(frozen=True, slots=True)
class _Branch:
    """The code of a branch and what it gives; the sites that it reads, and what it adds."""

    eqns: tuple[Eqn, ...]
    results: Sequence[Atom]
    slopes: Sequence[Slopes]
    sites: Mapping[int, Atom]
    outputs: Sequence[Output]
    checked: Mapping[Key, Atom]


class Element(Copy):
    """One copy. `sites` maps the number of a site to its flat place, which is below 0 where nothing is read.

    `checked` are values that are needed, if only for the sake of the indices that they were read at.
    """

    def __init__(self, builder: Builder, values: Mapping[Var, Atom], around: Surroundings) -> None:
        super().__init__(builder, dict(values), again=True)
        self.around = around
        self.sites: dict[int, Atom] = {}
        self.numbers: dict[Key, int] = {}
        self.slopes: dict[Var, Slopes] = {}
        self.outputs: list[Output] = []
        self.checked: dict[Key, Atom] = {}
        self.steps = 0

    def slopes_of(self, atom: Atom) -> Slopes:
        return self.slopes.get(atom, {}) if isinstance(atom, Var) else {}

    def equation(self, eqn: Eqn) -> None:
        """Raises Unsuitable for what is no formula."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Unsuitable
        self.builder.span = eqn.span
        mentioned = free_vars(Block((), (eqn,), ()))
        if not any(self.around.matters(v) or v in self.slopes for v in mentioned):
            super().equation(eqn)
        elif eqn.op in PRIMITIVES:
            self.primitive(eqn)
        elif eqn.op in RULES:
            RULES[eqn.op](self, eqn)
        else:
            raise Unsuitable

    def primitive(self, eqn: Eqn) -> None:
        super().equation(eqn)
        args = [self.slopes_of(a) for a in eqn.args]
        found: dict[int, Atom] = {}
        for site in sorted({site for slopes in args for site in slopes}):
            ((slope,),) = tangent_rule(self.builder, self.emitted[eqn], [(slopes.get(site),) for slopes in args])
            if slope is not None:
                found[site] = slope
        self.set_slopes(eqn.outs[0], found)

    def set_slopes(self, variable: Var, slopes: Slopes) -> None:
        self.slopes.pop(variable, None)
        if slopes:
            self.slopes[variable] = slopes

    def key(self, eqn: Eqn, indices: Sequence[Atom]) -> Key:
        return (*self.atoms(eqn.args[0].type.shape), *indices)

    def in_order(self, output: Output) -> list[int]:
        """The sites of an output, neighbours in the order of their places: so they stand in a row of the matrix."""
        keys = {number: key for key, number in self.numbers.items()}
        return sorted(output.slopes, key=lambda site: (self.offset(keys[site][-1]), site))

    def offset(self, index: Atom) -> int:
        """The constant c of an index i + c."""
        maker = self.builder.maker(index)
        if maker is None or maker.op != "add":
            return 0
        return sum(int(arg.value) for arg in maker.args if isinstance(arg, Literal))

    def place(self, eqn: Eqn, indices: Sequence[Atom]) -> Atom:
        """The flat place that a `get` reads or an `add_to` adds to; nowhere where the index is out of range."""
        b, dims = self.builder, self.atoms(eqn.args[0].type.shape)
        found = flat_place(b, dims, indices)
        if is_inbounds(eqn):
            return found
        for dim, index in zip(dims, indices, strict=True):
            good = b.prim("and", b.prim("ge", index, integer(0)), b.prim("lt", index, dim))
            found = b.prim("select", good, found, NOWHERE)
        return found


# --- what stands beside primitives in a formula ---


def _get(element: Element, eqn: Eqn) -> None:
    array, *places = eqn.args
    maker = element.around.makers.get(array) if isinstance(array, Var) else None
    if eqn.outs[0].type.shape:
        raise Unsuitable
    if maker is None:
        _read(element, eqn, element.atoms(places))
        return
    region = maker.regions[0]
    if not is_inbounds(eqn) or len(places) != len(region.params):
        raise Unsuitable
    result = region.results[maker.outs.index(array)]
    element.values[eqn.outs[0]] = element.run(Block(region.params, region.eqns, (result,)), element.atoms(places))[0]
    element.set_slopes(eqn.outs[0], element.slopes_of(result))


def _read(element: Element, eqn: Eqn, indices: Sequence[Atom]) -> None:
    """A site, which is the same one where the argument is read in several branches."""
    out = eqn.outs[0]
    Copy.equation(element, eqn)
    key = element.key(eqn, indices)
    number = element.numbers.setdefault(key, len(element.numbers))
    if number >= MOST_SITES:
        raise Unsuitable
    element.sites[number] = element.place(eqn, indices)
    element.set_slopes(out, {number: literal(1, out.type.dtype)})
    if not is_inbounds(eqn):
        element.checked[key] = element.values[out]


def _add_to(element: Element, eqn: Eqn) -> None:
    """An index that is checked here must have been checked by a read."""
    ref, *places, value = eqn.args
    indices = element.atoms(places)
    if ref not in element.around.refs:
        return
    if value.type.shape or not (is_inbounds(eqn) or element.key(eqn, indices) in element.checked):
        raise Unsuitable
    if slopes := element.slopes_of(value):
        element.outputs.append(Output(element.place(eqn, indices), slopes))


def _cond(element: Element, eqn: Eqn) -> None:
    """Both branches give what either has, with slopes of 0 and places nowhere for what is the other's."""
    test = element.atom(eqn.args[0])
    both = [_branch(element, region) for region in eqn.regions]
    then, otherwise = (list(branch.results) for branch in both)
    joined = _Joined(then, otherwise, list(element.fresh(eqn.outs)))
    for out, *slopes in zip(eqn.outs, *(branch.slopes for branch in both), strict=True):
        element.set_slopes(out, joined.by_key(slopes, literal(0, out.type.dtype)))
    sites = joined.by_key([branch.sites for branch in both], NOWHERE)
    for side, branch in enumerate(both):
        checked = {k: joined.one(side, v, literal(0, v.type.dtype)) for k, v in branch.checked.items()}
        element.checked.update(checked)
        element.outputs += [joined.output(side, output) for output in branch.outputs]
    regions = [Block((), branch.eqns, tuple(side)) for branch, side in zip(both, joined.sides, strict=True)]
    element.builder.append(Eqn(tuple(joined.outs), "cond", (test,), {}, tuple(regions), eqn.span))
    for number, place in sites.items():
        known = element.sites.get(number)
        element.sites[number] = place if known is None else element.builder.prim("max", known, place)


def _branch(element: Element, region: Block) -> _Branch:
    b = element.builder
    outside = element.sites, element.outputs, element.checked
    element.sites, element.outputs, element.checked = {}, [], dict(element.checked)
    b.open()
    results = element.rest(region)
    code = b.close((), ())
    slopes = [element.slopes_of(result) for result in region.results]
    checked = {key: value for key, value in element.checked.items() if key not in outside[2]}
    found = _Branch(code.eqns, results, slopes, element.sites, element.outputs, checked)
    element.sites, element.outputs, element.checked = outside
    return found


class _Joined:
    """The results of two branches side by side, and what they become outside."""

    def __init__(self, then: list[Atom], otherwise: list[Atom], outs: list[Var]) -> None:
        self.sides = (then, otherwise)
        self.outs = outs

    def join(self, then: Atom, otherwise: Atom) -> Var:
        for side, atom in zip(self.sides, (then, otherwise), strict=True):
            side.append(atom)
        self.outs.append(Var(then.type))
        return self.outs[-1]

    def one(self, side: int, atom: Atom, otherwise: Atom) -> Var:
        """What only one branch has."""
        return self.join(otherwise, atom) if side else self.join(atom, otherwise)

    def by_key(self, sides: Sequence[Mapping[int, Atom]], otherwise: Atom) -> dict[int, Atom]:
        then, other = sides
        return {k: self.join(then.get(k, otherwise), other.get(k, otherwise)) for k in sorted({**then, **other})}

    def output(self, side: int, output: Output) -> Output:
        slopes = {k: self.one(side, slope, literal(0, slope.type.dtype)) for k, slope in output.slopes.items()}
        return Output(self.one(side, output.row, NOWHERE), slopes)


RULES: Mapping[str, Callable[[Element, Eqn], None]] = {"get": _get, "add_to": _add_to, "cond": _cond}
