"""The command line. `main` is the entry point `difflang`."""

from __future__ import annotations

import gc
import sys

from difflang.stack import YOUNG_OBJECTS


def main() -> None:
    """Runs the command line and ends the process with its status: 0 done, 1 the program failed, 2 wrong usage.

    The process is the command's own, and nearly all that it makes it keeps to the end: rubbish is looked for seldom.
    """
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    from difflang.cli.app import execute

    sys.exit(execute(sys.argv[1:]))
