"""The names of Loops: registers for scalars, arrays for memory (see `ir`)."""

from __future__ import annotations

from dataclasses import dataclass

from difflang.core.ir import DType, Literal


@dataclass(eq=False, slots=True)
class Register:
    """A scalar. `name` is a hint for printing; two registers are the same only if they are the same object."""

    dtype: DType
    name: str = ""
    mutable: bool = False


Operand = Register | Literal
ZERO = Literal(0, "i64")


@dataclass(eq=False, slots=True)
class Array:
    """A pointer to contiguous row-major elements; rank 0 is one element. A dimension below 0 counts as 0."""

    dtype: DType
    shape: tuple[Operand, ...]
    name: str = ""
    mutable: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)


Value = Operand | Array
