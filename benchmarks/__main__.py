"""`python -m benchmarks [NAME ...]`: DiffLang against C written by hand, same inputs, results compared first.

Runs are interleaved in one process; the figures are medians and the median of the paired ratios.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.workloads import WORKLOADS, Workload


def flat(result: Any) -> np.ndarray:
    """All numbers of a nested result, one after the other."""
    if isinstance(result, tuple | list):
        return np.concatenate([flat(part) for part in result])
    return np.asarray(result, dtype=np.float64).ravel()


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(ours: Callable[[], Any], theirs: Callable[[], Any], budget: float = 2.0) -> tuple[float, float, float, int]:
    """Medians of both in seconds, the median ratio, and the number of pairs that fitted into the budget."""
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + budget
    while len(pairs) < 5 or (time.perf_counter() < end and len(pairs) < 1000):
        pairs.append((seconds(ours), seconds(theirs)))
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median(a / b for a, b in pairs), len(pairs)


def report(workload: Workload) -> None:
    ours, theirs, compile_seconds = workload.prepare()
    error = np.abs(flat(ours()) - flat(theirs()))
    scale = np.maximum(1.0, np.abs(flat(theirs())))
    worst = float((error / scale).max())
    mine, c, ratio, count = compare(ours, theirs)
    times = f"{mine * 1e3:10.3f} ms {c * 1e3:10.3f} ms {ratio:7.2f}   {compile_seconds:6.2f} s"
    print(f"{workload.name:28} {times}   {worst:.1e}   {count}")


def main(names: Sequence[str]) -> None:
    print(f"{'workload':28} {'DiffLang':>13} {'C':>13} {'ratio':>7} {'compile':>10}   error     pairs")
    for workload in WORKLOADS:
        if not names or any(name in workload.name for name in names):
            report(workload)


if __name__ == "__main__":
    main(sys.argv[1:])
