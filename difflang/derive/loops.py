"""Reverse mode through `fold` and `while`: the loop runs backwards, each step recomputed from saved carries.

Which carries are saved is found by need: the adjoint step is emitted first, over stand-ins for the carries,
and only the stand-ins that it uses are defined. A carry that never changes is its initial value. An array
that changes only by `set`s of the step itself is restored backwards from the elements it lost (an undo log);
any other carry is stacked by the primal loop. Where the value of a carry at the end of a step saves computing it
again, the adjoint loop hands it from step to step. A loop whose Jacobian is diagonal has been taken forwards
(`diagonal`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from difflang.core.ir import Atom, Attribute, Block, Eqn, Type, Var
from difflang.core.ops import I64
from difflang.derive import values
from difflang.derive.activity import carried
from difflang.derive.budget import outs_of, residuals_of, small_loops, updates
from difflang.derive.diagonal import times_diagonal
from difflang.derive.replay import replayed
from difflang.derive.reverse import ADJOINTS, Cotangent, Earlier, Frame, Sweep, Trace, worth_keeping

ARITHMETIC = frozenset({"add", "sub", "mul", "neg"})
"""What indices are made by, and what costs less than to save its result."""


@dataclass(frozen=True, slots=True)
class Step:
    """An adjoint step that has been emitted: its block over stand-ins for the carries of the primal step.

    `before` and `after` stand for the carries at the start and at the end of the step; an end may be None. `residuals`
    stand for further values of the step, `earlier` for what loops inside it have saved.
    """

    block: Block
    index: Var
    before: list[Atom]
    after: list[Var | None]
    residuals: dict[Var, Var]
    earlier: Earlier | None


def loop(sweep: Sweep, eqn: Eqn, trace: Trace, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """The adjoint of a loop: a loop over its steps in the opposite order, carrying the cotangents of the carries."""
    slope = trace.copy.slopes.get(eqn)
    if slope is not None:
        _along_diagonal(sweep, eqn, slope, frame, cotangents)
        return
    if eqn in trace.copy.kept:
        replayed(sweep, eqn, trace, frame, cotangents)
        return
    b, carries = sweep.builder, carried(eqn)
    active = [k for k, (_, param, _, _) in enumerate(carries) if param in sweep.active]
    outs = trace.copy.atoms(eqn.outs)
    count = trace.copy.atom(eqn.args[0]) if eqn.op == "fold" else outs[len(eqn.args)]
    seeds = [values.instantiated(b, cotangents[k], outs[k].type) for k in active]

    def body(refs: Mapping[Var, Atom]) -> Sequence[Atom]:
        step = _adjoint_step(sweep, eqn, trace, refs, active, cotangents)
        restored = [outs[k] for k in _define_stand_ins(sweep, eqn, trace, step)]
        block = Block(step.block.params, step.block.eqns, step.block.results)
        attrs: dict[str, Attribute] = {
            "carries": len(seeds) + len(restored),
            "reverse": not eqn.attrs.get("reverse", False),
        }
        return b.emit("fold", [count, *seeds, *restored], attrs, [block])[: len(seeds)]

    results = frame.accumulated([eqn.regions[-1]], body)
    for k, result in zip(active, results, strict=True):
        frame.add(carries[k][0], result)


def _along_diagonal(sweep: Sweep, eqn: Eqn, slope: Atom, frame: Frame, cotangents: Sequence[Cotangent]) -> None:
    """The adjoint of a loop that was taken forwards."""
    for (init, param, _, _), cotangent in zip(carried(eqn), cotangents, strict=False):
        if param in sweep.active and cotangent is not None:
            frame.add(init, times_diagonal(sweep.builder, slope, cotangent))


def _adjoint_step(
    sweep: Sweep,
    eqn: Eqn,
    trace: Trace,
    refs: Mapping[Var, Atom],
    active: Sequence[int],
    cotangents: Sequence[Cotangent],
) -> Step:
    body, carries = eqn.regions[-1], carried(eqn)
    types = [trace.copy.atom(out).type for _, _, _, out in carries]
    index = Var(I64, body.params[0].name if eqn.op == "fold" else "step")
    before = [_stand_in(trace, carry, type_) for carry, type_ in zip(carries, types, strict=True)]
    kept = worth_keeping(body)
    after = [Var(t) if result in kept else None for (_, _, result, _), t in zip(carries, types, strict=True)]
    inner = () if trace.copy.again else small_loops(sweep.builder, trace.copy, eqn)
    earlier = Earlier(trace, eqn, inner) if inner else None
    residuals: dict[Var, Var] = {}
    for value, label in (residuals_of(eqn) if trace.copy.again else outs_of(inner)).items():
        residuals[value] = Var(trace.copy.atom(value).type, value.name or label)
    args = [index, *before] if eqn.op == "fold" else before
    params = [Var(types[k]) for k in active]
    stacked = list(zip(reversed(body.results[len(carries) :]), reversed(eqn.outs), reversed(cotangents), strict=False))

    def seed(inner: Frame) -> None:
        inner.add_all([carries[k][2] for k in active], params)
        for result, _out, cotangent in stacked:
            if cotangent is not None and result in sweep.active:
                inner.add(result, values.element(sweep.builder, cotangent, [index]))

    def run(*_: Atom) -> Sequence[Atom]:
        ends = zip(carries, after, strict=True)
        known: dict[Var, Atom] = dict(residuals)
        known |= {r: a for (_, _, r, _), a in ends if a is not None and isinstance(r, Var)}
        for result, out, _ct in stacked:
            if isinstance(result, Var) and result in kept:
                known[result] = values.element(sweep.builder, trace.copy.atom(out), [index])
        inner = sweep.region_adjoint(body, args, trace, refs, seed, known, earlier)
        return [inner.taken(carries[k][1]) for k in active]

    return Step(sweep.region([index, *params], run), index, before, after, residuals, earlier)


def _stand_in(trace: Trace, carry: tuple[Atom, Var, Atom, Var], type_: Type) -> Atom:
    init, param, result, _ = carry
    return trace.copy.atom(init) if result is param else Var(type_, param.name)


def _define_stand_ins(sweep: Sweep, eqn: Eqn, trace: Trace, step: Step) -> list[int]:
    """Gives the stand-ins that the step uses their values, at its start.

    Returns the carries of which the adjoint loop carries the value after the step, following the cotangents. What a
    step began with is what the step before it ended with.
    """
    used = sweep.pruner.uses.free(step.block)
    start: list[Eqn] = []
    followed: list[int] = []
    for k, (_, param, result, _) in enumerate(carried(eqn)):
        before, after = step.before[k], step.after[k]
        if after is not None and after in used:
            _follow(step, after, before)
            followed.append(k)
        elif not isinstance(before, Var) or before not in used or result is param:
            continue
        assert isinstance(before, Var)
        changes = updates(eqn.regions[-1], param, result)
        if changes:
            start += _undone(eqn, trace, step, changes, before)
            followed.append(k)
        else:
            start.append(_saved(trace.stacked(eqn, param), step.index, before))
    for inner, value in step.residuals.items():
        if value in used:
            start.append(_saved(trace.stacked(eqn, inner, value.name), step.index, value))
    for stack, value in step.earlier.reads.items() if step.earlier else ():
        if value in used:
            start.append(_saved(stack, step.index, value))
    step.block.eqns = (*start, *step.block.eqns)
    return followed


def _follow(step: Step, after: Var, before: Atom) -> None:
    """Makes the value after a step a carry of the adjoint loop."""
    step.block.params = (*step.block.params, after)
    step.block.results = (*step.block.results, before)


def _saved(stack: Var, index: Var, out: Var) -> Eqn:
    return Eqn((out,), "get", (stack, index), {"inbounds": True})


def _undone(eqn: Eqn, trace: Trace, step: Step, changes: Sequence[Eqn], stand_in: Var) -> list[Eqn]:
    """Equations that put back what a step overwrote; the array after the step becomes a carry of the adjoint loop."""
    after = Var(stand_in.type, stand_in.name)
    _follow(step, after, stand_in)
    equations: list[Eqn] = []
    array = after
    for update in changes:
        indices: list[Atom] = []
        for index in update.args[1:-1]:
            equations += _index_again(eqn, trace, step, index, indices)
        old = Var(trace.copy.atom(update.args[-1]).type)
        equations.append(_saved(trace.overwritten(eqn, update), step.index, old))
        before = stand_in if update is changes[-1] else Var(stand_in.type, stand_in.name)
        equations.append(Eqn((before,), "set", (array, *indices, old), {"inbounds": True}))
        array = before
    return equations


def _index_again(eqn: Eqn, trace: Trace, step: Step, index: Atom, indices: list[Atom]) -> list[Eqn]:
    """Appends to `indices` the value that an index had in the step; returns the equations for it.

    What follows from the number of the step by arithmetic is computed again, any other index is saved.
    """
    body = eqn.regions[-1]
    makers: dict[Atom, Eqn] = {out: inner for inner in body.eqns for out in inner.outs}
    known: dict[Atom, Atom] = {body.params[0]: step.index} if eqn.op == "fold" else {}
    equations: list[Eqn] = []

    def again(atom: Atom) -> Atom:
        if atom in known or (atom not in makers and atom not in body.params):
            return known.get(atom, trace.copy.atom(atom))
        assert isinstance(atom, Var)
        known[atom] = value = Var(I64, atom.name)
        maker = makers.get(atom)
        if maker is not None and maker.op in ARITHMETIC:
            args = tuple(again(arg) for arg in maker.args)
            equations.append(Eqn((value,), maker.op, args, {}, (), maker.span))
        else:
            equations.append(_saved(trace.stacked(eqn, atom), step.index, value))
        return value

    indices.append(again(index))
    return equations


ADJOINTS.update(fold=loop, **{"while": loop})
