"""Every message is a sentence, and every error says what to write."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from difflang.diagnostics.model import Diagnostic, sentence

ROOT = Path(__file__).parents[2]
FILES = sorted(f for folder in ("difflang", "backends") for f in (ROOT / folder).rglob("*.py"))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """The places that make a diagnostic."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("error", "Diagnostic"):
                yield node


def has_hint(node: ast.Call) -> bool:
    named = [k.value for k in node.keywords if k.arg == "hint"]
    positional = node.args[4:5] if isinstance(node.func, ast.Name) and node.func.id == "Diagnostic" else []
    return any(not (isinstance(v, ast.Constant) and v.value is None) for v in [*named, *positional])


def test_every_error_has_a_hint():
    seen = [(file, node) for file in FILES for node in calls(ast.parse(file.read_text("utf-8")))]
    assert len(seen) > 200
    without = [f"{file.relative_to(ROOT)}:{node.lineno}" for file, node in seen if not has_hint(node)]
    assert without == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("the sizes differ", "The sizes differ."),
        ("`x` is unknown", "`x` is unknown."),
        ("real[n] cannot be indexed", "real[n] cannot be indexed."),
        ("int is no array", "int is no array."),
        ("Did you mean `x`?", "Did you mean `x`?"),
        ("write this:\n\n    fn f(x: real)", "Write this:\n\n    fn f(x: real)"),
    ],
)
def test_sentence(text, written):
    assert sentence(text) == written
    assert sentence(written) == written


def test_a_diagnostic_speaks_in_sentences():
    made = Diagnostic("E0301", "a number is needed", hint="write 2.0")
    assert (made.message, made.hint) == ("A number is needed.", "Write 2.0.")
