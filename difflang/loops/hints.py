"""Where the arrays of a block are wanted: destinations handed from its results back to what makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from difflang.core.ir import Atom, Block, Eqn, Type, Var
from difflang.core.ops import carries
from difflang.loops.storage import Destination

Reshape = Callable[[Destination, Type, Type], Destination | None]


def plan_hints(block: Block, destinations: Sequence[Destination | None], reshape: Reshape) -> dict[Var, Destination]:
    """The destination of each variable that ends up in a result, found backwards through updates and reshapes.

    `reshape` gives a destination of the first type the second, if it can.
    """
    hints: dict[Var, Destination] = {}
    for result, destination in zip(block.results, destinations, strict=False):
        if destination is not None and isinstance(result, Var) and result.type.shape:
            hints.setdefault(result, destination)
    for eqn in reversed(block.eqns):
        for out, source in updates(eqn):
            if out in hints and isinstance(source, Var):
                hints.setdefault(source, hints[out])
        if eqn.op == "reshape" and eqn.outs[0] in hints:
            _reshape_hint(hints, eqn, reshape)
    return hints


def _reshape_hint(hints: dict[Var, Destination], eqn: Eqn, reshape: Reshape) -> None:
    source = eqn.args[0]
    if isinstance(source, Var) and source.type.shape and source not in hints:
        destination = reshape(hints[eqn.outs[0]], eqn.outs[0].type, source.type)
        if destination is not None:
            hints[source] = destination


def updates(eqn: Eqn) -> Iterator[tuple[Var, Atom]]:
    """Pairs of a result and the array that the result may overwrite."""
    match eqn.op:
        case "set":
            yield eqn.outs[0], eqn.args[0]
        case "accum":
            yield from zip(eqn.outs, eqn.args, strict=False)
        case "fold":
            yield from zip(eqn.outs, eqn.args[1 : 1 + carries(eqn.attrs)], strict=False)
        case "while":
            yield from zip(eqn.outs, eqn.args, strict=False)
        case "cond":
            for k, out in enumerate(eqn.outs):
                if out.type.shape:
                    yield from ((out, base) for base in branch_origins(eqn, k))
        case _:
            return


def branch_origins(eqn: Eqn, k: int) -> tuple[Var, ...]:
    """The outer arrays that result `k` of a `cond` is an updated version of, in some branch."""
    found = (origin(region, region.results[k]) for region in eqn.regions)
    return tuple(dict.fromkeys(base for base in found if base is not None))


def origin(block: Block, atom: Atom) -> Var | None:
    """The variable from outside of which `atom` is an updated version, if there is one."""
    sources = {out: source for eqn in block.eqns for out, source in updates(eqn)}
    bound = {out for eqn in block.eqns for out in eqn.outs}
    while isinstance(atom, Var) and atom in bound:
        source = sources.get(atom)
        if source is None:
            return None
        atom = source
    return atom if isinstance(atom, Var) else None
