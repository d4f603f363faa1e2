"""Functions whose integer part is kept between calls: the structure of sparse derivatives, found once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from difflang.backend.protocol import Executable, Host, Value
from difflang.runtime.marshal import SPARSE_LEAVES
from difflang.signature import SparseType, StructType, TupleType, ValueType

if TYPE_CHECKING:
    from difflang.core import ir
    from difflang.runtime.writing import Writer

MOST_KEPT = 4
"""Structures that a function keeps, those used last."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the early stage gave, and the arguments that it read."""

    read: tuple[Value, ...]
    given: list[Value]

    def serves(self, read: Sequence[Value]) -> bool:
        return all(map(_is_same, self.read, read))


class Staged:
    """An `Executable` in two stages, see `difflang.passes.staging`. What the early one gives is kept with the contents
    of all that it read; arrays of it among the results are read-only, as they are not the caller's.
    """

    def __init__(self, early: Executable, late: Executable, read: Sequence[int], given: Sequence[int | None]) -> None:
        self._early = early
        self._late = late
        self._read = read
        self._given = given
        self._kept: tuple[_Kept, ...] = ()

    @property
    def asks_host(self) -> bool:
        """See `difflang.backend.protocol.DirectExecutable`."""
        return True

    def write_call(self, writer: Writer, arguments: Sequence[str], host: str) -> list[str]:
        """Writes a call; read-only results are still those that are kept."""
        writer.line(f"r = {writer.constant(self)}([{', '.join(arguments)}], {host})")
        return [f"r[{k}]" for k in range(len(self._given))]

    def __call__(self, args: Sequence[Value], host: Host) -> list[Value]:
        kept = self._found([args[k] for k in self._read], host)
        late = iter(self._late([*args, *kept], host))
        return [next(late) if place is None else kept[place] for place in self._given]

    def _found(self, read: Sequence[Value], host: Host) -> list[Value]:
        kept = self._kept
        if kept and kept[0].serves(read):
            return kept[0].given
        known = next((k for k in kept if k.serves(read)), None) or self._made(read, host)
        self._kept = (known, *(k for k in kept if k is not known))[:MOST_KEPT]
        return known.given

    def _made(self, read: Sequence[Value], host: Host) -> _Kept:
        own = tuple(value.copy() if isinstance(value, np.ndarray) else value for value in read)
        given = self._early(own, host)
        for value in given:
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        return _Kept(own, given)


def _is_same(left: Any, right: Any) -> bool:
    """Whether two integers or arrays of integers have the same contents."""
    return np.array_equal(left, right) if isinstance(left, np.ndarray) else left == right


def compiled_in_stages(
    func: ir.Func, type_: ValueType | None, compile_function: Callable[[ir.Func], Executable]
) -> Executable:
    """The executable of a function as it was elaborated; `type_` is that of its result."""
    from difflang.core.ir import Func
    from difflang.derive import erased
    from difflang.passes import optimize, simplify_block
    from difflang.passes.staging import staged

    whole = erased(_without_colours(func, type_))
    # What the simplification drops must not make an equation late.
    stages = staged(Func(func.name, simplify_block(whole.block)))
    if stages is None:
        return compile_function(optimize(whole))
    early, late = (compile_function(optimize(stage)) for stage in (stages.early, stages.late))
    return Staged(early, late, stages.read, stages.given)


def _without_colours(func: ir.Func, type_: ValueType | None) -> ir.Func:
    """The function with a 0 for the colours of compressed matrices, which nobody would see: see `sparse_matrix`."""
    from difflang.core.ir import Block, Func
    from difflang.core.ops import integer

    block, names = func.block, _names(type_)
    results = (integer(0) if name == "colours" else r for name, r in zip(names, block.results, strict=True))
    return Func(func.name, Block(block.params, block.eqns, tuple(results)))


def _names(type_: ValueType | None) -> Iterator[str]:
    """For each flat result of a type, what it is of a compressed matrix, or nothing."""
    match type_:
        case TupleType(elements=elements):
            yield from chain.from_iterable(map(_names, elements))
        case StructType(fields=fields):
            yield from chain.from_iterable(_names(field) for _, field in fields)
        case SparseType():
            yield from SPARSE_LEAVES
        case _:
            yield ""


def is_sparse(type_: ValueType | None) -> bool:
    """Whether there is a compressed matrix in a result."""
    match type_:
        case TupleType(elements=elements):
            return any(map(is_sparse, elements))
        case StructType(fields=fields):
            return any(is_sparse(field) for _, field in fields)
        case _:
            return isinstance(type_, SparseType)
