"""Pages on mistakes in names, types, sizes, derivatives: the wrong program is refused so, the right one passes."""

from __future__ import annotations

import re

import pytest

from difflang.check import loads
from difflang.diagnostics.explain import codes, page
from difflang.diagnostics.model import Diagnostic, DiffLangError

FAMILIES = ("E02", "E03", "E04", "E05")
ELSEWHERE = {"E0513"}
"""Codes of other parts of the project that belong to these families."""

PROGRAM = re.compile(r"^```dl (wrong|right)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def mistakes(text: str) -> list[Diagnostic]:
    """What checking a program and compiling its `main` finds."""
    try:
        program = loads(text)
        found = program.check()
        if not found and "main" in program.functions():
            program.lower("main")
    except DiffLangError as failure:
        return list(failure.diagnostics)
    return found


def programs() -> list[tuple[str, str, str]]:
    wanted = [c for c in codes() if c.startswith(FAMILIES) and c not in ELSEWHERE]
    return [(code, kind, body) for code in wanted for kind, body in PROGRAM.findall(page(code) or "")]


@pytest.mark.parametrize(("code", "kind", "body"), programs(), ids=lambda value: value[:5])
def test_program(code: str, kind: str, body: str) -> None:
    found = mistakes(body)
    if kind == "right":
        assert not found
    else:
        assert found[0].code == code
        assert found[0].span is not None


def test_every_code_has_both_programs() -> None:
    seen = {(code, kind) for code, kind, _ in programs()}
    assert all((code, kind) in seen for code, _ in seen for kind in ("wrong", "right"))
