"""How much a program of Loops computes and moves, for arguments of given sizes.

An addition, product, quotient, root or comparison of floats is one flop, an elementary function `ELEMENTARY`. Every
element that is loaded or stored counts its bytes, wherever it comes from: from a cache, mostly. Loops are counted by
their extents; where these depend on the index of a loop around, by Simpson's rule over its first, middle and last turn.
What only the data decide is estimated (`known` is false): of two branches the dearer one, of a `while` loop one turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from difflang.core.ir import DType, Literal
from difflang.loops import ir
from difflang.passes.cost import MEDIUM, SIMPLE
from difflang.prims import PRIMITIVES

ELEMENTARY = 20
"""Flops of an elementary function: about the length of its polynomial."""
ITEM_BYTES: Mapping[DType, int] = {"f64": 8, "f32": 4, "i64": 8, "i32": 4, "bool": 1}
UNCOUNTED = frozenset({"select", "convert", "stop_grad", "kept"})

Number = int | float | bool


@dataclass(frozen=True, slots=True)
class Work:
    """Flops and bytes; `known`: whether no part of them is an estimate."""

    flops: float = 0.0
    bytes: float = 0.0
    known: bool = True

    def __add__(self, other: Work) -> Work:
        return Work(self.flops + other.flops, self.bytes + other.bytes, self.known and other.known)

    def times(self, count: float) -> Work:
        return Work(self.flops * count, self.bytes * count, self.known)


def work(program: ir.Program, arguments: Sequence[object]) -> Work:
    """The work of a call; `arguments` are those of the program, of which the scalars matter."""
    counter = _Counter()
    for param, argument in zip(program.params, arguments, strict=True):
        if isinstance(param, ir.Register) and isinstance(argument, int | float | np.generic):
            counter.values[param] = argument if isinstance(argument, int | float) else argument.item()
    return counter.body(program.body)


class _Counter:
    """`values` are the registers that the sizes decide."""

    def __init__(self) -> None:
        self.values: dict[ir.Register, Number] = {}

    def body(self, statements: ir.Body) -> Work:
        return sum((self.statement(statement) for statement in statements), Work())

    def statement(self, statement: ir.Statement) -> Work:
        match statement:
            case ir.Apply():
                return self.apply(statement)
            case ir.Load(array=array) | ir.Store(array=array):
                return Work(bytes=ITEM_BYTES[array.dtype])
            case ir.Accumulate(array=array):
                return Work(1, 2 * ITEM_BYTES[array.dtype])
            case ir.Copy(target=array):
                return self.moved(array).times(2)
            case ir.Fill(array=array):
                return self.moved(array)
            case ir.For():
                return self.loop(statement)
            case ir.While():
                return self.body(statement.condition) + self.body(statement.body) + Work(known=False)
            case ir.If():
                return self.branches(statement)
            case ir.Scope() | ir.Parallel():
                return self.body(statement.body)
            case ir.Kernel():
                return self.kernel(statement)
            case _:
                return Work()

    def value(self, operand: ir.Operand) -> Number | None:
        return operand.value if isinstance(operand, Literal) else self.values.get(operand)

    def apply(self, statement: ir.Apply) -> Work:
        """The work of a primitive; its value too, if it is no float and its arguments are known."""
        name, out = statement.primitive, statement.out
        values = [self.value(arg) for arg in statement.args]
        known = [value for value in values if value is not None]
        if len(known) == len(values) and out.dtype not in ("f64", "f32") and not out.mutable and not statement.attrs:
            self.values[out] = PRIMITIVES[name].evaluate(*known)
        if name in UNCOUNTED or not any(arg.dtype in ("f64", "f32") for arg in statement.args):
            return Work()
        return Work(1 if name in SIMPLE or name in MEDIUM else ELEMENTARY)

    def loop(self, loop: ir.For) -> Work:
        extent, start = self.value(loop.extent), self.value(loop.start)
        if extent is None or start is None:
            return self.body(loop.body) + Work(known=False)
        turns = max(int(extent) - int(start), 0)
        self.values.pop(loop.index, None)
        alike = self.body(loop.body) if turns else Work()
        if alike.known:
            return alike.times(turns)
        first, middle, last = (self.turn(loop, int(start) + index) for index in (0, turns // 2, turns - 1))
        return (first + middle.times(4) + last).times(turns / 6)

    def turn(self, loop: ir.For, index: int) -> Work:
        self.values[loop.index] = index
        return self.body(loop.body)

    def branches(self, statement: ir.If) -> Work:
        test = self.value(statement.test)
        if test is not None:
            return self.body(statement.then if test else statement.otherwise)
        both = (self.body(statement.then), self.body(statement.otherwise))
        return max(both, key=lambda branch: (branch.flops, branch.bytes)) + Work(known=False)

    def moved(self, array: ir.Array) -> Work:
        sizes = [self.value(dim) for dim in array.shape]
        known = [max(int(size), 0) for size in sizes if size is not None]
        return Work(bytes=prod(known) * ITEM_BYTES[array.dtype], known=len(known) == len(sizes))

    def kernel(self, statement: ir.Kernel) -> Work:
        """The leading term of the usual count (Golub and Van Loan, Matrix Computations)."""
        moved = sum((self.moved(array) for array in (*statement.inputs, *statement.outputs)), Work())
        a, out = statement.inputs[0], statement.outputs[0]
        if statement.name == "gemm":
            rows = [self.value(dim) for dim in (*out.shape, a.shape[0 if statement.attrs.get("transpose_a") else 1])]
            factors = [float(size) for size in rows if size is not None]
            return moved + Work(2 * prod(factors), known=len(factors) == 3)
        elements = self.moved(a).bytes / ITEM_BYTES[a.dtype]
        side = self.value(a.shape[-1]) or 0
        return moved + Work(CUBES.get(statement.name, 0.0) * elements * side)


CUBES = {"cholesky": 1 / 3, "lu": 2 / 3, "solve": 2 / 3, "triangular_solve": 1.0, "qr": 4 / 3, "eigh": 9.0, "svd": 22.0}
"""Flops of a factorisation of an n x n matrix, in n^3."""
