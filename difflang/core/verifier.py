"""Checks that Core is well formed; passes are tested by verifying what they give.

Scope: every variable is defined once, before its uses, and used only inside the block that defines it;
this holds for the sizes in types too. Types: results agree with `infer`; arguments, region parameters and
region results have the types that the operation asks for. Accumulators are used by `add_to` only.

Two dimensions agree unless both are literals that differ: that two size variables are equal may be known
from an assertion only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from difflang.core.ir import Atom, Block, Eqn, Func, Literal, Type, Var
from difflang.core.ops import BOOL, CLOSED, I64, REDUCTIONS, STRUCTURAL, UNTYPED, carries, infer, table_shape
from difflang.core.printer import format_eqn, format_type
from difflang.prims import PRIMITIVES


class VerificationError(ValueError):
    """Core that is not well formed; the message shows the equation."""


def verify(func: Func) -> None:
    """Raises VerificationError at the first fault."""
    verifier = _Verifier()
    try:
        verifier.block(func.block)
    except (ValueError, KeyError, TypeError, IndexError, AssertionError) as fault:
        place = f" in `{format_eqn(verifier.eqn)}`" if verifier.eqn else ""
        raise VerificationError(f"{func.name}{place}: {fault}") from fault


def require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def agree(found: Type, wanted: Type, what: str) -> None:
    """The same dtype, rank and kind, and no two literal dimensions that differ."""
    same = (found.dtype, found.rank, found.ref) == (wanted.dtype, wanted.rank, wanted.ref)
    dims = zip(found.shape, wanted.shape, strict=False)
    differ = any(isinstance(a, Literal) and isinstance(b, Literal) and a.value != b.value for a, b in dims)
    require(same and not differ, f"{what} has type {format_type(found)}, not {format_type(wanted)}")


def agree_all(atoms: Sequence[Atom | Var], types: Sequence[Type], what: str) -> None:
    require(len(atoms) == len(types), f"{len(atoms)} {what}s, not {len(types)}")
    for k, (atom, type_) in enumerate(zip(atoms, types, strict=True)):
        agree(atom.type, type_, f"{what} {k}")


class _Verifier:
    def __init__(self) -> None:
        self.scope: set[Var] = set()
        self.defined: set[Var] = set()
        self.eqn: Eqn | None = None

    def block(self, block: Block) -> None:
        local: list[Var] = []
        self.define(block.params, local)
        for eqn in block.eqns:
            self.eqn = eqn
            self.equation(eqn, local)
        for result in block.results:
            self.use(result)
        self.scope.difference_update(local)

    def equation(self, eqn: Eqn, local: list[Var]) -> None:
        for k, arg in enumerate(eqn.args):
            self.use(arg, ref_allowed=eqn.op == "add_to" and k == 0)
        for region in eqn.regions:
            self.block(region)
        self.eqn = eqn
        _check_types(eqn)
        self.define(eqn.outs, local)

    def define(self, variables: Iterable[Var], local: list[Var]) -> None:
        for variable in variables:
            require(variable not in self.defined, f"the variable {variable.name or '%'} is defined twice")
            for dim in variable.type.shape:
                self.use(dim)
                require(dim.type == I64, "a dimension is not an i64")
            self.defined.add(variable)
            self.scope.add(variable)
            local.append(variable)

    def use(self, atom: Atom, *, ref_allowed: bool = False) -> None:
        if isinstance(atom, Var):
            require(atom in self.scope, f"the variable {atom.name or '%'} is not in scope")
            require(ref_allowed or not atom.type.ref, "an accumulator is used by something else than add_to")


def _check_types(eqn: Eqn) -> None:
    op = eqn.op
    if op in PRIMITIVES:
        require(all(not arg.type.shape for arg in eqn.args) and not eqn.regions, "a primitive takes scalars")
    else:
        require(op in STRUCTURAL, f"unknown operation {op!r}")
        require(op in CLOSED or len(eqn.regions) == REGIONS.get(op, 0), f"{op} has {len(eqn.regions)} regions")
        CHECKS.get(op, _no_check)(eqn)
    if op not in UNTYPED:
        agree_all(eqn.outs, infer(op, eqn.args, eqn.attrs, eqn.regions), "result")


def _no_check(eqn: Eqn) -> None:
    pass


def _indices(atoms: Iterable[Atom]) -> None:
    require(all(atom.type == I64 for atom in atoms), "extents and indices are i64 scalars")


def _loop_nest(eqn: Eqn) -> None:
    _indices(eqn.args)
    agree_all(eqn.regions[0].params, [I64] * len(eqn.args), "index parameter")


def _reduce(eqn: Eqn) -> None:
    _loop_nest(eqn)
    operation = eqn.attrs["op"]
    require(operation in REDUCTIONS, f"no such reduction: {operation}")
    for result in eqn.regions[0].results:
        require(operation == "sum" or not result.type.shape, f"{operation} reduces scalars")
        require((result.type.dtype == "bool") == (operation in ("all", "any")), f"{operation} of {result.type.dtype}")


def _carried(eqn: Eqn, body: Block, init: Sequence[Atom], first: Sequence[Type]) -> None:
    types = [atom.type for atom in init]
    require(len(types) == carries(eqn.attrs), "the count of carries is not that of the initial values")
    agree_all(body.params, [*first, *types], "loop parameter")
    agree_all(body.results[: len(types)], types, "carry")


def _fold(eqn: Eqn) -> None:
    _indices(eqn.args[:1])
    _carried(eqn, eqn.regions[0], eqn.args[1:], [I64])


def _while(eqn: Eqn) -> None:
    test, body = eqn.regions
    types = [atom.type for atom in eqn.args]
    agree_all(test.params, types, "loop parameter")
    agree_all(test.results, [BOOL], "condition")
    _carried(eqn, body, eqn.args, [])
    k = len(types)
    count = eqn.outs[k]
    stacks = [Type(r.type.dtype, (count, *r.type.shape)) for r in body.results[k:]]
    agree_all(eqn.outs, [*types, I64, *stacks], "result")


def _cond(eqn: Eqn) -> None:
    then, otherwise = eqn.regions
    agree_all(eqn.args, [BOOL], "condition")
    require(not then.params and not otherwise.params, "the branches of cond take no parameters")
    agree_all(otherwise.results, [r.type for r in then.results], "result of the second branch")


def _get(eqn: Eqn) -> None:
    _indices(eqn.args[1:])


def _update(eqn: Eqn) -> None:
    array, *indices, value = eqn.args
    _indices(indices)
    require(len(indices) <= array.type.rank, "more indices than dimensions")
    require(array.type.ref == (eqn.op == "add_to"), "add_to takes an accumulator, set an array")
    agree(value.type, Type(array.type.dtype, array.type.shape[len(indices) :]), "the value")


def _accum(eqn: Eqn) -> None:
    refs = [Type(arg.type.dtype, arg.type.shape, ref=True) for arg in eqn.args]
    agree_all(eqn.regions[0].params, refs, "accumulator")


def _assert(eqn: Eqn) -> None:
    require(bool(eqn.args) and eqn.args[0].type == BOOL, f"{eqn.op} takes a bool")
    stated = isinstance(eqn.attrs["code"], str) and isinstance(eqn.attrs["message"], str)
    require(stated, f"{eqn.op} without a message")


def _room(eqn: Eqn) -> None:
    require(isinstance(eqn.attrs["memory"], int) and isinstance(eqn.attrs["share"], int), "room without a budget")
    agree_all(eqn.args, [I64, I64], "argument")


def _table(eqn: Eqn) -> None:
    dtype, count = eqn.args[0].type.dtype, math.prod(table_shape(eqn.attrs))
    require(all(a.type == Type(dtype) for a in eqn.args), "a table holds scalars of one type")
    require(len(eqn.args) == count, f"{len(eqn.args)} elements, not {count}")


REGIONS = {"build": 1, "reduce": 1, "fold": 1, "while": 2, "cond": 2, "accum": 1, "checkpoint": 1}

CHECKS: dict[str, Callable[[Eqn], None]] = {
    "build": _loop_nest,
    "reduce": _reduce,
    "fold": _fold,
    "while": _while,
    "cond": _cond,
    "get": _get,
    "set": _update,
    "add_to": _update,
    "accum": _accum,
    "assert": _assert,
    "require": _assert,
    "table": _table,
    "reshape": lambda eqn: _indices(eqn.args[1:]),
    "room": _room,
}
