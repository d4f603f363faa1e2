"""Core evaluated as it is written: one handler for each structural operation, primitives by their `evaluate`.

Scalars are NumPy scalars of the exact type, arrays are NumPy arrays that are never changed after they were
made; an accumulator is an array that only `add_to` changes. A variable belongs to one equation, so one flat
dictionary holds every value: a loop body simply overwrites what the step before left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from difflang.backend import patience
from difflang.backend.protocol import CompileOptions, Host
from difflang.core.ir import Atom, Block, DType, Eqn, Literal, Type, Var
from difflang.core.ops import carries, table_shape
from difflang.prims import PRIMITIVES
from difflang.runtime import failures
from difflang.runtime.externs import Leaf, extern_values
from difflang.runtime.text import fill
from difflang_reference import matrices

scalar_types: dict[str, Any] = {
    "f64": np.float64,
    "f32": np.float32,
    "i64": np.int64,
    "i32": np.int32,
    "bool": np.bool_,
}


class Interpreter:
    """One call of a function. `scalars` are the types of the numbers it computes with."""

    scalars = scalar_types
    matrices = matrices.OPERATIONS

    def __init__(self, host: Host, options: CompileOptions) -> None:
        self.host = host
        self.options = options
        self.values: dict[Var, Any] = {}
        self._end = patience.end()

    def run(self, block: Block, args: Sequence[Any]) -> list[Any]:
        """Binds the parameters, evaluates the equations in order, and gives the results."""
        if self._end < math.inf and time.perf_counter() > self._end:
            raise patience.OutOfPatience
        self.values.update(zip(block.params, args, strict=True))
        for eqn in block.eqns:
            self.equation(eqn)
        return [self.value(result) for result in block.results]

    def value(self, atom: Atom) -> Any:
        if isinstance(atom, Literal):
            return self.scalars[atom.dtype](atom.value)
        return self.values[atom]

    def arguments(self, eqn: Eqn) -> list[Any]:
        return [self.value(arg) for arg in eqn.args]

    def equation(self, eqn: Eqn) -> None:
        outs = HANDLERS[eqn.op](self, eqn) if eqn.op in HANDLERS else [self.primitive(eqn)]
        if self.options.check_nan:
            self._refuse_nan(eqn, outs)
        self.values.update(zip(eqn.outs, outs, strict=True))

    def primitive(self, eqn: Eqn) -> Any:
        args = self.arguments(eqn)
        if eqn.op in ("floordiv", "mod") and eqn.outs[0].type.dtype in ("i64", "i32") and args[1] == 0:
            raise failures.division_by_zero(eqn.span)
        return PRIMITIVES[eqn.op].evaluate(*args, **eqn.attrs)

    def _refuse_nan(self, eqn: Eqn, outs: Sequence[Any]) -> None:
        """E0806 for a NaN made here; what a region made was refused inside, what it was given is no failure."""
        if eqn.regions or eqn.op in PASS_ON or not any(_has_nan(out) for out in outs):
            return
        if not any(_has_nan(arg) for arg in self.arguments(eqn)):
            raise failures.not_a_number(eqn.span, eqn.op)

    def shape(self, type_: Type) -> tuple[int, ...]:
        return tuple(int(self.value(dim)) for dim in type_.shape)

    def index(self, eqn: Eqn, array: Any, indices: Sequence[Any]) -> tuple[int, ...]:
        """The indices of a `get`, `set` or `add_to`, each held against its dimension (`inbounds` or not)."""
        for axis, (index, size) in enumerate(zip(indices, array.shape, strict=False)):
            if not 0 <= index < size:
                raise failures.index_out_of_range(eqn.span, int(index), size, axis, array.ndim)
        return tuple(int(index) for index in indices)


def _has_nan(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def allocate(run: Interpreter, eqn: Eqn, shape: tuple[int, ...], dtype: DType) -> Any:
    """A zeroed array. Raises E0807 when it cannot be had."""
    try:
        return np.zeros(shape, run.scalars[dtype])
    except (MemoryError, ValueError, OverflowError) as failure:
        raise failures.out_of_memory(eqn.span, shape) from failure


def grid(extents: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """All index tuples in row-major order, as i64 scalars; extents below 0 count as 0."""
    return product(*([np.int64(i) for i in range(extent)] for extent in extents))


def _extents(run: Interpreter, eqn: Eqn) -> tuple[int, ...]:
    return tuple(max(0, int(n)) for n in run.arguments(eqn))


def build(run: Interpreter, eqn: Eqn) -> list[Any]:
    body = eqn.regions[0]
    extents = _extents(run, eqn)
    if 0 in extents:
        return [allocate(run, eqn, extents + _zero_like(run, r), r.type.dtype) for r in body.results]
    outs: list[Any] = []
    if body.results:
        allocate(run, eqn, extents, body.results[0].type.dtype)
    for index in grid(extents):
        values = run.run(body, index)
        if not outs:
            outs = [
                allocate(run, eqn, extents + np.shape(v), r.type.dtype)
                for v, r in zip(values, body.results, strict=True)
            ]
        for out, value in zip(outs, values, strict=True):
            out[index] = value
    return outs


def _zero_like(run: Interpreter, result: Atom) -> tuple[int, ...]:
    """The shape of a result that was never computed; dimensions computed inside the region count as 0."""
    known = (run.values.get(dim, 0) if isinstance(dim, Var) else dim.value for dim in result.type.shape)
    return tuple(max(0, int(n)) for n in known)


def reduce(run: Interpreter, eqn: Eqn) -> list[Any]:
    body = eqn.regions[0]
    rows = [run.run(body, index) for index in grid(_extents(run, eqn))]
    operation = str(eqn.attrs["op"])
    if not rows:
        return [_nothing(run, operation, out) for out in eqn.outs]
    return [REDUCERS[operation](np.stack(column)) for column in zip(*rows, strict=True)]


def _nothing(run: Interpreter, operation: str, out: Var) -> Any:
    """The value of a reduction over no elements."""
    scalar = run.scalars[out.type.dtype]
    if operation in ("max", "min"):
        lowest, highest = (-math.inf, math.inf) if out.type.is_float else (np.iinfo(scalar).min, np.iinfo(scalar).max)
        return scalar(lowest if operation == "max" else highest)
    neutral = {"sum": 0, "prod": 1, "all": True, "any": False, "argmax": 0, "argmin": 0}[operation]
    return np.full(run.shape(out.type), neutral, scalar)[()]


REDUCERS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda a: np.sum(a, axis=0, dtype=a.dtype),
    "prod": lambda a: np.prod(a, axis=0, dtype=a.dtype),
    "max": lambda a: np.max(a, axis=0),
    "min": lambda a: np.min(a, axis=0),
    "all": lambda a: np.all(a, axis=0),
    "any": lambda a: np.any(a, axis=0),
    "argmax": lambda a: np.int64(np.argmax(a)),
    "argmin": lambda a: np.int64(np.argmin(a)),
}


def fold(run: Interpreter, eqn: Eqn) -> list[Any]:
    body, k = eqn.regions[0], carries(eqn.attrs)
    count, *carry = run.arguments(eqn)
    count = max(0, int(count))
    steps = range(count)
    rows: list[list[Any]] = []
    for i in reversed(steps) if eqn.attrs.get("reverse") else steps:
        results = run.run(body, [np.int64(i), *carry])
        carry = results[:k]
        rows.append(results[k:])
    if eqn.attrs.get("reverse"):
        rows.reverse()
    return [*carry, *_stack(run, eqn, body.results[k:], rows)]


def while_(run: Interpreter, eqn: Eqn) -> list[Any]:
    (test, body), k = eqn.regions, carries(eqn.attrs)
    carry = run.arguments(eqn)
    rows: list[list[Any]] = []
    while run.run(test, carry)[0]:
        results = run.run(body, carry)
        carry = results[:k]
        rows.append(results[k:])
    return [*carry, np.int64(len(rows)), *_stack(run, eqn, body.results[k:], rows)]


def _stack(run: Interpreter, eqn: Eqn, results: Sequence[Atom], rows: list[list[Any]]) -> list[Any]:
    """The stacked outputs of a loop: one array for each result, one row for each step."""
    if not rows:
        return [allocate(run, eqn, (0, *_zero_like(run, r)), r.type.dtype) for r in results]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def cond(run: Interpreter, eqn: Eqn) -> list[Any]:
    return run.run(eqn.regions[0 if run.value(eqn.args[0]) else 1], [])


def get(run: Interpreter, eqn: Eqn) -> list[Any]:
    array, *indices = run.arguments(eqn)
    return [array[run.index(eqn, array, indices)]]


def set_(run: Interpreter, eqn: Eqn) -> list[Any]:
    array, *indices, value = run.arguments(eqn)
    changed = np.array(array)
    changed[run.index(eqn, array, indices)] = value
    return [changed[()]]


def accum(run: Interpreter, eqn: Eqn) -> list[Any]:
    body = eqn.regions[0]
    refs = [np.array(init) for init in run.arguments(eqn)]
    results = run.run(body, refs)
    return [*(ref[()] for ref in refs), *results]


def add_to(run: Interpreter, eqn: Eqn) -> list[Any]:
    ref, *indices, value = run.arguments(eqn)
    ref[run.index(eqn, ref, indices)] += value
    return []


def table(run: Interpreter, eqn: Eqn) -> list[Any]:
    return [np.array(run.arguments(eqn)).reshape(table_shape(eqn.attrs))]


def reshape(run: Interpreter, eqn: Eqn) -> list[Any]:
    array, *shape = run.arguments(eqn)
    return [np.reshape(array, [int(n) for n in shape])]


def contract(run: Interpreter, eqn: Eqn) -> list[Any]:
    args = run.arguments(eqn)
    return [np.einsum(str(eqn.attrs["spec"]), *args, dtype=args[0].dtype)[()]]


def argsort(run: Interpreter, eqn: Eqn) -> list[Any]:
    return [np.argsort(run.value(eqn.args[0]), kind="stable").astype(np.int64)]


def matrix(run: Interpreter, eqn: Eqn) -> list[Any]:
    try:
        return run.matrices[eqn.op](*run.arguments(eqn), **eqn.attrs)
    except np.linalg.LinAlgError as failure:
        raise failures.matrix_failure(eqn.span, eqn.op) from failure


def assert_(run: Interpreter, eqn: Eqn) -> list[Any]:
    holds, *values = run.arguments(eqn)
    if not holds:
        raise failures.check_failed(eqn.span, str(eqn.attrs["code"]), fill(str(eqn.attrs["message"]), values))
    return []


def require(run: Interpreter, eqn: Eqn) -> list[Any]:
    assert_(run, eqn)
    return run.arguments(eqn)[1:2]


def print_(run: Interpreter, eqn: Eqn) -> list[Any]:
    run.host.print(fill(str(eqn.attrs["template"]), run.arguments(eqn)))
    return []


def report(run: Interpreter, eqn: Eqn) -> list[Any]:
    names = eqn.attrs["names"]
    assert isinstance(names, tuple)
    run.host.report(dict(zip(map(str, names), run.arguments(eqn), strict=True)))
    return []


def extern(run: Interpreter, eqn: Eqn) -> list[Any]:
    name = str(eqn.attrs["name"])
    expected: list[Leaf] = [(out.type.dtype, run.shape(out.type)) for out in eqn.outs]
    results = run.host.extern(name, run.arguments(eqn))
    return [v[()] for v in extern_values(eqn.span, name, expected, results)]


def room(run: Interpreter, eqn: Eqn) -> list[Any]:
    memory, share = eqn.attrs["memory"], eqn.attrs["share"]
    assert isinstance(memory, int)
    assert isinstance(share, int)
    least, times = run.arguments(eqn)
    return [np.int64(memory // share // times), np.int64(0), np.int64(least * times * share)]


PASS_ON = frozenset({"require", "table", "get", "set", "add_to", "reshape", "extern", "select", "stop_grad"})
"""Operations that move numbers without making new ones; what they give was refused where it was made."""

HANDLERS: dict[str, Callable[[Interpreter, Eqn], list[Any]]] = {
    "build": build,
    "reduce": reduce,
    "fold": fold,
    "while": while_,
    "cond": cond,
    "get": get,
    "set": set_,
    "accum": accum,
    "add_to": add_to,
    "table": table,
    "reshape": reshape,
    "contract": contract,
    "argsort": argsort,
    "assert": assert_,
    "require": require,
    "print": print_,
    "report": report,
    "extern": extern,
    "room": room,
    **dict.fromkeys(matrices.OPERATIONS, matrix),
}
