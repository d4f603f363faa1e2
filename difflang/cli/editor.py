"""What an editor asks about a source text: its mistakes, the meaning of a name, names that fit, its items.

Everything here works on texts and positions (lines and columns count from 1) and knows nothing of any protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from difflang.check import loads
from difflang.check.documentation import Documented, Entry, Page, builtin_entries, library_page, page_of, signature
from difflang.check.program import library_directory
from difflang.diagnostics import Diagnostic, DiffLangError
from difflang.syntax import ast, decode, parse

WORD = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
START = re.compile(r"((?:[^\W\d]\w*\.)*)(\w*)$")


def mistakes(text: str, path: Path) -> Sequence[Diagnostic]:
    """Every mistake and warning of a text, as `difflang check` finds them in the file."""
    try:
        return loads(text, str(path), path.parent).check()
    except DiffLangError as problem:
        return problem.diagnostics


def meaning(text: str, path: Path, line: int, column: int) -> Entry | None:
    """What the name at a place stands for: an item of the text, of a module that it imports, or of the prelude."""
    word = _word_at(text, line, column)
    if not word:
        return None
    owner, _, name = word.rpartition(".")
    found = [entry for entry in _entries(text, path, owner) if entry.name == name]
    if found:
        return found[0]
    page = _imported(text, path).get(word)
    return Entry(word, f"import {page.name}", page.text) if page else None


def fitting(text: str, path: Path, line: int, column: int) -> list[Entry]:
    """The names that may stand at a place: behind `optim.` those of the module, else all that are in scope."""
    before = text.splitlines()[line - 1][: column - 1] if line <= len(text.splitlines()) else ""
    match = START.search(before)
    owner, start = (match[1].rstrip("."), match[2]) if match else ("", "")
    entries = [entry for entry in _entries(text, path, owner) if entry.name.startswith(start)]
    return list({entry.name: entry for entry in entries}.values())


def items(text: str, path: Path) -> list[Entry]:
    """The items that a text defines, documented or not, in their order. None where it cannot be parsed."""
    module = _parsed(text, path)
    lines = text.splitlines()
    return [
        Entry(item.name, signature(item, lines), item.doc or "", item.name_span)
        for item in (module.items if module else ())
        if isinstance(item, Documented)
    ]


def _word_at(text: str, line: int, column: int) -> str:
    """The name around a place; of `optim.adam` the part up to the place."""
    lines = text.splitlines()
    for match in WORD.finditer(lines[line - 1] if line <= len(lines) else ""):
        if match.start() < column <= match.end() + 1:
            rest = match[0][column - 1 - match.start() :]
            return match[0][: len(match[0]) - len(rest)] + rest.partition(".")[0]
    return ""


def _entries(text: str, path: Path, owner: str) -> Iterable[Entry]:
    """What can be named behind `owner.`, or without an owner."""
    imported = _imported(text, path)
    if owner:
        return imported[owner].entries if owner in imported else ()
    prelude = library_page("prelude")
    names = {name for name in imported if "." not in name}
    modules = [Entry(name, f"import {imported[name].name}", imported[name].text) for name in sorted(names)]
    return [*items(text, path), *_members(text, path), *modules, *_of(prelude), *builtin_entries().values()]


def _of(page: Page | None) -> Iterable[Entry]:
    return page.entries if page else ()


def _members(text: str, path: Path) -> list[Entry]:
    """What `from module import name` brings in, by the names that it has here."""
    found: list[Entry] = []
    for item in _imports(text, path):
        page = _page(item.module, path.parent) if isinstance(item, ast.FromImport) else None
        if page and isinstance(item, ast.FromImport):
            names = {name: alias or name for name, alias, _ in item.names}
            found += [Entry(names[e.name], e.signature, e.text, e.place) for e in page.entries if e.name in names]
    return found


def _imported(text: str, path: Path) -> dict[str, Page]:
    """The modules that a text imports, by the names that they have in it."""
    pages: dict[str, Page] = {}
    for item in _imports(text, path):
        page = _page(item.module, path.parent) if isinstance(item, ast.Import) else None
        if page and isinstance(item, ast.Import):
            pages[item.alias or item.module[-1]] = page
    return pages


def _imports(text: str, path: Path) -> list[ast.Import | ast.FromImport]:
    """The imports of a text. One that is being written, and cannot be parsed, is read for its imports alone."""
    module = _parsed(text, path)
    if module is None:
        lines = [line for line in text.splitlines() if re.match(r"(import|from)\s+\w", line)]
        readable = [line for line in lines if _parsed(line + "\n", path)]
        module = _parsed("\n".join(readable) + "\n", path)
    return [item for item in (module.items if module else ()) if isinstance(item, ast.Import | ast.FromImport)]


def _parsed(text: str, path: Path) -> ast.Module | None:
    try:
        return parse(text, str(path))
    except DiffLangError:
        return None


def _page(module: Sequence[str], directory: Path) -> Page | None:
    for base in (directory, library_directory()):
        path = base.joinpath(*module).with_suffix(".dl")
        if path.is_file():
            try:
                return page_of(decode(path.read_bytes(), str(path)), path, ".".join(module))
            except DiffLangError:
                return None
    return None
