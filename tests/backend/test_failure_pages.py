"""Every page on a failure at run time: its wrong program fails with that code on every backend, its right one runs."""

from __future__ import annotations

import re

import pytest

import difflang
from difflang.diagnostics.explain import codes, page

PROGRAM = re.compile(r"^```dl (wrong|right)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSION = re.compile(r"^```(console|python)$", re.MULTILINE)
"""Pages on failures that need an option or a Python function show a session instead."""


def programs() -> list[tuple[str, str, str]]:
    return [(c, kind, body) for c in codes() if c.startswith("E08") for kind, body in PROGRAM.findall(page(c) or "")]


@pytest.mark.parametrize("backend", ["reference", "llvm"])
@pytest.mark.parametrize(("code", "kind", "body"), programs(), ids=lambda value: value[:5])
def test_program(code: str, kind: str, body: str, backend: str) -> None:
    main = difflang.loads(body).main.on(backend=backend)
    if kind == "right":
        main()
        return
    with pytest.raises(difflang.DiffLangError) as failure:
        main()
    assert failure.value.code == code
    assert failure.value.hint
    assert failure.value.span is not None or code == "E0807"


def test_every_code_has_both_programs_or_a_session() -> None:
    seen = {(code, kind) for code, kind, _ in programs()}
    wanted = {c for c in codes() if c.startswith("E08") and not SESSION.search(page(c) or "")}
    assert len(wanted) >= 8
    assert seen == {(code, kind) for code in wanted for kind in ("wrong", "right")}
