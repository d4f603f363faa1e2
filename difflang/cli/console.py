"""Where the command line writes: results to the standard output, diagnostics to the standard error.

With `--format json` the standard output carries exactly one JSON document: the result, or the list of
diagnostics where there is none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from difflang.diagnostics import Diagnostic

if TYPE_CHECKING:
    from difflang.diagnostics.render import Format

USAGE_CODES = ("E0601", "E0602", "E0609", "E0711")
"""Missing, unknown and doubled arguments, a kind of file that `--out` cannot write: the command line is wrong, as with
every E09."""

PROGRAM_CODES = ("E0904", "E0912", "E0913", "E0999")
"""Codes of the family E09 that no change of the command line mends."""


def exit_status(diagnostics: Sequence[Diagnostic]) -> int:
    """2 if the command line is wrong, 1 if the program, its data or its run is, 0 for warnings alone."""
    errors = [d.code for d in diagnostics if d.severity == "error"]
    if any((code.startswith("E09") and code not in PROGRAM_CODES) or code in USAGE_CODES for code in errors):
        return 2
    return 1 if errors else 0


@dataclass
class Console:
    """The format and the loudness of one command."""

    form: Format = "full"
    quiet: bool = False
    _warned: set[Diagnostic] = field(default_factory=set[Diagnostic])

    def show(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, str] | None = None) -> None:
        """Shows diagnostics in the format that was asked for."""
        from difflang.diagnostics.render import render

        stream = sys.stdout if self.form == "json" else sys.stderr
        color = self.form == "full" and stream.isatty() and "NO_COLOR" not in os.environ
        print(render(diagnostics, self.form, sources or {}, color=color), file=stream)

    def warn(self, diagnostic: Diagnostic, sources: Mapping[str, str] | None = None) -> None:
        """Shows a warning once, unless `--quiet`; always on the standard error."""
        if self.quiet or diagnostic in self._warned:
            return
        from difflang.diagnostics.render import render

        self._warned.add(diagnostic)
        form: Format = "short" if self.form == "json" else self.form
        print(render([diagnostic], form, sources or {}), file=sys.stderr)

    def note(self, text: str) -> None:
        """A remark for people: on the standard error, and not under `--quiet`."""
        if not self.quiet:
            print(text, file=sys.stderr)
