"""The C compiler of the machine: found, called, its library loaded."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from difflang.diagnostics import error

COMPILERS = ("cc", "gcc", "clang")
FLAGS = (
    "-std=gnu11", "-O{level}", "-march=native", "-fopenmp-simd", "-fPIC", "-shared",
    "-fwrapv", "-ffp-contract=off", "-fno-math-errno", "-w",
)  # fmt: skip
"""`-fwrapv`: integers wrap, as in the language. `-ffp-contract=off`: what is computed again has the same bits."""


def compiler() -> list[str]:
    """The command of the C compiler: `$CC`, or the first of the usual names. Raises E0912 where there is none."""
    chosen = shlex.split(os.environ.get("CC", ""))
    names = [chosen[0]] if chosen else COMPILERS
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        hint = "Install one (gcc or clang), or name it in the environment variable CC."
        raise error("E0912", f"There is no C compiler here: {', '.join(names)} is not found.", hint=hint)
    return [found, *chosen[1:]]


def build(source: Path, library: Path, level: int = 3) -> None:
    """Compiles a C file to a shared library. Raises E0912 with what the compiler said where it fails."""
    flags = [flag.format(level=level) for flag in FLAGS]
    command = [*compiler(), *flags, str(source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"The C compiler failed:\n{done.stderr.strip() or done.returncode}"
        raise error("E0912", message, hint="Look at `difflang emit --stage c`, and at the value of CC.")
