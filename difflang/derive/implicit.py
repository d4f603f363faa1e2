"""Implicit functions: w(p) with F(w, p) = 0, whatever computed w.

Tangent: F_w dw = -F_p dp. Cotangent: F_w^T v = wbar, pbar = -F_p^T v (the implicit function theorem). Taylor
coefficients likewise, order by order. Each is itself emitted as an implicit function, of a residual that is linear in
its unknowns; so the next derivative follows from the condition again, and the steps of a linear solver are never
differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Eqn, Literal, Type
from difflang.core.ops import I64, integer
from difflang.derive import matrices as m
from difflang.derive import values
from difflang.derive.copying import Copy, inline
from difflang.derive.custom import closed
from difflang.derive.forward import TANGENTS, Series, jvp
from difflang.derive.reverse import ADJOINTS, vjp
from difflang.derive.taylor import SERIES, jet

Tangent = Atom | None
Atoms = Sequence[Atom]

DENSE_LIMIT = 1000
"""With `fallback`: systems of up to this many unknowns are factorised rather than solved by iteration."""


def implicit_tangents(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    """The tangents of the unknowns; `eqn` stands in the emitted program."""
    system = _System(b, eqn)
    point = system.point
    moved = system.push(point, [*(None for _ in eqn.outs), *tangents])
    return list(system.solved([m.negate(b, r) for r in moved], transposed=False))


def implicit_cotangents(b: Builder, eqn: Eqn, cotangents: Sequence[Tangent]) -> list[Tangent]:
    """The cotangents of the parameters; `eqn` stands in the emitted program."""
    bars = [values.instantiated(b, ct, out.type) for out, ct in zip(eqn.outs, cotangents, strict=True)]
    system = _System(b, eqn)
    multipliers = system.solved(bars, transposed=True)
    found = system.pull(system.point, multipliers, of_unknowns=False)[len(eqn.outs) :]
    return [None if ct is None else m.negate(b, ct) for ct in found]


def implicit_series(b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
    """The coefficients of the unknowns, order by order; `eqn` stands in the emitted program.

    The coefficient k of F(w(t), p(t)) is F_w w_k plus what the lower coefficients of w give: one linear solve each.
    """
    system = _System(b, eqn)
    known: list[Series] = [() for _ in eqn.outs]
    for order in range(1, len(series[0]) + 1):
        moved = [*((*s, None) for s in known), *(s[:order] for s in series)]
        outs, found = jet(b, eqn.regions[1], system.point, moved, order)
        rest = [values.instantiated(b, s[-1], out.type) for s, out in zip(found, outs, strict=True)]
        solved = system.solved([m.negate(b, r) for r in rest], transposed=False)
        known = [(*s, w) for s, w in zip(known, solved, strict=True)]
    return known


@dataclass(frozen=True, slots=True)
class _System:
    """The linear systems of an implicit equation, at the point (w, p) that it has computed."""

    b: Builder
    eqn: Eqn

    @property
    def point(self) -> Atoms:
        return (*self.eqn.outs, *self.eqn.args)

    @property
    def types(self) -> list[Type]:
        return [out.type for out in self.eqn.outs]

    def push(self, point: Atoms, tangents: Sequence[Tangent]) -> list[Atom]:
        """The tangent of the condition."""
        outs, found = jvp(self.b, self.eqn.regions[1], point, tangents)
        return [values.instantiated(self.b, t, out.type) for t, out in zip(found, outs, strict=True)]

    def pull(self, point: Atoms, cotangents: Atoms, *, of_unknowns: bool) -> list[Tangent]:
        """The cotangents of the unknowns, or of the parameters, for those of the condition."""
        count = len(self.eqn.outs)
        active = [(k < count) == of_unknowns and a.type.is_float for k, a in enumerate(point)]
        _, pullback = vjp(self.b, self.eqn.regions[1], point, active)
        return pullback(cotangents)

    def product(self, point: Atoms, vector: Atoms, transposed: bool) -> list[Atom]:
        """F_w, or its transpose, times a vector."""
        if not transposed:
            return self.push(point, [*vector, *(None for _ in self.eqn.args)])
        found = self.pull(point, vector, of_unknowns=True)
        return [values.instantiated(self.b, ct, t) for ct, t in zip(found, self.types, strict=False)]

    def solved(self, right: Atoms, *, transposed: bool) -> Atoms:
        """The solution of the linear system, as an implicit equation of its own over (w, p, right)."""
        b, count = self.b, len(self.eqn.outs)
        known = [*self.point, *right]
        known_types = [a.type for a in known]

        def condition(*all_values: Atom) -> list[Atom]:
            unknown, point, wanted = all_values[:count], all_values[count:-count], all_values[-count:]
            product = self.product(point, unknown, transposed)
            return [m.subtract(b, x, y) for x, y in zip(product, wanted, strict=True)]

        def solver(*k: Atom) -> Atoms:
            return self._solution(k[:-count], k[-count:], transposed)

        def via(*all_values: Atom) -> Atoms:
            return inline(b, self.eqn.regions[2], [*all_values[:count], *all_values[2 * count : -count]])

        regions = [b.block(known_types, solver), b.block([*self.types, *known_types], condition)]
        if len(self.eqn.regions) > 2:
            regions.append(b.block([*self.types, *known_types], via))
        attrs = {name: value for name, value in self.eqn.attrs.items() if name != "name"}
        return b.emit("implicit", known, attrs, regions, self.types)

    def _solution(self, point: Atoms, right: Atoms, transposed: bool) -> Atoms:
        b, via = self.b, self.eqn.regions[2:]

        def dense() -> Atoms:
            return self._dense(point, right, transposed)

        def iterated() -> Atoms:
            copy = _Applied(b, lambda vector: self.product(point, vector, transposed))
            return copy.run(via[0], [*right, *point[len(self.eqn.outs) :]])

        if not via:
            return dense()
        if not self.eqn.attrs.get("fallback"):
            return iterated()
        return b.cond(b.prim("le", self._size(), integer(DENSE_LIMIT)), dense, iterated)

    def _size(self) -> Atom:
        total: Atom = integer(0)
        for type_ in self.types:
            total = _folded(self.b, "add", total, _length(self.b, type_))
        return total

    def _dense(self, point: Atoms, right: Atoms, transposed: bool) -> Atoms:
        """By LU of the derivative of the condition in its unknowns, made from products with unit vectors."""
        b, size = self.b, self._size()

        def column(k: Atom) -> list[Atom]:
            unit = [self._unit(k, offset, t) for offset, t in zip(self._offsets(), self.types, strict=True)]
            return self.product(point, unit, False)

        if isinstance(size, Literal) and size.value == 1 and not self.types[0].shape:
            (slope,) = column(integer(0))
            return [b.prim("div", right[0], slope)]
        columns = b.build([size], lambda k: [self._flat(column(k), size)])[0]
        matrix = columns if transposed else m.transpose(b, columns)
        return self._parts(b.emit("solve", [matrix, self._flat(right, size)])[0])

    def _offsets(self) -> list[Atom]:
        offsets: list[Atom] = [integer(0)]
        for type_ in self.types[:-1]:
            offsets.append(_folded(self.b, "add", offsets[-1], _length(self.b, type_)))
        return offsets

    def _unit(self, k: Atom, offset: Atom, type_: Type) -> Atom:
        """The part of the k-th unit vector that belongs to an unknown of this type, which starts at `offset`."""
        b = self.b
        one, zero = literal(1, type_.dtype), literal(0, type_.dtype)

        def entry(*index: Atom) -> Atom:
            place = offset
            flat: Atom = integer(0)
            for i, dim in zip(index, type_.shape, strict=True):
                flat = _folded(b, "add", _folded(b, "mul", flat, dim), i)
            return b.prim("select", b.prim("eq", _folded(b, "add", place, flat), k), one, zero)

        return b.build(type_.shape, lambda *i: [entry(*i)])[0] if type_.shape else entry()

    def _flat(self, parts: Atoms, size: Atom) -> Atom:
        """The parts one after the other, in a vector."""
        b = self.b
        if len(parts) == 1 and parts[0].type.rank == 1:
            return parts[0]
        vector = values.zeros(b, Type(parts[0].type.dtype, (size,)))
        for part, offset in zip(parts, self._offsets(), strict=True):
            line = b.emit("reshape", [part, _length(b, part.type)])[0] if part.type.shape else part
            vector = self._placed(vector, line, offset)
        return vector

    def _placed(self, vector: Atom, line: Atom, offset: Atom) -> Atom:
        b = self.b
        if not line.type.shape:
            return b.set(vector, offset, line, inbounds=True)

        def step(i: Atom, carried: Atom) -> list[Atom]:
            return [b.set(carried, b.prim("add", offset, i), b.get(line, i, inbounds=True), inbounds=True)]

        return b.fold(line.type.shape[0], [vector], step)[0]

    def _parts(self, vector: Atom) -> list[Atom]:
        """The inverse of `_flat`."""
        b = self.b

        def part(type_: Type, offset: Atom) -> Atom:
            if not type_.shape:
                return b.get(vector, offset, inbounds=True)
            if len(self.types) == 1 and type_.rank == 1:
                return vector
            line = b.build([_length(b, type_)], lambda i: [b.get(vector, _folded(b, "add", offset, i), inbounds=True)])[
                0
            ]
            return b.emit("reshape", [line, *type_.shape])[0]

        return [part(t, offset) for t, offset in zip(self.types, self._offsets(), strict=True)]


class _Applied(Copy):
    """A copy of a linear solver in which `operator` is the product with a matrix."""

    def __init__(self, builder: Builder, product: Callable[[Atoms], Atoms]) -> None:
        super().__init__(builder, {})
        self.product = product

    def equation(self, eqn: Eqn) -> None:
        if eqn.op == "operator":
            self.values.update(zip(eqn.outs, self.product(self.atoms(eqn.args)), strict=True))
        else:
            super().equation(eqn)


def _length(b: Builder, type_: Type) -> Atom:
    """The number of elements."""
    total: Atom = integer(1)
    for dim in type_.shape:
        total = _folded(b, "mul", total, dim)
    return total


def _folded(b: Builder, op: str, left: Atom, right: Atom) -> Atom:
    """i64 arithmetic, done now where both are literals or one is neutral."""
    neutral = 0 if op == "add" else 1
    if isinstance(right, Literal) and right.value == neutral:
        return left
    if isinstance(left, Literal):
        if left.value == neutral:
            return right
        if isinstance(right, Literal):
            product, total = int(left.value) * int(right.value), int(left.value) + int(right.value)
            return Literal(total if op == "add" else product, I64.dtype)
    return b.prim(op, left, right)


TANGENTS["implicit"] = implicit_tangents
ADJOINTS["implicit"] = closed(implicit_cotangents)
SERIES["implicit"] = implicit_series
