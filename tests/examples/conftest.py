"""The files of the examples and of the ADBench data, and Python files beside them loaded as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def examples() -> Path:
    return ROOT / "examples"


@pytest.fixture(scope="session")
def adbench() -> Path:
    return ROOT / "tests" / "data" / "adbench"


@pytest.fixture(scope="session")
def runner() -> ModuleType:
    """examples/adbench/run.py."""
    return _module("adbench_run", ROOT / "examples" / "adbench" / "run.py")


@pytest.fixture(scope="session")
def oracles() -> ModuleType:
    return _module("adbench_oracles", Path(__file__).parent / "adbench_oracles.py")
