"""The text of a C function under construction: its lines, and the names of registers and arrays."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.core.ir import DType, Literal
from difflang.loops.ir import Array, Operand, Register
from difflang_c.expressions import literal_text
from difflang_c.names import Names
from difflang_c.support import C_TYPES, Piece

EXIT = "finish"
"""The label at the end of every function."""


class Writer:
    """`declared` are the lines at the head of the function: what is assigned more than once, and fixed memory.

    `constant` are the arrays in memory that is not written: parameters, tables, and views of them.
    """

    def __init__(self) -> None:
        self.names = Names()
        self.needs: dict[Piece, None] = {}
        self.lines: list[str] = []
        self.declared: list[str] = []
        self.depth = 1
        self.known: dict[Register | Array, str] = {}
        self.constant: set[Array] = set()

    # --- text ---

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def leave(self, condition: str, status: str, before: str = "") -> None:
        """Leaves the function with this status if the condition holds."""
        self.line(f"if ({condition}) {{ {before}status = {status}; goto {EXIT}; }}")

    # --- registers and arrays ---

    def read(self, operand: Operand) -> str:
        if isinstance(operand, Literal):
            return literal_text(operand)
        if operand.mutable and operand not in self.known:
            name = self.known[operand] = self.names.local(operand.name)
            self.declared.append(f"    {C_TYPES[operand.dtype]} {name} = 0;")
        return self.known[operand]

    def write(self, register: Register, text: str) -> None:
        if register.mutable:
            self.line(f"{self.read(register)} = {text};")
            return
        name = self.names.local(register.name)
        self.line(f"const {C_TYPES[register.dtype]} {name} = {text};")
        self.known[register] = name

    def pointer(self, array: Array) -> str:
        if array.mutable and array not in self.known:
            name = self.known[array] = self.names.local(array.name or "a")
            self.declared.append(f"    {C_TYPES[array.dtype]} *{name} = NULL;")
        return self.known[array]

    def set_pointer(self, array: Array, text: str, constant: bool = False) -> None:
        kind = C_TYPES[array.dtype]
        if array.mutable:
            self.line(f"{self.pointer(array)} = {f'({kind} *)' if constant else ''}{text};")
            return
        name = self.known[array] = self.names.local(array.name or "a")
        if constant:
            self.constant.add(array)
        self.line(f"{'const ' if constant else ''}{kind} *{name} = {text};")

    def count(self, shape: Sequence[Operand]) -> str:
        """The number of elements; 0 where a dimension is below 0, the largest number where it overflows."""
        texts = [self.read(dim) for dim in shape] or ["1"]
        total = texts[0]
        for text in texts[1:]:
            self.needs["memory", None] = None
            total = f"dl_times({total}, {text})"
        return total

    def bytes(self, dtype: DType, shape: Sequence[Operand]) -> str:
        self.needs["memory", None] = None
        return f"dl_bytes({self.count(shape)}, sizeof({C_TYPES[dtype]}))"

    def element(self, array: Array, indices: Sequence[Operand]) -> str:
        return f"{self.pointer(array)}[{self.offset(array, indices)}]"

    def offset(self, array: Array, indices: Sequence[Operand]) -> str:
        """The position of `array[indices]`; missing trailing indices are 0."""
        total = "0"
        for axis, dim in enumerate(array.shape):
            if total != "0":
                total = f"({total}) * {self.read(dim)}" if " " in total else f"{total} * {self.read(dim)}"
            if axis < len(indices):
                index = self.read(indices[axis])
                total = index if total == "0" else total if index == "0" else f"{total} + {index}"
        return total
