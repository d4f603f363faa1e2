"""Checks leave innermost loops, which can then be vectorised.

A check that says the same in every iteration stands before the loop. One that depends on the index, in a loop over
independent iterations, is made for all of them beforehand:

    for i vector { t = a[i]; check t < n; .. }   ->   ok = true; for i vector { t = a[i]; ok = ok and t < n }
                                                      if not ok { for i { t = a[i]; check t < n } }
                                                      for i vector { t = a[i]; .. }

The second loop runs only to say what is wrong and where. Moved is a check of an index whose operands come from integer
arithmetic and from loads that the loop does not write to and that need no check themselves, if that is little work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import walk, with_bodies
from difflang.loops.ir import Array, Check, Operand, Program, Register, Statement
from difflang.loops.values import written

ARITHMETIC = frozenset(
    {"add", "sub", "mul", "neg", "max", "min", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not"}
)

TRUE = Literal(True, "bool")


@dataclass(frozen=True, slots=True)
class HoistChecks:
    """Moves checks of indices out of innermost loops."""

    def __call__(self, program: Program) -> Program:
        views = {s.array: s.base for s in walk(program.body) if isinstance(s, ir.View)}
        sites = frozenset(k for k, site in enumerate(program.sites) if site.kind == "index")
        return replace(program, body=_Hoist(views, sites).body(program.body))


@dataclass(frozen=True, slots=True)
class _Hoist:
    views: dict[Array, Array]
    sites: frozenset[int]

    def body(self, body: ir.Body) -> ir.Body:
        return tuple(new for statement in body for new in self.statement(statement))

    def statement(self, statement: Statement) -> tuple[Statement, ...]:
        inner = with_bodies(statement, self.body)
        if not isinstance(inner, ir.For) or not any(isinstance(s, Check) for s in inner.body):
            return (inner,)
        return _Loop(self, inner).rewritten()

    def root(self, array: Array) -> Array:
        while array in self.views:
            array = self.views[array]
        return array


class _Loop:
    """One loop whose body holds checks: which of them can move, and the statements that they need."""

    def __init__(self, facts: _Hoist, loop: ir.For) -> None:
        self.facts = facts
        self.loop = loop
        self.independent = loop.kind != "serial"
        self.innermost = not any(isinstance(s, ir.For | ir.While) for s in walk(loop.body))
        self.makers = {s.out: s for s in loop.body if isinstance(s, ir.Apply | ir.Load)}
        self.set_inside = _assigned(loop)
        written = set(_written(loop.body))
        self.written = {facts.root(array) for array in written}
        self.writes_anywhere = any(array.mutable for array in written)
        self.examined: set[Operand] = set()
        self.slices: dict[Check, list[Statement]] = {}

    def rewritten(self) -> tuple[Statement, ...]:
        before: list[Statement] = []
        varying: list[Check] = []
        moved: set[Check] = set()
        for statement in self.loop.body:
            if isinstance(statement, Check):
                needed = self.slice(statement)
                if needed is not None and self.is_invariant(needed, statement):
                    before += _guarded(self.loop.extent, needed, statement)
                    moved.add(statement)
                    continue
                if needed is not None and self.independent and self.innermost:
                    varying.append(statement)
                    self.slices[statement] = needed
                elif not self.independent:
                    break
                self.examined.update(statement.values)
            elif not self.independent and isinstance(statement, ir.HostCall | ir.While | ir.For | ir.If):
                break
        if varying and self.is_little(varying):
            before += self.inspection(varying)
            moved.update(varying)
        body = tuple(s for s in self.loop.body if s not in moved)
        return (*before, replace(self.loop, body=body)) if moved else (self.loop,)

    def is_invariant(self, needed: Sequence[Statement], check: Check) -> bool:
        """Whether it says the same in every iteration, and can be made although there may be none."""
        return self.loop.index not in _operands((*needed, check)) and all(isinstance(s, ir.Apply) for s in needed)

    def slice(self, check: Check) -> list[Statement] | None:
        """The statements of the body that a check needs, in order; None if it cannot be made elsewhere."""
        needed: set[Statement] = set()
        pending = [check.condition, *check.values]
        while pending:
            operand = pending.pop()
            maker = self.makers.get(operand) if isinstance(operand, Register) else None
            if maker is None:
                if operand in self.set_inside and operand is not self.loop.index:
                    return None
            elif maker not in needed:
                if not self.may_repeat(maker):
                    return None
                needed.add(maker)
                pending += maker.args if isinstance(maker, ir.Apply) else maker.indices
        return [s for s in self.loop.body if s in needed] if check.site in self.facts.sites else None

    def may_repeat(self, maker: ir.Apply | ir.Load) -> bool:
        """Whether a statement can be executed once more, before the loop, and before the checks that precede it."""
        if maker.out.mutable:
            return False
        if isinstance(maker, ir.Apply):
            return maker.primitive in ARITHMETIC and maker.out.dtype in ("i64", "i32", "bool")
        fixed = all(i is self.loop.index or i not in self.set_inside for i in maker.indices)
        shared = maker.array.mutable or self.writes_anywhere or self.facts.root(maker.array) in self.written
        return fixed and not shared and self.examined.isdisjoint(i for i in maker.indices if isinstance(i, Register))

    def is_little(self, checks: Sequence[Check]) -> bool:
        work = {s for check in checks for s in self.slices[check]}
        return 2 * len(work) <= len(self.loop.body)

    def inspection(self, checks: Sequence[Check]) -> list[Statement]:
        """The loop that finds out whether all is well, and the one that says what is not."""
        well = Register("bool", "well", mutable=True)
        needed = self.union(checks)
        copy = _Copy({self.loop.index: Register("i64", self.loop.index.name)})
        looks = [copy.statement(s) for s in needed]
        looks += [ir.Apply(well, "and", (well, copy.operand(check.condition))) for check in checks]
        index = copy.registers[self.loop.index]
        look = ir.For(index, self.loop.extent, tuple(looks), "vector", reductions=(ir.Reduction(well, "and"),))
        again = _Copy({self.loop.index: Register("i64", self.loop.index.name)})
        tells = tuple(again.statement(s) for s in self.union(checks, with_checks=True))
        tell = ir.For(again.registers[self.loop.index], self.loop.extent, tells)
        return [ir.Assign((well,), (TRUE,)), look, ir.If(well, (), (tell,))]

    def union(self, checks: Sequence[Check], with_checks: bool = False) -> list[Statement]:
        """What the checks need, in the order of the body."""
        needed = {s for check in checks for s in self.slices[check]}
        return [s for s in self.loop.body if s in needed or (with_checks and s in checks)]


class _Copy:
    """Copies statements with new registers."""

    def __init__(self, registers: dict[Register, Register]) -> None:
        self.registers = registers

    def operand(self, operand: Operand) -> Operand:
        return self.registers.get(operand, operand) if isinstance(operand, Register) else operand

    def operands(self, operands: Iterable[Operand]) -> tuple[Operand, ...]:
        return tuple(map(self.operand, operands))

    def statement(self, statement: Statement) -> Statement:
        match statement:
            case ir.Apply():
                args = self.operands(statement.args)
                return ir.Apply(self.fresh(statement.out), statement.primitive, args, statement.attrs)
            case ir.Load():
                indices = self.operands(statement.indices)
                return ir.Load(self.fresh(statement.out), statement.array, indices)
            case Check():
                return Check(self.operand(statement.condition), statement.site, self.operands(statement.values))
            case _:
                raise AssertionError("only these are moved")

    def fresh(self, out: Register) -> Register:
        self.registers[out] = Register(out.dtype, out.name)
        return self.registers[out]


def _guarded(extent: Operand, needed: Sequence[Statement], check: Check) -> list[Statement]:
    """A check that says the same in every iteration, for loops that make any."""
    copy = _Copy({})
    statements = [copy.statement(s) for s in needed]
    condition = copy.operand(check.condition)
    if not (isinstance(extent, Literal) and extent.value > 0):
        idle, either = Register("bool"), Register("bool")
        statements.append(ir.Apply(idle, "le", (extent, Literal(0, "i64"))))
        statements.append(ir.Apply(either, "or", (idle, condition)))
        condition = either
    return [*statements, Check(condition, check.site, copy.operands(check.values))]


def _operands(statements: Iterable[Statement]) -> set[Operand]:
    found: set[Operand] = set()
    for statement in statements:
        match statement:
            case ir.Apply():
                found.update(statement.args)
            case ir.Load():
                found.update(statement.indices)
            case Check():
                found.update((statement.condition, *statement.values))
            case _:
                pass
    return found


def _assigned(loop: ir.For) -> set[Operand]:
    """The registers that an iteration sets."""
    found: set[Operand] = {loop.index}
    for statement in walk(loop.body):
        match statement:
            case ir.Apply() | ir.Load():
                found.add(statement.out)
            case ir.Assign():
                found.update(statement.targets)
            case ir.For():
                found.add(statement.index)
            case ir.HostCall():
                found.update(out for out in statement.outs if isinstance(out, Register))
            case _:
                pass
    return found


def _written(body: ir.Body) -> Iterable[Array]:
    """The arrays that a body writes to, makes or moves."""
    for statement in walk(body):
        yield from written(statement)
        if isinstance(statement, ir.Allocate):
            yield statement.array
        elif isinstance(statement, ir.Rebind):
            yield from statement.targets
