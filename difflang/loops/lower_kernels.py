"""Scheduling of sums of products and of linear algebra."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from difflang.core.ir import DType, Eqn, Literal
from difflang.core.ops import integer
from difflang.loops import ir
from difflang.loops.ir import Array, Operand, Register
from difflang.loops.lower_loops import neutral
from difflang.loops.scheduler import Scheduler, zero

SHORT_SUM = 8
"""A sum of so many products is written out."""

GEMM_WORK = 4096
"""Matrix products of at least this many multiplications go to the library."""

CHECKED = frozenset({"cholesky", "lu", "triangular_solve", "solve", "qr", "eigh", "svd"})


def kernel(s: Scheduler, eqn: Eqn) -> None:
    """A library routine; its results do not overlap its arguments."""
    inputs = tuple(s.place(a).array for a in eqn.args if a.type.shape)
    places = [s.destination(out) for out in eqn.outs]
    site = None
    if eqn.op in CHECKED:
        failure = ir.Site("matrix", eqn.span, operation=eqn.op)
        site = s.sites.setdefault(failure, len(s.sites))
    s.emit(ir.Kernel(eqn.op, inputs, tuple(p.array for p in places), dict(eqn.attrs), site))
    for out, place in zip(eqn.outs, places, strict=True):
        s.settle(out, place)


@dataclass(frozen=True, slots=True)
class Product:
    """`out[output] = sum of left[first] * right[second]` over the letters that are not in the output.

    A factor without letters is a scalar.
    """

    first: str
    second: str
    output: str
    sizes: Mapping[str, Operand]
    left: ir.Value
    right: ir.Value

    @property
    def summed(self) -> str:
        return "".join(x for x in dict.fromkeys(self.first + self.second) if x not in self.output)


def contract(s: Scheduler, eqn: Eqn) -> None:
    """Small products are loops; products of two matrices that are large enough go to the library."""
    out = eqn.outs[0]
    product = _product(s, eqn)
    if not out.type.shape:
        s.scalars[out] = _dot(s, product, out.type.dtype)
        return
    place = s.destination(out)
    library = _gemm(product, place.array)
    large = _is_large(s, [product.sizes[x] for x in dict.fromkeys(product.first + product.second)]) if library else None
    if library is None or large == Literal(False, "bool"):
        _product_loops(s, product, place.array)
    elif large == Literal(True, "bool"):
        s.emit(library)
    else:
        assert large is not None
        with s.collect() as loops:
            _product_loops(s, product, place.array, little=True)
        s.emit(ir.If(large, (library,), tuple(loops)))
    s.settle(out, place)


def _product(s: Scheduler, eqn: Eqn) -> Product:
    inputs, output = str(eqn.attrs["spec"]).split("->")
    first, second = inputs.split(",")
    left, right = (s.place(a).array if a.type.shape else s.operand(a) for a in eqn.args)
    sizes: dict[str, Operand] = {}
    for letters, arg in zip((first, second), eqn.args, strict=True):
        for letter, dim in zip(letters, arg.type.shape, strict=True):
            sizes.setdefault(letter, s.operand(dim))
    return Product(first, second, output, sizes, left, right)


def _is_large(s: Scheduler, sizes: Sequence[Operand]) -> Operand:
    """Whether the product of the sizes reaches `GEMM_WORK`."""
    if all(isinstance(size, Literal) for size in sizes):
        work = 1
        for size in sizes:
            work *= int(size.value) if isinstance(size, Literal) else 0
        return Literal(work >= GEMM_WORK, "bool")
    total: Operand = integer(1)
    for size in sizes:
        total = s.apply("mul", total, size)
    return s.apply("ge", total, integer(GEMM_WORK))


def _gemm(product: Product, out: Array) -> ir.Kernel | None:
    """The library call for a product of two matrices, in whatever order the letters stand."""
    if out.dtype not in ("f64", "f32") or len(product.summed) != 1 or len(product.sizes) != 3:
        return None
    if not len(product.first) == len(product.second) == len(product.output) == 2:
        return None
    if any(len(set(letters)) != 2 for letters in (product.first, product.second, product.output)):
        return None
    row, inner = product.output[0], product.summed
    pair = [(product.first, product.left), (product.second, product.right)]
    if row not in product.first:
        pair.reverse()
    (a_letters, a), (b_letters, b) = pair
    assert isinstance(a, Array) and isinstance(b, Array)
    flags = {"transpose_a": a_letters[0] == inner, "transpose_b": b_letters[1] == inner}
    return ir.Kernel("gemm", (a, b), (out,), flags)


def _term(s: Scheduler, product: Product, index: Mapping[str, Operand]) -> Register:
    """left * right at the given values of the letters."""
    factors: list[Operand] = []
    for letters, value in ((product.first, product.left), (product.second, product.right)):
        if isinstance(value, Array):
            factor = Register(value.dtype)
            s.emit(ir.Load(factor, value, tuple(index[x] for x in letters)))
            factors.append(factor)
        else:
            factors.append(value)
    return s.apply("mul", *factors)


def _dot(s: Scheduler, product: Product, dtype: DType) -> Register:
    return _summed(s, product, dtype, product.summed, {})


def _summed(s: Scheduler, product: Product, dtype: DType, letters: str, index: Mapping[str, Operand]) -> Register:
    """The sum over `letters` in a register."""
    total = Register(dtype, "total", mutable=True)
    s.emit(ir.Assign((total,), (neutral("add", dtype),)))

    def body(inner: tuple[Register, ...]) -> None:
        term = _term(s, product, {**index, **dict(zip(letters, inner, strict=True))})
        s.apply("add", total, term, out=total)

    s.nest([product.sizes[x] for x in letters], body, reductions=[ir.Reduction(total, "add")])
    return total


def _product_loops(s: Scheduler, product: Product, out: Array, *, little: bool = False) -> None:
    """Loops whose innermost index runs along rows: a sum in a register, or additions to a row of the result.

    Where there is `little` to do, code is kept short: nothing is told of independent turns.
    """
    letter = _innermost(product)
    short = _short_sum(product)
    if letter in product.output and not short:
        _row_loops(s, product, out, letter, independent=not little)
        return

    def body(inner: tuple[Register, ...]) -> None:
        index = dict(zip(product.output, inner, strict=True))
        total = _terms(s, product, short, index) if short else _summed(s, product, out.dtype, product.summed, index)
        s.emit(ir.Store(out, inner, total))

    s.nest([product.sizes[x] for x in product.output], body, independent=not little)


def _short_sum(product: Product) -> list[dict[str, Operand]]:
    """The values of the summed letters if these are few, so that the sum of each element is written out; else []."""
    sizes = [product.sizes[x] for x in product.summed]
    if not all(isinstance(size, Literal) for size in sizes):
        return []
    counts = [int(size.value) for size in sizes if isinstance(size, Literal)]
    if not 0 < math.prod(counts) <= SHORT_SUM:
        return []
    return [dict(zip(product.summed, map(integer, place), strict=True)) for place in np.ndindex(*counts)]


def _terms(s: Scheduler, product: Product, places: list[dict[str, Operand]], index: Mapping[str, Operand]) -> Register:
    """The sum over all places, written out."""
    first, *rest = (_term(s, product, {**index, **place}) for place in places)
    return reduce(lambda total, term: s.apply("add", total, term), rest, first)


def _innermost(product: Product) -> str:
    """The letter that is last in most of the arrays that have it."""
    arrays = (product.first, product.second, product.output)

    def misplaced(letter: str) -> tuple[int, bool]:
        return (sum(letter in x[:-1] for x in arrays if x), letter in product.output)

    return min(product.sizes, key=misplaced)


def _row_loops(s: Scheduler, product: Product, out: Array, letter: str, *, independent: bool) -> None:
    """out[.., letter] += left * right with `letter` innermost, outside it the summed letters, outside them the rest."""
    s.emit(ir.Fill(out, zero(out.dtype)))
    outer = product.output.replace(letter, "")

    def rows(first: tuple[Register, ...]) -> None:
        def sums(second: tuple[Register, ...]) -> None:
            index: dict[str, Operand] = dict(zip(outer + product.summed, (*first, *second), strict=True))

            def add(last: tuple[Register, ...]) -> None:
                index[letter] = last[0]
                position = tuple(index[x] for x in product.output)
                s.emit(ir.Accumulate(out, position, _term(s, product, index)))

            s.nest([product.sizes[letter]], add)

        s.nest([product.sizes[x] for x in product.summed], sums, independent=independent)

    s.nest([product.sizes[x] for x in outer], rows, independent=independent)
