"""Core, the functional intermediate representation: types, atoms, equations, blocks, functions.

Core is typed and in A-normal form. Every value is a scalar or a dense row-major array; structs and
tuples have been flattened away. A dimension in a type is an atom: an int literal or an i64 variable in
scope. A region (`Block` inside an equation) may use any variable of the blocks around it.

Scalar primitives (`difflang.prims`) take and give scalars only; arrays are made by `build`. The
structural operations are described in `difflang.core.ops`, which also infers their types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal as Choice

from difflang.diagnostics.model import Span

DType = Choice["f64", "f32", "i64", "i32", "bool"]
Attribute = int | float | bool | str | tuple[str, ...] | tuple[int, ...]

FLOATS: frozenset[DType] = frozenset({"f64", "f32"})
INTEGERS: frozenset[DType] = frozenset({"i64", "i32"})


@dataclass(frozen=True, slots=True)
class Literal:
    """A scalar constant."""

    value: int | float | bool
    dtype: DType

    @property
    def type(self) -> Type:
        return Type(self.dtype)


@dataclass(frozen=True, slots=True)
class Type:
    """A scalar (`shape == ()`) or a dense array. With `ref`, an accumulator inside `accum`: write-only by `add_to`."""

    dtype: DType
    shape: tuple[Atom, ...] = ()
    ref: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOATS


@dataclass(eq=False, slots=True)
class Var:
    """A variable; two variables are the same only if they are the same object. `name` is a hint for printing."""

    type: Type
    name: str = ""


Atom = Var | Literal


@dataclass(eq=False, slots=True)
class Eqn:
    """`outs = op[attrs](args) regions`"""

    outs: tuple[Var, ...]
    op: str
    args: tuple[Atom, ...] = ()
    attrs: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    regions: tuple[Block, ...] = ()
    span: Span | None = None


@dataclass(eq=False, slots=True)
class Block:
    """`params` are bound by the equation that owns the block (or by the caller of a function)."""

    params: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    results: tuple[Atom, ...]


@dataclass(eq=False, slots=True)
class Func:
    """A closed function. Size parameters are ordinary i64 params that stand before the arrays that use them."""

    name: str
    block: Block

    @property
    def params(self) -> tuple[Var, ...]:
        return self.block.params

    @property
    def results(self) -> tuple[Atom, ...]:
        return self.block.results


def walk(block: Block) -> Iterator[Eqn]:
    """Every equation of a block and of the regions inside it, outermost first."""
    pending = [iter(block.eqns)]
    while pending:
        eqn = next(pending[-1], None)
        if eqn is None:
            pending.pop()
            continue
        yield eqn
        pending += [iter(region.eqns) for region in reversed(eqn.regions)]


def free_vars(block: Block) -> dict[Var, None]:
    """Variables that a block uses but does not bind, in order of first use (a dict as an ordered set)."""
    return Uses().free(block)


class Uses:
    """The variables that blocks and equations take from outside, found once for each block, from the inside out."""

    def __init__(self) -> None:
        self._free: dict[Block, dict[Var, None]] = {}

    def free(self, block: Block) -> dict[Var, None]:
        """The free variables of a block, in order of first use."""
        found = self._free.get(block)
        if found is None:
            found = self._free[block] = self._of_block(block)
        return found

    def regions(self, eqn: Eqn) -> dict[Var, None]:
        """The variables that the regions of an equation take from outside."""
        if len(eqn.regions) == 1:
            return self.free(eqn.regions[0])
        return {variable: None for region in eqn.regions for variable in self.free(region)}

    def _of_block(self, block: Block) -> dict[Var, None]:
        used: dict[Var, None] = {}
        bound: set[Var] = set()

        def use(atoms: Iterable[Atom]) -> None:
            used.update((atom, None) for atom in atoms if isinstance(atom, Var) and atom not in used)

        def bind(variables: tuple[Var, ...]) -> None:
            bound.update(variables)
            for variable in variables:
                if variable.type.shape:
                    use(variable.type.shape)

        bind(block.params)
        for eqn in block.eqns:
            use(eqn.args)
            if eqn.regions:
                use(self.regions(eqn))
            bind(eqn.outs)
        use(block.results)
        return {variable: None for variable in used if variable not in bound}
