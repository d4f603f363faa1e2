"""Builtin functions, one module for each kind; `load` fills the table."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Imports every module of this package, which enters its functions into `registry.BUILTINS`."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
