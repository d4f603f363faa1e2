"""Whether two shapes are certain to have equally many elements, whatever the sizes are.

An array may be made in memory of another shape only where this is so. That a run-time check compares the two numbers
is not enough: it may stand behind what makes the array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from difflang.core.ir import Atom, Eqn, Func, Literal, Var, walk
from difflang.sizes import Size

ARITHMETIC = frozenset({"add", "sub", "mul"})


class Elements:
    """Numbers of elements as polynomials over the sizes of a function."""

    def __init__(self, func: Func) -> None:
        self._func = func
        self._makers: Mapping[Var, Eqn] | None = None
        self._polynomials: dict[Var, Size] = {}

    def equally_many(self, left: Sequence[Atom], right: Sequence[Atom]) -> bool:
        """Whether arrays of these two shapes always have the same number of elements."""
        return self._count(left) == self._count(right)

    def _count(self, shape: Sequence[Atom]) -> Size:
        return Size.product(self._polynomial(dim) for dim in shape)

    def _polynomial(self, atom: Atom) -> Size:
        if isinstance(atom, Literal):
            return Size.literal(int(atom.value))
        if atom not in self._polynomials:
            maker = self._definitions().get(atom)
            named = Size.name(str(len(self._polynomials)))
            self._polynomials[atom] = named if maker is None else self._combined(maker)
        return self._polynomials[atom]

    def _combined(self, maker: Eqn) -> Size:
        left, right = map(self._polynomial, maker.args)
        match maker.op:
            case "add":
                return left + right
            case "sub":
                return left - right
            case _:
                return left * right

    def _definitions(self) -> Mapping[Var, Eqn]:
        if self._makers is None:
            made = (e for e in walk(self._func.block) if e.op in ARITHMETIC and e.outs[0].type.dtype == "i64")
            self._makers = {eqn.outs[0]: eqn for eqn in made}
        return self._makers
