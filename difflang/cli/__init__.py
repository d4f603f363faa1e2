"""The command line. `main` is the entry point `difflang`."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and ends the process with its status: 0 done, 1 the program failed, 2 wrong usage."""
    from difflang.cli.app import execute

    sys.exit(execute(sys.argv[1:]))
