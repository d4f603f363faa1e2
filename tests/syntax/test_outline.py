"""Items that are parsed when they are asked for are those of the file that is parsed as a whole."""

from __future__ import annotations

import pytest

from difflang.check.program import library_directory
from difflang.diagnostics.model import DiffLangError
from difflang.syntax import ast, parse
from difflang.syntax.outline import item_names, outline

FILES = sorted(library_directory().rglob("*.dl"), key=str)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_library_piece_by_piece(path):
    text = path.read_text()
    items, rules = outline(text, str(path))
    whole: dict[str, list[ast.Item]] = {}
    whole_rules: dict[str, list[ast.Item]] = {}
    for item in parse(text, str(path)).items:
        for name in item_names(item):
            whole.setdefault(name, []).append(item)
        if isinstance(item, ast.RuleDef):
            whole_rules.setdefault(item.function, []).append(item)
    assert dict(items) == whole
    assert dict(rules) == whole_rules


def test_only_what_is_asked_for_is_parsed():
    items, _ = outline("fn right(x: real) -> real = x\n\nfn wrong(x: real -> real\n\nfn late() = 1\n", "m.dl")
    assert list(items) == ["right", "wrong", "late"]
    assert items["late"][0].span.line == 5
    with pytest.raises(DiffLangError) as failure:
        items["wrong"]
    assert failure.value.span is not None and failure.value.span.line == 3
