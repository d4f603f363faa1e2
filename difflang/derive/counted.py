"""Series whose coefficients are made by one loop over the orders, which the program counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, Block, DType, Literal, Type, Var
from difflang.core.ops import I64, integer
from difflang.derive import values
from difflang.derive.gammas import DIGAMMA
from difflang.derive.partials import parsed
from difflang.derive.power import Algebra, Higher, Joined, Order, Power

Tangent = Atom | None

MAXIMUM_SERIES = 200
"""How many series may define each other, lest a text that leads to others without end is followed for ever."""


MOST_FACTORS = 1000
"""Up to this whole exponent a power is a product. Beyond it the rounding errors of n factors would show."""

POWERS = ("pow", "powi")


def is_product(exponent: Atom) -> bool:
    """Whether a power with this exponent is known to be a product."""
    return isinstance(exponent, Literal) and 0 <= exponent.value <= MOST_FACTORS and exponent.value % 1 == 0


def counted_series(b: Builder, dtype: DType, order: int, formula: Callable[[Counted], Power]) -> Atom:
    """The coefficients of a formula that names series which come to an end."""
    algebra = Counted(b, dtype, order)
    result = formula(algebra)
    ends = algebra.expand()
    assert ends
    return algebra.array(result)


class Entry(Power):
    """A series whose coefficients stand in an array; the current one is made once."""

    def __init__(self, first: Atom, higher: Higher, array: Atom | None = None) -> None:
        super().__init__(first, higher)
        self.array = array
        self._current: list[Tangent] = []

    def __getitem__(self, order: Order) -> Tangent:
        assert self.higher is not None
        if not self._current:
            self._current.append(self.higher(order))
        return self._current[0]


class Counted(Algebra):
    """Series in the body of a loop over the orders. Whose lower coefficients are read is carried by the loop."""

    def __init__(self, builder: Builder, dtype: DType, order: int) -> None:
        super().__init__(builder, dtype)
        self._order = order
        self._unexpanded: list[Callable[[], None]] = []
        self._count = 0
        self._carried: list[Entry] = []

    def given(self, first: Atom, array: Tangent) -> Power:
        if array is None:
            return Power(first, None)
        return Entry(first, lambda order: self.b.get(array, _place(order), inbounds=True), array)

    def applied(self, op: str, args: Sequence[Power], value: Atom) -> Power:
        """With what takes the place of derivatives without end: products for powers, a formula for digamma."""
        if op in POWERS and args[1].constant and is_product(args[1].first):
            return self._product(args[0], args[1].first)
        if op == "digamma" and not args[0].constant:
            return self._formula(DIGAMMA, args[0], value)
        return super().applied(op, args, value)

    def _product(self, base: Power, exponent: Atom) -> Power:
        """A power by squares, as 6 is 110 in binary and x^6 is x^2 x^4; its derivatives are those of products."""
        assert isinstance(exponent, Literal)
        left, total = int(exponent.value), None
        while left:
            if left % 2:
                total = base if total is None else self.apply("mul", [total, base])
            left //= 2
            base = self.apply("mul", [base, base]) if left else base
        return Power(literal(1, self.dtype), None) if total is None else total

    def _formula(self, texts: dict[str, str], arg: Power, value: Atom) -> Power:
        """The last of some texts, of which each may name those before it."""
        names = {"a": arg}
        for name, text in texts.items():
            names[name] = self.expression(parsed(text), names)
        result = names[next(reversed(texts))]
        return self.power(value, lambda order: result[order])

    def power(self, first: Atom, higher: Higher, expand: Callable[[], None] | None = None) -> Power:
        self._count += 1
        if expand is not None:
            self._unexpanded.append(expand)
        return Entry(first, higher)

    def expand(self) -> bool:
        """Makes all the series in front of the loop; whether there is an end to them."""
        while self._unexpanded and self._count <= MAXIMUM_SERIES:
            self._unexpanded.pop()()
        return not self._unexpanded

    def number(self, order: Order) -> Atom:
        return self.b.prim("convert", self.b.prim("add", _place(order), integer(1)), dtype=self.dtype)

    def convolved(
        self, total: Tangent, left: Power, right: Power, order: Order, joined: Joined, *, weighted: bool = False
    ) -> Tangent:
        if left.constant or right.constant:
            return total
        first, second, b = self._lower(left), self._lower(right), self.b

        def product(i: Atom) -> list[Atom]:
            last = b.prim("sub", b.prim("sub", _place(order), integer(1)), i)
            one, other = b.get(first, i, inbounds=True), b.get(second, last, inbounds=True)
            return [b.prim("mul", b.prim("mul", one, self.number(i)) if weighted else one, other)]

        return joined(total, b.reduce("sum", [_place(order)], product)[0])

    def _lower(self, power: Power) -> Atom:
        """The array of the coefficients that come before the current one."""
        assert isinstance(power, Entry)
        if power.array is not None:
            return power.array
        made = power.array = Var(Type(power.first.type.dtype, (integer(self._order),)))
        self._carried.append(power)
        return made

    def array(self, result: Power) -> Atom:
        """Emits the loop that makes the coefficients of a series."""
        (found,) = self.arrays([result])
        assert found is not None
        return found

    def arrays(self, results: Sequence[Power]) -> list[Tangent]:
        """Emits the loop that makes the coefficients of several series; None for one that is constant."""
        b, extent = self.b, integer(self._order)
        moving = [result for result in results if not result.constant]
        block = b.block([I64], lambda index: self._step(moving, index), ("order",))
        if not self._carried:
            outs = b.emit("build", [extent], {}, [block])
            return [None if r.constant else outs[moving.index(r)] for r in results]
        arrays = [entry.array for entry in self._carried if isinstance(entry.array, Var)]
        step = Block((*block.params, *arrays), block.eqns, block.results)
        starts = [values.zeros(b, array.type) for array in arrays]
        outs = b.emit("fold", [extent, *starts], {"carries": len(arrays), "reverse": False}, [step])
        finals = {id(entry): out for out, entry in zip(outs, self._carried, strict=True)}
        return [None if r.constant else finals.get(id(r), r.array if isinstance(r, Entry) else None) for r in results]

    def _step(self, results: Sequence[Power], index: Atom) -> list[Atom]:
        """The coefficients of the results, or the arrays of all series that are carried, with the current one."""
        found = [self._current(result, index) for result in results]
        if not self._carried:
            return found
        for result in results:
            self._lower(result)
        arrays: list[Atom] = []
        for entry in self._carried:  # to make one may show that others are carried
            assert entry.array is not None
            arrays.append(self.b.set(entry.array, index, self._current(entry, index), inbounds=True))
        return arrays

    def _current(self, power: Power, index: Atom) -> Atom:
        value = power[index]
        return literal(0, power.first.type.dtype) if value is None else value


def _place(order: Order) -> Atom:
    """Where the coefficient of an order that the program counts stands in its array, which begins with order 1."""
    assert not isinstance(order, int)
    return order
