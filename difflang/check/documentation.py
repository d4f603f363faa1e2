"""What a name means, for readers: the signature as it was written, and the `##` text before it.

The command `difflang doc` and editors show these entries. A module offers what it documents: an item without a
`##` text is a detail of its own, unless it is another form of a function that has one; where nothing has one, all is
shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from difflang.check import builtins
from difflang.check.builtins.registry import BUILTINS
from difflang.check.program import library_directory
from difflang.check.vocabulary import VOCABULARY
from difflang.check.words import WORDS
from difflang.diagnostics.model import Span
from difflang.prims import PRIMITIVES
from difflang.syntax import ast, decode, parse

Documented = ast.FunctionDef | ast.ExternDef | ast.ImplicitDef | ast.StructDef | ast.ConstDef | ast.DataDef


@dataclass(frozen=True, slots=True)
class Entry:
    """One name: how it is called or written, the text on it, and its place (`None` for a builtin)."""

    name: str
    signature: str
    text: str
    place: Span | None = None

    @property
    def summary(self) -> str:
        """The first sentence of the text."""
        first, dot, _ = " ".join(self.text.split("\n\n")[0].split()).partition(". ")
        return first + dot.strip()


@dataclass(frozen=True, slots=True)
class Page:
    """The text at the head of a module, and the entries of what it defines and takes from its parts."""

    name: str
    text: str
    entries: tuple[Entry, ...]

    @property
    def summary(self) -> str:
        return Entry(self.name, "", self.text).summary


def library_modules() -> dict[str, Path]:
    """The modules of the standard library that are imported by one name."""
    return {path.stem: path for path in sorted(library_directory().glob("*.dl"))}


def library_page(name: str) -> Page | None:
    """The page of a module such as `optim` or `optim.adaptive`; None where the library has no such module."""
    path = library_directory().joinpath(*name.split(".")).with_suffix(".dl")
    if not path.is_file():
        return None
    return page_of(decode(path.read_bytes(), str(path)), path, name)


def page_of(text: str, path: Path, name: str) -> Page:
    """The page of a source text. Raises DiffLangError (E01xx) where it cannot be parsed."""
    module = parse(text, str(path))
    return Page(name, module.doc or "", tuple(_entries(module, text, path.parent)))


def _entries(module: ast.Module, text: str, directory: Path) -> Iterator[Entry]:
    lines = text.splitlines()
    offered = [item for item in module.items if isinstance(item, Documented)]
    shown = {item.name for item in offered if item.doc is not None} or {item.name for item in offered}
    for item in module.items:
        if isinstance(item, ast.FromImport):
            yield from _taken_over(item, directory)
        elif isinstance(item, Documented) and item.name in shown:
            yield Entry(item.name, signature(item, lines), item.doc or "", item.name_span)


def _taken_over(item: ast.FromImport, directory: Path) -> Iterator[Entry]:
    """What a module takes from its parts, which lie in the folder that bears its name; other imports are its own."""
    path = directory.joinpath(*item.module).with_suffix(".dl")
    if len(item.module) < 2 or not path.is_file():
        return
    wanted = {name for name, _, _ in item.names}
    page = page_of(decode(path.read_bytes(), str(path)), path, ".".join(item.module))
    yield from (entry for entry in page.entries if entry.name in wanted)


def signature(item: Documented, lines: list[str]) -> str:
    """The head of an item as its author wrote it: a function without its body, a struct with its fields."""
    match item:
        case ast.FunctionDef() | ast.ExternDef():
            return _head(item.span, item.result, item.parameters, item.name_span, lines)
        case ast.ImplicitDef():
            head = _head(item.span, None, item.unknowns, item.name_span, lines)
            return head if head.count("(") == head.count(")") else head + ")"
        case ast.StructDef():
            fields = "".join(f"\n    {_source(field.span, lines)}" for field in item.fields)
            return f"{_source(item.span, lines).splitlines()[0].partition(':')[0]}:{fields}"
        case ast.ConstDef() | ast.DataDef():
            return _source(item.span, lines)


def _head(
    start: Span,
    result: ast.TypeExpr | None,
    parameters: tuple[ast.Parameter, ...],
    name: Span,
    lines: list[str],
) -> str:
    """From `fn` to the result type; without one, to the bracket that closes the parameters."""
    if result is not None:
        return _source(start.to(result.span), lines)
    last = parameters[-1].span if parameters else name
    text = _source(start.to(last), lines)
    missing = text.count("(") - text.count(")")
    return text + ("" if parameters else "()") + ")" * missing


def _source(span: Span, lines: list[str]) -> str:
    """The text of a span, without the indentation that continues a signature on further lines."""
    taken = lines[span.line - 1 : span.end_line]
    taken[-1] = taken[-1][: span.end_column - 1]
    taken[0] = taken[0][span.column - 1 :]
    return "\n".join(line.rstrip() for line in taken).strip()


def builtin_entries() -> Mapping[str, Entry]:
    """The names of the prelude that the compiler provides: functions, reductions, operators, constants, types."""
    builtins.load()
    names = {name for name in BUILTINS if not name.startswith("_")} | set(VOCABULARY)
    return {name: _builtin_entry(name) for name in sorted(names)}


def word_entries() -> Mapping[str, Entry]:
    """The words of the language, such as `for` and `rule`."""
    return {name: Entry(name, *described) for name, described in WORDS.items()}


def _builtin_entry(name: str) -> Entry:
    written, text = VOCABULARY.get(name) or (_call(name), _description(name))
    rules = _derivative_rules(name)
    rule = f"With y the value, the derivative by {', by '.join(rules)}." if rules else ""
    return Entry(name, written, "\n\n".join(filter(None, [text, rule])))


def _call(name: str) -> str:
    """`reshape(a, n..)`; a parameter that may be left out has a question mark, one that repeats has dots."""
    return f"{name}({', '.join(BUILTINS[name].parameters)})"


def _description(name: str) -> str:
    """What the code says that makes it."""
    return " ".join((BUILTINS[name].implementation.__doc__ or "").split())


def _derivative_rules(name: str) -> list[str]:
    """`x is exp(x)` for every argument with a partial derivative, its text written with the parameters' names."""
    if name not in BUILTINS or name not in PRIMITIVES:
        return []
    names, partials = BUILTINS[name].names, PRIMITIVES[name].partials
    argument = dict(zip("abc", names, strict=False))

    def named(partial: str) -> str:
        return re.sub(r"\b[abc]\b", lambda match: argument.get(match[0], match[0]), partial)

    return [f"{name} is {named(partial)}" for name, partial in zip(names, partials, strict=False) if partial]
