"""Pieces of LLVM assembly: the types, constants, and an emitter that hands out names."""

from __future__ import annotations

import struct
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from difflang.core.ir import DType, Literal
from difflang_llvm.known import PURE, Known

REGISTER_TYPES: dict[DType, str] = {"f64": "double", "f32": "float", "i64": "i64", "i32": "i32", "bool": "i1"}
MEMORY_TYPES: dict[DType, str] = {**REGISTER_TYPES, "bool": "i8"}
ITEM_SIZES: dict[DType, int] = {"f64": 8, "f32": 4, "i64": 8, "i32": 4, "bool": 1}


def float_text(value: float, dtype: DType) -> str:
    """A float constant by its bits; LLVM writes an f32 as the f64 of the same value."""
    if dtype == "f32":
        value = struct.unpack("<f", struct.pack("<f", _into_f32_range(value)))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def _into_f32_range(value: float) -> float:
    """Overflow to inf, as rounding to f32 does; `struct` would refuse."""
    try:
        struct.pack("<f", value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return value


def literal_text(literal: Literal) -> str:
    match literal.dtype:
        case "bool":
            return "true" if literal.value else "false"
        case "i64" | "i32":
            return str(int(literal.value))
        case dtype:
            return float_text(float(literal.value), dtype)


def constant_array(name: str, elements: Sequence[Literal]) -> str:
    """The definition of an array of literals (of one type, at least one) on a line of its own."""
    dtype = elements[0].dtype
    type_ = MEMORY_TYPES[dtype]
    texts = (str(int(e.value)) if dtype == "bool" else literal_text(e) for e in elements)
    listed = ", ".join(f"{type_} {text}" for text in texts)
    return f"{name} = private unnamed_addr constant [{len(elements)} x {type_}] [{listed}], align 64"


@dataclass(slots=True)
class Needs:
    """What a module text refers to and must therefore contain or import."""

    intrinsics: dict[str, None] = field(default_factory=dict[str, None])
    functions: dict[tuple[str, DType], None] = field(default_factory=dict[tuple[str, DType], None])
    kernels: dict[tuple[str, DType], None] = field(default_factory=dict[tuple[str, DType], None])


@dataclass(slots=True)
class Emitter:
    """Appends instructions to a function. Names are `%t<k>`, labels `L<k>`; `allocas` go to the entry block."""

    needs: Needs
    lines: list[str] = field(default_factory=list[str])
    allocas: list[str] = field(default_factory=list[str])
    block: str = "entry"
    known: Known = field(default_factory=Known)
    _count: int = 0
    _products: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def fresh(self, prefix: str = "t") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def value(self, instruction: str) -> str:
        """The result of an instruction, of the same one before if it says all about the result."""
        return self.once(instruction) if instruction.partition(" ")[0] in PURE else self._made(instruction)

    def once(self, instruction: str) -> str:
        """The result of an instruction that depends on its operands alone."""
        found = self.known.get(instruction)
        if found is None:
            found = self._made(instruction)
            self.known.note(instruction, found)
        return found

    def _made(self, instruction: str) -> str:
        name = f"%{self.fresh()}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def void(self, instruction: str) -> None:
        self.lines.append(f"  {instruction}")

    def label(self, name: str, inside: bool = False) -> None:
        """Begins a block. `inside` says that all ways to it pass what is known."""
        if not inside:
            self.known.forget()
        self.lines.append(f"{name}:")
        self.block = name

    def jump(self, label: str) -> None:
        self.void(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str, suffix: str = "") -> None:
        self.void(f"br i1 {condition}, label %{yes}, label %{no}{suffix}")

    @contextmanager
    def counted(self, count: str, loop_metadata: str = "") -> Generator[str]:
        """A loop in rotated form around what is emitted inside; gives the index."""
        before, body, after, index = self.fresh("enter"), self.fresh("body"), self.fresh("after"), f"%{self.fresh('i')}"
        self.branch(self.value(f"icmp sgt i64 {count}, 0"), before, after)
        with self.known.branch():
            self.label(before, inside=True)
            self.jump(body)
            self.label(body, inside=True)
            place = len(self.lines)
            yield index
            following = self.value(f"add nuw nsw i64 {index}, 1")
            self.lines.insert(place, f"  {index} = phi i64 [ 0, %{before} ], [ {following}, %{self.block} ]")
            self.branch(self.value(f"icmp slt i64 {following}, {count}"), body, after, loop_metadata)
        self.label(after, inside=True)

    def alloca(self, type_: str, alignment: int = 8) -> str:
        name = f"%{self.fresh('s')}"
        self.allocas.append(f"  {name} = alloca {type_}, align {alignment}")
        return name

    def intrinsic(self, name: str, result: str, *args: tuple[str, str], flags: str = "") -> str:
        """A call of `llvm.<name>`; `args` are pairs of type and operand."""
        self.needs.intrinsics[f"declare {result} @llvm.{name}({', '.join(t for t, _ in args)})"] = None
        operands = ", ".join(f"{t} {v}" for t, v in args)
        return self.once(f"call {flags}{result} @llvm.{name}({operands})")

    # --- floats ---
    #
    # A sum with a product is one fused operation, always: were it left to LLVM (flag `contract`) to fuse where it
    # pays, what the reverse sweep computes once more would differ in its last bits from the first time, and an
    # adaptive loop could then take another course.

    def factors(self, text: str) -> tuple[str, str] | None:
        """The factors of a value that is a product."""
        return self._products.get(text)

    def note_product(self, text: str, a: str, b: str) -> None:
        """Says that a value is a product."""
        self._products[text] = (a, b)

    def multiply_float(self, dtype: DType, a: str, b: str, flags: str) -> str:
        product = self.value(f"fmul {flags}{REGISTER_TYPES[dtype]} {a}, {b}")
        self.note_product(product, a, b)
        return product

    def add_float(self, dtype: DType, a: str, b: str) -> str:
        """a + b, with one rounding if one of them is a product."""
        if b in self._products:
            return self._fused(dtype, *self._products[b], a)
        if a in self._products:
            return self._fused(dtype, *self._products[a], b)
        return self.value(f"fadd {REGISTER_TYPES[dtype]} {a}, {b}")

    def subtract_float(self, dtype: DType, a: str, b: str) -> str:
        """a - b, with one rounding if one of them is a product."""
        type_ = REGISTER_TYPES[dtype]
        if b in self._products:
            left, right = self._products[b]
            return self._fused(dtype, self.value(f"fneg {type_} {left}"), right, a)
        if a in self._products:
            return self._fused(dtype, *self._products[a], self.value(f"fneg {type_} {b}"))
        return self.value(f"fsub {type_} {a}, {b}")

    def _fused(self, dtype: DType, a: str, b: str, c: str) -> str:
        """a * b + c: by a fused instruction where the machine has one."""
        type_ = REGISTER_TYPES[dtype]
        return self.intrinsic(f"fmuladd.{dtype}", type_, (type_, a), (type_, b), (type_, c))
