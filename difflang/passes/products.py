"""Contractions that feed one another.

A transpose is read where it lies; a product of matrices that only meets a vector becomes two products with vectors;
two products with vectors, one after the other by the rows of matrices, pass over the rows once:

    contract["ij,j->i"] (build n m { i, j: get a j i }) v  ->  contract["ji,j->i"] a v
    contract["ik,k->i"] (contract["ij,jk->ik"] a b) v      ->  contract["ij,j->i"] a (contract["jk,k->j"] b v)
    contract["i,ij->j"] (contract["ik,k->i"] a v) b        ->  reduce[sum] n { i: t = reduce[sum] m { k: a i k * v k }
                                                                               yield build l { j: t * b i j } }

The first two are less work whatever the sizes; a sum fixes no order of its terms. What is not needed any more is left
to `DeadCode`.
"""

from __future__ import annotations

from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Type, Var
from difflang.passes.contract import LETTERS, covers
from difflang.passes.dead import uses_of
from difflang.passes.rewrite import Rewriter


@dataclass(frozen=True, slots=True)
class Products:
    """Rewrites contractions whose operands are transposes or contractions."""

    def __call__(self, func: Func) -> Func:
        return _Products(uses_of(func.block)).func(func)


@dataclass(frozen=True, slots=True)
class _Operand:
    """An array and the letters of its dimensions."""

    array: Atom
    letters: str


class _Products(Rewriter):
    """`moved` are the arrays that only permute another: that one, and for each of its dimensions the one of theirs.
    `single` are the contractions with a single use, by their results."""

    def __init__(self, uses: dict[Var, int]) -> None:
        super().__init__()
        self.uses = uses
        self.moved: dict[Atom, tuple[Atom, tuple[int, ...]]] = {}
        self.single: dict[Atom, Eqn] = {}

    def equation(self, eqn: Eqn) -> None:
        if eqn.op == "contract" and eqn.outs[0].type.is_float:
            self.product(eqn)
            return
        new = self.copy(eqn)
        if new.op == "build":
            self.note(new)
        self.append(new)

    def note(self, build: Eqn) -> None:
        """Notes which results of a build permute the dimensions of an array, or leave them as they are."""
        region = build.regions[0]
        extents = dict(zip(region.params, build.args, strict=True))
        gets = {get.outs[0]: get for get in region.eqns if get.op == "get"}
        for out, result in zip(build.outs, region.results, strict=True):
            get = gets.get(result) if isinstance(result, Var) else None
            if get is not None and len(get.args) == 1 + len(extents) and covers(get, extents):
                places = tuple(region.params.index(i) for i in get.args[1:] if isinstance(i, Var))
                self.moved[out] = (get.args[0], places)

    # --- contractions ---

    def product(self, eqn: Eqn) -> None:
        inputs, output = str(eqn.attrs["spec"]).split("->")
        operands = [_Operand(self.atom(a), x) for a, x in zip(eqn.args, inputs.split(","), strict=True)]
        new = self.made(operands, output, eqn)
        out = self.define(eqn.outs)
        self.append(Eqn(out, new.op, new.args, new.attrs, new.regions, eqn.span))
        if new.op == "contract" and self.uses.get(eqn.outs[0]) == 1:
            self.single[out[0]] = new

    def made(self, operands: list[_Operand], output: str, like: Eqn) -> Eqn:
        """The best equation for a contraction; what it needs first is written."""
        left, right = (self.direct(operand) for operand in operands)
        for matrix, vector in ((left, right), (right, left)):
            split = self.split(matrix, vector, output)
            if split is not None:
                first, second, between = split
                inner = self.written([second, vector], between, like)
                return self.made([first, _Operand(inner, between)], output, like)
        for matrix, vector in ((left, right), (right, left)):
            rows = self.rows(matrix, vector, output, like)
            if rows is not None:
                return rows
        return _contraction([left, right], output, like)

    def written(self, operands: list[_Operand], output: str, like: Eqn) -> Var:
        sizes = {x: dim for o in operands for x, dim in zip(o.letters, o.array.type.shape, strict=True)}
        out = Var(Type(like.outs[0].type.dtype, tuple(sizes[x] for x in output)))
        made = self.made(operands, output, like)
        self.append(Eqn((out,), made.op, made.args, made.attrs, made.regions, like.span))
        if made.op == "contract":
            self.single[out] = made
        return out

    def direct(self, operand: _Operand) -> _Operand:
        """The array of which the operand is a transpose."""
        while operand.array in self.moved:
            array, places = self.moved[operand.array]
            operand = _Operand(array, "".join(operand.letters[k] for k in places))
        return operand

    def split(self, matrix: _Operand, vector: _Operand, output: str) -> tuple[_Operand, _Operand, str] | None:
        """The factors of the matrix, if it is a product: one that does not meet the vector, one that does, and the
        letter between them."""
        maker = self.single.get(matrix.array)
        if maker is None or len(matrix.letters) != 2 or len(vector.letters) != 1 or vector.letters in output:
            return None
        inputs, names = str(maker.attrs["spec"]).split("->")
        parts = inputs.split(",")
        if sorted(map(len, parts)) != [2, 2] or len(set("".join(parts))) != 3 or vector.letters not in matrix.letters:
            return None
        between = next(x for x in LETTERS if x not in matrix.letters + output)
        rename = dict(zip(names, matrix.letters, strict=True))
        factors = [
            _Operand(array, "".join(rename.get(x, between) for x in letters))
            for array, letters in zip(maker.args, parts, strict=True)
        ]
        factors.sort(key=lambda factor: vector.letters in factor.letters)
        return (factors[0], factors[1], between)

    def rows(self, matrix: _Operand, vector: _Operand, output: str, like: Eqn) -> Eqn | None:
        """The sum over the rows of two matrices: that of the first times its vector, times that of the second."""
        maker = self.single.get(vector.array)
        if maker is None or matrix.letters != vector.letters + output or len(output) != 1:
            return None
        inputs, row = str(maker.attrs["spec"]).split("->")
        factors = [_Operand(a, x) for a, x in zip(maker.args, inputs.split(","), strict=True)]
        first, inner = sorted(factors, key=lambda factor: -len(factor.letters))
        if len(row) != 1 or first.letters != row + inner.letters or len(inner.letters) != 1:
            return None
        return _sum_of_rows(first.array, inner.array, matrix.array, like)


def _contraction(operands: list[_Operand], output: str, like: Eqn) -> Eqn:
    spec = f"{operands[0].letters},{operands[1].letters}->{output}"
    return Eqn(like.outs, "contract", tuple(o.array for o in operands), {"spec": spec}, (), like.span)


def _sum_of_rows(first: Atom, vector: Atom, second: Atom, like: Eqn) -> Eqn:
    """reduce[sum] n { i: t = reduce[sum] m { k: first i k * vector k }; yield build l { j: t * second i j } }"""
    element = Type(like.outs[0].type.dtype)
    i, j, k = (Var(Type("i64"), name) for name in "ijk")
    weight, a, v, b, term, entry = (Var(element) for _ in range(6))
    terms = (
        _read(a, first, i, k),
        _read(v, vector, k),
        Eqn((term,), "mul", (a, v), {}, (), like.span),
    )
    dot = Eqn((weight,), "reduce", first.type.shape[1:], {"op": "sum"}, (Block((k,), terms, (term,)),), like.span)
    entries = (_read(b, second, i, j), Eqn((entry,), "mul", (weight, b), {}, (), like.span))
    row = Var(Type(element.dtype, second.type.shape[1:]))
    line = Eqn((row,), "build", second.type.shape[1:], {}, (Block((j,), entries, (entry,)),), like.span)
    body = Block((i,), (dot, line), (row,))
    return Eqn(like.outs, "reduce", first.type.shape[:1], {"op": "sum"}, (body,), like.span)


def _read(out: Var, array: Atom, *indices: Var) -> Eqn:
    return Eqn((out,), "get", (array, *indices), {"inbounds": True}, (), None)
