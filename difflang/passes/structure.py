"""Rules for structural operations, used by the simplifier: before their regions are rewritten, and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from difflang.core.ir import Atom, Block, Eqn, Literal, Type, Var
from difflang.core.ops import carries, table_shape
from difflang.passes.rewrite import same_atom

if TYPE_CHECKING:
    from difflang.passes.simplify import Simplifier


def before(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    """Replaces an equation by something simpler; false if it stays. `args` are rewritten, the regions are not."""
    rule = BEFORE.get(eqn.op)
    return rule is not None and rule(walk, eqn, args)


def after(walk: Simplifier, eqn: Eqn) -> bool:
    """The same for an equation that is rewritten throughout."""
    rule = AFTER.get(eqn.op)
    return rule is not None and rule(walk, eqn)


def _replace(walk: Simplifier, eqn: Eqn, atoms: Sequence[Atom]) -> bool:
    walk.atoms.update(zip(eqn.outs, atoms, strict=True))
    return True


def _get(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    array, *indices = args
    if not indices:
        return _replace(walk, eqn, [array])
    source = walk.known.get(array) if isinstance(array, Var) else None
    rule = GET_OF.get(source.op) if source is not None else None
    return rule is not None and source is not None and rule(walk, eqn, source, indices)


def _get_of_get(walk: Simplifier, eqn: Eqn, row: Eqn, indices: list[Atom]) -> bool:
    """An element of a row is an element of the array; both reads stay checked if they were."""
    proved = bool(eqn.attrs.get("inbounds") and row.attrs.get("inbounds"))
    attrs = {"inbounds": True} if proved else {}
    walk.structural(Eqn(eqn.outs, "get", (), attrs, (), eqn.span), (*row.args, *indices))
    return True


def _get_of_set(walk: Simplifier, eqn: Eqn, update: Eqn, indices: list[Atom]) -> bool:
    """What was just written, or what was there before if the place is another one. Only proved updates may vanish."""
    array, *places, value = update.args
    if not update.attrs.get("inbounds") or len(places) != len(indices):
        return False
    if all(map(same_atom, places, indices)):
        return _replace(walk, eqn, [value])
    if any(_differ(a, b) for a, b in zip(places, indices, strict=True)):
        walk.structural(Eqn(eqn.outs, "get", (), eqn.attrs, (), eqn.span), (array, *indices))
        return True
    return False


def _get_of_table(walk: Simplifier, eqn: Eqn, table: Eqn, indices: list[Atom]) -> bool:
    """An element at a literal index, if there is one."""
    position = 0
    shape = table_shape(table.attrs)
    if len(indices) != len(shape):
        return False
    for index, size in zip(indices, shape, strict=True):
        if not isinstance(index, Literal) or not 0 <= index.value < size:
            return False
        position = position * size + int(index.value)
    return _replace(walk, eqn, [table.args[position]])


GET_OF: dict[str, Callable[[Simplifier, Eqn, Eqn, list[Atom]], bool]] = {
    "get": _get_of_get,
    "set": _get_of_set,
    "table": _get_of_table,
}
"""By what makes the array that is read."""


def _differ(left: Atom, right: Atom) -> bool:
    return isinstance(left, Literal) and isinstance(right, Literal) and left.value != right.value


def _reshape(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    array, *shape = args
    same = len(shape) == array.type.rank and all(map(same_atom, shape, array.type.shape))
    return same and _replace(walk, eqn, [array])


def _cond(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    """A known predicate leaves one branch; a negated one exchanges them."""
    if isinstance(args[0], Literal):
        return _replace(walk, eqn, walk.splice(eqn.regions[0 if args[0].value else 1], []))
    source = walk.known.get(args[0])
    if source is None or source.op != "not":
        return False
    walk.structural(Eqn(eqn.outs, "cond", (), eqn.attrs, eqn.regions[::-1], eqn.span), source.args)
    return True


def _cond_without_choice(walk: Simplifier, eqn: Eqn) -> bool:
    """Results that both branches share are not the result of a choice."""
    then, otherwise = eqn.regions
    shared = [same_atom(a, b) for a, b in zip(then.results, otherwise.results, strict=True)]
    if not any(shared):
        return False
    for out, same, result in zip(eqn.outs, shared, then.results, strict=True):
        if same:
            walk.atoms[out] = result
    kept = [k for k, same in enumerate(shared) if not same]
    if kept or not _is_empty(eqn):
        outs = tuple(eqn.outs[k] for k in kept)
        regions = tuple(Block((), r.eqns, tuple(r.results[k] for k in kept)) for r in eqn.regions)
        walk.structural(Eqn(outs, "cond", eqn.args, eqn.attrs, regions, eqn.span), eqn.args)
    return True


def _is_empty(eqn: Eqn) -> bool:
    return not any(region.eqns for region in eqn.regions)


def _accum(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    return not args and _replace(walk, eqn, walk.splice(eqn.regions[0], []))


def _fold(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    """A loop of no or one step is no loop; a carry that never changes is no carry."""
    count, *init = args
    if len(eqn.outs) == len(init) and isinstance(count, Literal) and count.value <= 1:
        zero = Literal(0, "i64")
        once = count.value == 1
        return _replace(walk, eqn, walk.splice(eqn.regions[0], [zero, *init]) if once else init)
    return _constant_carries(walk, eqn, args, 1)


def _while(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    return _constant_carries(walk, eqn, args, 0)


def _constant_carries(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...], lead: int) -> bool:
    """Takes carries out of the loop whose step gives back the parameter itself."""
    count, body = carries(eqn.attrs), eqn.regions[-1]
    constant = [k for k in range(count) if body.results[k] is body.params[lead + k]]
    if not constant:
        return False
    for k in constant:
        walk.atoms[eqn.outs[k]] = args[lead + k]
        walk.atoms.update((region.params[lead + k], args[lead + k]) for region in eqn.regions)
    kept = [k for k in range(count) if k not in set(constant)]
    walk.equation(_with_carries(eqn, kept, lead))
    return True


def _with_carries(eqn: Eqn, kept: list[int], lead: int) -> Eqn:
    """The loop with only the carries `kept`."""
    count = carries(eqn.attrs)

    def pick(items: Sequence[Atom], offset: int) -> list[Atom]:
        return [items[offset + k] for k in kept]

    regions: list[Block] = []
    for region in eqn.regions:
        params = (*region.params[:lead], *(region.params[lead + k] for k in kept))
        is_body = region is eqn.regions[-1]
        results = (*pick(region.results, 0), *region.results[count:]) if is_body else region.results
        regions.append(Block(params, region.eqns, results))
    args = (*eqn.args[:lead], *pick(eqn.args, lead))
    outs = (*(eqn.outs[k] for k in kept), *eqn.outs[count:])
    return Eqn(outs, eqn.op, args, {**eqn.attrs, "carries": len(kept)}, tuple(regions), eqn.span)


def _build(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    return not args and _replace(walk, eqn, walk.splice(eqn.regions[0], []))


def _contract(walk: Simplifier, eqn: Eqn, args: tuple[Atom, ...]) -> bool:
    """The product with a unit vector is a column: a derivative along an axis asks for no more."""
    inputs, output = str(eqn.attrs["spec"]).split("->")
    letters = inputs.split(",")
    for vector, other in ((0, 1), (1, 0)):
        place = _unit_place(walk, args[vector])
        letter = letters[vector]
        once = letters[other].count(letter) == 1 and letter not in output
        if place is None or not once or not walk.bounds.proved([place], args[vector].type.shape):
            continue
        walk.equation(_column(eqn, args[other], letters[other], output, {letter: place}))
        return True
    return False


def _unit_place(walk: Simplifier, vector: Atom) -> Atom | None:
    """Where the only one of a vector of zeros stands, if that is how the vector was built."""
    if not isinstance(vector, Var):
        return None
    made = walk.known.get(vector)
    if made is None or made.op != "build" or len(made.args) != 1:
        return None
    region = made.regions[0]
    makers = {out: inner for inner in region.eqns for out in inner.outs}
    result = region.results[made.outs.index(vector)]
    chosen = makers.get(result) if isinstance(result, Var) else None
    if chosen is None or _choice(chosen) != (1, 0):
        return None
    test = makers.get(chosen.args[0]) if isinstance(chosen.args[0], Var) else None
    if test is None or test.op != "eq" or region.params[0] not in test.args:
        return None
    place = test.args[1] if test.args[0] is region.params[0] else test.args[0]
    return None if place in makers or place is region.params[0] else place


def _choice(eqn: Eqn) -> tuple[object, ...]:
    """The numbers between which an equation chooses."""
    if eqn.op == "cond":
        return tuple(_value(region.results[0]) for region in eqn.regions) if len(eqn.outs) == 1 else ()
    return tuple(map(_value, eqn.args[1:])) if eqn.op == "select" else ()


def _value(atom: Atom) -> object:
    return atom.value if isinstance(atom, Literal) else None


def _column(eqn: Eqn, array: Atom, letters: str, output: str, places: dict[str, Atom]) -> Eqn:
    """The equation that reads an array at fixed places of some of its letters."""
    params = tuple(Var(Type("i64")) for _ in output)
    at = places | dict(zip(output, params, strict=True))
    element = Var(Type(array.type.dtype))
    indices = tuple(at[letter] for letter in letters)
    if not output:
        return Eqn(eqn.outs, "get", (array, *indices), {"inbounds": True}, (), eqn.span)
    read = Eqn((element,), "get", (array, *indices), {"inbounds": True}, (), eqn.span)
    sizes = dict(zip(letters, array.type.shape, strict=True))
    region = Block(params, (read,), (element,))
    return Eqn(eqn.outs, "build", tuple(sizes[letter] for letter in output), {}, (region,), eqn.span)


BEFORE: dict[str, Callable[[Simplifier, Eqn, tuple[Atom, ...]], bool]] = {
    "get": _get,
    "reshape": _reshape,
    "cond": _cond,
    "accum": _accum,
    "fold": _fold,
    "while": _while,
    "build": _build,
    "reduce": _build,
    "contract": _contract,
}


def _copies(walk: Simplifier, eqn: Eqn) -> bool:
    """A build of all the elements of arrays, in their places, is the arrays."""
    region = eqn.regions[0]
    read = {e.outs[0]: e.args[0] for e in region.eqns if _is_own_element(e, eqn.args, region.params)}
    if not eqn.outs or len(read) < len(region.eqns):
        return False
    arrays = [read.get(r) if isinstance(r, Var) else None for r in region.results]
    found = [a for a in arrays if a is not None]
    return len(found) == len(arrays) and _replace(walk, eqn, found)


def _is_own_element(eqn: Eqn, extents: Sequence[Atom], indices: Sequence[Var]) -> bool:
    """Whether an equation reads, from an array of these extents, what stands at the indices."""
    if eqn.op != "get" or eqn.args[1:] != tuple(indices):
        return False
    return all(map(same_atom, extents, eqn.args[0].type.shape))


AFTER: dict[str, Callable[[Simplifier, Eqn], bool]] = {"cond": _cond_without_choice, "build": _copies}
