"""Every common mistake gives the message that is recorded for it: code, place, words and hint.

Each `.dl` file beside this one is a small program with one kind of mistake. `pytest --snapshot-update` records anew;
read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from difflang.check import loads
from difflang.diagnostics import Diagnostic, DiffLangError, Span

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.dl"))


def messages(path: Path) -> list[Diagnostic]:
    try:
        return loads(path.read_text("utf-8"), path.name, directory=HERE).check()
    except DiffLangError as failure:
        return list(failure.diagnostics)


def place(span: Span | None) -> str:
    assert span is not None
    return f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"


def written(found: Diagnostic) -> str:
    lines = [f"{found.code} {place(found.span)}", found.message]
    lines += [f"  {place(label.span)} {label.text}" for label in found.labels]
    return "\n".join([*lines, f"hint: {found.hint}"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_message(path, snapshot):
    found = messages(path)
    assert found
    assert snapshot == path.read_text("utf-8") + "\n" + "\n\n".join(map(written, found))


def test_the_corpus_is_large():
    assert len(FILES) >= 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_place_lies_in_the_text(path):
    lines = path.read_text("utf-8").split("\n")
    for found in messages(path):
        span = found.span
        assert span is not None
        assert 1 <= span.line <= span.end_line <= len(lines)
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1
        assert (span.end_line, span.end_column) > (span.line, span.column)
