"""`--time-passes` and `--print-after`: what compilation did, on the standard error."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from difflang.diagnostics import error
from difflang.diagnostics.suggest import did_you_mean, listing
from difflang.watch import Stage, watching

TEXTS = ("check", "erase", "schedule", "generate", "optimise")
"""Stages that are no passes and whose result is a text for readers."""


@contextmanager
def watched(times: bool, prints: Sequence[str]) -> Generator[None]:
    """Meanwhile stages are timed (and the table is written at the end), and the results of some are printed.

    Raises E0902 for the name of no stage.
    """
    for name in prints:
        _require_stage(name)
    table = Table()
    with ExitStack() as stack:
        if times:
            stack.enter_context(watching(table.note))
            stack.callback(lambda: print("\n".join(table.lines()), file=sys.stderr))
        if prints:
            stack.enter_context(watching(lambda stage: _print_result(stage, prints)))
        yield


def _require_stage(name: str) -> None:
    known = known_stages()
    if name not in known:
        hint = did_you_mean(name, known, f"Choose from {listing(known, limit=len(known))}.")
        raise error("E0902", f"There is no pass `{name}` to print after.", hint=hint)


def known_stages() -> list[str]:
    """What can be printed after: the stages with a text, and every pass over Core and Loops, in their order."""
    from difflang.loops import schedule, threads
    from difflang.passes import PASSES

    passes = (*PASSES, *schedule.PREPARATION, *schedule.PASSES, *threads.PASSES, schedule.LAST)
    return list(dict.fromkeys([*TEXTS, *(type(step).__name__ for step in passes)]))


def _print_result(stage: Stage, names: Sequence[str]) -> None:
    text = text_of(stage.result) if stage.name in names else None
    if text is not None:
        print(f"--- after {stage.name} ---\n{text.rstrip()}\n", file=sys.stderr)


def text_of(result: Any) -> str | None:
    """The text of what a stage gave; None where it has none."""
    from difflang.core.ir import Func
    from difflang.core.printer import format_func
    from difflang.loops.ir import Program
    from difflang.loops.printer import format_program
    from difflang.signature import Lowered

    match result:
        case Lowered():
            return format_func(result.func)
        case Func():
            return format_func(result)
        case Program():
            return format_program(result)
        case _ if hasattr(result, "text"):
            return str(result.text)
        case list() | bytes():
            return None
        case _:
            return str(result)


@dataclass
class Row:
    """All runs of one stage. `size` describes what the last of them gave."""

    runs: int = 0
    seconds: float = 0.0
    size: str = ""


@dataclass
class Table:
    """Stages in the order in which they first ended."""

    rows: dict[str, Row] = field(default_factory=dict[str, Row])

    def note(self, stage: Stage) -> None:
        row = self.rows.setdefault(stage.name, Row())
        row.runs += 1
        row.seconds += stage.seconds
        row.size = size_of(stage.result) or row.size

    def lines(self) -> list[str]:
        """The table; the last line is the sum."""
        total = sum(row.seconds for row in self.rows.values())
        head = f"{'stage':<16} {'seconds':>9} {'share':>6} {'runs':>5}  result"
        return [
            head,
            *(_line(name, row.seconds, total, str(row.runs), row.size) for name, row in self.rows.items()),
            _line("all", total, total, "", ""),
        ]


def _line(name: str, seconds: float, total: float, runs: str, size: str) -> str:
    share = 100 * seconds / total if total else 0.0
    return f"{name:<16} {seconds:9.4f} {share:5.1f}% {runs:>5}  {size}".rstrip()


def size_of(result: Any) -> str:
    """How large what a stage gave is: operations of Core or Loops, lines of LLVM's text, bytes of machine code."""
    from difflang.core.ir import Func, walk
    from difflang.loops import bodies
    from difflang.loops.ir import Program
    from difflang.signature import Lowered

    match result:
        case Lowered():
            return size_of(result.func)
        case Func():
            return f"{sum(1 for _ in walk(result.block))} operations"
        case Program():
            return f"{len(bodies.walk(result.body))} statements"
        case bytes():
            return f"{len(result)} bytes"
        case _ if hasattr(result, "text"):
            return f"{len(str(result.text).splitlines())} lines"
        case _:
            return ""
