"""How much a loop has to do, as a number that the program computes from its sizes before the loop is reached.

The unit is about a tenth of a nanosecond: one arithmetic operation on one element in vector code. The estimate decides
only whether threads are worth it and how finely a loop is cut, so a guess will do where a size is not known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import bodies, walk
from difflang.loops.ir import Array, Body, Operand, Register, Statement
from difflang.loops.threads.polynomial import Monomial, Polynomial, constant, total
from difflang.prims import PRIMITIVES, elementary, random

EXPENSIVE: Mapping[str, float] = {
    **{record.name: 15.0 for family in (elementary, random) for record in family.RECORDS},
    **dict.fromkeys(("div", "sqrt", "floordiv", "mod"), 4.0),
}
ACCESS = 2.0
"""A load or a store."""

COPIED = 8.0
"""An element of a `Copy`: memory is slower than arithmetic."""

FILLED = 4.0
"""An element of a `Fill`."""

GUESS = 8.0
"""A size that is known only when its loop is reached, and the number of steps of a `while`."""

ROUGH = {"max": "max", "min": "min", "floordiv": "div"}
"""Integer operations that make no polynomial, and what computes them in f64."""

FOLDED: Mapping[str, Callable[[float, float], float]] = {
    "max": max,
    "min": min,
    "div": lambda a, b: a / b if b else 0.0,
}


class Estimator:
    """Estimates from the registers that are `known` already, as polynomials; `statements` gathers what computes them.

    The sizes in a polynomial are registers (f64) by their numbers.
    """

    def __init__(self, definitions: Mapping[Register, Statement], known: Collection[Register]) -> None:
        self.statements: list[Statement] = []
        self._definitions = definitions
        self._known = known
        self._sizes: dict[Register, Polynomial] = {}
        self._numbers: dict[Register, int] = {}
        self._made: dict[tuple[object, ...], Register] = {}

    # --- code ---

    def emitted(self, primitive: str, *args: Operand, **attrs: str) -> Register:
        """The register of a computation, which is made once only."""
        key = (primitive, *args, *attrs.values())
        if key not in self._made:
            out = Register(PRIMITIVES[primitive].result_dtype([arg.dtype for arg in args], attrs))
            self.statements.append(ir.Apply(out, primitive, args, attrs))
            self._made[key] = out
        return self._made[key]

    def apply(self, primitive: str, a: Operand, b: Operand) -> Operand:
        """`primitive a b`, at once if both are known, and once only."""
        if isinstance(a, Literal) and isinstance(b, Literal):
            return number(FOLDED[primitive](float(a.value), float(b.value)))
        return self.emitted(primitive, a, b)

    def operand(self, polynomial: Polynomial) -> Operand:
        """What computes a polynomial: by Horner's rule in the size that most terms have."""
        if polynomial.constant is not None:
            return number(polynomial.constant)
        counts = Counter(factor for monomial in polynomial.terms for factor in set(monomial))
        size = max(counts, key=lambda factor: (counts[factor], -factor))
        inside: dict[Monomial, float] = {}
        beside: dict[Monomial, float] = {}
        for monomial, coefficient in polynomial.terms.items():
            if size in monomial:
                place = monomial.index(size)
                inside[monomial[:place] + monomial[place + 1 :]] = coefficient
            else:
                beside[monomial] = coefficient
        factor = self.operand(Polynomial(inside))
        register = list(self._numbers)[size]
        product = register if factor == number(1.0) else self.emitted("mul", register, factor)
        return self.emitted("add", product, self.operand(Polynomial(beside))) if beside else product

    # --- sizes ---

    def of_register(self, register: Register) -> Polynomial:
        """The value of a register (f64) as a size of its own."""
        place = self._numbers.setdefault(register, len(self._numbers))
        return Polynomial({(place,): 1.0})

    def size(self, operand: Operand) -> Polynomial:
        """An integer: exactly where it is known, else on the average over the loops around it, else a guess."""
        if isinstance(operand, Literal):
            return constant(max(0.0, float(operand.value)))
        if operand not in self._sizes:
            self._sizes[operand] = self._settled(self._unknown_size(operand))
        return self._sizes[operand]

    def _settled(self, found: Polynomial) -> Polynomial:
        """The same without coefficients below 0: a constant below 0 is left out, all else becomes one size.

        Nothing would be what remains of a division, as of the rows of a matrix in fours.
        """
        found = Polynomial({monomial: c for monomial, c in found.terms.items() if c})
        if found.constant is not None and found.constant <= 0.0:
            return constant(GUESS)
        if all(coefficient > 0.0 for coefficient in found.terms.values()):
            return found
        proper = Polynomial({monomial: c for monomial, c in found.terms.items() if monomial})
        if all(coefficient > 0.0 for coefficient in proper.terms.values()):
            return proper
        register = self.operand(found)
        assert isinstance(register, Register)
        return self.of_register(register)

    def _unknown_size(self, register: Register) -> Polynomial:
        if register in self._known:
            return self.of_register(self.emitted("convert", register, dtype="f64"))
        match self._definitions.get(register):
            case ir.Apply(primitive=primitive, args=(a, b)) if not register.mutable:
                return self._computed_size(primitive, a, b)
            case ir.For(extent=extent):
                return self.size(extent) * constant(0.5)
            case _:
                return constant(GUESS)

    def _computed_size(self, primitive: str, a: Operand, b: Operand) -> Polynomial:
        match primitive, b:
            case "add", _:
                return self._part(a) + self._part(b)
            case "sub", _:
                return self._part(a) + self._part(b) * constant(-1.0)
            case "mul", _:
                return self._part(a) * self._part(b)
            case "floordiv", Literal() if b.value > 0:
                return self.size(a) * constant(1.0 / b.value)
            case "max", Literal() if b.value <= 0:
                return self.size(a)
            case _ if primitive in ROUGH:
                return self._rough(ROUGH[primitive], self.operand(self.size(a)), self.operand(self.size(b)))
            case _:
                return constant(GUESS)

    def _part(self, operand: Operand) -> Polynomial:
        """A part of a size, which may be below 0."""
        return constant(float(operand.value)) if isinstance(operand, Literal) else self.size(operand)

    def _rough(self, primitive: str, a: Operand, b: Operand) -> Polynomial:
        found = self.apply(primitive, a, b)
        return self.of_register(found) if isinstance(found, Register) else constant(float(found.value))

    def elements(self, array: Array) -> Polynomial:
        return math.prod((self.size(dim) for dim in array.shape), start=constant(1.0))

    # --- statements ---

    def body(self, body: Body) -> Polynomial:
        return total([self.statement(statement) for statement in body])

    def statement(self, statement: Statement) -> Polynomial:
        match statement:
            case ir.Apply():
                return constant(EXPENSIVE.get(statement.primitive, 1.0))
            case ir.Load() | ir.Store():
                return constant(ACCESS)
            case ir.Accumulate():
                return constant(2 * ACCESS)
            case ir.Copy():
                return self.elements(statement.target) * constant(COPIED)
            case ir.Fill():
                return self.elements(statement.array) * constant(FILLED)
            case ir.Kernel():
                return self._kernel(statement)
            case ir.For() | ir.While() | ir.If() | ir.Scope() | ir.Parallel():
                return self._control(statement)
            case _:
                return constant(0.0)

    def _control(self, statement: ir.ControlStatement) -> Polynomial:
        works = [self.body(body) for body in bodies(statement)]
        match statement:
            case ir.For():
                return self.size(statement.extent) * (works[0] + constant(2.0))
            case ir.While():
                return total(works) * constant(GUESS)
            case ir.If():
                return works[0].at_least(works[1])
            case _:
                return works[0]

    def _kernel(self, kernel: ir.Kernel) -> Polynomial:
        """Each element of the first argument meets a row of the result."""
        elements = self.elements(kernel.inputs[0])
        return math.prod((self.size(dim) for dim in kernel.outputs[0].shape[-1:]), start=elements) * constant(2.0)


Definitions = dict[Register, Statement]


def definitions(body: Body) -> Definitions:
    """What computes registers, and the loops that count with them."""
    found: Definitions = {}
    for statement in walk(body):
        if isinstance(statement, ir.Apply):
            found[statement.out] = statement
        elif isinstance(statement, ir.For):
            found[statement.index] = statement
    return found


def number(value: float) -> Literal:
    return Literal(value, "f64")
