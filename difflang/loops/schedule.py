"""From Core to Loops: the entry point and the table of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from difflang.backend.protocol import CompileOptions
from difflang.core.ir import Atom, Func, Literal, Type, Var
from difflang.loops import (
    ir,
    lower_arrays,
    lower_control,
    lower_host,
    lower_kernels,
    lower_loops,
    lower_sums,
)
from difflang.loops.apart import MarkApart
from difflang.loops.budgets import Budgets
from difflang.loops.checks import HoistChecks
from difflang.loops.follow import FollowZeros
from difflang.loops.forward import Forward
from difflang.loops.jam import Jam
from difflang.loops.join import Join
from difflang.loops.overwritten import Overwritten
from difflang.loops.passes import RedundantChecks
from difflang.loops.scheduler import Handler, Scheduler
from difflang.loops.storage import Destination, Place, Storage
from difflang.loops.strip import Strip
from difflang.loops.zeros import SkipZeros
from difflang.passes.speculate import Speculate
from difflang.passes.wrap import Wrap
from difflang.prims import PRIMITIVES
from difflang.watch import run_passes, stage

HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(PRIMITIVES, lower_arrays.primitive),
    "get": lower_arrays.get,
    "set": lower_arrays.set_,
    "table": lower_arrays.table,
    "reshape": lower_arrays.reshape,
    "accum": lower_sums.accum,
    "add_to": lower_sums.add_to,
    "build": lower_loops.build,
    "reduce": lower_loops.reduce,
    "fold": lower_control.fold,
    "while": lower_control.while_,
    "cond": lower_control.cond,
    "contract": lower_kernels.contract,
    **dict.fromkeys((*sorted(lower_kernels.CHECKED), "argsort"), lower_kernels.kernel),
    "assert": lower_host.assert_,
    "require": lower_host.require,
    "print": lower_host.print_,
    "report": lower_host.report,
    "extern": lower_host.extern,
    "room": lower_host.room,
}


PREPARATION = (Wrap(), Speculate())
"""Passes over Core before it is scheduled, where no NaN is looked for."""

PASSES = (
    RedundantChecks(),
    HoistChecks(),
    Jam(),
    Join(),
    Forward(),
    Overwritten(),
    FollowZeros(),
    SkipZeros(),
    Strip(),
    MarkApart(),
)
"""Passes over Loops, in their order."""

LAST = Budgets()
"""After all others, those for threads too: it counts what is allocated in the end."""


def schedule(
    func: Func, options: CompileOptions, further: Sequence[Callable[[ir.Program], ir.Program]] = ()
) -> ir.Program:
    """The loops that compute a closed Core function, after `further` passes; then all their memory is counted."""
    if not options.check_nan:
        func = run_passes(PREPARATION, func)
    return run_passes((*PASSES, *further, LAST), _scheduled(func, options))


@stage("schedule")
def _scheduled(func: Func, options: CompileOptions) -> ir.Program:
    s = Scheduler(func, HANDLERS, options.check_nan)
    params = tuple(_parameter(s, param) for param in func.params)
    wanted = [_Result(s, k, atom, func.params) for k, atom in enumerate(func.results)]
    destinations = [result.destination if result.type.shape else None for result in wanted]
    with s.collect() as body, s.frame(func.block, repeated=False, destinations=destinations):
        s.equations(func.block)
        arrays = [(s.place(atom), result) for atom, result in zip(func.results, wanted, strict=True) if atom.type.shape]
        s.deliver([place for place, _ in arrays], [result.destination.place for _, result in arrays])
        results = tuple(result.finish(atom) for atom, result in zip(func.results, wanted, strict=True))
    return ir.Program(func.name, params, results, tuple(body), tuple(s.sites), tuple(s.host_sites))


def _parameter(s: Scheduler, param: Var) -> ir.Register | ir.Array:
    if not param.type.shape:
        register = ir.Register(param.type.dtype, param.name)
        s.scalars[param] = register
        return register
    place = Place(s.array(param.type, param.name), Storage(0, writable=False))
    s.settle(param, place)
    return place.array


class _Result:
    """One result of the function: memory of the caller's, or of the heap once the shape is known."""

    def __init__(self, s: Scheduler, position: int, atom: Atom, params: tuple[Var, ...]) -> None:
        self.s = s
        self.position = position
        self.type: Type = atom.type
        self.provided = all(isinstance(dim, Literal) or dim in params for dim in atom.type.shape)
        self.destination = Destination(self._make, early=self.provided)

    def _make(self) -> Place:
        place = Place(self.s.array(self.type, f"result{self.position}"), Storage(0))
        if not self.provided:
            self.s.emit(ir.AllocateResult(place.array, self.position))
        return place

    def finish(self, atom: Atom) -> ir.Result:
        if self.type.shape:
            return ir.Result(self.destination.place.array, self.provided)
        return ir.Result(self.s.operand(atom))
