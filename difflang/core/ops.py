"""The structural operations of Core: what each means, and the types of its results.

Notation: `n..` are i64 extents, `i..` i64 indices, `a` an array, `v` a value, `{..}` a region.

build n.. {i.. -> r..}
    Arrays from independent elements: out[i..] = r(i..). A result may itself be an array; its dimensions
    follow the extents. Extents below 0 count as 0. With no results it is a parallel loop run for the
    `add_to`s inside it.
reduce[op] n.. {i.. -> r..}
    One result for each r, reduced with `sum prod max min all any argmax argmin` over all i...
    Arrays are reduced elementwise (`sum` only). `argmax`/`argmin` give the flat row-major position as
    i64, the first of equals. Nothing to reduce: 0, 1, -inf, inf, true, false; 0 for arg.
    The order of evaluation is free.
fold[carries=k, reverse] n init.. {i carry.. -> carry.. stacked..}
    A sequential loop, i = 0..n-1 (n-1..0 with `reverse`). Outs: the last carries, then for every further
    result an array with leading dimension n, indexed by i.
while[carries=k] init.. {carry.. -> bool} {carry.. -> carry.. stacked..}
    Outs: the last carries, the number of steps made (i64), then the stacked results with that number
    as leading dimension.
cond p {-> r..} {-> r..}
    Only the branch that is taken is evaluated.
get[inbounds] a i..         An element, or a sub-array when there are fewer indices than dimensions.
set[inbounds] a i.. v       `a` with one element (or sub-array) replaced; `a` itself does not change.
accum init.. {ref.. -> r..} Accumulators start at `init`; the region adds to them. Outs: the final
                            accumulators, then r...
add_to[inbounds] ref i.. v  Adds a scalar or sub-array (the whole, with no index). Additions commute.
table[shape] v..            The array of a literal shape with these elements, in row-major order.
reshape a n..               The same elements in row-major order.
contract[spec] a b          A sum of products, spec as in einsum: "ij,jk->ik".
argsort a                   The stable ascending order of a vector, i64; NaN last.
cholesky a                  Lower L with L L^T = a (reads the lower triangle).
lu a                        Packed L\\U and the row permutation p (i64): a[p] = L U.
triangular_solve[lower, transpose, unit] a b    x with op(a) x = b; b a vector or a matrix.
solve[transpose] a b [packed order]
                            x with op(a) x = b; b a vector or a matrix. With the results of `lu a`, as derivatives
                            have it, they solve it (`erased` leaves none of these).
qr a                        Reduced Q (m, k), R (k, n) with k = min(m, n).
eigh a                      Ascending eigenvalues w, and V with a V = V diag(w) (reads the lower triangle).
svd a                       Reduced U, s, Vt.
checkpoint[levels] {-> r..} Runs its region. In reverse nothing of it is kept; its loops keep O(n^(1/levels)) states.
rule[name, modes] x.. {x.. -> y..} {..}..
                            Runs its first region. A derivative uses the others, one for each of `modes`:
                            jvp {x.. dx.. -> dy..} and vjp {x.. y.. ybar.. -> xbar..}, with dx, dy, ybar and
                            xbar for the floats only. Inside the regions of a rule of that name, one without
                            regions stands for the same rule again.
implicit[name] p.. {p.. -> w..} {w.. p.. -> r..} [{r.. p.. -> w..}]
                            Runs its first region, whose results make the residuals r (shaped like w) zero.
                            The third solves linear systems, applying their matrix by `operator`; a dense
                            factorisation serves where it is missing, or where the system is small and the
                            attribute `fallback` is true. With a name, the residual is checked (once).
operator v..                In the third region of `implicit`: the matrix of the linear system times v.
assert[code, message] p v.. Fails with the message when p is false; `{0}` in it stands for v0.
require[code, message] p v..
                            v0, if p is true; fails with the message if not. Where nothing uses v0, nothing is checked.
print[template] v..         Writes a line; `{0}` stands for v0 (a scalar or an array).
report[names] v..           Figures for the progress line; `names` gives each value's name.
room[memory, share, free] least n
                            Three integers: the bytes that a loop may store n times for a reverse sweep within a budget,
                            of a `share`th of what the rest of the program leaves; the bytes that the rest takes; and a
                            budget in which this loop and the others have room for the `least` that they store.
                            An interpreter that counts no memory takes the rest to be nothing, and so do all where the
                            budget is `free`, because a derivative stores more.
extern[name, outs..] v..    A function of the host. Result types are those of the equation's outs.

An index out of range fails with E0801, unless the equation says `inbounds`: that it is in range where it stands. With
`total` as well that follows from the loop it stands in alone, so that this loop may move out of others.
`checkpoint rule implicit` matter to derivatives only: `difflang.derive.erased` leaves their first regions, and backends
never see them. `assert print report extern` are effects: they stay, in order, even when nothing uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from difflang.core.ir import Atom, Attribute, Block, Literal, Type, Var
from difflang.prims import PRIMITIVES

EFFECTS = frozenset({"assert", "print", "report", "extern", "add_to"})
COMBINE: Mapping[str, str] = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "all": "and", "any": "or"}
"""The primitives by which reductions combine two elements."""

REDUCTIONS = (*COMBINE, "argmax", "argmin")

I64 = Type("i64")
BOOL = Type("bool")

TypeRule = Callable[[Sequence[Atom], Mapping[str, Attribute], Sequence[Block]], tuple[Type, ...]]


def integer(value: int) -> Literal:
    """An i64 literal."""
    return Literal(value, "i64")


def infer(op: str, args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    """The types of the results of `op`; `while` and `qr`/`svd` with new dimensions are made by the builder.

    Raises ValueError when `op` is unknown or the arguments do not fit.
    """
    if op in PRIMITIVES:
        return (Type(PRIMITIVES[op].result_dtype([arg.type.dtype for arg in args], attrs)),)
    if op not in RULES:
        raise ValueError(f"unknown operation {op!r}")
    return RULES[op](args, attrs, regions)


def _build(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    return tuple(Type(r.type.dtype, (*args, *r.type.shape)) for r in regions[0].results)


def _reduce(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    if attrs["op"] in ("argmax", "argmin"):
        return tuple(I64 for _ in regions[0].results)
    return tuple(r.type for r in regions[0].results)


def carries(attrs: Mapping[str, Attribute]) -> int:
    """The number of carried values of a `fold` or `while`."""
    count = attrs["carries"]
    assert isinstance(count, int)
    return count


def _fold(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    k = carries(attrs)
    stacks = (Type(r.type.dtype, (args[0], *r.type.shape)) for r in regions[0].results[k:])
    return (*(a.type for a in args[1 : k + 1]), *stacks)


def _cond(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    return tuple(r.type for r in regions[0].results)


def _get(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    array = args[0].type
    if len(args) - 1 > array.rank:
        raise ValueError("more indices than dimensions")
    return (Type(array.dtype, array.shape[len(args) - 1 :]),)


def _table(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    return (Type(args[0].type.dtype, tuple(map(integer, table_shape(attrs)))),)


def table_shape(attrs: Mapping[str, Attribute]) -> tuple[int, ...]:
    """The shape of a `table`."""
    shape = attrs["shape"]
    assert isinstance(shape, tuple)
    return tuple(map(int, shape))


def _accum(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    return (*(a.type for a in args), *(r.type for r in regions[0].results))


def _contract(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    spec = attrs["spec"]
    assert isinstance(spec, str)
    inputs, output = spec.split("->")
    sizes: dict[str, Atom] = {}
    for letters, arg in zip(inputs.split(","), args, strict=True):
        for letter, dim in zip(letters, arg.type.shape, strict=True):
            sizes.setdefault(letter, dim)
    return (Type(args[0].type.dtype, tuple(sizes[letter] for letter in output)),)


def _first(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    return (args[0].type,)


def _second(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    return (args[1].type,)


def _lu(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    return (args[0].type, Type("i64", args[0].type.shape[:1]))


def _eigh(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    a = args[0].type
    return (Type(a.dtype, a.shape[:1]), a)


def _qr(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    """qr takes (a, k) and svd takes (a, k), where the extra argument k is min(m, n)."""
    a, k = args[0].type, args[1]
    return (Type(a.dtype, (a.shape[0], k)), Type(a.dtype, (k, a.shape[1])))


def _svd(args: Sequence[Atom], attrs: Mapping[str, Attribute], regions: Sequence[Block]) -> tuple[Type, ...]:
    a, k = args[0].type, args[1]
    return (Type(a.dtype, (a.shape[0], k)), Type(a.dtype, (k,)), Type(a.dtype, (k, a.shape[1])))


RULES: dict[str, TypeRule] = {
    "build": _build,
    "reduce": _reduce,
    "fold": _fold,
    "cond": _cond,
    "get": _get,
    "set": _first,
    "accum": _accum,
    "add_to": lambda args, attrs, regions: (),
    "table": _table,
    "reshape": lambda args, attrs, regions: (Type(args[0].type.dtype, tuple(args[1:])),),
    "contract": _contract,
    "checkpoint": _cond,
    "argsort": lambda args, attrs, regions: (Type("i64", args[0].type.shape),),
    "cholesky": _first,
    "lu": _lu,
    "triangular_solve": _second,
    "solve": _second,
    "qr": _qr,
    "eigh": _eigh,
    "svd": _svd,
    "assert": lambda args, attrs, regions: (),
    "require": _second,
    "print": lambda args, attrs, regions: (),
    "report": lambda args, attrs, regions: (),
    "room": lambda args, attrs, regions: (I64, I64, I64),
}
"""Missing are those whose result types are not a function of their arguments alone."""

UNTYPED = frozenset({"while", "extern", "operator", "rule", "implicit"})
STRUCTURAL = frozenset(RULES) | UNTYPED

CLOSED = frozenset({"rule", "implicit"})
"""Operations whose regions use no floats around them but constants, and whose further regions serve derivatives."""


def is_effect(op: str, regions: Sequence[Block]) -> bool:
    """Whether an equation must stay although nothing uses its results."""
    return op in EFFECTS or any(is_effect(e.op, e.regions) for region in regions for e in region.eqns)


def same_dim(left: Atom, right: Atom) -> bool:
    """Whether two dimensions are the same atom."""
    if isinstance(left, Var) or isinstance(right, Var):
        return left is right
    return left.value == right.value
