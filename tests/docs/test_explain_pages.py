"""The console and Python sessions on the pages about errors do what the pages show."""

from __future__ import annotations

import re

import pytest

from difflang.diagnostics.explain import codes, page

CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS_MORE = {
    "E0999": "a fault of DiffLang cannot be had at will",
    "E0904": "needs a missing package",
    "E0912": "sets a variable of the shell",
}


def sessions(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    return [(code, body) for code in codes() for body in pattern.findall(page(code) or "")]


@pytest.mark.parametrize(("code", "body"), sessions(CONSOLE), ids=lambda value: value[:5])
def test_console(code, body, session):
    if code in NEEDS_MORE:
        pytest.skip(NEEDS_MORE[code])
    session.check(body)
    assert code in body


@pytest.mark.parametrize(("code", "body"), sessions(PYTHON), ids=lambda value: value[:5])
def test_python(code, body, session, python_block):
    python_block(body, code, {})
    assert code in body
