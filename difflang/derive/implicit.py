"""Implicit functions: w(p) with F(w, p) = 0, whatever computed w.

Tangent: F_w dw = -F_p dp. Cotangent: F_w^T v = wbar, pbar = -F_p^T v (the implicit function theorem). Each is itself
emitted as an implicit function, of a residual that is linear in its unknowns; so the next derivative follows from the
condition again, and the steps of a linear solver are never differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Literal, Type, Var
from difflang.core.ops import I64, integer
from difflang.derive import matrices as m
from difflang.derive import values
from difflang.derive.copying import Copy, inline
from difflang.derive.custom import closed
from difflang.derive.forward import TANGENTS, jvp
from difflang.derive.reverse import ADJOINTS, vjp

Tangent = Atom | None
Atoms = Sequence[Atom]

DENSE_LIMIT = 1000
"""With `fallback`: systems of up to this many unknowns are factorised rather than solved by iteration."""


def implicit_tangents(b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    """The tangents of the unknowns; `eqn` stands in the emitted program."""
    system = _System(b, eqn, (*eqn.outs, *eqn.args, *(t for t in tangents if t is not None)))

    def residual(unknown: Atoms, known: Atoms) -> list[Atom]:
        directions = iter(known[len(eqn.outs) + len(eqn.args) :])
        moved = [None if t is None else next(directions) for t in tangents]
        return system.push(known, [*unknown, *moved])

    def matrix(vector: Atoms, known: Atoms) -> list[Atom]:
        return system.push(known, [*vector, *(None for _ in eqn.args)])

    def right(known: Atoms) -> list[Atom]:
        return [m.negate(b, r) for r in residual(system.zeros(), known)]

    return list(system.solved(residual, matrix, right, transposed=False))


def implicit_cotangents(b: Builder, eqn: Eqn, cotangents: Sequence[Tangent]) -> list[Tangent]:
    """The cotangents of the parameters; `eqn` stands in the emitted program."""
    bars = [values.instantiated(b, ct, out.type) for out, ct in zip(eqn.outs, cotangents, strict=True)]
    count = len(eqn.outs)
    system = _System(b, eqn, (*eqn.outs, *eqn.args, *bars))

    def matrix(vector: Atoms, known: Atoms) -> list[Atom]:
        found = system.pull(known, vector, of_unknowns=True)[:count]
        return [values.instantiated(b, ct, out.type) for ct, out in zip(found, eqn.outs, strict=True)]

    def right(known: Atoms) -> Atoms:
        return known[count + len(eqn.args) :]

    def residual(unknown: Atoms, known: Atoms) -> list[Atom]:
        return [m.subtract(b, x, y) for x, y in zip(matrix(unknown, known), right(known), strict=True)]

    multipliers = system.solved(residual, matrix, right, transposed=True)
    found = system.pull(system.known, multipliers, of_unknowns=False)[count:]
    return [None if ct is None else m.negate(b, ct) for ct in found]


@dataclass(frozen=True, slots=True)
class _System:
    """A linear system from an implicit equation; `known` are the unknowns of the equation, its arguments, and more."""

    b: Builder
    eqn: Eqn
    known: tuple[Atom, ...]

    @property
    def condition(self) -> Block:
        return self.eqn.regions[1]

    @property
    def types(self) -> list[Type]:
        return [out.type for out in self.eqn.outs]

    def zeros(self) -> list[Atom]:
        return [values.zeros(self.b, t) for t in self.types]

    def _point(self, known: Atoms) -> Atoms:
        return known[: len(self.condition.params)]

    def push(self, known: Atoms, tangents: Sequence[Tangent]) -> list[Atom]:
        """The tangent of the condition at the known point."""
        outs, found = jvp(self.b, self.condition, self._point(known), tangents)
        return [values.instantiated(self.b, t, out.type) for t, out in zip(found, outs, strict=True)]

    def pull(self, known: Atoms, cotangents: Atoms, *, of_unknowns: bool) -> list[Tangent]:
        """The cotangents of the unknowns, or of the parameters, for those of the condition."""
        count, point = len(self.eqn.outs), self._point(known)
        active = [(k < count) == of_unknowns and a.type.is_float for k, a in enumerate(point)]
        _, pullback = vjp(self.b, self.condition, point, active)
        return pullback(cotangents)

    def solved(
        self,
        residual: Callable[[Atoms, Atoms], Atoms],
        matrix: Callable[[Atoms, Atoms], Atoms],
        right: Callable[[Atoms], Atoms],
        *,
        transposed: bool,
    ) -> Atoms:
        """The implicit equation of the linear system; the functions take the known values as its regions have them."""
        b, count = self.b, len(self.eqn.outs)
        known_types = [a.type for a in self.known]
        known = [Var(t) for t in known_types]
        solver = b.block_with(known, lambda *k: self._solution(matrix, right(k), k, transposed))
        unknowns = [*(Var(t) for t in self.types), *(Var(t) for t in known_types)]
        condition = b.block_with(unknowns, lambda *v: residual(v[:count], v[count:]))
        regions = [solver, condition]
        if len(self.eqn.regions) > 2:
            rights = [*(Var(t) for t in self.types), *(Var(t) for t in known_types)]
            regions.append(b.block_with(rights, lambda *v: self._via_copy(v[:count], v[count:])))
        return b.emit("implicit", self.known, dict(self.eqn.attrs), regions, self.types)

    def _via_copy(self, right: Atoms, known: Atoms) -> Atoms:
        """The user's linear solver, its operator left open."""
        return inline(self.b, self.eqn.regions[2], [*right, *self._parameters(known)])

    def _parameters(self, known: Atoms) -> Atoms:
        return known[len(self.eqn.outs) : len(self.condition.params)]

    def _solution(self, matrix: Callable[[Atoms, Atoms], Atoms], right: Atoms, known: Atoms, transposed: bool) -> Atoms:
        b, via = self.b, self.eqn.regions[2:]

        def dense() -> Atoms:
            return self._dense(right, known, transposed)

        def iterated() -> Atoms:
            copy = _Applied(b, lambda v: matrix(v, known))
            return copy.run(via[0], [*right, *self._parameters(known)])

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

    def _dense(self, right: Atoms, known: Atoms, transposed: bool) -> Atoms:
        """By LU of the derivative of the condition in its unknowns, made from products with unit vectors."""
        b, size = self.b, self._size()

        def column(k: Atom) -> list[Atom]:
            unit = [self._unit(k, offset, t) for offset, t in zip(self._offsets(), self.types, strict=True)]
            return self.push(known, [*unit, *(None for _ in self.eqn.args)])

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
