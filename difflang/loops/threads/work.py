"""How much a loop has to do, as a number that the program computes from its sizes before the loop is reached.

The unit is about a tenth of a nanosecond: one arithmetic operation on one element in vector code. The estimate decides
only whether threads are worth it and how finely a loop is cut, so a guess will do where a size is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.ir import Array, Body, Operand, Register, Statement
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

FOLDED: Mapping[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else 0.0,
    "max": max,
    "min": min,
}
INTEGER = {"add": "add", "sub": "sub", "mul": "mul", "max": "max", "min": "min", "floordiv": "div"}


class Estimator:
    """Appends to `statements` what computes estimates (f64) from the registers that are `known` already."""

    def __init__(self, definitions: Mapping[Register, Statement], known: Collection[Register]) -> None:
        self.statements: list[Statement] = []
        self._definitions = definitions
        self._known = known
        self._sizes: dict[Register, Operand] = {}
        self._made: dict[tuple[object, ...], Operand] = {}

    # --- arithmetic ---

    def apply(self, primitive: str, a: Operand, b: Operand) -> Operand:
        """`primitive a b`, at once if both are known, and once only."""
        if isinstance(a, Literal) and isinstance(b, Literal):
            return _number(FOLDED[primitive](float(a.value), float(b.value)))
        if primitive == "mul" and _number(1.0) in (a, b):
            return a if b == _number(1.0) else b
        if primitive == "add" and _number(0.0) in (a, b):
            return a if b == _number(0.0) else b
        return self.emitted(primitive, a, b)

    def emitted(self, primitive: str, *args: Operand, **attrs: str) -> Operand:
        """The register of a computation."""
        key = (primitive, *args, *attrs.values())
        if key not in self._made:
            out = Register(PRIMITIVES[primitive].result_dtype([arg.dtype for arg in args], attrs))
            self.statements.append(ir.Apply(out, primitive, args, attrs))
            self._made[key] = out
        return self._made[key]

    # --- sizes ---

    def size(self, operand: Operand) -> Operand:
        """An integer as f64: exactly where it is known, else on the average over the loops around it, else a guess."""
        if isinstance(operand, Literal):
            return _number(float(operand.value))
        if operand not in self._sizes:
            self._sizes[operand] = self._unknown_size(operand)
        return self._sizes[operand]

    def _unknown_size(self, register: Register) -> Operand:
        if register in self._known:
            return self.emitted("convert", register, dtype="f64")
        match self._definitions.get(register):
            case ir.Apply(primitive=primitive, args=args) if primitive in INTEGER and not register.mutable:
                return self.apply(INTEGER[primitive], self.size(args[0]), self.size(args[1]))
            case ir.For(extent=extent):
                return self.apply("mul", self.size(extent), _number(0.5))
            case _:
                return _number(GUESS)

    def elements(self, array: Array) -> Operand:
        total: Operand = _number(1.0)
        for dim in array.shape:
            total = self.apply("mul", total, self.size(dim))
        return total

    # --- statements ---

    def body(self, body: Body) -> Operand:
        fixed, total = 0.0, _number(0.0)
        for statement in body:
            work = self.statement(statement)
            if isinstance(work, Literal):
                fixed += float(work.value)
            else:
                total = self.apply("add", total, work)
        return self.apply("add", total, _number(fixed))

    def statement(self, statement: Statement) -> Operand:
        match statement:
            case ir.Apply():
                return _number(EXPENSIVE.get(statement.primitive, 1.0))
            case ir.Load() | ir.Store():
                return _number(ACCESS)
            case ir.Accumulate():
                return _number(2 * ACCESS)
            case ir.Copy():
                return self.apply("mul", self.elements(statement.target), _number(COPIED))
            case ir.Fill():
                return self.apply("mul", self.elements(statement.array), _number(FILLED))
            case ir.Kernel():
                return self._kernel(statement)
            case ir.For() | ir.While() | ir.If() | ir.Scope() | ir.Parallel():
                return self._control(statement)
            case _:
                return _number(0.0)

    def _control(self, statement: ir.ControlStatement) -> Operand:
        bodies = [self.body(body) for body in ir.bodies(statement)]
        match statement:
            case ir.For():
                return self.apply("mul", self.size(statement.extent), self.apply("add", bodies[0], _number(2.0)))
            case ir.While():
                return self.apply("mul", self.apply("add", *bodies), _number(GUESS))
            case ir.If():
                return self.apply("max", *bodies)
            case _:
                return bodies[0]

    def _kernel(self, kernel: ir.Kernel) -> Operand:
        """Each element of the first argument meets a row of the result."""
        row = kernel.outputs[0].shape[-1:]
        total = self.elements(kernel.inputs[0])
        for dim in row:
            total = self.apply("mul", total, self.size(dim))
        return self.apply("mul", total, _number(2.0))


def _number(value: float) -> Literal:
    return Literal(value, "f64")
