"""Reverse mode: the adjoint of every operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

from difflang.core.ir import Atom, Block, Eqn, Var
from difflang.core.ops import I64, integer, table_shape
from difflang.derive import matrices as m
from difflang.derive import values
from difflang.derive.companions import times_companion
from difflang.derive.factors import solved_again
from difflang.derive.linalg import read_part
from difflang.derive.partials import has_partial, times_partial
from difflang.derive.reverse import ADJOINTS, Adjoint, Cotangent, Frame, Sweep, Trace
from difflang.prims import PRIMITIVES


def _primitive(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    (cotangent,) = cotangents
    assert cotangent is not None
    b, args, out = sweep.builder, trace.copy.atoms(eqn.args), trace.copy.atom(eqn.outs[0])
    for k, arg in enumerate(eqn.args):
        if arg not in sweep.active or not has_partial(eqn.op, k):
            continue
        known = sweep.companions.get((eqn, k))
        if known is not None:
            frame.add(arg, times_companion(b, eqn, k, trace.copy.atom(known), cotangent))
        elif eqn.op == "convert":
            frame.add(arg, b.prim("convert", cotangent, dtype=arg.type.dtype))
        else:
            frame.add(arg, times_partial(b, eqn.op, k, args, out, cotangent))


# --- operations with regions ---


def _build(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """Results that are dear to compute are read from the arrays they were put into."""
    b, region = sweep.builder, eqn.regions[0]
    kept = sweep.worth_keeping(region)
    pairs = zip(region.results, eqn.outs, strict=True)
    arrays = {r: trace.copy.atom(o) for r, o in pairs if isinstance(r, Var) and r in kept}

    def seed(inner: Frame, index: Sequence[Atom]) -> None:
        for result, ct in zip(region.results, cotangents, strict=True):
            if ct is not None and result in sweep.active:
                inner.add(result, values.element(b, ct, index))

    _each_element(sweep, eqn, trace, frame, seed, arrays)


def _each_element(
    sweep: Sweep,
    eqn: Eqn,
    trace: Trace,
    frame: Frame,
    seed: Callable[[Frame, Sequence[Atom]], None],
    arrays: Mapping[Var, Atom] | None = None,
) -> None:
    """A parallel loop over the elements of a `build` or `reduce` that runs the region's adjoint for each.

    `arrays` hold some of the region's values, element by element.
    """
    region = eqn.regions[0]

    def body(refs: Mapping[Var, Atom]) -> Sequence[Atom]:
        def one(*index: Atom) -> Sequence[Atom]:
            known = {r: values.element(sweep.builder, a, index) for r, a in (arrays or {}).items()}
            sweep.region_adjoint(region, index, trace, refs, lambda inner: seed(inner, index), known)
            return []

        params = [Var(I64, p.name) for p in region.params]
        sweep.builder.emit("build", trace.copy.atoms(eqn.args), {}, [sweep.region(params, one)])
        return []

    frame.accumulated([region], body)


def _reduce(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    if eqn.attrs["op"] == "sum":
        results = eqn.regions[0].results
        _each_element(sweep, eqn, trace, frame, lambda inner, _: inner.add_all(results, cotangents))
    else:
        _extremes(sweep, eqn, trace, frame, cotangents)


def _extremes(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """The elements that attain the maximum share its cotangent evenly."""
    b, region = sweep.builder, eqn.regions[0]
    wanted = [(r, ct) for r, ct in zip(region.results, cotangents, strict=True) if ct is not None]
    extents = trace.copy.atoms(eqn.args)

    def computed(*index: Atom) -> Sequence[Atom]:
        again = sweep.traced(region, index, trace.copy.values, again=True)
        return [b.prim("kept", again.copy.atom(result)) for result, _ in wanted]

    block = sweep.region([Var(I64, p.name) for p in region.params], computed)
    extremes = values.Extremes(b, str(eqn.attrs["op"]), extents, b.emit("build", extents, {}, [block]))
    shares = [b.prim("div", ct, n) for (_, ct), n in zip(wanted, extremes.counts(), strict=True)]

    def seed(inner: Frame, index: Sequence[Atom]) -> None:
        for (result, _), share, attains in zip(wanted, shares, extremes.attained(index), strict=True):
            inner.add(result, b.prim("select", attains, share, values.zeros(b, share.type)))

    _each_element(sweep, eqn, trace, frame, seed)


def _cond(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    def body(refs: Mapping[Var, Atom]) -> Sequence[Atom]:
        def branch(region: Block) -> Block:
            def run() -> Sequence[Atom]:
                sweep.region_adjoint(region, (), trace, refs, lambda inner: inner.add_all(region.results, cotangents))
                return []

            return sweep.region((), run)

        sweep.builder.emit("cond", trace.copy.atoms(eqn.args), {}, [branch(r) for r in eqn.regions])
        return []

    frame.accumulated(eqn.regions, body)


def _checkpoint(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    _once(sweep, eqn, (), trace, frame, cotangents)


def _once(
    sweep: Sweep, eqn: Eqn, args: Sequence[Atom], trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]
) -> None:
    """The adjoint of a region that runs once stands at this level and shares the frame's cotangents."""
    (region,) = eqn.regions
    again = sweep.traced(region, args, trace.copy.values, again=True)
    frame.add_all(region.results, cotangents)
    outer, frame.trace = frame.trace, again
    sweep.backward(region, again, frame)
    frame.trace = outer


def _accum(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """Each value that was added receives the cotangent of the place it was added to."""
    region, count = eqn.regions[0], len(eqn.args)
    frame.add_all(eqn.args, cotangents[:count])
    sweep.accumulated.update(zip(region.params, cotangents[:count], strict=True))
    _once(sweep, eqn, region.params, trace, frame, cotangents[count:])
    for ref in region.params:
        del sweep.accumulated[ref]


def _add_to(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    ref, *indices, value = eqn.args
    assert isinstance(ref, Var)
    cotangent = sweep.accumulated[ref]
    if cotangent is not None and value in sweep.active:
        at = trace.copy.atoms(indices)
        frame.add(value, values.element(sweep.builder, cotangent, at, inbounds=values.is_inbounds(eqn)))


ADJOINTS.update(dict.fromkeys(PRIMITIVES, _primitive))
ADJOINTS.update(build=_build, reduce=_reduce, cond=_cond, checkpoint=_checkpoint, accum=_accum, add_to=_add_to)


# --- operations on whole values ---


def _get(frame: Frame, eqn: Eqn, cotangent: Atom) -> None:
    frame.add_at(eqn.args[0], frame.trace.copy.atoms(eqn.args[1:]), cotangent, inbounds=values.is_inbounds(eqn))


def _set(frame: Frame, eqn: Eqn, cotangent: Atom) -> None:
    b = frame.builder
    array, *places, value = eqn.args
    indices = frame.trace.copy.atoms(places)
    if value in frame.sweep.active:
        frame.add(value, values.element(b, cotangent, indices, inbounds=values.is_inbounds(eqn)))
    if array in frame.sweep.active and indices:
        nothing = values.zeros(b, frame.trace.copy.atom(value).type)
        frame.add(array, values.replaced(b, cotangent, indices, nothing, inbounds=values.is_inbounds(eqn)))


def _reshape(frame: Frame, eqn: Eqn, cotangent: Atom) -> None:
    shape = frame.trace.copy.atom(eqn.args[0]).type.shape
    frame.add(eqn.args[0], frame.builder.emit("reshape", [cotangent, *shape])[0])


def _table(frame: Frame, eqn: Eqn, cotangent: Atom) -> None:
    shape = [range(dim) for dim in table_shape(eqn.attrs)]
    for arg, place in zip(eqn.args, product(*shape), strict=True):
        frame.add(arg, frame.builder.get(cotangent, *map(integer, place), inbounds=True))


def _require(frame: Frame, eqn: Eqn, cotangent: Atom) -> None:
    frame.add(eqn.args[1], cotangent)


def _contract(frame: Frame, eqn: Eqn, cotangent: Atom) -> None:
    inputs, output = str(eqn.attrs["spec"]).split("->")
    letters = inputs.split(",")
    args = frame.trace.copy.atoms(eqn.args)
    for k, arg in enumerate(eqn.args):
        if arg not in frame.sweep.active:
            continue
        if not output and letters[0] == letters[1]:
            frame.add(arg, frame.builder.map(lambda x: frame.builder.prim("mul", cotangent, x), args[1 - k]))
            continue
        spec = f"{output},{letters[1 - k]}->{letters[k]}"
        frame.add(arg, frame.builder.emit("contract", [cotangent, args[1 - k]], {"spec": spec})[0])


def _solve(frame: Frame, eqn: Eqn, cotangent: Atom) -> None:
    """bbar = op(A)^-T xbar, Abar = -bbar x^T (transposed if op is), in the part of A that is read."""
    b, made = frame.builder, frame.trace.copy.emitted[eqn]
    right, x = solved_again(b, made, cotangent, transposed=True), frame.trace.copy.atom(eqn.outs[0])
    frame.add(eqn.args[1], right)
    if eqn.args[0] in frame.sweep.active:
        factors = (x, right) if eqn.attrs.get("transpose") else (right, x)
        whole = m.negate(b, m.contract(b, _outer(right), *factors))
        frame.add(eqn.args[0], read_part(b, made, whole))


def _outer(right: Atom) -> str:
    return "ik,jk->ij" if right.type.rank == 2 else "i,j->ij"


def _of_value(rule: Callable[[Frame, Eqn, Atom], None]) -> Adjoint:
    """The adjoint of an operation with one result, from a rule for its cotangent."""

    def adjoint(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
        (cotangent,) = cotangents
        assert cotangent is not None
        rule(frame, eqn, cotangent)

    return adjoint


ADJOINTS.update(
    get=_of_value(_get),
    set=_of_value(_set),
    reshape=_of_value(_reshape),
    table=_of_value(_table),
    contract=_of_value(_contract),
    require=_of_value(_require),
    solve=_of_value(_solve),
    triangular_solve=_of_value(_solve),
)
