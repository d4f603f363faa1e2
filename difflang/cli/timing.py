"""Times of a function and its derivatives: compiled anew, then run in turns, so that all meet the same noise."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from difflang.cli.calling import interruptible
from difflang.cli.derivatives import require_wrt
from difflang.cli.peak import Peak, measured
from difflang.diagnostics import DiffLangError, error
from difflang.loops.count import Work, work
from difflang.loops.schedule import schedule
from difflang.runtime.engine import Engine, prepare
from difflang.runtime.host import RunHost
from difflang.runtime.marshal import marshal, match
from difflang.runtime.plans import Request

OPERATORS = {"value": None, "gradient": "value_and_grad", "jvp": "jvp"}
"""What is timed, by the operator that makes it. `gradient` computes the value too, as does `jvp`."""
MINIMUM_RUNS = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """A compiled function with its arguments in place; a call runs native code and little else."""

    name: str
    call: Callable[[], Sequence[Any]]
    compile_seconds: float
    array_bytes: int
    """Of the arguments and the results: what a call reads and writes at least."""
    work: Work


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians over the runs; `per_value` is the median of the quotients with the value's time in the same round.

    `flops` and `moved_bytes` are counted in the loops (see `difflang.loops.count`); `estimated` says that the data
    decide about part of them. `of_peak` is the share of the machine's best in the flops, or in `array_bytes`.
    """

    seconds: float
    per_value: float
    compile_seconds: float
    array_bytes: int
    flops: float
    moved_bytes: float
    estimated: bool
    of_peak: float
    runs: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The timings by name, and for what could not be timed the reason."""

    timings: dict[str, Timing]
    problems: dict[str, DiffLangError]


def compare(engine: Engine, request: Request, arguments: Mapping[str, Any], budget: float) -> Comparison:
    """Times the value, the gradient and the jvp of a function for about `budget` seconds in all.

    A function without derivatives of one kind (its result is no real number, its parameters are integers) is
    timed without them. Raises what a call of the function itself raises.
    """
    subjects: list[Subject] = []
    problems: dict[str, DiffLangError] = {}
    for name, operator in OPERATORS.items():
        try:
            wanted = replace(request, operator=operator, wrt=request.wrt if operator else ())
            subjects.append(_subject(engine, name, wanted, arguments))
        except DiffLangError as problem:
            engine.place(problem, request.expression)
            if operator is None:
                raise
            problems[name] = problem
    peak = measured(request.options.precision)
    return Comparison(interruptible(partial(_times, subjects, budget, peak)), problems)


def _subject(engine: Engine, name: str, request: Request, arguments: Mapping[str, Any]) -> Subject:
    """Compiles, and runs once: the first run touches memory that later ones find ready."""
    values = {**arguments, **_directions(engine, request, arguments)}
    start = time.perf_counter()
    lowered = engine.program.lower(request.expression, precision=request.options.precision, given=frozenset(values))
    given = match(lowered.signature.parameters, request.expression, (), values)
    fresh = replace(request.options, compile=replace(request.options.compile, cache=False))
    prepared = prepare(lowered, fresh)
    compile_seconds = time.perf_counter() - start
    flat = marshal(lowered.signature, given, engine.data(lowered.signature)).flat
    call = partial(prepared.executable, flat, RunHost(stream=io.StringIO()))
    counted = work(schedule(lowered.func, fresh.compile), flat)
    return Subject(name, call, compile_seconds, _bytes([*flat, *interruptible(call)]), counted)


def _directions(engine: Engine, request: Request, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The directions of jvp by name: each differentiated argument once more.

    Raises E0602 where there is no parameter to differentiate by, E0601 where it is left to its default.
    """
    if request.operator is None:
        return {}
    require_wrt(engine, request)
    precision = request.options.precision
    wrt = request.wrt or (engine.lowered(request.function, precision).signature.parameters[0].name,)
    require_values(wrt, arguments)
    if request.operator != "jvp":
        return {}
    parameters = engine.lowered(request.expression, precision).signature.parameters
    return {parameter.name: arguments[name] for parameter, name in zip(parameters[-len(wrt) :], wrt, strict=True)}


def require_values(wrt: Sequence[str], arguments: Mapping[str, Any]) -> None:
    """Raises E0601 where an argument to differentiate by is left to its default, E0602 for parts of one."""
    for name in wrt:
        if "[" in name:
            message = f"`bench` differentiates by whole parameters, not by `{name}`."
            raise error("E0602", message, hint=f"Write `--wrt {name.partition('[')[0].strip()}`.")
        if name not in arguments:
            message = f"There is no value of `{name}` to differentiate at."
            raise error("E0601", message, hint=f"Give one, `{name}=...`, or name another parameter with `--wrt`.")


def _bytes(values: Sequence[Any]) -> int:
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


def _times(subjects: Sequence[Subject], budget: float, peak: Peak) -> dict[str, Timing]:
    rounds: list[list[float]] = []
    end = time.perf_counter() + budget
    while len(rounds) < MINIMUM_RUNS or time.perf_counter() < end:
        rounds.append([_seconds(subject.call) for subject in subjects])
    return {subject.name: _timing(subject, rounds, k, peak) for k, subject in enumerate(subjects)}


def _timing(subject: Subject, rounds: Sequence[Sequence[float]], k: int, peak: Peak) -> Timing:
    seconds = statistics.median(row[k] for row in rounds)
    return Timing(
        seconds,
        statistics.median(row[k] / row[0] for row in rounds),
        subject.compile_seconds,
        subject.array_bytes,
        subject.work.flops,
        subject.work.bytes,
        not subject.work.known,
        peak.share(subject.work.flops, subject.array_bytes, seconds),
        len(rounds),
    )


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
