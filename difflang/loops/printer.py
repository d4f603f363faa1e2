"""Loops as text (`--stage loops`), one statement a line, bodies indented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from difflang.core.ir import Attribute, Literal
from difflang.loops import ir

INDENT = "    "


def format_program(program: ir.Program) -> str:
    """The text of a program; every register and array has a name of its own."""
    return "\n".join(_Printer(program).lines()) + "\n"


class _Printer:
    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.names: dict[ir.Register | ir.Array, str] = {}
        self.used: set[str] = set()

    def lines(self) -> Iterator[str]:
        params = ", ".join(self.declared(p) for p in self.program.params)
        yield f"program {self.program.name}({params})"
        for result in self.program.results:
            if result.provided and isinstance(result.value, ir.Array):
                yield f"{INDENT}result {self.declared(result.value)}"
        yield from self.body(self.program.body, INDENT)
        yield f"{INDENT}return {self.values([result.value for result in self.program.results])}"

    def body(self, body: ir.Body, indent: str) -> Iterator[str]:
        for statement in body:
            yield from (indent + line for line in self.statement(statement))

    def statement(self, statement: ir.Statement) -> Iterator[str]:
        if isinstance(statement, ir.ControlStatement):
            yield from self.control(statement)
        elif isinstance(statement, ir.CallStatement):
            yield self.call(statement)
        elif isinstance(statement, ir.ScalarStatement):
            yield self.scalar(statement)
        else:
            yield self.memory(statement)

    def scalar(self, statement: ir.ScalarStatement) -> str:
        match statement:
            case ir.Apply(out, primitive, args, attrs):
                return f"{self.typed(out)} = {primitive}{_attributes(attrs)} {self.values(args)}"
            case ir.Assign(targets, sources):
                return f"{', '.join(self.typed(t) for t in targets)} = {self.values(sources)}"
            case ir.Room(outs, least, times, memory, share):
                names = ", ".join(map(self.typed, outs))
                return f"{names} = room[memory={memory}, share={share}] {self.values((least, times))}"
            case ir.Load(out, array, indices):
                return f"{self.typed(out)} = {self.element(array, indices)}"
            case ir.Store(array, indices, value):
                return f"{self.element(array, indices)} = {self.value(value)}"
            case ir.Accumulate(array, indices, value, apart):
                loops = f" (apart in {self.values(apart)})" if apart else ""
                return f"{self.element(array, indices)} += {self.value(value)}{loops}"

    def memory(self, statement: ir.MemoryStatement) -> str:
        match statement:
            case ir.Limit(amount):
                return f"limit {self.value(amount)}"
            case ir.Allocate(array, place):
                return f"{self.declared(array)} = allocate ({place})"
            case ir.AllocateResult(array, position):
                return f"{self.declared(array)} = allocate (result {position})"
            case ir.Table(array, elements):
                return f"{self.declared(array)} = table {self.values(elements)}"
            case ir.View(array, base, indices):
                return f"{self.declared(array)} = view {self.element(base, indices)}"
            case ir.Rebind(targets, sources):
                return f"rebind {', '.join(self.declared(t) for t in targets)} = {self.values(sources)}"
            case ir.Grow(array):
                return f"{self.declared(array)} = allocate (growing)"
            case ir.Reserve(array, rows):
                return f"reserve {self.name(array)}, {self.value(rows)}"
            case ir.Copy(target, source):
                return f"copy {self.name(target)} = {self.name(source)}"
            case ir.Fill(array, value):
                return f"fill {self.name(array)} = {self.value(value)}"

    def control(self, statement: ir.ControlStatement) -> Iterator[str]:
        match statement:
            case ir.For():
                yield self.loop(statement)
                yield from self.body(statement.body, INDENT)
            case ir.Parallel(chunk, begin, end, extent, chunks, body, overlap):
                names = ", ".join(self.name(register) for register in (chunk, begin, end))
                late = f", the last {overlap} of each late" if overlap else ""
                yield f"threads {names} over {self.value(extent)} in {self.value(chunks)}{late}:"
                yield from self.body(body, INDENT)
            case ir.While(condition, test, body):
                yield "while:"
                yield from self.body(condition, INDENT)
                yield f"holds {self.value(test)}:"
                yield from self.body(body, INDENT)
            case ir.If(test, then, otherwise):
                yield f"if {self.value(test)}:"
                yield from self.body(then, INDENT)
                if otherwise:
                    yield "else:"
                    yield from self.body(otherwise, INDENT)
            case ir.Scope(body):
                yield "scope:"
                yield from self.body(body, INDENT)

    def loop(self, loop: ir.For) -> str:
        start = "" if loop.start == ir.ZERO else f"{self.value(loop.start)} <= "
        direction = " reverse" if loop.reverse else ""
        reduced = "".join(f" {r.op}({self.name(r.register)})" for r in loop.reductions)
        return f"for {start}{self.name(loop.index)} < {self.value(loop.extent)} {loop.kind}{direction}{reduced}:"

    def call(self, statement: ir.CallStatement) -> str:
        match statement:
            case ir.Kernel(name, inputs, outputs, attrs):
                return f"{self.values(outputs)} = kernel {name}{_attributes(attrs)} {self.values(inputs)}"
            case ir.Check(condition, site, values):
                return f"check {self.value(condition)} else {self.site(site)} {self.values(values)}".rstrip()
            case ir.PreferThreads(condition):
                return f"prefer threads if {self.value(condition)}"
            case ir.HostCall(site, args, outs):
                host = self.program.host_sites[site]
                names = ", ".join(
                    self.typed(o) if isinstance(o, ir.Register) else self.name(o) for o in self.outs(outs)
                )
                text = f"{host.kind} {host.text or ', '.join(host.names)} {self.values(args)}".rstrip()
                return f"{names} = {text}" if names else text

    def outs(self, values: Sequence[ir.Value]) -> list[ir.Register | ir.Array]:
        return [value for value in values if not isinstance(value, Literal)]

    def site(self, number: int) -> str:
        site = self.program.sites[number]
        place = f" at {site.span.line}:{site.span.column}" if site.span else ""
        return f"{site.kind}{place}:"

    def element(self, array: ir.Array, indices: Sequence[ir.Operand]) -> str:
        return f"{self.name(array)}[{self.values(indices)}]"

    def values(self, values: Sequence[ir.Value]) -> str:
        return ", ".join(self.value(value) for value in values)

    def value(self, value: ir.Value) -> str:
        if isinstance(value, Literal):
            return str(value.value).lower() if isinstance(value.value, bool) else repr(value.value)
        return self.name(value)

    def typed(self, register: ir.Register) -> str:
        """With its type where the register is first written."""
        return self.name(register) if register in self.names else f"{self.name(register)}: {register.dtype}"

    def declared(self, value: ir.Register | ir.Array) -> str:
        """With its type where the name is introduced."""
        if isinstance(value, ir.Register):
            return self.typed(value)
        if value in self.names:
            return self.name(value)
        return f"{self.name(value)}: {value.dtype}[{self.values(value.shape)}]"

    def name(self, value: ir.Register | ir.Array) -> str:
        if value not in self.names:
            self.names[value] = self._fresh(value.name or ("a" if isinstance(value, ir.Array) else "t"))
        return self.names[value]

    def _fresh(self, hint: str) -> str:
        name, count = hint, 0
        while name in self.used:
            count += 1
            name = f"{hint}_{count}"
        self.used.add(name)
        return name


def _attributes(attrs: Mapping[str, Attribute]) -> str:
    shown = [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in attrs.items()]
    return f"[{', '.join(shown)}]" if shown else ""
