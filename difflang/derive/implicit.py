"""Implicit functions: w(p) with F(w, p) = 0, whatever computed w.

Tangent: F_w dw = -F_p dp. Cotangent: F_w^T v = wbar, pbar = -F_p^T v (the implicit function theorem). Taylor
coefficients likewise, order by order. Each is itself emitted as an implicit function, of a residual that is linear in
its unknowns; so the next derivative follows from the condition again, and the steps of a linear solver are never
differentiated. Where the systems are solved by a dense factorisation, that is made once, for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Attribute, Block, Eqn, Literal
from difflang.core.ops import integer
from difflang.derive import matrices as m
from difflang.derive import values
from difflang.derive.copying import Copy, inline
from difflang.derive.custom import closed
from difflang.derive.desugar import REWRITES, Rewrite
from difflang.derive.factors import solved_by_factors
from difflang.derive.forward import TANGENTS, Series, jvp, pushed
from difflang.derive.linearize import linearized
from difflang.derive.reverse import ADJOINTS, vjp
from difflang.derive.rolled import ARRAYS, Rolled, column
from difflang.derive.taylor import SERIES, jet
from difflang.derive.unknowns import Unknowns

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


def implicit_arrays(rolled: Rolled, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
    """The same in a loop over the orders, with the coefficients in arrays; those that are not known yet are zero."""
    system = _System(b, eqn)

    def step(index: Atom, *rows: Atom) -> list[Atom]:
        moved = [*(rolled.turned(b, r) for r in rows), *tangents]
        outs, found = pushed(b, eqn.regions[1], system.point, [(c,) for c in moved], 1, rolled, rolled.directions)
        rest = [column(b, s[0], out, index) for s, out in zip(found, outs, strict=True)]
        solved = system.solved([m.negate(b, r) for r in rest], transposed=False)
        return [b.set(r, index, w, inbounds=True) for r, w in zip(rows, solved, strict=True)]

    rows = [values.zeros(b, rolled.rows(out.type)) for out in eqn.outs]
    return [rolled.turned(b, r) for r in b.fold(integer(rolled.order), rows, step)]


@dataclass(frozen=True, slots=True)
class _System:
    """The linear systems of an implicit equation, at the point (w, p) that it has computed.

    One that is `factored` has the LU factors of F_w as its last two arguments (those of the transpose of its own
    matrix if it is `transposed`), and so has every linear system that comes from it.
    """

    b: Builder
    eqn: Eqn

    @property
    def point(self) -> Atoms:
        return (*self.eqn.outs, *self.eqn.args)

    @property
    def unknowns(self) -> Unknowns:
        return Unknowns(self.b, [out.type for out in self.eqn.outs])

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
        return [values.instantiated(self.b, ct, t) for ct, t in zip(found, self.unknowns.types, strict=False)]

    def solved(self, right: Atoms, *, transposed: bool) -> Atoms:
        """The solution of the linear system, as an implicit equation of its own over (right, w, p)."""
        b, count, types = self.b, len(self.eqn.outs), self.unknowns.types
        known = [*right, *self.point]
        known_types = [a.type for a in known]

        def condition(*all_values: Atom) -> list[Atom]:
            unknown, wanted, point = all_values[:count], all_values[count : 2 * count], all_values[2 * count :]
            product = self.product(point, unknown, transposed)
            return [m.subtract(b, x, y) for x, y in zip(product, wanted, strict=True)]

        def solver(*k: Atom) -> Atoms:
            return self._solution(k[count:], k[:count], transposed)

        def via(*all_values: Atom) -> Atoms:
            return inline(b, self.eqn.regions[2], [*all_values[:count], *all_values[3 * count :]])

        regions = [b.block(known_types, solver), b.block([*types, *known_types], condition)]
        if len(self.eqn.regions) > 2:
            regions.append(b.block([*types, *known_types], via))
        attrs = {name: value for name, value in self.eqn.attrs.items() if name != "name"}
        if self.is_factored:
            attrs["transposed"] = self._by_transpose(transposed)
        return b.emit("implicit", known, attrs, regions, types)

    @property
    def is_factored(self) -> bool:
        return bool(self.eqn.attrs.get("factored"))

    def _by_transpose(self, transposed: bool) -> bool:
        """Whether the factors are those of the transpose of the matrix, or of the matrix itself if `transposed`."""
        return bool(self.eqn.attrs.get("transposed")) != transposed

    def _solution(self, point: Atoms, right: Atoms, transposed: bool) -> Atoms:
        b = self.b

        def direct() -> Atoms:
            size = self.unknowns.size()
            flat = self.unknowns.flat(right, size)
            by = self._by_transpose(transposed)
            return self.unknowns.parts(solved_by_factors(b, point[-2], point[-1], flat, transposed=by))

        def iterated() -> Atoms:
            copy = _Applied(b, lambda vector: self.product(point, vector, transposed))
            return copy.run(self.eqn.regions[2], [*right, *point[len(self.eqn.outs) :]])

        if not self.is_factored:
            return [self._quotient(point, right)] if is_direct(self.eqn) else iterated()
        small = _is_small(b, self.eqn)
        return direct() if isinstance(small, Literal) else b.cond(small, direct, iterated)

    def _quotient(self, point: Atoms, right: Atoms) -> Atom:
        """The solution of one equation with one unknown."""
        (slope,) = self.product(point, [literal(1, right[0].type.dtype)], False)
        return self.b.prim("div", right[0], slope)


def is_direct(eqn: Eqn) -> bool:
    """Whether the linear systems of an implicit equation may be solved by factors: always, or if small enough."""
    return len(eqn.regions) < 3 or (bool(eqn.attrs.get("fallback")) and not _is_surely_large(eqn))


def _is_surely_large(eqn: Eqn) -> bool:
    b = Builder()
    b.open()
    size = Unknowns(b, [out.type for out in eqn.outs]).size()
    return isinstance(size, Literal) and int(size.value) > DENSE_LIMIT


def _is_small(b: Builder, eqn: Eqn) -> Atom:
    """Whether there are few enough unknowns for factors; a literal where that is known."""
    size = Unknowns(b, [out.type for out in eqn.outs]).size()
    if len(eqn.regions) < 3 or isinstance(size, Literal):
        return literal(True, "bool")
    return b.prim("le", size, integer(DENSE_LIMIT))


def _is_to_be_factored(eqn: Eqn) -> bool:
    unknowns = Unknowns(Builder(), [out.type for out in eqn.outs])
    return is_direct(eqn) and not eqn.attrs.get("factored") and not unknowns.is_one_scalar


def factored(b: Builder, eqn: Eqn) -> None:
    """Emits an implicit equation that is solved as one without a derivative, and whose derivatives use factors.

    F_w is made from its products with unit vectors and factorised; the equation with the derivative, which returns the
    solution it is given, takes the factors.
    """
    fixed = [values.constant(b, a) for a in eqn.args]
    given = b.emit("implicit", fixed, dict(eqn.attrs), eqn.regions, [out.type for out in eqn.outs])
    factors = b.emit("lu", [_derivative(b, eqn, given, fixed)])
    args = [*eqn.args, *given, *factors]
    types, unknowns = [a.type for a in args], [out.type for out in eqn.outs]
    own, first = len(eqn.args), len(eqn.args) + len(given)

    def again(region: Block) -> Block:
        return b.block([*unknowns, *types], lambda *v: inline(b, region, v[:first]))

    regions = [b.block(types, lambda *v: v[own:first]), *map(again, eqn.regions[1:])]
    attrs: dict[str, Attribute] = {**eqn.attrs, "factored": True}
    attrs.pop("name", None)
    b.append(Eqn(eqn.outs, "implicit", tuple(args), attrs, tuple(regions), eqn.span))


def _derivative(b: Builder, eqn: Eqn, solution: Atoms, args: Atoms) -> Atom:
    """F_w at a solution; an empty matrix where there are too many unknowns."""
    unknowns = Unknowns(b, [a.type for a in solution])
    size, small = unknowns.size(), _is_small(b, eqn)
    rows = size if isinstance(small, Literal) else b.prim("select", small, size, integer(0))

    active = [*(True for _ in solution), *(False for _ in args)]
    outs, push = linearized(b, eqn.regions[1], [*solution, *args], active)

    def column(k: Atom) -> list[Atom]:
        found = push([*unknowns.unit(k), *(None for _ in args)])
        parts = [values.instantiated(b, t, out.type) for t, out in zip(found, outs, strict=True)]
        return [unknowns.flat(parts, size)]

    columns = b.build([rows], column)[0]
    return b.build([rows, rows], lambda i, j: [b.get(columns, j, i, inbounds=True)])[0]


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


TANGENTS["implicit"] = implicit_tangents
ADJOINTS["implicit"] = closed(implicit_cotangents)
SERIES["implicit"] = implicit_series
ARRAYS["implicit"] = implicit_arrays
REWRITES["implicit"] = Rewrite(_is_to_be_factored, factored)
