"""The places of a Jacobian, operation by operation: from an element of a result to the elements that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from difflang.core.ir import Atom, Block, Eqn, free_vars
from difflang.core.ops import integer
from difflang.derive.values import indices_of

if TYPE_CHECKING:
    from difflang.derive.pattern import Pattern


class Unsuitable(Exception):
    """The structure of a program is beyond this analysis."""


def _get(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    array, *places = eqn.args
    pattern.inside_of(array, eqn, places, lambda found: pattern.need(array, [*found, *indices]))


def _set(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    """The old element also where it is replaced: that it is not read there is not worth the code."""
    b = pattern.builder
    array, *places, value = eqn.args
    pattern.need(array, indices)
    same: Atom | None = None
    for index, place in zip(indices, pattern.copy.atoms(places), strict=False):
        hit = b.prim("eq", index, place)
        same = hit if same is None else b.prim("and", same, hit)
    rest = indices[len(places) :]
    if same is None:
        pattern.need(value, rest)
    else:
        pattern.where(same, lambda: pattern.need(value, rest))


def _reshape(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    array = eqn.args[0]
    place = pattern.flat(eqn.outs[0].type.shape, indices)
    pattern.need(array, indices_of(pattern.builder, pattern.copy.atoms(array.type.shape), place))


def _table(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    place = pattern.flat(eqn.outs[0].type.shape, indices)
    for k, element in enumerate(eqn.args):
        pattern.where(pattern.builder.prim("eq", place, integer(k)), lambda e=element: pattern.need(e, ()))


def _build(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    count = len(eqn.args)
    pattern.entered(eqn.regions[0], indices[:count], position, indices[count:])


def _reduce(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    """Every element, for a maximum too. What all of them share is enumerated once, before the loop."""
    region = eqn.regions[0]
    for variable in free_vars(region):
        if not variable.type.shape and len(region.results) == 1:
            pattern.need(variable, ())
    extents = pattern.copy.atoms(eqn.args)
    pattern.loop(extents, lambda *i: pattern.entered(region, i, position, indices))


def branches(pattern: Pattern, eqn: Eqn, enter: Callable[[Block], None]) -> None:
    """Only the branch that is taken."""
    then, otherwise = eqn.regions
    test = pattern.copy.atom(eqn.args[0])
    pattern.where(test, lambda: enter(then))
    pattern.where(pattern.builder.prim("not", test), lambda: enter(otherwise))


def _cond(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    branches(pattern, eqn, lambda branch: pattern.entered(branch, (), position, indices))


def _checkpoint(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    pattern.entered(eqn.regions[0], (), position, indices)


def _accum(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    """What the region gives beside its accumulators."""
    result = position - len(eqn.args)
    if result < 0:
        raise Unsuitable
    pattern.inside(eqn, lambda: pattern.need(eqn.regions[0].results[result], indices))


def _contract(pattern: Pattern, eqn: Eqn, position: int, indices: Sequence[Atom]) -> None:
    spec = str(eqn.attrs["spec"])
    inputs, output = spec.split("->")
    sides = list(zip(inputs.split(","), eqn.args, strict=True))
    dims = {letter: dim for side, arg in sides for letter, dim in zip(side, arg.type.shape, strict=True)}
    summed = [letter for letter in dims if letter not in output]

    def term(*inner: Atom) -> None:
        at = dict(zip(output, indices, strict=True)) | dict(zip(summed, inner, strict=True))
        for side, arg in sides:
            pattern.need(arg, [at[letter] for letter in side])

    pattern.loop(pattern.copy.atoms([dims[letter] for letter in summed]), term)


FOLLOWED: Mapping[str, Callable[[Pattern, Eqn, int, Sequence[Atom]], None]] = {
    "get": _get,
    "set": _set,
    "reshape": _reshape,
    "table": _table,
    "build": _build,
    "reduce": _reduce,
    "cond": _cond,
    "checkpoint": _checkpoint,
    "accum": _accum,
    "contract": _contract,
}
