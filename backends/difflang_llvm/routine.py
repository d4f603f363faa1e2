"""Writing library functions: Fortran calls, temporary memory, loops over matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.core.ir import DType
from difflang_llvm import runtime
from difflang_llvm.text import ITEM_SIZES, MEMORY_TYPES, Emitter, Needs

NO_MEMORY = -(2**62)
LETTERS: dict[DType, str] = {"f64": "d", "f32": "s"}


@dataclass(frozen=True, slots=True)
class KernelText:
    """A definition, what it declares, and the library functions that it calls."""

    text: str
    declarations: tuple[str, ...]
    functions: tuple[tuple[str, DType], ...]


class Routine:
    """A function under construction. `arrays[k]` are pointers and `dims[k]` dimensions of inputs, then outputs."""

    def __init__(self, name: str, dtype: DType, ranks: Sequence[int]) -> None:
        self.name = name
        self.dtype: DType = dtype
        self.ranks = ranks
        self.emitter = Emitter(Needs())
        self.type = MEMORY_TYPES[dtype]
        self.arrays = [f"%a{k}" for k in range(len(ranks))]
        self.dims = [[f"%d{k}.{axis}" for axis in range(rank)] for k, rank in enumerate(ranks)]
        self._declared: dict[str, None] = {}
        self._exits: list[str] = []
        self._marks = [self._field("ptr", 0), self._field("i64", 8), self._field("i64", 16)]

    def _field(self, type_: str, offset: int) -> tuple[str, str, str]:
        place = self.emitter.value(f"getelementptr i8, ptr %arena, i64 {offset}")
        return type_, place, self.emitter.value(f"load {type_}, ptr {place}")

    # --- leaving ---

    def leave_if(self, condition: str, status: str) -> None:
        e = self.emitter
        source, stay = e.fresh("leave"), e.fresh("stay")
        e.branch(condition, source, stay)
        e.label(source)
        e.jump("exit")
        self._exits.append(f"[ {status}, %{source} ]")
        e.label(stay)

    def finished(self) -> KernelText:
        e = self.emitter
        self._exits.append(f"[ 0, %{e.block} ]")
        e.jump("exit")
        e.label("exit")
        status = e.value(f"phi i64 {', '.join(self._exits)}")
        for type_, place, value in self._marks:
            e.void(f"store {type_} {value}, ptr {place}")
        e.void(f"ret i64 {status}")
        parameters = ["ptr %arena", *(f"ptr noalias %a{k}" for k in range(len(self.arrays)))]
        parameters += [f"i64 {dim}" for dims in self.dims for dim in dims]
        head = f"define internal i64 @dl.{self.name}.{self.dtype}({', '.join(parameters)}) #0 {{"
        text = "\n".join([head, "entry:", *e.allocas, *e.lines, "}"])
        return KernelText(text, (*self._declared, *e.needs.intrinsics), tuple(e.needs.functions))

    # --- values ---

    def emit(self, instruction: str) -> str:
        return self.emitter.value(instruction)

    def smaller(self, a: str, b: str) -> str:
        return self.emitter.intrinsic("smin.i64", "i64", ("i64", a), ("i64", b))

    def larger(self, a: str, b: str) -> str:
        return self.emitter.intrinsic("smax.i64", "i64", ("i64", a), ("i64", b))

    def product(self, *factors: str) -> str:
        total = factors[0]
        for factor in factors[1:]:
            total = self.emit(f"mul i64 {total}, {factor}")
        return total

    # --- memory ---

    def allocate(self, count: str, dtype: DType | None = None) -> str:
        size = self.product(count, str(ITEM_SIZES[dtype or self.dtype]))
        allocate = runtime.function("allocate", self.emitter.needs)
        pointer = self.emit(f"call noalias align 64 ptr {allocate}(ptr %arena, i64 {size})")
        self.leave_if(self.emit(f"icmp eq ptr {pointer}, null"), str(NO_MEMORY))
        return pointer

    def address(self, pointer: str, index: str, dtype: DType | None = None) -> str:
        return self.emit(f"getelementptr inbounds {MEMORY_TYPES[dtype or self.dtype]}, ptr {pointer}, i64 {index}")

    def load(self, pointer: str, index: str, dtype: DType | None = None) -> str:
        return self.emit(f"load {MEMORY_TYPES[dtype or self.dtype]}, ptr {self.address(pointer, index, dtype)}")

    def store(self, value: str, pointer: str, index: str, dtype: DType | None = None) -> None:
        address = self.address(pointer, index, dtype)
        self.emitter.void(f"store {MEMORY_TYPES[dtype or self.dtype]} {value}, ptr {address}")

    def copy(self, target: str, source: str, count: str) -> None:
        self._declared["declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"] = None
        size = self.product(count, str(ITEM_SIZES[self.dtype]))
        self.emitter.void(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)")

    def at(self, row: str, column: str, width: str) -> str:
        """The position in a row-major matrix."""
        return self.emit(f"add i64 {self.product(row, width)}, {column}")

    def transpose(self, target: str, source: str, rows: str, columns: str) -> None:
        """The row-major `source` (rows, columns) to the row-major `target` (columns, rows)."""
        with self.emitter.counted(rows) as i, self.emitter.counted(columns) as j:
            self.store(self.load(source, self.at(i, j, columns)), target, self.at(j, i, rows))

    def when(self, condition: str, action: Callable[[], None]) -> None:
        e = self.emitter
        then, after = e.fresh("then"), e.fresh("after")
        e.branch(condition, then, after)
        e.label(then)
        action()
        e.jump(after)
        e.label(after)

    # --- Fortran ---

    def integer(self, value: str) -> str:
        """A 32-bit integer argument."""
        slot = self.emitter.alloca("i32", 4)
        self.emitter.void(f"store i32 {self.emit(f'trunc i64 {value} to i32')}, ptr {slot}")
        return slot

    def letter(self, letter: str) -> str:
        slot = self.emitter.alloca("i8", 1)
        self.emitter.void(f"store i8 {ord(letter)}, ptr {slot}")
        return slot

    def number(self, text: str) -> str:
        slot = self.emitter.alloca(self.type)
        self.emitter.void(f"store {self.type} {text}, ptr {slot}")
        return slot

    def fortran(self, library: str, name: str, *args: str) -> None:
        symbol = f"{library}.{LETTERS[self.dtype]}{name}"
        types = ", ".join("ptr" for _ in args)
        self._declared[f"declare void @{symbol}({types})"] = None
        self.emitter.void(f"call void @{symbol}({', '.join(f'ptr {a}' for a in args)})")

    def elimination(self, name: str, *operands: str) -> None:
        """A function of `elimination.ll`; operands with their types."""
        symbol = f"elimination.{name}.{self.dtype}"
        types = ", ".join(operand.split()[0] for operand in operands)
        self._declared[f"declare void @{symbol}({types}) nounwind"] = None
        self.emitter.void(f"call void @{symbol}({', '.join(operands)})")

    def lapack(self, name: str, *args: str) -> str:
        """A LAPACK routine with `info` as its last argument; gives its value."""
        info = self.integer("0")
        self.fortran("lapack", name, *args, info)
        return self.emit(f"sext i32 {self.emit(f'load i32, ptr {info}')} to i64")

    def with_workspace(self, name: str, args: Sequence[str], integers: bool = False) -> str:
        """A LAPACK routine that is first asked how much workspace it wants (`lwork = -1`)."""
        answer, integer_answer, ask = self.number(_ZERO), self.integer("0"), self.integer("-1")
        self.lapack(name, *args, answer, ask, *((integer_answer, ask) if integers else ()))
        wanted = self.emit(f"fptosi {self.type} {self.emit(f'load {self.type}, ptr {answer}')} to i64")
        # In f32 the answer may have been rounded down.
        size = self.emit(f"add i64 {wanted}, {self.emit(f'lshr i64 {wanted}, 20')}")
        work = [self.allocate(size), self.integer(size)]
        if integers:
            count = self.emit(f"sext i32 {self.emit(f'load i32, ptr {integer_answer}')} to i64")
            work += [self.allocate(count, "i32"), self.integer(count)]
        return self.lapack(name, *args, *work)


_ZERO = "0.0"
