"""The pages about errors: every code has one, every page's programs do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import difflang as dl
from difflang.diagnostics.explain import codes, is_code, page, title

ROOT = Path(__file__).parents[2]
WRONG = re.compile(r"^```dl wrong\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RIGHT = re.compile(r"^```dl right\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RAISED = re.compile(r'"([EW]0\d{3})"')


def raised_codes() -> set[str]:
    """Every code that stands in the source as a text of its own."""
    files = [path for root in ("difflang", "backends") for path in (ROOT / root).rglob("*.py")]
    return {code for path in files for code in RAISED.findall(path.read_text(encoding="utf-8"))}


def diagnose(text: str) -> list[dl.Diagnostic]:
    """What loading and checking a program says."""
    try:
        return dl.loads(text).check()
    except dl.DiffLangError as problem:
        return list(problem.diagnostics)


def test_every_code_has_a_page_and_every_page_a_code():
    assert raised_codes() == set(codes())


@pytest.mark.parametrize("code", codes())
def test_page(code):
    text = page(code)
    assert text is not None and text.startswith(f"# {code}: ") and text.endswith("\n")
    assert 3 < len(title(code) or "") < 80
    assert WRONG.search(text) or "```console" in text or "```python" in text, "a page shows the mistake"
    assert bool(WRONG.search(text)) == bool(RIGHT.search(text)), "a wrong program has a right one beside it"


ELSEWHERE = ("E02", "E03", "E04", "E05", "E08")
"""Families whose programs are run by the tests of the checker and of the backends."""


@pytest.mark.parametrize(
    "code", [code for code in codes() if WRONG.search(page(code) or "") and code[:3] not in ELSEWHERE]
)
def test_programs(code):
    for program in WRONG.findall(page(code) or ""):
        found = diagnose(program)
        assert code in [d.code for d in found], f"the wrong program gives {found}"
    for program in RIGHT.findall(page(code) or ""):
        assert [d for d in diagnose(program) if d.severity == "error"] == []


def test_forms_of_codes():
    assert is_code("E0301") and is_code("w0504") and not is_code("E031") and not is_code("X0301")
    assert page("E0000") is None and title("E0000") is None
    assert page("e0605") == page("E0605")
