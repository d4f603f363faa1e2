"""Emission of Core: a stack of open blocks, one method an operation, types inferred."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat

from difflang.core.ir import Atom, Attribute, Block, DType, Eqn, Literal, Type, Var
from difflang.core.ops import I64, infer, integer
from difflang.diagnostics.model import DiffLangError, Span, error

Results = Sequence[Atom]

MAXIMUM_EQUATIONS = 300_000
"""Nested derivatives and calls can multiply: what is larger would take minutes to compile."""


class Builder:
    """Appends equations to the innermost open block.

    Regions are given as Python functions from the region's parameters to its results:

        total, = b.reduce("sum", [n], lambda i: [b.prim("mul", b.get(x, i), b.get(y, i))])

    `span` is attached to every equation made from now on. The level of a variable is the number of
    regions around its definition; `hoisted` uses it to emit size arithmetic as far out as possible.
    `count` is the number of equations made, or counted as if they were.
    """

    def __init__(self) -> None:
        self.span: Span | None = None
        self.count = 0
        self._blocks: list[list[Eqn]] = []
        self._levels: dict[Var, int] = {}
        self._homes: dict[Var, list[Eqn]] = {}
        self._tables: dict[Var, tuple[Literal, ...]] = {}

    # --- blocks ---

    def block(self, param_types: Sequence[Type], body: Callable[..., Results], names: Sequence[str] = ()) -> Block:
        """A block whose parameters have the given types; `body` receives them one by one."""
        params = tuple(Var(t, names[k] if k < len(names) else "") for k, t in enumerate(param_types))
        return self.block_with(params, body)

    def block_with(self, params: Sequence[Var], body: Callable[..., Results]) -> Block:
        """Like `block`, with parameters that exist already (their types may refer to each other)."""
        self.open(params)
        try:
            results = tuple(body(*params))
        except BaseException:
            self._blocks.pop()
            raise
        return self.close(params, results)

    def open(self, params: Sequence[Var] = ()) -> None:
        """Starts a block by hand; `close` ends it. For callers that cannot use a function as body."""
        self._blocks.append([])
        for param in params:
            self._levels[param] = len(self._blocks)
            self._homes[param] = self._blocks[-1]

    def close(self, params: Sequence[Var], results: Results) -> Block:
        return Block(tuple(params), tuple(self._blocks.pop()), tuple(results))

    @property
    def level(self) -> int:
        return len(self._blocks)

    @property
    def innermost(self) -> list[Eqn]:
        """The block that is open now, by which `is_open` knows it again."""
        return self._blocks[-1]

    def is_open(self, block: list[Eqn]) -> bool:
        """Whether a block that was the innermost is still open: all that it holds has been run before what comes."""
        return any(block is one for one in self._blocks)

    def level_of(self, atom: Atom) -> int:
        """The depth at which an atom is known; variables from outside this builder count as depth 0."""
        return self._levels.get(atom, 0) if isinstance(atom, Var) else 0

    def maker(self, atom: Atom) -> Eqn | None:
        """The equation that an atom is the result of, if it was emitted here."""
        home = self._homes.get(atom, []) if isinstance(atom, Var) else []
        return next((eqn for eqn in home if atom in eqn.outs), None)

    def in_scope(self, atom: Atom) -> bool:
        """Whether an atom may be used here: the block that defines it is still open (or outside this builder)."""
        home = self._homes.get(atom) if isinstance(atom, Var) else None
        return home is None or self.is_open(home)

    def equations(self) -> Iterator[Eqn]:
        """What the open blocks hold."""
        return chain.from_iterable(self._blocks)

    def count_more(self, equations: int) -> None:
        """Counts equations that are not made here, though the finished program holds them. Raises E0309."""
        self.count += equations
        if self.count > MAXIMUM_EQUATIONS:
            raise self._too_large()

    def _too_large(self) -> DiffLangError:
        return error(
            "E0309",
            f"this program has more than {MAXIMUM_EQUATIONS:,} operations once its functions and derivatives are put "
            "together",
            self.span,
            hint="write repeated work as a loop; a derivative of high order is `derivative(f, order = k)` or `jet`",
        )

    # --- equations ---

    def append(self, eqn: Eqn, level: int | None = None) -> tuple[Var, ...]:
        """Adds a finished equation to the innermost block (or to the open block at `level`)."""
        level = len(self._blocks) if level is None else max(level, 1)
        self._blocks[level - 1].append(eqn)
        self.count += 1
        if self.count > MAXIMUM_EQUATIONS:
            raise self._too_large()
        for out in eqn.outs:
            self._levels[out] = level
            self._homes[out] = self._blocks[level - 1]
        return eqn.outs

    def emit(
        self,
        op: str,
        args: Sequence[Atom],
        attrs: dict[str, Attribute] | None = None,
        regions: Sequence[Block] = (),
        out_types: Sequence[Type] | None = None,
        names: Sequence[str] = (),
    ) -> tuple[Var, ...]:
        """Emits any operation; result types are inferred unless given."""
        attrs = attrs or {}
        types = infer(op, args, attrs, regions) if out_types is None else out_types
        outs = tuple(map(Var, types, chain(names, repeat(""))))
        return self.append(Eqn(outs, op, tuple(args), attrs, tuple(regions), self.span))

    def prim(self, name: str, *args: Atom, **attrs: Attribute) -> Var:
        """A scalar primitive."""
        return self.emit(name, args, attrs)[0]

    def hoisted(self, name: str, *args: Atom) -> Atom:
        """Integer arithmetic on sizes, folded when literal, else emitted as far out as its arguments are known."""
        if all(isinstance(a, Literal) for a in args) and name in _INTEGER_FOLDS:
            return integer(_INTEGER_FOLDS[name](*(int(a.value) for a in args if isinstance(a, Literal))))
        outs = tuple(Var(t) for t in infer(name, args, {}, ()))
        level = max((self.level_of(a) for a in args), default=1)
        return self.append(Eqn(outs, name, tuple(args), {}, (), self.span), level)[0]

    def build(self, extents: Sequence[Atom], body: Callable[..., Results]) -> tuple[Var, ...]:
        region = self.block([I64] * len(extents), body, _INDEX_NAMES)
        return self.emit("build", extents, {}, [region])

    def reduce(self, op: str, extents: Sequence[Atom], body: Callable[..., Results]) -> tuple[Var, ...]:
        region = self.block([I64] * len(extents), body, _INDEX_NAMES)
        return self.emit("reduce", extents, {"op": op}, [region])

    def fold(
        self, count: Atom, init: Sequence[Atom], body: Callable[..., Results], *, reverse: bool = False
    ) -> tuple[Var, ...]:
        """`body(i, *carry)` returns the next carries, then the stacked values."""
        region = self.block([I64, *(a.type for a in init)], body, ("i",))
        return self.emit("fold", [count, *init], {"carries": len(init), "reverse": reverse}, [region])

    def while_(
        self, init: Sequence[Atom], condition: Callable[..., Atom], body: Callable[..., Results]
    ) -> tuple[Var, ...]:
        """Outs: final carries, the number of steps, stacked values."""
        types = [a.type for a in init]
        test = self.block(types, lambda *carry: [condition(*carry)])
        step = self.block(types, body)
        return self.while_blocks(init, test, step)

    def while_blocks(self, init: Sequence[Atom], test: Block, step: Block) -> tuple[Var, ...]:
        count = Var(I64, "count")
        finals = tuple(Var(a.type) for a in init)
        stacks = tuple(Var(Type(r.type.dtype, (count, *r.type.shape))) for r in step.results[len(init) :])
        outs = (*finals, count, *stacks)
        return self.append(Eqn(outs, "while", tuple(init), {"carries": len(init)}, (test, step), self.span))

    def cond(self, predicate: Atom, then: Callable[[], Results], otherwise: Callable[[], Results]) -> tuple[Var, ...]:
        return self.emit("cond", [predicate], {}, [self.block([], then), self.block([], otherwise)])

    def accum(self, init: Sequence[Atom], body: Callable[..., Results]) -> tuple[Var, ...]:
        region = self.block([Type(a.type.dtype, a.type.shape, ref=True) for a in init], body)
        return self.emit("accum", init, {}, [region])

    def get(self, array: Atom, *indices: Atom, inbounds: bool = False) -> Atom:
        return self.emit("get", [array, *indices], {"inbounds": True} if inbounds else {})[0]

    def set(self, array: Atom, *indices_and_value: Atom, inbounds: bool = False) -> Var:
        return self.emit("set", [array, *indices_and_value], {"inbounds": True} if inbounds else {})[0]

    def add_to(self, ref: Atom, *indices_and_value: Atom, inbounds: bool = False) -> None:
        self.emit("add_to", [ref, *indices_and_value], {"inbounds": True} if inbounds else {})

    def table(self, elements: Sequence[Literal], shape: Sequence[int]) -> Var:
        """The array of literals, given in row-major order."""
        (out,) = self.emit("table", elements, {"shape": tuple(shape)})
        self._tables[out] = tuple(elements)
        return out

    def literals(self, atom: Atom) -> tuple[Literal, ...] | None:
        """The elements of a literal, or of an array that `table` made here; None for anything else."""
        return (atom,) if isinstance(atom, Literal) else self._tables.get(atom)

    def full(self, value: Atom, shape: Sequence[Atom]) -> Atom:
        """An array of one value; the value itself when the shape is ()."""
        return self.build(shape, lambda *_: [value])[0] if shape else value

    def map(self, body: Callable[..., Atom], *arrays: Atom) -> Atom:
        """Elementwise over arrays of one shape (or a plain application when they are scalars)."""
        shape = arrays[0].type.shape
        if not shape:
            return body(*arrays)
        return self.build(shape, lambda *i: [body(*(self.get(a, *i, inbounds=True) for a in arrays))])[0]


def literal(value: float, dtype: DType) -> Literal:
    """A constant of the given type."""
    return Literal(int(value) if dtype in ("i64", "i32") else bool(value) if dtype == "bool" else float(value), dtype)


_INDEX_NAMES = ("i", "j", "k", "l")
_INTEGER_FOLDS: dict[str, Callable[..., int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "max": max,
    "min": min,
}
