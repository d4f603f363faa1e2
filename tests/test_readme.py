"""The programs of the README's first screen do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import difflang as dl

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_first_program():
    program = re.search(r"^```\n(## The square root.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert program is not None
    root, slope = dl.loads(program.group(1)).main(9.0)
    assert root == pytest.approx(3, rel=1e-12)
    assert slope == pytest.approx(1 / 6, rel=1e-9)


def test_python_block():
    block = re.search(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert block is not None
    setup, shown = block.group(1).rstrip().rsplit("\n", 1)
    expression, result = shown.split("  # ")
    names: dict[str, object] = {}
    exec(setup, names)
    assert repr(eval(expression, names)) == result
