"""Every file of the library and of the examples passes `difflang check`, generic functions and rules included."""

from __future__ import annotations

from pathlib import Path

import pytest

from difflang.check import load

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "stdlib").rglob("*.dl")), *sorted((ROOT / "examples").rglob("*.dl"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_check_finds_nothing(file: Path) -> None:
    assert [d for d in load(file).check() if d.severity == "error"] == []
