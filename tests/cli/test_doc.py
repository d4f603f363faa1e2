"""`difflang doc`: modules, their members, the prelude, files of one's own."""

from __future__ import annotations

import pytest

from difflang.check.documentation import builtin_entries, library_modules, library_page, word_entries
from difflang.check.prelude import prelude_values
from difflang.check.vocabulary import VOCABULARY
from difflang.cli.app import COMMANDS
from difflang.syntax.tables import tables


@pytest.mark.parametrize("module", list(library_modules()))
def test_every_module_has_a_text_and_entries(module):
    page = library_page(module)
    assert page is not None and page.text and page.entries
    assert all(entry.signature.count("(") == entry.signature.count(")") for entry in page.entries)


def test_the_list_of_modules(difflang):
    out = difflang("doc").out
    assert all(module in out for module in ("optim", "linalg", "prelude"))
    assert {entry["name"] for entry in difflang("doc --format json").json["entries"]} == set(library_modules())


def test_a_member_shows_its_signature_and_text(difflang):
    out = difflang("doc optim.adam").out
    assert out.startswith("fn adam[L](lr: L = 0.001, b1: real = 0.9") and "Kingma and Ba" in out


def test_every_form_of_an_overloaded_function_is_shown(difflang):
    entries = difflang("doc linalg.solve --format json").json["entries"]
    assert [entry["signature"].partition("->")[2].strip() for entry in entries] == ["real[n]", "real[n, m]"]


def test_a_builtin_shows_its_derivative(difflang):
    assert "the derivative by x is where((low <= x) & (x <= high), 1, 0)" in difflang("doc clip").out
    assert difflang("doc exp").out == "exp(x)\n\ne to the power x.\n\nWith y the value, the derivative by x is y.\n"
    assert not any(name.startswith("_") for name in builtin_entries())


def test_every_name_in_scope_has_a_text():
    """Reductions, derivative operators, constants and types as well as functions."""
    prelude = library_page("prelude")
    assert prelude is not None
    texts = {entry.name: entry.text for entry in (*builtin_entries().values(), *prelude.entries)}
    assert [name for name in prelude_values() if not name.startswith("_") and not texts.get(name)] == []
    assert [name for name in VOCABULARY if name not in prelude_values()] == []


def test_every_word_of_the_language_is_told():
    assert set(word_entries()) == tables().words("keywords")


@pytest.mark.parametrize("name", ["sum", "grad", "pi", "report", "real", "for", "implicit", "extern"])
def test_a_word_of_the_language_is_shown(difflang, name):
    assert difflang(f"doc {name}").out.startswith(name)


def test_a_file_without_texts_shows_what_it_defines(difflang, folder):
    (folder / "plain.dl").write_text("const k = 2.0\nfn energy(x: real) -> real = k * x\n")
    assert difflang("doc plain.dl").out == "const k = 2.0\n\nfn energy(x: real) -> real\n"
    (folder / "empty.dl").write_text("# nothing\n")
    assert difflang("doc empty.dl").out == "empty.dl defines nothing.\n"


ITEMS = """\
## A spring.

## Stiffness.
const k = 2.0
## A mass.
struct Mass[n]:
    x: real[n]
    m: real
## Bound outside.
extern fn measure(x: real) -> real
## The root.
implicit fn root(a: real) -> (x: real):
    where x * x - a == 0
    return sqrt(a)
## Without a result type.
fn energy(x: real, scale: real = 2 * (1 + 1)) = k * x
## Without parameters.
fn none():
    print("none")
fn inner(x: real) = x
"""
SIGNATURES = {
    "k": "const k = 2.0",
    "Mass": "struct Mass[n]:\n    x: real[n]\n    m: real",
    "measure": "extern fn measure(x: real) -> real",
    "root": "implicit fn root(a: real) -> (x: real)",
    "energy": "fn energy(x: real, scale: real = 2 * (1 + 1))",
    "none": "fn none()",
}


def test_a_file_shows_what_it_documents(difflang, folder):
    (folder / "spring.dl").write_text(ITEMS)
    found = difflang("doc spring.dl --format json").json
    assert found["text"] == "A spring."
    assert {entry["name"]: entry["signature"] for entry in found["entries"]} == SIGNATURES


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("optim.adan", "E0911", "Did you mean `adam`?"),
        ("optm", "E0911", "Did you mean `optim`?"),
        ("nothing.of", "E0911", "lists the modules"),
        ("none.dl", "E0907", ""),
        ("broken.dl", "E0105", ""),
    ],
)
def test_what_is_not_there(difflang, name, code, hint):
    ran = difflang(f"doc {name}")
    assert ran.status in (1, 2) and code in ran.err and hint in ran.err


def test_every_command_shows_its_help(difflang):
    for name in COMMANDS:
        ran = difflang(f"{name} --help")
        assert ran.status == 0 and ran.out.startswith("Usage: difflang ")
