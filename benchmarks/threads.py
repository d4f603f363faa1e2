"""`python -m benchmarks.threads [NAME ...]`: several threads against one, the same calls in turns, by the clock.

The machine must have nothing else to do. `best` compares the best times of both, `median` the paired ones.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from benchmarks.__main__ import Call, checked, duration, start_cold
from benchmarks.baseline import Workload, on_threads
from benchmarks.workloads import WORKLOADS

SHARED = ("gmm", "ba", "black-scholes", "heat")
"""Workloads whose loops have enough to do."""


def clock(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(workload: Workload, threads: int, budget: float) -> str:
    """A line of the table."""
    calls: list[Call] = []
    for count in (1, threads):
        with on_threads(count):
            calls.append(workload.prepare().ours)
    one, several = calls
    checked(workload.name, several, one)
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + budget
    while len(pairs) < 5 or time.perf_counter() < end:
        pairs.append((clock(one), clock(several)))
    best, best_several = (min(side) for side in zip(*pairs, strict=True))
    median = statistics.median(a / b for a, b in pairs)
    times = f"{duration(best):>13} {duration(best_several):>13}"
    return f"{workload.name:30} {times} {best / best_several:7.2f} {median:8.2f}   {len(pairs):5d}"


def chosen(names: Sequence[str]) -> list[Workload]:
    return [workload for workload in WORKLOADS if any(name in workload.name for name in names or SHARED)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description="Several threads against one.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="workloads whose name contains one of these")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="how many")
    parser.add_argument("--budget", type=float, default=3.0, metavar="SECONDS", help="time for each workload")
    options = parser.parse_args()
    start_cold()
    print(f"{'workload':30} {'one thread':>13} {options.threads:>5} threads {'best':>7} {'median':>8}   pairs")
    for workload in chosen(options.names):
        print(measure(workload, options.threads, options.budget), flush=True)


if __name__ == "__main__":
    main()
