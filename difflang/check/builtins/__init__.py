"""The functions of the prelude that need the compiler, one family a file."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Fills the table: every file registers its functions when it is imported."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
