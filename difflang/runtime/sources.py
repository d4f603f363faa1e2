"""Source files: found and readable, or a diagnostic that says which file is meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from difflang.diagnostics import error
from difflang.diagnostics.suggest import did_you_mean

if TYPE_CHECKING:
    from difflang.check import Program


def require_source(path: str | Path) -> Path:
    """The path of a source file. Raises E0907 where there is none that can be read."""
    path = Path(path)
    if path.is_dir():
        raise error("E0907", f"`{path}` is a directory, not a file.", hint="Name a .dl file in it.")
    if not path.exists():
        names = [entry.name for entry in path.parent.glob("*.dl")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, names, "Paths are relative to the working directory.")
        raise error("E0907", f"There is no file `{path}`.", hint=hint)
    if not os.access(path, os.R_OK):
        raise error("E0907", f"The file `{path}` may not be read.", hint="Check its permissions.")
    return path


def load_program(path: str | Path) -> Program:
    """The program in a file."""
    path = require_source(path)
    from difflang.check import load

    return load(path)


def loads_program(text: str, path: str = "<string>", directory: str | Path | None = None) -> Program:
    """The program in a text."""
    from difflang.check import loads

    return loads(text, path, directory)


def require_argument_file(path: str | Path, name: str) -> Path:
    """The path of a file given as `NAME=@FILE`. Raises E0907 where there is none."""
    path = Path(path)
    if not path.exists():
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, names, "Paths are relative to the working directory.")
        raise error("E0907", f"There is no file `{path}` for the argument `{name}`.", hint=hint)
    return path
