"""Reverse mode by structure: the driver. The rules of the operations are in `rules` and `loops`.

At one block level a cotangent is a value, and contributions to it are summed. An equation with regions opens
accumulators for the active variables its regions use freely; inside, contributions are added with `add_to`.
The adjoint of a region first recomputes the region's values, so that no tape exists; only loops save
their carries, and only those that the adjoint asks for (`Trace.stacked`).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from difflang.core.builder import Builder
from difflang.core.ir import Atom, Block, Eqn, Type, Uses, Var, free_vars
from difflang.core.ops import CLOSED
from difflang.derive import values
from difflang.derive.activity import active_variables, varied_variables
from difflang.derive.budget import with_levels
from difflang.derive.companions import Companions, with_companions
from difflang.derive.copying import Pruner
from difflang.derive.desugar import desugared
from difflang.derive.formulas import add_slopes, slopes_of
from difflang.derive.partials import partials_use_result
from difflang.derive.refuse import no_derivative
from difflang.derive.segments import TAPE, Primal
from difflang.passes.dead import eliminate
from difflang.prims import PRIMITIVES

Cotangent = Atom | None
Pullback = Callable[[Sequence[Cotangent]], list[Cotangent]]


def vjp(builder: Builder, block: Block, args: Sequence[Atom], active: Sequence[bool]) -> tuple[list[Atom], Pullback]:
    """Emits the block's code at the builder's position; returns the results and the pullback.

    `pullback(cotangents)` emits the adjoint at the builder's position of that time, which must be in the same
    scope or deeper, and returns the cotangents of the parameters flagged in `active` (None for the others,
    and where the cotangent is a symbolic zero). It may be called more than once. Free variables of the
    block are constants. Raises E0501 where something that a derivative flows through has none.
    """
    block = with_levels(desugared(block, varied_variables(block, active)))
    block, companions = with_companions(block, varied_variables(block, active))
    sweep = Sweep(builder, active_variables(block, active), companions)
    trace = sweep.traced(block, args, {})
    outs = list(trace.copy.atoms(block.results))

    def pullback(cotangents: Sequence[Cotangent]) -> list[Cotangent]:
        def adjoint() -> list[Cotangent]:
            frame = Frame(sweep, trace, {})
            frame.add_all(block.results, cotangents)
            sweep.backward(block, trace, frame)
            return [frame.take(p) if flag else None for p, flag in zip(block.params, active, strict=True)]

        return emitted_pruned(builder, adjoint)

    return outs, pullback


def _hint(atom: Atom) -> str:
    return (atom.name if isinstance(atom, Var) else "") or "value"


class NotLinear(ValueError):
    """Code depends on values that it should not need."""


def emitted_pruned(
    builder: Builder, body: Callable[[], list[Cotangent]], unknown: Collection[Var] = ()
) -> list[Cotangent]:
    """Emits what `body` emits, without the equations that its results do not need.

    Raises NotLinear when they need one of the `unknown` variables.
    """
    span = builder.span
    builder.open()
    results = body()
    block = Pruner().block(builder.close((), [r for r in results if r is not None]))
    if _mentions(block, unknown):
        # Loops that carry tangents beside the values they are linear in lose those carries.
        block = eliminate(block)
        if _mentions(block, unknown):
            raise NotLinear
    for eqn in block.eqns:
        builder.append(eqn)
    builder.span = span
    return results


def _mentions(block: Block, variables: Collection[Var]) -> bool:
    return bool(variables) and not free_vars(block).keys().isdisjoint(variables)


@dataclass(eq=False, slots=True)
class Trace:
    """One emission of a block's primal code: where its variables and equations went, and what loops have saved.

    What `earlier` keeps of loops is not saved here once more.
    """

    copy: Primal
    stacks: dict[Var | Eqn, Var] = field(default_factory=dict["Var | Eqn", Var])
    earlier: Earlier | None = None

    def stacked(self, loop: Eqn, inner: Var, name: str = "") -> Var:
        """The values, step by step, of a variable of the body of a loop: the loop saves them from now on."""
        if inner not in self.stacks:
            kept = self.earlier and self.earlier.kept(loop, lambda trace: trace.stacked(loop, inner, name))
            self.stacks[inner] = kept or self._save(loop, self.copy.atom(inner), name)
        return self.stacks[inner]

    def overwritten(self, loop: Eqn, update: Eqn) -> Var:
        """The elements, step by step, that a `set` in the body of a loop replaced."""
        kept = self.earlier and self.earlier.kept(loop, lambda trace: trace.overwritten(loop, update))
        if kept:
            self.stacks.setdefault(update, kept)
        if update not in self.stacks:
            made, body = self.copy.emitted[update], self.copy.emitted[loop].regions[-1]
            old = Var(made.args[-1].type, f"{_hint(update.args[0])}.element")
            read = Eqn((old,), "get", made.args[:-1], made.attrs, (), made.span)
            position = body.eqns.index(made)
            body.eqns = (*body.eqns[:position], read, *body.eqns[position:])
            self.stacks[update] = self._save(loop, old)
        return self.stacks[update]

    def whole(self, loop: Eqn, stack: Var) -> Var:
        """What a loop inside `loop` has saved, step by step of the outer one."""
        if stack not in self.stacks:
            self.stacks[stack] = self._save(loop, stack, stack.name.removesuffix(TAPE))
        return self.stacks[stack]

    def _save(self, loop: Eqn, saved: Atom, name: str = "") -> Var:
        made = self.copy.emitted[loop]
        count = made.args[0] if made.op == "fold" else made.outs[len(made.args)]
        body = made.regions[-1]
        body.results = (*body.results, saved)
        out = Var(Type(saved.type.dtype, (count, *saved.type.shape)), f"{name or _hint(saved)}{TAPE}")
        made.outs = (*made.outs, out)
        return out


@dataclass(eq=False, slots=True)
class Earlier:
    """What the first run of a loop has saved of the `inner` loops of a step, which then need not run again.

    `trace` is that of the first run; `reads` are the arrays that were asked for and what stands for a step's part.
    """

    trace: Trace
    loop: Eqn
    inner: Collection[Eqn]
    reads: dict[Var, Var] = field(default_factory=dict[Var, Var])

    def kept(self, inner: Eqn, stack: Callable[[Trace], Var]) -> Var | None:
        """What stands for an array that the inner loop saved."""
        if inner not in self.inner:
            return None
        whole = self.trace.whole(self.loop, stack(self.trace))
        if whole not in self.reads:
            self.reads[whole] = Var(Type(whole.type.dtype, whole.type.shape[1:]), whole.name)
        return self.reads[whole]


class Sweep:
    """What all frames of one differentiation share: the active variables, partial derivatives that the primal code
    computes, and the cotangents of accumulators."""

    def __init__(self, builder: Builder, active: set[Var], companions: Companions) -> None:
        self.builder = builder
        self.active = active
        self.companions = companions
        self._stored = frozenset(value for value in companions.values() if isinstance(value, Var))
        self.accumulated: dict[Var, Cotangent] = {}
        self.pruner = Pruner()
        self.uses = Uses()
        """Of the blocks that are differentiated, which do not change meanwhile; emitted ones do."""

    def traced(
        self,
        block: Block,
        args: Sequence[Atom],
        outer: MutableMapping[Var, Atom],
        *,
        again: bool = False,
        known: Mapping[Var, Atom] | None = None,
        earlier: Earlier | None = None,
    ) -> Trace:
        """Emits the block's primal code; with `again`, to have the values of a region once more in its adjoint.

        `known` are those among them that need not be computed, `earlier` what has been kept of loops.
        """
        bound = ChainMap[Var, Atom]({}, outer)
        copy = Primal(self.builder, bound, active=self.active, again=again, silenced=self.accumulated, known=known)
        copy.run(block, args)
        return Trace(copy, earlier=earlier)

    def backward(self, block: Block, trace: Trace, frame: Frame) -> None:
        """Emits the adjoints of a block's equations, last first. Raises E0501."""
        if self._by_slopes(block, frame):
            return
        outer = self.builder.span
        for eqn in reversed(block.eqns):
            cotangents = [frame.take(out) for out in eqn.outs]
            if any(ct is not None for ct in cotangents) or self._adds(eqn):
                self.builder.span = eqn.span
                if eqn.op not in ADJOINTS:
                    raise no_derivative(eqn)
                ADJOINTS[eqn.op](self, eqn, trace, frame, cotangents)
        self.builder.span = outer

    def _by_slopes(self, block: Block, frame: Frame) -> bool:
        """Does it for a formula whose slopes cost less than its adjoint."""
        found = slopes_of(block, self.active)
        if found is None:
            return False
        cotangent = frame.take(found[0].result)
        if cotangent is not None:
            add_slopes(*found, frame, cotangent)
        return True

    def _adds(self, eqn: Eqn) -> bool:
        """Whether an equation adds to an accumulator that has a cotangent."""
        if eqn.op == "add_to":
            return self.accumulated.get(_variable(eqn.args[0])) is not None
        wanted = [ref for ref, cotangent in self.accumulated.items() if cotangent is not None]
        return bool(wanted) and any(ref in self.uses.free(region) for region in eqn.regions for ref in wanted)

    def worth_keeping(self, block: Block) -> set[Var]:
        """The results of a block that are read where they have been stored."""
        return worth_keeping(block) | self._stored.intersection(block.results)

    def region(self, params: Sequence[Var], body: Callable[..., Sequence[Atom]]) -> Block:
        """A block of adjoint code, without what it does not need."""
        return self.pruner.block(self.builder.block_with(params, body))

    def region_adjoint(
        self,
        block: Block,
        args: Sequence[Atom],
        trace: Trace,
        refs: Mapping[Var, Atom],
        seed: Callable[[Frame], None],
        known: Mapping[Var, Atom] | None = None,
        earlier: Earlier | None = None,
    ) -> Frame:
        """Recomputes a region but for what is known, and runs its adjoint from the cotangents that `seed` gives."""
        known = _with_returned(block, known or {})
        again = self.traced(block, args, trace.copy.values, again=True, known=known, earlier=earlier)
        frame = Frame(self, again, refs)
        seed(frame)
        self.backward(block, again, frame)
        return frame


def _with_returned(block: Block, known: Mapping[Var, Atom]) -> dict[Var, Atom]:
    """What is known, and the arguments that a closed equation returns as they are where its outs are known.

    So the solution of an implicit function that has been kept is not searched again for its factors.
    """
    found = dict(known)
    for eqn in block.eqns if known else ():
        if eqn.op in CLOSED and eqn.regions:
            place = dict(zip(eqn.regions[0].params, eqn.args, strict=True))
            pairs = zip(eqn.outs, eqn.regions[0].results, strict=True)
            returned = ((place.get(r) if isinstance(r, Var) else None, out) for out, r in pairs)
            found.update((a, found[out]) for a, out in returned if isinstance(a, Var) and out in found)
    return found


def worth_keeping(block: Block) -> set[Var]:
    """The results of a block that cost more to compute again than to read: all but those of simple arithmetic."""
    makers = {out: eqn for eqn in block.eqns for out in eqn.outs}
    return {r for r in block.results if isinstance(r, Var) and r in makers and _is_dear(makers[r])}


def _is_dear(eqn: Eqn) -> bool:
    if eqn.op in PRIMITIVES:
        return partials_use_result(eqn.op)
    return eqn.op not in ("get", "set", "reshape", "table")


def _variable(atom: Atom) -> Var:
    assert isinstance(atom, Var)
    return atom


class Frame:
    """The cotangents of one block: values for its own variables, accumulators for those of the blocks around it."""

    def __init__(self, sweep: Sweep, trace: Trace, refs: Mapping[Var, Atom]) -> None:
        self.sweep = sweep
        self.builder = sweep.builder
        self.trace = trace
        self.refs = refs
        self.values: dict[Var, Atom] = {}

    def add(self, target: Atom, value: Cotangent) -> None:
        """Adds to the cotangent of a variable; constants and inactive variables have none."""
        if value is None or not isinstance(target, Var) or target not in self.sweep.active:
            return
        if target in self.refs:
            self.builder.add_to(self.refs[target], value, inbounds=True)
        else:
            total = values.added(self.builder, self.values.get(target), value)
            assert total is not None
            self.values[target] = total

    def add_all(self, targets: Sequence[Atom], cotangents: Sequence[Cotangent]) -> None:
        for target, cotangent in zip(targets, cotangents, strict=True):
            self.add(target, cotangent)

    def add_at(self, target: Atom, indices: Sequence[Atom], value: Atom, *, inbounds: bool = True) -> None:
        """Adds to one element (or sub-array) of the cotangent of an array."""
        b = self.builder
        if not isinstance(target, Var) or target not in self.sweep.active:
            return
        if target in self.refs:
            b.add_to(self.refs[target], *indices, value, inbounds=inbounds)
        elif not indices:
            self.add(target, value)
        else:
            array = self.taken(target)
            total = values.added(b, values.element(b, array, indices, inbounds=inbounds), value)
            assert total is not None
            self.values[target] = values.replaced(b, array, indices, total)

    def take(self, variable: Var) -> Cotangent:
        """The cotangent of a variable of this block, which has no further use."""
        return self.values.pop(variable, None)

    def taken(self, variable: Var) -> Atom:
        """Like `take`, with real zeros for a symbolic zero."""
        return values.instantiated(self.builder, self.take(variable), self.trace.copy.atom(variable).type)

    def accumulated(
        self, regions: Sequence[Block], body: Callable[[Mapping[Var, Atom]], Sequence[Atom]]
    ) -> Sequence[Atom]:
        """Emits `body` with accumulators for the active variables that the regions use freely; gives its results.

        `body` receives the accumulators by variable; one that it adds nothing to is not made.
        """
        free = dict.fromkeys(v for region in regions for v in self.sweep.uses.free(region))
        local = [v for v in free if v in self.sweep.active and v not in self.refs and not v.type.ref]
        types = [self.trace.copy.atom(v).type for v in local]
        made = {v: Var(Type(t.dtype, t.shape, ref=True), v.name) for v, t in zip(local, types, strict=True)}
        block = self.sweep.region((), lambda: body({**self.refs, **made}))
        used = self.sweep.pruner.uses.free(block)
        opened = [v for v in local if made[v] in used]
        if not opened:
            for eqn in block.eqns:
                self.builder.append(eqn)
            return block.results
        block.params = tuple(made[v] for v in opened)
        outs = self.builder.emit("accum", [self.taken(v) for v in opened], {}, [block])
        self.values.update(zip(opened, outs, strict=False))
        return outs[len(opened) :]


Adjoint = Callable[[Sweep, Eqn, Trace, Frame, Sequence[Cotangent]], None]
"""Emits the adjoint of one equation: from the cotangents of its outs to those of what it reads."""

ADJOINTS: dict[str, Adjoint] = {}
"""By operation; filled by the modules that hold the rules."""
