"""Power series of the scalar primitives, from the texts of their partial derivatives.

Coefficients are made when they are asked for, each once: the series of an expression may be defined through that
of another which refers back to it (sin and cos), as long as it asks for lower orders only. Here every coefficient is a
value of its own; `rolled` has those of high orders in arrays.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, DType, Eqn, Literal
from difflang.derive.partials import (
    BINARY,
    COMPARISONS,
    FOLDED,
    INTEGER_PARAMETERS,
    NAMES,
    has_partial,
    is_total,
    parsed,
    times_partial,
)
from difflang.prims import PRIMITIVES

Tangent = Atom | None
Order = int | Atom
"""An order that is known here, or one that the program counts."""
Higher = Callable[[Order], Tangent]
Joined = Callable[[Tangent, Tangent], Tangent]


class Power:
    """A series. `constant` when all but the coefficient of order 0 are zero."""

    def __init__(self, first: Atom, higher: Higher | None) -> None:
        self.first = first
        self.constant = higher is None
        self.higher = higher
        self._known: list[Tangent] = [first]

    def __getitem__(self, order: Order) -> Tangent:
        """The coefficient of an order from 1 on."""
        if self.higher is None:
            return None
        assert isinstance(order, int)
        while len(self._known) <= order:
            self._known.append(self.higher(len(self._known)))
        return self._known[order]


def primitive_series(b: Builder, eqn: Eqn, series: Sequence[tuple[Tangent, ...]]) -> tuple[Tangent, ...]:
    """The coefficients of orders 1, 2, ... of the result of a primitive."""
    args = [given_series(arg, s) for arg, s in zip(eqn.args, series, strict=True)]
    result = Algebra(b, eqn.outs[0].type.dtype).apply(eqn.op, args, eqn.outs[0])
    return tuple(result[j] for j in range(1, len(series[0]) + 1))


def given_series(first: Atom, coefficients: Sequence[Tangent]) -> Power:
    """The series of a value whose coefficients from order 1 on are known."""
    if all(c is None for c in coefficients):
        return Power(first, None)

    def higher(order: Order) -> Tangent:
        assert isinstance(order, int)
        return coefficients[order - 1]

    return Power(first, higher)


class Algebra:
    """Operations on series; bare numbers in the texts have type `dtype`."""

    def __init__(self, builder: Builder, dtype: DType) -> None:
        self.b = builder
        self.dtype: DType = dtype
        self._made: dict[tuple[object, ...], Power] = {}

    def apply(self, op: str, args: Sequence[Power], first: Atom | None = None) -> Power:
        """A primitive of series; `first` is its value, where that exists already. The same twice gives the same."""
        key = (op, *(a.first if a.constant and isinstance(a.first, Literal) else id(a) for a in args))
        if key not in self._made:
            value = self._value(op, args) if first is None else first
            self._made[key] = self.applied(op, args, value)
            if op == "neg":
                self._made[(op, id(self._made[key]))] = args[0]
        return self._made[key]

    def _value(self, op: str, args: Sequence[Power]) -> Atom:
        firsts = [a.first for a in args]
        if op in FOLDED and all(isinstance(f, Literal) for f in firsts):
            result = FOLDED[op](*(f.value for f in firsts if isinstance(f, Literal)))
            return literal(result, "bool" if op in COMPARISONS.values() else firsts[0].type.dtype)
        return self.b.prim(op, *firsts)

    def applied(self, op: str, args: Sequence[Power], value: Atom) -> Power:
        moving = [k for k, a in enumerate(args) if not a.constant and has_partial(op, k)]
        if not moving:
            return Power(value, None)
        if op in RING:
            result = self.power(value, lambda order: RING[op](self, args, result, order))
            return result
        return self._from_partials(op, args, moving, value)

    def _from_partials(self, op: str, args: Sequence[Power], moving: Sequence[int], value: Atom) -> Power:
        partials: dict[int, Power] = {}
        names = dict(zip(NAMES, args, strict=False))

        def expand() -> None:
            if not partials:
                texts = {k: PRIMITIVES[op].partials[k] for k in moving}
                scope = names | {"y": result}
                partials.update((k, self.expression(parsed(text), scope)) for k, text in texts.items() if text)

        def higher(order: Order) -> Tangent:
            expand()
            total: Tangent = None
            for k in moving:
                total = self.added(total, self._term(op, k, args, result, partials[k], order))
            return total

        result = self.power(value, higher, expand)
        return result

    def _term(self, op: str, k: int, args: Sequence[Power], result: Power, partial: Power, order: Order) -> Tangent:
        """What the k-th argument gives to a coefficient."""
        if partial.constant:
            change = args[k][order]
            firsts = [a.first for a in args]
            return None if change is None else times_partial(self.b, op, k, firsts, result.first, change)
        return self.slope_term(args[k], partial, order)

    def slope_term(self, arg: Power, partial: Power, order: Order) -> Tangent:
        """What an argument gives to a coefficient by way of a partial derivative."""
        if partial.constant:
            return self.times(arg[order], partial.first)
        number = self.number(order)
        inner = self.convolved(None, arg, partial, order, self.added, weighted=True)
        total = self.added(inner, self.times(self.times(arg[order], number), partial.first))
        if total is None or order == 1:
            return total
        return self.b.prim("div", total, number)

    # --- what depends on how the coefficients are kept ---

    def power(self, first: Atom, higher: Higher, expand: Callable[[], None] | None = None) -> Power:
        """A series that moves. `expand` makes the series by which it is defined."""
        return Power(first, higher)

    def number(self, order: Order) -> Atom:
        assert isinstance(order, int)
        return literal(order, self.dtype)

    def convolved(
        self, total: Tangent, left: Power, right: Power, order: Order, joined: Joined, *, weighted: bool = False
    ) -> Tangent:
        """`total` joined with the products of coefficients i and order - i, those of order 0 left out; `weighted`:
        times i."""
        assert isinstance(order, int)
        for i in range(1, order):
            factor = self.times(left[i], literal(i, self.dtype)) if weighted else left[i]
            total = joined(total, self.times(factor, right[order - i]))
        return total

    # --- coefficients ---

    def added(self, left: Tangent, right: Tangent) -> Tangent:
        if left is None or right is None:
            return right if left is None else left
        return self.b.prim("add", left, right)

    def subtracted(self, left: Tangent, right: Tangent) -> Tangent:
        if left is None or right is None:
            return left if right is None else self.negated(right)
        return self.b.prim("sub", left, right)

    def times(self, left: Tangent, right: Tangent) -> Tangent:
        if left is None or right is None:
            return None
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Literal) and one.value in (0, 1):
                return other if one.value else None
        return self.b.prim("mul", left, right)

    def negated(self, value: Tangent) -> Tangent:
        return None if value is None else self.b.prim("neg", value)

    # --- expressions ---

    def expression(self, node: ast.expr, names: Mapping[str, Power], dtype: DType | None = None) -> Power:
        """The series of the text of a partial derivative."""
        match node:
            case ast.Name(id=name):
                return names[name]
            case ast.Constant(value=int() | float() as number):
                return Power(literal(number, dtype or self.dtype), None)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.apply("neg", [self.expression(operand, names, dtype)])
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(BINARY[type(operator)], left, right, names)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._binary(COMPARISONS[type(operator)], left, right, names)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args, names)
            case _:
                raise ValueError(f"a partial derivative cannot say {ast.unparse(node)}")

    def _binary(self, op: str, left: ast.expr, right: ast.expr, names: Mapping[str, Power]) -> Power:
        if isinstance(left, ast.Constant):
            second = self.expression(right, names)
            first = self.expression(left, names, second.first.type.dtype)
        else:
            first = self.expression(left, names)
            second = self.expression(right, names, first.first.type.dtype)
        return self.apply(op, [first, second])

    def _call(self, name: str, nodes: Sequence[ast.expr], names: Mapping[str, Power]) -> Power:
        if name == "where":
            return self._choice(nodes, names)
        if name == "convert_like":
            return self._converted(self.expression(nodes[0], names).first, self.expression(nodes[1], names).first)
        kinds: list[DType | None] = ["i64" if (name, k) in INTEGER_PARAMETERS else None for k in range(len(nodes))]
        args = [self.expression(node, names, kind) for node, kind in zip(nodes, kinds, strict=True)]
        if name == "powi" and isinstance(args[1].first, Literal) and args[1].first.value in (0, 1):
            return args[0] if args[1].first.value else Power(literal(1, args[0].first.type.dtype), None)
        return self.apply(name, args)

    def _converted(self, value: Atom, like: Atom) -> Power:
        if isinstance(value, Literal):
            return Power(literal(value.value, like.type.dtype), None)
        return Power(self.b.prim("convert", value, dtype=like.type.dtype), None)

    def _choice(self, nodes: Sequence[ast.expr], names: Mapping[str, Power]) -> Power:
        test = self.expression(nodes[0], names).first
        if isinstance(test, Literal):
            return self.expression(nodes[1] if test.value else nodes[2], names)
        then = self.expression(nodes[1], self._where(test, True, nodes[1], names))
        otherwise = self.expression(nodes[2], self._where(test, False, nodes[2], names))

        def chosen(left: Tangent, right: Tangent) -> Tangent:
            if left is None and right is None:
                return None
            zero = literal(0, self.dtype)
            return self.b.prim("select", test, zero if left is None else left, zero if right is None else right)

        first = chosen(then.first, otherwise.first)
        assert first is not None
        if then.constant and otherwise.constant:
            return Power(first, None)
        return self.power(first, lambda order: chosen(then[order], otherwise[order]))

    def _where(self, test: Atom, holds: bool, branch: ast.expr, names: Mapping[str, Power]) -> Mapping[str, Power]:
        """The names as a branch sees them: where it is not chosen, the constant 1 stands for every number.

        So a branch that is not chosen divides by no zero, whose NaN the reverse sweep would spread.
        """
        if is_total(branch):
            return names
        return {name: self._guarded(test, holds, power) for name, power in names.items()}

    def _guarded(self, test: Atom, holds: bool, power: Power) -> Power:
        if not power.first.type.is_float or (power.constant and isinstance(power.first, Literal)):
            return power

        def guarded(value: Tangent, instead: int) -> Tangent:
            if value is None:
                return None
            other = literal(instead, value.type.dtype)
            return self.b.prim("select", test, *((value, other) if holds else (other, value)))

        first = guarded(power.first, 1)
        assert first is not None
        return Power(first, None) if power.constant else self.power(first, lambda order: guarded(power[order], 0))


# --- operations whose coefficients need no partial derivative ---

RingRule = Callable[[Algebra, Sequence[Power], Power, Order], Tangent]


def _add(algebra: Algebra, args: Sequence[Power], result: Power, order: Order) -> Tangent:
    return algebra.added(args[0][order], args[1][order])


def _subtract(algebra: Algebra, args: Sequence[Power], result: Power, order: Order) -> Tangent:
    return algebra.subtracted(args[0][order], args[1][order])


def _negate(algebra: Algebra, args: Sequence[Power], result: Power, order: Order) -> Tangent:
    return algebra.negated(args[0][order])


def _multiply(algebra: Algebra, args: Sequence[Power], result: Power, order: Order) -> Tangent:
    left, right = args
    total = algebra.times(left.first, right[order])
    total = algebra.convolved(total, left, right, order, algebra.added)
    return algebra.added(total, algebra.times(left[order], right.first))


def _divide(algebra: Algebra, args: Sequence[Power], result: Power, order: Order) -> Tangent:
    """b_0 y_j = a_j - sum_{i=1..j} b_i y_{j-i}"""
    above, below = args
    total = algebra.convolved(above[order], below, result, order, algebra.subtracted)
    total = algebra.subtracted(total, algebra.times(below[order], result.first))
    return None if total is None else algebra.b.prim("div", total, below.first)


def _convert(algebra: Algebra, args: Sequence[Power], result: Power, order: Order) -> Tangent:
    change = args[0][order]
    return None if change is None else algebra.b.prim("convert", change, dtype=result.first.type.dtype)


RING: dict[str, RingRule] = {
    "add": _add,
    "sub": _subtract,
    "neg": _negate,
    "mul": _multiply,
    "div": _divide,
    "convert": _convert,
}
