"""`difflang doc`: what a module or a name of the library, or a file of one's own, offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from difflang.cli.options import Settings, output_options
from difflang.diagnostics import error
from difflang.diagnostics.suggest import did_you_mean

if TYPE_CHECKING:
    from difflang.check.documentation import Entry, Page


@click.command("doc")
@click.argument("name", required=False)
@output_options
def command(name: str | None, settings: Settings) -> None:
    """Show the documentation of NAME: a module (optim), a part of one (optim.adam), a prelude function, a word of the
    language (rule), or a file."""
    if settings.console.form == "json":
        from difflang.cli.output import json_text

        print(json_text(_found(name)))
    else:
        print(documentation(name))


def documentation(name: str | None) -> str:
    """The page on a name, or the list of what there is, as text. Raises E0911."""
    return _text(_found(name))


def _found(name: str | None) -> dict[str, Any]:
    return _library() if name is None else _document(name)


def _library() -> dict[str, Any]:
    from difflang.check.documentation import builtin_entries, library_modules, library_page, word_entries

    pages = [page for page in map(library_page, library_modules()) if page is not None]
    modules = [{"name": page.name, "text": page.summary} for page in pages]
    return {
        "text": "The standard library.",
        "entries": modules,
        "builtins": list(builtin_entries()),
        "words": list(word_entries()),
    }


def _document(name: str) -> dict[str, Any]:
    """The page of a file or a module, or the entry of a name. Raises E0911 where there is neither."""
    from difflang.check.documentation import builtin_entries, library_modules, library_page, page_of, word_entries
    from difflang.runtime.sources import require_source
    from difflang.syntax import decode

    if name.endswith(".dl"):
        path = require_source(name)
        found = _of_page(page_of(decode(path.read_bytes(), name), Path(name), path.stem))
        return found if found["text"] or found["entries"] else {**found, "text": f"{name} defines nothing."}
    page = library_page(name)
    if page is not None:
        return _of_page(page)
    owner, _, member = name.rpartition(".")
    page = library_page(owner or "prelude")
    entries = list(page.entries) if page else []
    if not owner:
        entries += [*builtin_entries().values(), *word_entries().values()]
    found = [_of_entry(entry) for entry in entries if entry.name == member]
    if not found:
        known = [entry.name for entry in entries] + ([] if owner else list(library_modules()))
        hint = did_you_mean(member, known, "`difflang doc` lists the modules.")
        raise error("E0911", f"There is no documentation of `{name}`.", hint=hint)
    return found[0] if len(found) == 1 else {"name": member, "text": "", "entries": found}


def _of_page(page: Page) -> dict[str, Any]:
    return {"name": page.name, "text": page.text, "entries": [_of_entry(entry) for entry in page.entries]}


def _of_entry(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "signature": entry.signature, "text": entry.text}


def _text(document: Mapping[str, Any]) -> str:
    """A page for the terminal: its text, then each entry, the text of an entry indented under its signature."""
    blocks = [document["signature"]] if "signature" in document else []
    blocks += [document["text"]] if document["text"] else []
    blocks += [_entry_text(entry) for entry in document.get("entries", ())]
    if "builtins" in document:
        blocks.append("Names of the compiler, in scope everywhere:\n" + _wrapped(document["builtins"]))
        blocks.append("Words of the language:\n" + _wrapped(document["words"]))
        blocks.append(
            "`difflang doc NAME` shows a module, a function of one (optim.adam), a name of the prelude, or a word."
        )
    return "\n\n".join(blocks)


def _entry_text(entry: Mapping[str, str]) -> str:
    head = entry.get("signature", entry["name"])
    return "\n".join([head, *(f"    {line}".rstrip() for line in entry["text"].splitlines())])


def _wrapped(names: Iterable[str]) -> str:
    import textwrap

    return textwrap.fill(" ".join(names), 100, initial_indent="    ", subsequent_indent="    ")
