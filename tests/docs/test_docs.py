"""Everything that the documentation shows is run: programs, commands and Python sessions.

A ```dl block is a program: with a file name after `dl` it is written to that file, else it is checked. A
```csv block with a name is written too. A block with the path of a file of the project is an excerpt of that
file. A ```console block is a session of `$` commands, a ```python block one of `>>>` statements.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import difflang as dl

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
SHOWING = [name for name, page in zip(NAMES, PAGES, strict=True) if "```" in page.read_text(encoding="utf-8")]
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", SHOWING)
def test_page(name, session, python_block):
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    executed = 0
    names: dict[str, object] = {}
    for kind, file, body in FENCE.findall(text):
        executed += 1
        if file and (ROOT / file).is_file():
            assert missing_parts(body, ROOT / file) == []
        elif kind in ("dl", "csv") and file:
            (session.folder / file).write_text(body, encoding="utf-8")
        elif kind == "dl":
            assert [d for d in dl.loads(body).check() if d.severity == "error"] == [], body
        elif kind == "console":
            executed += session.check(body)
        elif kind == "python" and ">>>" in body:
            python_block(body, page.name, names)
    assert executed


def missing_parts(excerpt: str, path: Path) -> list[str]:
    """The paragraphs that the file does not hold."""
    text = path.read_text(encoding="utf-8")
    return [part for part in excerpt.rstrip("\n").split("\n\n") if part not in text]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_inside_the_documentation(page):
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
