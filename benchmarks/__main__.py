"""`python -m benchmarks [NAME ...]`: DiffLang against C written by hand, same inputs, results compared first.

Runs are interleaved in one process; the figures are medians and the median of the paired ratios.
"""

from __future__ import annotations

import argparse
import atexit
import csv
import math
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.baseline import PROGRAMS, TOLERANCE, Prepared, Workload, function, seconds
from benchmarks.memory import peak_bytes, result_bytes
from benchmarks.peers import PEERS, installed
from benchmarks.workloads import WORKLOADS

Call = Callable[[], Any]


@dataclass(frozen=True)
class Against:
    """Our time in units of a peer's, and the seconds of the peer's first call, which compiles."""

    peer: str
    ratio: float
    compile: float


@dataclass(frozen=True)
class Row:
    """A line of the table; times are medians in seconds, ratios are medians of the paired ratios.

    `of_primal` is the time of a gradient in units of its function's, both ours; NaN where no gradient is computed.
    `memory` is the peak of our call in bytes, results included, `c_memory` that of C's; NaN where it is not known.
    """

    workload: str
    difflang: float
    c: float
    ratio: float
    compile: float
    error: float
    pairs: int
    of_primal: float = math.nan
    memory: float = math.nan
    c_memory: float = math.nan
    peers: tuple[Against, ...] = ()


def flat(result: Any) -> np.ndarray:
    """All numbers of a nested result, one after the other; the entries of a compressed matrix."""
    if sparse.issparse(result):
        return result.data
    if isinstance(result, tuple | list):
        return np.concatenate([flat(part) for part in result])
    return np.asarray(result, dtype=np.float64).ravel()


def difference(one: Call, other: Call) -> float:
    """The largest difference of the results, relative where they exceed 1."""
    ours, theirs = flat(one()), flat(other())
    return float((np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))).max())


def compare(calls: Sequence[Call], budget: float) -> list[tuple[float, ...]]:
    """Seconds of each, one after the other, as many rounds as fit into the budget and at least 5."""
    rounds: list[tuple[float, ...]] = []
    end = time.perf_counter() + budget
    while len(rounds) < 5 or (time.perf_counter() < end and len(rounds) < 1000):
        rounds.append(tuple(seconds(call) for call in calls))
    return rounds


def checked(name: str, ours: Call, theirs: Call, tolerance: float = TOLERANCE) -> float:
    """Raises SystemExit where the results differ: times of different computations say nothing."""
    error = difference(ours, theirs)
    if not error < tolerance:
        raise SystemExit(f"{name}: the results differ by {error:.1e}.")
    return error


def ratio(rounds: Sequence[Sequence[float]], other: int = 1) -> float:
    """The median of the paired ratios: the first call's time in units of that of call number `other`."""
    return statistics.median(seconds[0] / seconds[other] for seconds in rounds)


def measure(workload: Workload, budget: float, with_peers: bool = False) -> Row:
    prepared = workload.prepare()
    error = checked(workload.name, prepared.ours, prepared.theirs, prepared.tolerance)
    primal = [prepared.primal] if prepared.primal else []
    for call in primal:
        call()
    rounds = compare([prepared.ours, prepared.theirs, *primal], budget)
    ours, theirs, *_ = (statistics.median(side) for side in zip(*rounds, strict=True))
    of_primal = ratio(rounds, 2) if primal else math.nan
    timed = Row(workload.name, ours, theirs, ratio(rounds), prepared.compile_seconds, error, len(rounds), of_primal)
    row = replace(timed, memory=peak_bytes(prepared.ours), c_memory=c_peak(prepared.theirs))
    return with_others(row, prepared, budget) if with_peers else row


def c_peak(call: Call) -> float:
    """What C allocates and the arrays of its results, which its caller has made."""
    return peak_bytes(call) + result_bytes(call())


def with_others(row: Row, prepared: Prepared, budget: float) -> Row:
    """The row with every peer that has the workload, each measured in turns with ours."""
    found: list[Against] = []
    for peer, make in prepared.peers.items():
        call = make()
        compiling = seconds(call)
        checked(f"{row.workload} by {peer}", call, prepared.theirs, prepared.tolerance)
        found.append(Against(peer, ratio(compare([prepared.ours, call], budget)), compiling))
    return replace(row, peers=tuple(found))


def duration(value: float) -> str:
    return f"{value * 1e3:.3f} ms" if value >= 1e-4 else f"{value * 1e6:.2f} us"


def line(row: Row) -> str:
    primal = "" if math.isnan(row.of_primal) else f"{row.of_primal:.2f}"
    times = f"{duration(row.difflang):>13} {duration(row.c):>13} {row.ratio:7.2f} {primal:>9} {row.compile:8.2f} s"
    peers = "".join(f"   {against.ratio:.3f} {against.peer}" for against in row.peers)
    memory = " ".join(f"{size / 1e6:8.1f}" for size in (row.memory, row.c_memory))
    return f"{row.workload:30} {times} {memory}   {row.error:.1e}   {row.pairs:5d}{peers}"


def rows(names: Sequence[str], budget: float, with_peers: bool) -> Iterator[Row]:
    """The rows of the chosen workloads, each printed when it is there."""
    last = "   against peers" if with_peers else ""
    times = f"{'DiffLang':>13} {'C':>13} {'ratio':>7} {'of primal':>9} {'compile':>10}"
    print(f"{'workload':30} {times} {'MB':>8} {'MB of C':>8}   {'error':7}   pairs{last}")
    for workload in WORKLOADS:
        if not names or any(name in workload.name for name in names):
            row = measure(workload, budget, with_peers)
            print(line(row), flush=True)
            yield row


def write_csv(path: Path, table: Sequence[Row]) -> None:
    """A line for each workload, two columns for each peer: our time in units of its time, its first call."""
    names = [field.name for field in fields(Row) if field.name != "peers"]
    columns = [f"{what} {peer}" for peer in PEERS for what in ("against", "compile")]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*names, *columns], restval="")
        writer.writeheader()
        for row in table:
            others = {f"against {one.peer}": one.ratio for one in row.peers}
            compiling = {f"compile {one.peer}": one.compile for one in row.peers}
            writer.writerow({name: getattr(row, name) for name in names} | others | compiling)


def draw(path: Path, table: Sequence[Row]) -> None:
    """A bar for each ratio; right of the line DiffLang is slower."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.6 + 0.3 * len(table)), layout="constrained")
    axes = figure.subplots()
    names = [row.workload for row in table]
    axes.barh(names, [row.ratio - 1 for row in table], left=1.0, color="tab:blue")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("time of DiffLang / time of C")
    figure.savefig(path, dpi=150)


def take_one_core() -> None:
    """The process and the threads that it starts from here on stay on one core, where the system knows how (Linux).

    The kernel counts the time of a thread on another core only when that thread pauses. What a peer computes on threads
    of its own would then be found in the time of the call after it, which is ours. On one core nothing else runs while
    the clock is read.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def start_cold() -> None:
    """An empty cache on disk, and the parts of the compiler that every program needs loaded."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DIFFLANG_CACHE_DIR"] = folder
    function(PROGRAMS / "adam.dl", "step")(*np.ones((4, 2)), 1, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="DiffLang against C written by hand.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="workloads whose name contains one of these; else all")
    parser.add_argument("--budget", type=float, default=2.0, metavar="SECONDS", help="time for each workload")
    parser.add_argument("--peers", action="store_true", help="also against the peers that are installed")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table to a file")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the ratios")
    options = parser.parse_args()
    if options.peers:
        print("Peers:", ", ".join(peer if there else f"{peer} (not installed)" for peer, there in installed().items()))
    take_one_core()
    start_cold()
    table = list(rows(options.names, options.budget, options.peers))
    if options.csv:
        write_csv(options.csv, table)
    if options.plot and table:
        draw(options.plot, table)


if __name__ == "__main__":
    main()
