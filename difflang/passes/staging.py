"""A function in two stages: what depends on its integers alone, and the rest.

    f(n, p, x)  =  late(n, p, x, ..early(n, p))

`early` computes vectors and scalars of integers (the places of a sparse matrix, its colours) from the parameters that
are no reals, so that a caller may keep them for as long as those parameters hold the same. That is a binding-time
analysis (Jones, Gomard and Sestoft, Partial Evaluation and Automatic Program Generation, 1993, chapter 4) of the
outermost block: an equation is early if everything it reads is, and if it has no effect. Arithmetic that costs less
than reading its result is done in both stages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Uses, Var, free_vars
from difflang.core.ops import is_effect
from difflang.passes.dead import eliminate
from difflang.prims import PRIMITIVES


@dataclass(frozen=True, slots=True)
class Stages:
    """`early` takes the parameters of the function at the positions `read`; `late` takes all of them, then all results
    of `early`. Each result of the function is one of `early` or of `late`, in this order, as `is_early` says; those of
    `early` are at the positions `given`.
    """

    early: Func
    late: Func
    read: tuple[int, ...]
    given: tuple[int | None, ...]


def staged(func: Func) -> Stages | None:
    """The two stages of a function; None where nothing that is worth keeping depends on integers alone."""
    uses = Uses()
    still = _still(func, uses)
    solid = {eqn for eqn in still if not _is_simple(eqn)}
    rest = [eqn for eqn in func.block.eqns if eqn not in solid]
    needed = eliminate(Block(func.params, tuple(rest), func.results))
    kept = tuple(v for v in _with_dimensions(uses.free(needed)) if v not in func.params)
    if not kept:
        return None
    early = eliminate(Block(func.params, tuple(still), kept))
    reads = _read(early)
    read = tuple(k for k, p in enumerate(func.params) if p in reads)
    early.params = tuple(func.params[k] for k in read)
    late_eqns = tuple(eqn for eqn in needed.eqns if not set(eqn.outs) <= set(kept))
    places: dict[Atom, int] = {variable: k for k, variable in enumerate(kept)}
    given = tuple(places.get(result) for result in func.results)
    results = tuple(r for r, place in zip(func.results, given, strict=True) if place is None)
    late = Block((*func.params, *kept), late_eqns, results)
    return Stages(Func(f"{func.name}: early", early), Func(func.name, late), read, given)


def _still(func: Func, uses: Uses) -> list[Eqn]:
    """The equations that depend on integers alone, in order."""
    known = {param for param in func.params if not param.type.is_float}
    found: list[Eqn] = []
    for eqn in func.block.eqns:
        if not is_effect(eqn.op, eqn.regions) and all(map(_is_small, eqn.outs)) and _reads(eqn, uses) <= known:
            known.update(eqn.outs)
            found.append(eqn)
    return found


def _is_small(variable: Var) -> bool:
    """Whether it may be kept: tables of higher rank are often made element by element, where they are read."""
    return not variable.type.is_float and variable.type.rank <= 1


def _reads(eqn: Eqn, uses: Uses) -> set[Var]:
    atoms: list[Atom] = [*eqn.args, *uses.regions(eqn), *(dim for out in eqn.outs for dim in out.type.shape)]
    own = set(eqn.outs)
    return {atom for atom in atoms if isinstance(atom, Var) and atom not in own}


def _is_simple(eqn: Eqn) -> bool:
    """Arithmetic of scalars, and vectors made by arithmetic from their indices."""
    if eqn.op == "build":
        return all(inner.op in PRIMITIVES for inner in eqn.regions[0].eqns)
    return eqn.op in PRIMITIVES


def _with_dimensions(variables: Iterable[Var]) -> tuple[Var, ...]:
    """The variables and the sizes in their types, scalars first."""
    found = dict.fromkeys(variables)
    for variable in tuple(found):
        found.update((dim, None) for dim in variable.type.shape if isinstance(dim, Var))
    return tuple(sorted(found, key=lambda v: v.type.rank))


def _read(block: Block) -> set[Var]:
    """The parameters that a block reads, with the sizes of those that are arrays."""
    found = set(free_vars(Block((), block.eqns, block.results)))
    return found | {dim for variable in found for dim in variable.type.shape if isinstance(dim, Var)}
