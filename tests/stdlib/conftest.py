"""Programs that import the standard library, run through the Python API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import difflang as dl

Load = Callable[[str], Any]

STDLIB = Path(dl.__file__).parent.parent / "stdlib"


@pytest.fixture(scope="session")
def load() -> Load:
    """`load(text)`: a module, made once for each text."""
    made: dict[str, Any] = {}

    def make(text: str) -> Any:
        if text not in made:
            made[text] = dl.loads(text)
        return made[text]

    return make


@pytest.fixture(scope="session")
def matrices() -> Callable[..., Any]:
    """Random matrices by shape and seed."""
    import numpy as np

    def draw(*shape: int, seed: int = 0) -> Any:
        return np.random.default_rng(seed).standard_normal(shape)

    return draw
