"""Loops to C: one function for each program, with the support code that it needs.

The function takes the state, the parameters in the order of the program, then a pointer for each result: to the
scalar, to the memory of an array whose size the caller knows, or for any other array to a pointer and the dimensions
(that memory is taken from the heap, and the caller frees it). It returns 0, the number (from 1) of the check that
failed, or one of the negative codes of the support code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from difflang.core.ir import FLOATS, DType, Literal
from difflang.loops import ir
from difflang.loops.ir import Array, Body, Program, Register
from difflang.loops.scopes import own_statements
from difflang.loops.sites import HostRecord
from difflang_c.expressions import Operation, expression, literal_text
from difflang_c.kernels import kernel_call
from difflang_c.names import Names
from difflang_c.support import C_TYPES, Piece, support_text
from difflang_c.writer import EXIT, Writer

SIMD_SIGNS = {"add": "+", "mul": "*"}


@dataclass(frozen=True, slots=True)
class Function:
    """A C function: its text without the support code, what it needs of that, and what a failure or a call means."""

    name: str
    parameters: tuple[str, ...]
    text: str
    needs: tuple[Piece, ...]
    checks: tuple[tuple[int, tuple[DType, ...]], ...]
    host_calls: tuple[HostRecord, ...]


def generate(program: Program, name: str | None = None, results: Sequence[str] | None = None) -> Function:
    """The C function of a program, under its own name or another one, with names for its results."""
    generator = Generator(program, results)
    body = generator.function()
    chosen = name or Names().parameter(program.name)
    parameters = tuple(generator.parameters)
    text = f"int32_t {chosen}({', '.join(parameters)}) {{\n{body}}}"
    return Function(
        chosen, parameters, text, tuple(generator.needs), tuple(generator.checks), tuple(generator.host_calls)
    )


def module_text(functions: Sequence[Function]) -> str:
    """A C file of functions that take the state as their first argument."""
    needs = dict.fromkeys(piece for function in functions for piece in function.needs)
    return "\n\n".join([support_text(needs), *(function.text for function in functions)]) + "\n"


class Generator(Writer):
    """Walks a program once; `HANDLERS` has a method for every kind of statement."""

    def __init__(self, program: Program, result_names: Sequence[str] | None = None) -> None:
        super().__init__()
        self.program = program
        self._result_names = result_names or _numbered(len(program.results))
        self.checks: list[tuple[int, tuple[DType, ...]]] = []
        self.host_calls: list[HostRecord] = []
        self.parameters = ["dl_state *state"]
        self._growables: dict[Array, str] = {}
        self._results: list[str] = []

    # --- the function ---

    def function(self) -> str:
        for param in self.program.params:
            self._parameter(param)
        for position, result in enumerate(self.program.results):
            self._result(position, result)
        self.body(self.program.body)
        for name, result in zip(self._results, self.program.results, strict=True):
            self._deliver(name, result)
        self.lines.append(f"{EXIT}:")
        self._finish()
        return "".join(line + "\n" for line in ["    int32_t status = DL_DONE;", *self.declared, *self.lines])

    def _parameter(self, param: Register | Array) -> None:
        name = self.known[param] = self.names.parameter(param.name)
        if isinstance(param, Array):
            self.constant.add(param)
            self.parameters.append(f"const {C_TYPES[param.dtype]} *restrict {name}")
        else:
            self.parameters.append(f"{C_TYPES[param.dtype]} {name}")

    def _result(self, position: int, result: ir.Result) -> None:
        name = self.names.parameter(self._result_names[position])
        self._results.append(name)
        kind = C_TYPES[result.value.dtype]
        if isinstance(result.value, Array) and not result.provided:
            self.parameters += [f"{kind} **{name}", f"int64_t *{name}_shape"]
            self.declared.append(f"    *{name} = NULL;")
            return
        self.parameters.append(f"{kind} *restrict {name}")
        if isinstance(result.value, Array):
            self.known[result.value] = name

    def _deliver(self, name: str, result: ir.Result) -> None:
        if not isinstance(result.value, Array):
            self.line(f"*{name} = {self.read(result.value)};")
        elif not result.provided:
            for axis, dim in enumerate(result.value.shape):
                self.line(f"{name}_shape[{axis}] = {self.read(dim)};")

    def _finish(self) -> None:
        for growable in self._growables.values():
            self.line(f"dl_drop(&{growable});")
        for name, result in zip(self._results, self.program.results, strict=True):
            if isinstance(result.value, Array) and not result.provided:
                self.line(f"if (status != DL_DONE) free(*{name}), *{name} = NULL;")
        self.line("return status;")

    # --- statements ---

    def block(self, head: str, statements: Body, tail: str = "}") -> None:
        self.line(head)
        self.depth += 1
        self.body(statements)
        self.depth -= 1
        self.line(tail)

    def body(self, statements: Body) -> None:
        for statement in statements:
            HANDLERS[type(statement)](self, statement)

    def apply(self, statement: ir.Apply) -> None:
        args = tuple(self.read(arg) for arg in statement.args)
        operation = Operation(args, tuple(arg.dtype for arg in statement.args), statement.attrs, self.needs)
        self.write(statement.out, expression(statement.primitive, operation))

    def assign(self, statement: ir.Assign) -> None:
        sources = [self.read(source) for source in statement.sources]
        if len(sources) > 1:
            sources = [self._saved(t, text) for t, text in zip(statement.targets, sources, strict=True)]
        for target, source in zip(statement.targets, sources, strict=True):
            self.write(target, source)

    def _saved(self, target: Register, text: str) -> str:
        name = self.names.local("next")
        self.line(f"const {C_TYPES[target.dtype]} {name} = {text};")
        return name

    def view(self, statement: ir.View) -> None:
        offset = self.offset(statement.base, statement.indices)
        base = self.pointer(statement.base)
        constant = statement.base in self.constant
        self.set_pointer(statement.array, base if offset == "0" else f"{base} + {offset}", constant)

    def table(self, statement: ir.Table) -> None:
        name = self.names.local("table")
        elements = ", ".join(literal_text(element) for element in statement.elements)
        self.line(f"static const {C_TYPES[statement.array.dtype]} {name}[] = {{{elements}}};")
        self.set_pointer(statement.array, name, True)

    def rebind(self, statement: ir.Rebind) -> None:
        saved: list[str] = []
        for target, source in zip(statement.targets, statement.sources, strict=True):
            saved.append(self.names.local("next"))
            kind = C_TYPES[target.dtype]
            cast = f"({kind} *)" if source in self.constant else ""
            self.line(f"{kind} *{saved[-1]} = {cast}{self.pointer(source)};")
        for target, name in zip(statement.targets, saved, strict=True):
            self.set_pointer(target, name)

    # --- memory ---

    def allocate(self, statement: ir.Allocate) -> None:
        array = statement.array
        kind = C_TYPES[array.dtype]
        if statement.place == "stack":
            name = self.names.local("place")
            self.declared.append(f"    {kind} {name}[{' * '.join([self.read(d) for d in array.shape] or ['1'])}];")
            self.set_pointer(array, name)
            return
        self.set_pointer(array, f"dl_allocate(state, {self.bytes(array.dtype, array.shape)})")
        self.leave(f"{self.pointer(array)} == NULL", "DL_NO_MEMORY")

    def allocate_result(self, statement: ir.AllocateResult) -> None:
        array, name = statement.array, self._results[statement.position]
        self.set_pointer(array, f"malloc({self.bytes(array.dtype, array.shape)} + 1)")
        self.leave(f"{self.pointer(array)} == NULL", "DL_NO_MEMORY")
        self.line(f"*{name} = {self.pointer(array)};")

    def grow(self, statement: ir.Grow) -> None:
        self.needs["growable", None] = None
        name = self._growables[statement.array] = self.names.local("growable")
        self.declared.append(f"    dl_growable {name} = {{NULL, 0}};")

    def reserve(self, statement: ir.Reserve) -> None:
        array, growable = statement.array, self._growables[statement.array]
        size = self.bytes(array.dtype, (statement.rows, *array.shape[1:]))
        self.leave(f"!dl_reserve(&{growable}, {size})", "DL_NO_MEMORY")
        self.set_pointer(array, f"{growable}.place")

    def copy(self, statement: ir.Copy) -> None:
        target, source = self.pointer(statement.target), self.pointer(statement.source)
        self.line(f"memmove({target}, {source}, {self.bytes(statement.target.dtype, statement.target.shape)});")

    def fill(self, statement: ir.Fill) -> None:
        index, count = self.names.local("i"), self.count(statement.array.shape)
        element = f"{self.pointer(statement.array)}[{index}]"
        self.line(f"for (int64_t {index} = 0; {index} < {count}; {index}++) {element} = {self.read(statement.value)};")

    # --- control ---

    def for_(self, loop: ir.For) -> None:
        start, end = self.read(loop.start), self.read(loop.extent)
        name = self.names.local(loop.index.name or "i")
        self.known[loop.index] = name
        if _is_simd(loop):
            reductions = "".join(f" reduction({SIMD_SIGNS[r.op]}:{self.read(r.register)})" for r in loop.reductions)
            self.lines.append(f"#pragma omp simd{reductions}")
        up = f"for (int64_t {name} = {start}; {name} < {end}; {name}++) {{"
        down = f"for (int64_t {name} = {end} - 1; {name} >= {start}; {name}--) {{"
        self.block(down if loop.reverse else up, loop.body)

    def while_(self, statement: ir.While) -> None:
        self.line("for (;;) {")
        self.depth += 1
        self.body(statement.condition)
        self.line(f"if (!{self.read(statement.test)}) break;")
        self.body(statement.body)
        self.depth -= 1
        self.line("}")

    def if_(self, statement: ir.If) -> None:
        self.block(f"if ({self.read(statement.test)}) {{", statement.then, "} else {" if statement.otherwise else "}")
        if statement.otherwise:
            self.depth += 1
            self.body(statement.otherwise)
            self.depth -= 1
            self.line("}")

    def scope(self, statement: ir.Scope) -> None:
        own = list(own_statements(statement.body))
        uses_arena = any(isinstance(s, ir.Allocate) and s.place == "arena" for s in own)
        mark = self.names.local("mark")
        if uses_arena:
            self.needs["memory", None] = None
            self.line(f"const dl_mark {mark} = dl_here(state);")
        self.body(statement.body)
        if uses_arena:
            self.line(f"dl_release(state, {mark});")
        for inner in own:
            if isinstance(inner, ir.Grow):
                self.line(f"dl_drop(&{self._growables[inner.array]});")

    # --- calls ---

    def check(self, statement: ir.Check) -> None:
        self.checks.append((statement.site, tuple(value.dtype for value in statement.values)))
        values = [f"state->failed[{k}].{_field(v.dtype)} = {self.read(v)}; " for k, v in enumerate(statement.values)]
        self.leave(f"!({self.read(statement.condition)})", str(len(self.checks)), "".join(values))

    def kernel(self, statement: ir.Kernel) -> None:
        piece, calls = kernel_call(statement, self.pointer, self.read)
        self.needs[piece] = None
        for statement_text in calls[:-1]:
            self.line(f"{statement_text};")
        if piece[0] in ("gemm", "lu"):
            self.line(f"{calls[-1]};")
            return
        code = self.names.local("code")
        self.line(f"const int32_t {code} = {calls[-1]};")
        failed = "DL_NO_MEMORY"
        if statement.site is not None:
            self.checks.append((statement.site, ()))
            failed = f"{code} < 0 ? {code} : {len(self.checks)}"
        self.leave(f"{code} != DL_DONE", failed)

    def host(self, statement: ir.HostCall) -> None:
        """Packs arguments and outputs into slots (an array is its pointer and dimensions) and calls back."""
        values = (*statement.args, *statement.outs)
        slots, position = self.names.local("slots"), 0
        self.line(f"dl_slot {slots}[{max(1, sum(_width(value) for value in values))}];")
        outs: list[tuple[Register, str]] = []
        for k, value in enumerate(values):
            place = f"{slots}[{position}]"
            if isinstance(value, Array):
                self.line(f"{place}.array = (void *){self.pointer(value)};")
                for axis, dim in enumerate(value.shape):
                    self.line(f"{slots}[{position + 1 + axis}].integer = {self.read(dim)};")
            elif k < len(statement.args) or isinstance(value, Literal):
                self.line(f"{place}.{_field(value.dtype)} = {self.read(value)};")
            else:
                outs.append((value, f"{place}.{_field(value.dtype)}"))
            position += _width(value)
        call = len(self.host_calls)
        self.host_calls.append(HostRecord(statement.site, _kinds(statement.args), _kinds(statement.outs)))
        self.leave(f"state->host == NULL || state->host(state, {call}, {slots}) != 0", "DL_HOST_FAILED")
        for register, text in outs:
            self.write(register, text)


def _numbered(count: int) -> list[str]:
    return ["result"] if count == 1 else [f"result{k}" for k in range(count)]


def _is_simd(loop: ir.For) -> bool:
    """Whether the compiler may be told that the iterations are independent but for sums and products."""
    simple = all(isinstance(statement, ir.Apply | ir.Load | ir.Store | ir.View) for statement in loop.body)
    return loop.kind == "vector" and simple and all(r.op in SIMD_SIGNS for r in loop.reductions)


def _field(dtype: DType) -> str:
    return "real" if dtype in FLOATS else "integer"


def _width(value: ir.Value) -> int:
    return 1 + value.rank if isinstance(value, Array) else 1


def _kinds(values: Sequence[ir.Value]) -> tuple[tuple[DType, int | None], ...]:
    return tuple((value.dtype, value.rank if isinstance(value, Array) else None) for value in values)


HANDLERS: dict[type, Callable[[Generator, Any], None]] = {
    ir.Apply: Generator.apply,
    ir.Assign: Generator.assign,
    ir.Load: lambda g, s: g.write(s.out, g.element(s.array, s.indices)),
    ir.Store: lambda g, s: g.line(f"{g.element(s.array, s.indices)} = {g.read(s.value)};"),
    ir.Accumulate: lambda g, s: g.line(f"{g.element(s.array, s.indices)} += {g.read(s.value)};"),
    ir.Table: Generator.table,
    ir.View: Generator.view,
    ir.Rebind: Generator.rebind,
    ir.For: Generator.for_,
    ir.While: Generator.while_,
    ir.If: Generator.if_,
    ir.Scope: Generator.scope,
    ir.Limit: lambda g, s: None,  # its blocks hold what is allocated, and little more
    ir.Allocate: Generator.allocate,
    ir.AllocateResult: Generator.allocate_result,
    ir.Grow: Generator.grow,
    ir.Reserve: Generator.reserve,
    ir.Copy: Generator.copy,
    ir.Fill: Generator.fill,
    ir.Check: Generator.check,
    ir.Kernel: Generator.kernel,
    ir.HostCall: Generator.host,
}
