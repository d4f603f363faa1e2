"""Everything that the documentation shows is run: programs, commands and Python sessions.

A ```dl block is a program: with a file name after `dl` it is written to that file, else it is checked. A
```csv block with a name is written too. A ```console block is a session of `$` commands, a ```python block
one of `>>>` statements.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import difflang as dl

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_page(page, session, python_block):
    text = page.read_text(encoding="utf-8")
    executed = 0
    names: dict[str, object] = {}
    for kind, name, body in FENCE.findall(text):
        executed += 1
        if kind in ("dl", "csv") and name:
            (session.folder / name).write_text(body, encoding="utf-8")
        elif kind == "dl":
            assert [d for d in dl.loads(body).check() if d.severity == "error"] == [], body
        elif kind == "console":
            executed += session.check(body)
        elif kind == "python" and ">>>" in body:
            python_block(body, page.name, names)
    assert executed or page.name in ("CHANGELOG.md",)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_inside_the_documentation(page):
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
