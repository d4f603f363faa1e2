"""Elements that are read where they were stored a moment ago need no memory.

    t[z] = v; .. u = t[z] ..   ->   t[z] = v; .. v ..

and an array that nobody reads any more is not made at all (contraction of temporaries to scalars).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from difflang.core.ir import Literal
from difflang.loops import ir
from difflang.loops.bodies import walk, with_bodies
from difflang.loops.ir import Array, Operand, Program, Register, Statement
from difflang.loops.values import mentioned, renamed, written

Place = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """Hands stored elements on in registers, and drops arrays that are only written to."""

    def __call__(self, program: Program) -> Program:
        forwarder = _Forwarder({s.array: s.base for s in walk(program.body) if isinstance(s, ir.View)})
        body = forwarder.body(program.body)
        results = tuple(replace(r, value=forwarder.now(r.value)) for r in program.results)
        useless = _unread(body, program)
        return replace(program, body=_without(body, useless) if useless else body, results=results)


@dataclass(frozen=True, slots=True)
class _Forwarder:
    """`names` are the registers that are no longer loaded; a register is set once, before all its uses."""

    views: Mapping[Array, Array]
    names: dict[Register | Array, Register | Array | Literal] = field(
        default_factory=dict[Register | Array, Register | Array | Literal]
    )

    def now(self, value: ir.Value) -> ir.Value:
        """What stands for a value where it is no longer loaded."""
        return value if isinstance(value, Literal) else self.names.get(value, value)

    def root(self, array: Array) -> Array:
        while array in self.views:
            array = self.views[array]
        return array

    def body(self, body: ir.Body) -> ir.Body:
        """Straight lines; what a statement with a body of its own may write to is forgotten."""
        stored: dict[Place, Operand] = {}
        out: list[Statement] = []
        for old in body:
            statement = renamed(old, self.names) if self.names else old
            if isinstance(statement, ir.Load) and not statement.out.mutable:
                known = stored.get(_place(statement.array, statement.indices))
                if known is not None:
                    self.names[statement.out] = known
                    continue
            out.append(with_bodies(statement, self.body))
            self._forget(stored, statement)
            if isinstance(statement, ir.Store) and _is_steady(statement):
                stored[_place(statement.array, statement.indices)] = statement.value
        return tuple(out)

    def _forget(self, stored: dict[Place, Operand], statement: Statement) -> None:
        """Forgets the elements of all arrays to which a statement, or one inside it, may write."""
        changed = [array for inner in walk((statement,)) for array in written(inner)]
        if any(self.root(array).mutable for array in changed):
            stored.clear()
        roots = {self.root(array) for array in changed}
        for place in [place for place in stored if isinstance(place[0], Array) and self.root(place[0]) in roots]:
            del stored[place]


def _place(array: Array, indices: tuple[Operand, ...]) -> Place:
    return (array, *((i.value, i.dtype) if isinstance(i, Literal) else i for i in indices))


def _is_steady(store: ir.Store) -> bool:
    """Whether neither the place nor the value can change behind the store's back."""
    operands = (store.value, *store.indices)
    moving = any(isinstance(operand, Register) and operand.mutable for operand in operands)
    return not moving and not store.array.mutable and store.array.dtype in ("f64", "f32")


def _unread(body: ir.Body, program: Program) -> set[Array]:
    """The arrays of the program's own that are only written to."""
    made = {s.array for s in walk(body) if isinstance(s, ir.Allocate)}
    results = {result.value for result in program.results if isinstance(result.value, Array)}
    read = {name for s in walk(body) for name in _read(s) if isinstance(name, Array)}
    return made - read - results


def _read(statement: Statement) -> Iterator[object]:
    """What a statement mentions otherwise than as a target of plain writes."""
    if isinstance(statement, ir.Allocate | ir.Store | ir.Accumulate | ir.Fill):
        return
    if isinstance(statement, ir.Copy):
        yield statement.source
        return
    yield from mentioned(statement)


def _without(body: ir.Body, useless: set[Array]) -> ir.Body:
    """The body without what makes and fills these arrays."""

    def is_useless(statement: Statement) -> bool:
        match statement:
            case ir.Allocate() | ir.Store() | ir.Accumulate() | ir.Fill():
                return statement.array in useless
            case ir.Copy():
                return statement.target in useless
            case _:
                return False

    kept = (statement for statement in body if not is_useless(statement))
    return tuple(with_bodies(statement, lambda inner: _without(inner, useless)) for statement in kept)
