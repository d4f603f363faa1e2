"""Dead code: what neither a result nor an effect needs is dropped, in time linear in the program.

Marking on the definitions (Cytron et al. 1991, section 7.1): from the results and effects, every variable
that is needed marks what it was made of. Inside loops it works for each carried value, stacked output and
accumulator by itself, so an output of a loop that nobody reads disappears together with its computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from difflang.core.ir import Atom, Block, Eqn, Func, Var, free_vars, walk
from difflang.core.ops import CLOSED, carries

HOST_EFFECTS = frozenset({"assert", "print", "report", "extern"})


@dataclass(frozen=True, slots=True)
class DeadCode:
    """Drops unused equations, results, stacked outputs, carries and accumulators; effects stay."""

    def __call__(self, func: Func) -> Func:
        return Func(func.name, eliminate(func.block))


def eliminate(block: Block) -> Block:
    """The block without what its results and effects do not need; parameters stay."""
    marks = _Marks(block)
    return _sweep(marks, block, block.results)


class _Marks:
    """The needed variables and equations of a block."""

    def __init__(self, block: Block) -> None:
        self.needed: set[Var] = set()
        self.alive: set[Eqn] = set()
        self.definition: dict[Var, tuple[Eqn, int]] = {}
        self.carried: dict[Var, tuple[Eqn, int]] = {}
        self.additions: dict[Var, list[Eqn]] = {}
        self.owner: dict[Eqn, Eqn] = {}
        self.inside: dict[Eqn, tuple[Var, ...]] = {}
        self.pending: list[Var] = []
        self.index(block, None)
        self.use(block.results)
        for param in block.params:
            self.use(param.type.shape)
        self.spread()

    def index(self, block: Block, owner: Eqn | None) -> None:
        """Records where everything is defined; host effects are alive from the start."""
        for eqn in block.eqns:
            if owner is not None:
                self.owner[eqn] = owner
            self.definition.update((out, (eqn, k)) for k, out in enumerate(eqn.outs))
            if eqn.op in ("fold", "while"):
                self.record_carries(eqn)
            elif eqn.op == "add_to" and isinstance(eqn.args[0], Var):
                self.additions.setdefault(eqn.args[0], []).append(eqn)
            for region in eqn.regions:
                self.index(region, eqn)
            if eqn.op in CLOSED:
                self.keep_inside(eqn)
            if eqn.op in HOST_EFFECTS:
                self.revive(eqn)
                self.use(eqn.args)

    def keep_inside(self, eqn: Eqn) -> None:
        """Rules and conditions of derivatives are dropped whole or not at all."""
        for region in eqn.regions:
            self.inside[eqn] = (*self.inside.get(eqn, ()), *free_vars(region))

    def record_carries(self, eqn: Eqn) -> None:
        for region in eqn.regions:
            first = len(region.params) - carries(eqn.attrs)
            self.carried.update((param, (eqn, k)) for k, param in enumerate(region.params[first:]))

    def use(self, atoms: Iterable[Atom]) -> None:
        for atom in atoms:
            if isinstance(atom, Var) and atom not in self.needed:
                self.needed.add(atom)
                self.pending.append(atom)

    def spread(self) -> None:
        while self.pending:
            variable = self.pending.pop()
            self.use(variable.type.shape)
            if variable in self.definition:
                eqn, k = self.definition[variable]
                self.revive(eqn)
                SOURCES.get(eqn.op, _no_sources)(self, eqn, k)
            elif variable in self.carried:
                self.carry(*self.carried[variable])

    def revive(self, eqn: Eqn) -> None:
        """An equation that stays needs its own arguments, and the equations around it."""
        current: Eqn | None = eqn
        while current is not None and current not in self.alive:
            self.alive.add(current)
            self.use(_control(current))
            self.use(self.inside.get(current, ()))
            if current.op == "while":
                self.use(current.regions[0].results)
            if current.op in CLOSED:
                self.use(result for region in current.regions for result in region.results)
            current = self.owner.get(current)

    def carry(self, eqn: Eqn, k: int) -> None:
        """A carried value that is read anywhere is needed everywhere: its start, each step, the end."""
        self.use([eqn.args[k + 1 if eqn.op == "fold" else k], eqn.regions[-1].results[k], eqn.outs[k]])

    def accumulator(self, eqn: Eqn, k: int) -> None:
        self.use([eqn.args[k]])
        for addition in self.additions.get(eqn.regions[0].params[k], ()):
            self.revive(addition)
            self.use(addition.args[1:])


def _control(eqn: Eqn) -> tuple[Atom, ...]:
    """The arguments that an equation needs whichever of its results are used."""
    if eqn.op in ("while", "accum", "add_to"):
        return ()
    return eqn.args[:1] if eqn.op == "fold" else eqn.args


def _no_sources(marks: _Marks, eqn: Eqn, k: int) -> None:
    pass


def _same_result(marks: _Marks, eqn: Eqn, k: int) -> None:
    marks.use(region.results[k] for region in eqn.regions)


def _loop(marks: _Marks, eqn: Eqn, k: int) -> None:
    count = carries(eqn.attrs)
    if k < count:
        marks.carry(eqn, k)
    elif eqn.op == "fold":
        marks.use([eqn.regions[0].results[k]])
    elif k > count:
        marks.use([eqn.regions[1].results[k - 1]])


def _accum(marks: _Marks, eqn: Eqn, k: int) -> None:
    if k < len(eqn.args):
        marks.accumulator(eqn, k)
    else:
        marks.use([eqn.regions[0].results[k - len(eqn.args)]])


SOURCES: dict[str, Callable[[_Marks, Eqn, int], None]] = {
    "build": _same_result,
    "reduce": _same_result,
    "cond": _same_result,
    "checkpoint": _same_result,
    "fold": _loop,
    "while": _loop,
    "accum": _accum,
}


def _sweep(marks: _Marks, block: Block, results: Iterable[Atom], params: tuple[Var, ...] | None = None) -> Block:
    eqns = tuple(_trim(marks, eqn) if eqn.regions else eqn for eqn in block.eqns if eqn in marks.alive)
    return Block(block.params if params is None else params, eqns, tuple(results))


def _trim(marks: _Marks, eqn: Eqn) -> Eqn:
    """An equation with regions, without the results (and carries, and accumulators) that nothing needs."""
    kept = [k for k, out in enumerate(eqn.outs) if out in marks.needed]
    if eqn.op in CLOSED:
        return eqn
    if eqn.op in ("fold", "while"):
        return _trim_loop(marks, eqn)
    if eqn.op == "accum":
        return _trim_accum(marks, eqn, kept)
    if eqn.op in CLOSED:
        regions = tuple(_sweep(marks, region, region.results) for region in eqn.regions)
        return Eqn(eqn.outs, eqn.op, eqn.args, eqn.attrs, regions, eqn.span)
    regions = tuple(_sweep(marks, region, [region.results[k] for k in kept]) for region in eqn.regions)
    return Eqn(tuple(eqn.outs[k] for k in kept), eqn.op, eqn.args, eqn.attrs, regions, eqn.span)


def _trim_loop(marks: _Marks, eqn: Eqn) -> Eqn:
    count, body = carries(eqn.attrs), eqn.regions[-1]
    extra = 1 if eqn.op == "while" else 0
    carried = [k for k in range(count) if eqn.outs[k] in marks.needed]
    stacked = [k for k in range(count, len(body.results)) if eqn.outs[k + extra] in marks.needed]
    lead = 0 if eqn.op == "while" else 1

    def trimmed(region: Block, results: Iterable[Atom]) -> Block:
        params = (*region.params[:lead], *(region.params[lead + k] for k in carried))
        return _sweep(marks, region, results, params)

    tests = [trimmed(test, test.results) for test in eqn.regions[:-1]]
    step = trimmed(body, [body.results[k] for k in (*carried, *stacked)])
    outs = (*(eqn.outs[k] for k in carried), *eqn.outs[count : count + extra], *(eqn.outs[k + extra] for k in stacked))
    args = (*eqn.args[:lead], *(eqn.args[lead + k] for k in carried))
    return Eqn(outs, eqn.op, args, {**eqn.attrs, "carries": len(carried)}, (*tests, step), eqn.span)


def _trim_accum(marks: _Marks, eqn: Eqn, kept: list[int]) -> Eqn:
    region, count = eqn.regions[0], len(eqn.args)
    refs = [k for k in kept if k < count]
    region = _sweep(
        marks, region, [region.results[k - count] for k in kept if k >= count], tuple(region.params[k] for k in refs)
    )
    return Eqn(
        tuple(eqn.outs[k] for k in kept), eqn.op, tuple(eqn.args[k] for k in refs), eqn.attrs, (region,), eqn.span
    )


def uses_of(block: Block) -> dict[Var, int]:
    """How often each variable is used as an argument or a result, in a block and inside it."""
    counts: dict[Var, int] = {}

    def use(atoms: Iterable[Atom]) -> None:
        for atom in atoms:
            if isinstance(atom, Var):
                counts[atom] = counts.get(atom, 0) + 1

    use(block.results)
    for eqn in walk(block):
        use(eqn.args)
        for region in eqn.regions:
            use(region.results)
    return counts
