"""Lines, indentation, comments, documentation, and text that comes from other systems."""

from __future__ import annotations

import pytest

from difflang.diagnostics import DiffLangError
from difflang.syntax import decode, parse

PLAIN = "import optim\n\nfn f(x: real) -> real:\n    let y = x\n    return y\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\n\n\n"),
        PLAIN.replace("\n", "   \n"),
        PLAIN.replace("\n", "  # a comment\n"),
        PLAIN.replace("    let", "# at the margin\n            # far right\n    let"),
        PLAIN.replace("    ", "  "),
        PLAIN.replace("\n\n", "\n\t\n"),
        PLAIN.replace("let y", "let\ty"),
    ],
)
def test_the_same_program_written_otherwise(text, brief):
    assert brief(parse(text).items) == brief(parse(PLAIN).items)


@pytest.mark.parametrize("text", ["", "\n", "\n\n  \n", "# nothing", "\ufeff", "## only words\n"])
def test_files_without_items(text, brief):
    assert parse(text).items == ()


def test_documentation_goes_to_the_next_item():
    module = parse(
        "## The file,\n## two lines.\n\n## Of f.\nfn f(x: real) = x\n## Of g.\n\n# plain\nfn g(x: real) = x\n"
    )
    assert module.doc == "The file,\ntwo lines."
    assert [item.doc for item in module.items] == ["Of f.", "Of g."]


def test_documentation_at_the_head():
    assert parse("## Words.\nimport optim\n").doc == "Words."
    assert parse("## Words.\n").doc == "Words."
    directly = parse("## Of f.\nfn f(x: real) = x\n")
    assert (directly.doc, directly.items[0].doc) == (None, "Of f.")


def test_documentation_inside_a_block_or_behind_code_is_a_comment():
    module = parse("fn f(x: real):  ## not this\n    ## nor this\n    return x\nfn g(x: real) = x\n")
    assert [item.doc for item in module.items] == [None, None]


def test_blocks_end_where_their_text_ends():
    first, second = parse("fn f(x: real):\n    if x > 0:\n        return x\n\n\nfn g(x: real) = x\n").items
    assert (first.span.end_line, first.span.end_column) == (3, 17)
    assert second.span.line == 6


def test_names_are_normalised_as_in_python():
    (item,) = parse("fn \ufb01t(\u00b5: real) = \u03bc\n").items
    assert item.name == "fit"
    assert item.parameters[0].name == item.body[0].value.name == "\u03bc"


def test_bytes_that_are_not_utf8_are_refused():
    assert decode("é".encode(), "p") == "é"
    assert decode(b"\xef\xbb\xbfx", "p") == "x"
    with pytest.raises(DiffLangError) as failure:
        decode(b"ok\n  \xe9t\xe9", "p")
    assert (failure.value.code, failure.value.span.line, failure.value.span.column) == ("E0117", 2, 3)
