"""Limits on what loops store for the reverse sweep: who gets which share, and the bytes of a state and of a step.

A loop that is to be cut says so by attributes: `levels`, or `memory` (the bytes of the whole budget) and `share` (the
number by which they are divided for this loop). Loops that stand beside each other have equal shares, since what they
store lives at the same time. A loop keeps one half of its share for itself where there are loops inside it. Loops in
a `build` or `reduce` may run in several threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, DType, Eqn, Literal, Type, Var
from difflang.core.ops import carries, integer
from difflang.derive.activity import LOOPS, carried
from difflang.derive.copying import Copy
from difflang.passes.cost import DEAR_PRICE, price

LIMITS = frozenset({"levels", "memory", "share"})
WORKERS = 64
"""The most threads that are taken to run at once."""

ITEM_BYTES: dict[DType, int] = {"f64": 8, "f32": 4, "i64": 8, "i32": 4, "bool": 1}


def is_cut(eqn: Eqn) -> bool:
    """Whether a loop has a limit on what it stores. One with stacked results stores as much anyway."""
    limited = "memory" in eqn.attrs or "levels" in eqn.attrs
    return limited and eqn.op in LOOPS and len(eqn.regions[-1].results) == carries(eqn.attrs)


def with_levels(block: Block) -> Block:
    """The block with the limits of its `checkpoint`s on the loops inside them."""

    def change(eqn: Eqn) -> Eqn:
        levels = eqn.attrs.get("levels", 1)
        regions = tuple(with_levels(region) for region in eqn.regions)
        if eqn.op != "checkpoint" or not isinstance(levels, int) or levels <= 1:
            return Eqn(eqn.outs, eqn.op, eqn.args, eqn.attrs, regions, eqn.span)
        return Eqn(eqn.outs, eqn.op, eqn.args, {"levels": 1}, (_all_cut(regions[0], levels),), eqn.span)

    if not any(eqn.op == "checkpoint" for eqn in _loops_of(block, frozenset({"checkpoint"}))):
        return block
    return Block(block.params, tuple(change(eqn) for eqn in block.eqns), block.results)


def _all_cut(block: Block, levels: int) -> Block:
    def change(eqn: Eqn) -> Eqn:
        regions = tuple(_all_cut(region, levels) for region in eqn.regions)
        free = eqn.op in LOOPS and "levels" not in eqn.attrs
        attrs = {**eqn.attrs, "levels": levels} if free else eqn.attrs
        return Eqn(eqn.outs, eqn.op, eqn.args, attrs, regions, eqn.span)

    return Block(block.params, tuple(change(eqn) for eqn in block.eqns), block.results)


def within_budget(block: Block, memory: int, share: int = 1) -> Block:
    """The block with `memory` bytes (divided by `share`) distributed over its loops."""
    return _shared(block, memory, share * max(1, sum(1 for _ in _loops_of(block, LOOPS))))


def _shared(block: Block, memory: int, share: int) -> Block:
    """The block with the same share for every loop that is in no other one."""

    def change(eqn: Eqn) -> Eqn:
        if eqn.op not in LOOPS:
            inside = share * WORKERS if eqn.op in ("build", "reduce") else share
            regions = tuple(_shared(region, memory, inside) for region in eqn.regions)
            return Eqn(eqn.outs, eqn.op, eqn.args, eqn.attrs, regions, eqn.span)
        nested = any(True for region in eqn.regions for _ in _loops_of(region, LOOPS))
        own = 2 * share if nested else share
        regions = tuple(within_budget(region, memory, own) for region in eqn.regions)
        return Eqn(eqn.outs, eqn.op, eqn.args, {**eqn.attrs, "memory": memory, "share": own}, regions, eqn.span)

    return Block(block.params, tuple(change(eqn) for eqn in block.eqns), block.results)


def _loops_of(block: Block, kinds: frozenset[str]) -> Iterator[Eqn]:
    """The equations of these kinds that are in no other one of them."""
    for eqn in block.eqns:
        if eqn.op in kinds:
            yield eqn
        else:
            for region in eqn.regions:
                yield from _loops_of(region, kinds)


# --- bytes ---


def type_bytes(b: Builder, type_: Type) -> Atom:
    """The size of a value in bytes, computed as far outside as its dimensions are known."""
    total: Atom = integer(ITEM_BYTES[type_.dtype])
    for dim in type_.shape:
        total = b.hoisted("mul", total, dim)
    return total


def state_bytes(b: Builder, copy: Copy, eqn: Eqn) -> Atom:
    """The bytes of the carries of a loop that its steps change; at least 1."""
    types = [copy.atom(init).type for init, param, result, _ in carried(eqn) if result is not param]
    return _total(b, [type_bytes(b, t) for t in types])


def step_bytes(b: Builder, copy: Copy, eqn: Eqn) -> Atom:
    """A bound for the bytes that the ordinary reverse sweep of a loop stores of each step; at least 1."""
    body = eqn.regions[-1]
    inside = {*body.params, *(out for inner in body.eqns for out in inner.outs)}
    parts: list[Atom] = []
    for init, param, result, _ in carried(eqn):
        chain = [] if result is param else updates(body, param, result)
        whole = copy.atom(init).type
        for update in chain:
            value = update.args[-1].type
            known = all(dim not in inside for dim in value.shape)
            parts.append(type_bytes(b, copy.type(value) if known else whole))
            parts.append(integer(8 * (len(update.args) - 2)))
        if result is not param and not chain:
            parts.append(type_bytes(b, whole))
    parts += [type_bytes(b, copy.type(v.type)) for v in residuals_of(eqn)]
    return _total(b, parts)


def residuals_of(eqn: Eqn) -> dict[Var, str]:
    """The values of a step, besides its carries, that are stored where the tape of a loop is short-lived.

    That is so for loops inside loops and for segments, which are run once more to be reversed at once: their tape stays
    in the cache, and to read a value there costs less than an elementary function, a sum or a product of matrices. The
    tape of a loop that is as long as the run lies in main memory; there only carries are stored, and what small loops
    inside it store (`small_loops`). A residual is no larger than the carries: each of its dimensions is one of theirs.
    Gives what each of them is, for readers.
    """
    body = eqn.regions[-1]
    results = set(body.results)
    dims = {dim for init, _, _, _ in carried(eqn) for dim in init.type.shape}
    rank = max((init.type.rank for init, _, _, _ in carried(eqn)), default=0)
    return {
        out: _dearest(inner)
        for inner in body.eqns
        if inner.op not in LOOPS and _per_element(inner) >= DEAR_PRICE
        for out in inner.outs
        if out.type.is_float and out not in results and out.type.rank <= rank and dims.issuperset(out.type.shape)
    }


def small_loops(b: Builder, copy: Copy, eqn: Eqn) -> list[Eqn]:
    """The loops of a step of a loop whose tape is kept from the first run, so that they do not run once more.

    What one of them saves of a value has no more elements than a carry of the outer loop: its length and the dimensions
    of the value are, one by one, dimensions of that carry or parts of them. With a limit on memory nothing is kept.
    """
    body = eqn.regions[-1]
    inside = {*body.params, *(out for inner in body.eqns for out in inner.outs)}
    whole = [copy.atoms(init.type.shape) for init, _, _, _ in carried(eqn)]

    def is_small(inner: Eqn) -> bool:
        shapes = _saved_shapes(inner)
        known = inside.isdisjoint(dim for shape in shapes for dim in shape)
        return known and all(any(_fits(b, copy.atoms(shape), room) for room in whole) for shape in shapes)

    limited = eqn.op != "fold" or LIMITS & eqn.attrs.keys()
    folds = [] if limited else [e for e in body.eqns if e.op == "fold" and not LIMITS & e.attrs.keys()]
    return [inner for inner in folds if is_small(inner)]


def _saved_shapes(eqn: Eqn) -> list[tuple[Atom, ...]]:
    """The shapes of what a loop saves of its carries, over all its steps."""
    shapes: list[tuple[Atom, ...]] = [out.type.shape for out in eqn.outs]
    for init, param, result, _ in carried(eqn):
        changes = [] if result is param else updates(eqn.regions[-1], param, result)
        whole = [] if result is param or changes else [init.type.shape]
        shapes += [(eqn.args[0], *shape) for shape in (*whole, *(u.args[-1].type.shape for u in changes))]
    return shapes


def _fits(b: Builder, shape: Sequence[Atom], room: Sequence[Atom]) -> bool:
    """Whether every dimension of a shape is a part of another dimension of `room`."""
    if not shape:
        return True
    first, *rest = shape
    places = (k for k, dim in enumerate(room) if _is_part(b, first, dim))
    return any(_fits(b, rest, (*room[:k], *room[k + 1 :])) for k in places)


def _is_part(b: Builder, size: Atom, whole: Atom) -> bool:
    """Whether a size is another one, or a fraction of it."""
    size, whole = _clamped(b, size), _clamped(b, whole)
    if size == whole:
        return True
    maker = b.maker(size)
    if maker is None or maker.op != "floordiv":
        return False
    divisor = maker.args[1]
    return isinstance(divisor, Literal) and divisor.value >= 1 and _is_part(b, maker.args[0], whole)


def _clamped(b: Builder, size: Atom) -> Atom:
    """What a size is where it is not below 0."""
    maker = b.maker(size)
    return maker.args[0] if maker is not None and maker.op == "max" and maker.args[1] == integer(0) else size


def outs_of(eqns: Sequence[Eqn]) -> dict[Var, str]:
    """The results of loops, with what readers call them."""
    return {out: eqn.op for eqn in eqns for out in eqn.outs if out.type.is_float}


def _dearest(eqn: Eqn) -> str:
    """The operation that makes an equation dear."""
    inner = max(eqn.regions[0].eqns, key=lambda e: price([e]), default=eqn) if eqn.regions else eqn
    return eqn.op if inner is eqn else _dearest(inner)


def _per_element(eqn: Eqn) -> int:
    """The price of an element of what an equation makes."""
    return price(eqn.regions[0].eqns) if eqn.op == "build" else price([eqn])


def _total(b: Builder, parts: list[Atom]) -> Atom:
    total: Atom = integer(0)
    for part in parts:
        total = b.hoisted("add", total, part)
    return b.hoisted("max", total, integer(1))


def updates(body: Block, param: Var, result: Atom) -> list[Eqn]:
    """The `set` equations of the body that lead from a carry to its next value, last first; [] if there is more."""
    makers = {out: eqn for eqn in body.eqns for out in eqn.outs}
    found: list[Eqn] = []
    while result is not param:
        maker = makers.get(result) if isinstance(result, Var) else None
        if maker is None or maker.op != "set":
            return []
        found.append(maker)
        result = maker.args[0]
    return found
