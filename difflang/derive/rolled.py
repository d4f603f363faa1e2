"""Taylor mode of high order: the coefficients of a value in an array, with one axis behind those of the value.

The recurrences are those of `power`; the program counts their order, in a loop for each primitive. So the code does not
grow with the order, whose k^2 operations are written out for low orders (`taylor`). What else is linear in its
arguments (reading, writing, forming) goes by the rules for many directions, which the orders are to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, Eqn, Type
from difflang.core.ops import integer
from difflang.derive import matrices as m
from difflang.derive import values
from difflang.derive.bundle import Bundled, along
from difflang.derive.counted import POWERS, Counted, is_product
from difflang.derive.exponents import power_series
from difflang.derive.factors import solved_again
from difflang.derive.forward import Series, Tangent, ValueRule, pushed
from difflang.derive.gammas import polygamma_series
from difflang.derive.linalg import LINEAR_ALGEBRA, product_spec, read_part
from difflang.derive.rates import rate_block
from difflang.derive.stated import is_formula, mentions_rules, stated_arrays
from difflang.prims import PRIMITIVES


def rolled_jet(
    builder: Builder, block: Block, args: Sequence[Atom], coefficients: Sequence[Series], order: int, rule: ValueRule
) -> tuple[list[Atom], list[Series]]:
    """Like `taylor.jet`, whose rule for single values is `rule`; it is for equations that have none here."""
    arrays = [_stacked(builder, s, arg.type) for s, arg in zip(coefficients, args, strict=True)]
    rolled = Rolled(order, rule)
    results, found = pushed(builder, block, args, [(a,) for a in arrays], 1, rolled, rolled.directions)
    return results, [_columns(builder, s[0], r.type, order) for s, r in zip(found, results, strict=True)]


def rolled_series(b: Builder, eqn: Eqn, series: Sequence[Series], rule: ValueRule) -> list[Series]:
    """The coefficients of the results of one equation, made in arrays."""
    order = len(series[0])
    arrays = [_stacked(b, s, arg.type) for s, arg in zip(series, eqn.args, strict=True)]
    found = Rolled(order, rule)(b, eqn, [(array,) for array in arrays])
    return [_columns(b, array, out.type, order) for (array,), out in zip(found, eqn.outs, strict=True)]


def _stacked(b: Builder, series: Series, type_: Type) -> Tangent:
    """The array of the coefficients of a value of that type; None where all are zero."""
    if all(c is None for c in series):
        return None
    rows = b.full(literal(0, type_.dtype), (integer(len(series)), *type_.shape))
    for k, coefficient in enumerate(series):
        if coefficient is not None:
            rows = b.set(rows, integer(k), coefficient, inbounds=True)
    if not type_.shape:
        return rows
    return b.build((*type_.shape, integer(len(series))), lambda *i: [b.get(rows, i[-1], *i[:-1], inbounds=True)])[0]


def _columns(b: Builder, array: Tangent, type_: Type, order: int) -> Series:
    if array is None:
        return (None,) * order
    return tuple(_one(b, array, type_, integer(k)) for k in range(order))


class Rolled(Bundled):
    """The rule for values whose coefficients stand in arrays."""

    def __init__(self, order: int, rule: ValueRule) -> None:
        super().__init__((integer(order),))
        self.order = order
        self.rule = rule
        self._integrated: dict[tuple[object, ...], Sequence[Tangent]] = {}
        """The series of rules, as far as they are known, whose tangent rules are being differentiated."""

    def __call__(self, b: Builder, eqn: Eqn, series: list[Series]) -> list[Series]:
        if eqn.op in PRIMITIVES or eqn.op in LINEAR or all(s[0] is None for s in series):
            return super().__call__(b, eqn, series)
        if eqn.op in SYSTEMS:
            return [(self.solved(b, eqn, series[0][0], series[1][0]),)]
        tangents = [s[0] for s in series]
        if eqn.op in ARRAYS:
            return [(array,) for array in ARRAYS[eqn.op](self, b, eqn, tangents)]
        found = self.ruled(b, eqn, tangents) if eqn.op == "rule" else None
        if eqn.op in LINEAR_ALGEBRA:
            found = self.integrated(b, eqn, tangents)
        return self.by_order(b, eqn, series) if found is None else [(array,) for array in found]

    def ruled(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> Sequence[Tangent] | None:
        """The series of a rule's results; None where the rule leads to itself at other arguments without end."""
        if is_formula(eqn):
            found = stated_arrays(b, eqn, tangents, self.order)
            if found is not None or mentions_rules(eqn):
                return found
        key = (eqn.attrs.get("name") or id(eqn), *eqn.args)
        if any(key[0] == name for name, *_ in self._integrated):
            return self._integrated.get(key)
        return self.integrated(b, eqn, tangents, key)

    def primitive(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> Tangent:
        first, last = tangents[0], tangents[-1]
        if eqn.op == "polygamma" and last is not None:
            return polygamma_series(b, eqn, last, self.order)
        if eqn.op in POWERS and first is not None and (last is not None or not is_product(eqn.args[1])):
            return power_series(b, eqn, first, last, self.order)
        algebra = Counted(b, eqn.outs[0].type.dtype, self.order)
        args = [algebra.given(arg, t) for arg, t in zip(eqn.args, tangents, strict=True)]
        result = algebra.apply(eqn.op, args, eqn.outs[0])
        if result.constant:
            return None
        if not algebra.expand():
            return self.by_order(b, eqn, [(t,) for t in tangents])[0][0]
        return algebra.array(result)

    def contract(self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent]) -> list[Tangent]:
        """With a_0 b_j + a_j b_0 what one factor gives alone, and the products of the others."""
        (total,) = super().contract(b, eqn, tangents)
        left, right = tangents
        if left is None or right is None:
            return [total]
        return [values.added(b, total, self._convolution(b, eqn, left, right))]

    def _convolution(self, b: Builder, eqn: Eqn, left: Atom, right: Atom) -> Atom:
        inputs, output = str(eqn.attrs["spec"]).split("->")
        first, second = inputs.split(",")
        extents = dict(zip(first + second, (d for a in eqn.args for d in a.type.shape), strict=True))
        summed = [x for x in extents if x not in output]

        def element(*index: Atom) -> list[Atom]:
            def product(*inner: Atom) -> list[Atom]:
                places = dict(zip([*output, *summed], [*index[:-1], *inner[:-1]], strict=True))
                i, last = inner[-1], b.prim("sub", b.prim("sub", index[-1], integer(1)), inner[-1])
                one = b.get(left, *(places[x] for x in first), i, inbounds=True)
                other = b.get(right, *(places[x] for x in second), last, inbounds=True)
                return [b.prim("mul", one, other)]

            return list(b.reduce("sum", [*(extents[x] for x in summed), index[-1]], product))

        return b.build([*(extents[x] for x in output), *self.directions], element)[0]

    def solved(self, b: Builder, eqn: Eqn, matrix: Tangent, right: Tangent) -> Atom:
        """A_0 x_j = b_j - sum_{i=1..j} A_i x_{j-i}, for `solve` and `triangular_solve`."""
        spec, solution = product_spec(eqn), eqn.outs[0]

        def moved(rest: Atom, place: Atom, factor: Atom) -> Atom:
            assert matrix is not None
            own = read_part(b, eqn, _one(b, matrix, eqn.args[0].type, place))
            return m.subtract(b, rest, m.contract(b, spec, own, factor))

        def step(index: Atom, rows: Atom) -> list[Atom]:
            rest = column(b, right, solution, index)
            if matrix is not None:
                last = b.prim("sub", index, integer(1))
                rest = moved(rest, index, solution)
                (rest,) = b.fold(index, [rest], lambda i, r: [moved(r, i, b.get(rows, b.prim("sub", last, i)))])
            return [b.set(rows, index, solved_again(b, eqn, rest), inbounds=True)]

        rows = values.zeros(b, self.rows(solution.type))
        return self.turned(b, b.fold(integer(self.order), [rows], step)[0])

    def integrated(
        self, b: Builder, eqn: Eqn, tangents: Sequence[Tangent], key: tuple[object, ...] = (None,)
    ) -> list[Tangent]:
        """As `taylor` integrates a tangent rule dy = G(a, y, da): a loop over the orders around the jet of G."""
        moving = [k for k, t in enumerate(tangents) if t is not None]
        floats = [k for k, out in enumerate(eqn.outs) if out.type.is_float]
        block = rate_block(b, eqn, moving, floats)
        args, curves = [eqn.args[k] for k in moving], [t for t in tangents if t is not None]
        firsts = [_one(b, t, a.type, integer(0)) for t, a in zip(curves, args, strict=True)]
        point = [*args, *(eqn.outs[k] for k in floats), *firsts]
        rates = [self._rate(b, curve) for curve in curves]

        def jet(known: Sequence[Tangent]) -> tuple[list[Atom], list[Series]]:
            return pushed(b, block, point, [(k,) for k in known], 1, self, self.directions)

        def step(index: Atom, *rows: Atom) -> list[Atom]:
            own = [self.turned(b, r) for r in rows]
            self._integrated[key] = self._spread(eqn, floats, own)
            starts, found = jet([*curves, *own, *rates])
            del self._integrated[key]
            place = b.prim("add", index, integer(1))
            made = [
                _over_order(b, column(b, s, start, index), place) for (s,), start in zip(found, starts, strict=True)
            ]
            return [b.set(r, place, value, inbounds=True) for r, value in zip(rows, made, strict=True)]

        starts, _ = jet([None] * len(point))
        rows = [b.set(values.zeros(b, self.rows(s.type)), integer(0), s, inbounds=True) for s in starts]
        series = b.fold(integer(self.order - 1), rows, step)
        return self._spread(eqn, floats, [self.turned(b, s) for s in series])

    def _spread(self, eqn: Eqn, floats: Sequence[int], series: Sequence[Atom]) -> list[Tangent]:
        """The series of the floats among the results, None for the others."""
        known = dict(zip(floats, series, strict=True))
        return [known.get(k) for k in range(len(eqn.outs))]

    def _rate(self, b: Builder, curve: Atom) -> Atom:
        """The coefficients of da/dt from order 1 on; the last one, which nothing needs, is 0."""
        last = integer(self.order - 1)

        def element(*index: Atom) -> list[Atom]:
            following = b.prim("add", index[-1], integer(1))
            value = b.get(curve, *index[:-1], b.prim("min", following, last), inbounds=True)
            factor = b.prim("convert", b.prim("add", following, integer(1)), dtype=value.type.dtype)
            known = b.prim("lt", index[-1], last)
            return [b.prim("select", known, b.prim("mul", value, factor), literal(0, value.type.dtype))]

        return b.build(curve.type.shape, element)[0]

    def rows(self, type_: Type) -> Type:
        """The type of the coefficients with the orders in front."""
        return Type(type_.dtype, (*self.directions, *type_.shape))

    def by_order(self, b: Builder, eqn: Eqn, series: Sequence[Series]) -> list[Series]:
        """By the rule for coefficients that are values of their own."""
        pairs = zip(series, eqn.args, strict=True)
        found = self.rule(b, eqn, [_columns(b, s[0], arg.type, self.order) for s, arg in pairs])
        return [(_stacked(b, s, out.type),) for s, out in zip(found, eqn.outs, strict=True)]


def column(b: Builder, array: Tangent, like: Atom, place: Atom) -> Atom:
    """The coefficient at a place, of a series that may be zero."""
    return values.zeros(b, like.type) if array is None else _one(b, array, like.type, place)


def _one(b: Builder, array: Atom, type_: Type, place: Atom) -> Atom:
    """The coefficient at a place."""
    found = along(b, array, type_, [place])
    assert found is not None
    return found


def _over_order(b: Builder, value: Atom, place: Atom) -> Atom:
    """Divided by the order of the coefficient at a place."""
    order = b.prim("convert", b.prim("add", place, integer(1)), dtype=value.type.dtype)
    return b.map(lambda x: b.prim("div", x, order), value)


SYSTEMS = ("solve", "triangular_solve")
LINEAR = ("get", "set", "reshape", "table", "require", "contract")
"""Operations with a rule for directions that is also one for orders."""

ARRAYS: dict[str, Callable[[Rolled, Builder, Eqn, Sequence[Tangent]], list[Tangent]]] = {}
"""By operation; `implicit` adds its own."""
