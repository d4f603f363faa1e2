"""The items of a library file by name, each parsed when it is first asked for.

A program uses a small part of the standard library, and reading all of a module takes longer than checking the part.
This counts on what is true of every well-formed file: an item begins with a word in the first column, and nothing else
does. The library's own tests parse its files as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from difflang.syntax import ast
from difflang.syntax.read import parse

_BEGIN = re.compile(r"^(?:##.*\n)*\w", re.MULTILINE)
"""An item with the documentation right above it."""
_DEFINITION = re.compile(r"(?:(?:implicit|extern) +)?(?:fn|struct|const|data) +(\w+)")
_RULE = re.compile(r"rule +\w+ +(\w+)")


class Outline(Mapping[str, list[ast.Item]]):
    """Items by name. Raises a DiffLangError (E01xx) where the text of an item that is asked for is wrong."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._texts: dict[str, list[str]] = {}
        self._parsed: dict[str, list[ast.Item]] = {}

    def add(self, name: str, text: str) -> None:
        """Notes an item; `text` has as many lines in front as the file has there."""
        self._texts.setdefault(name, []).append(text)

    def __getitem__(self, name: str) -> list[ast.Item]:
        if name not in self._parsed:
            self._parsed[name] = [item for text in self._texts[name] for item in _items(text, self._path)]
        return self._parsed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, name: object) -> bool:
        return name in self._texts


@lru_cache(4096)
def _items(text: str, path: str) -> tuple[ast.Item, ...]:
    """The items of a piece; every program of this process that uses them shares their trees."""
    return parse(text, path).items


def outline(text: str, path: str) -> tuple[Outline, Outline]:
    """The items of a file by name, and its rules by the function that they are for. Tests have no name."""
    items, rules = Outline(path), Outline(path)
    begins = list(_BEGIN.finditer(text))
    ends = [*(begin.start() for begin in begins[1:]), len(text)]
    for begin, end in zip(begins, ends, strict=True):
        piece = "\n" * text.count("\n", 0, begin.start()) + text[begin.start() : end]
        if rule := _RULE.match(text, begin.end() - 1, end):
            rules.add(rule.group(1), piece)
        for name in _names(text, begin.end() - 1, piece, path):
            items.add(name, piece)
    return items, rules


def _names(text: str, start: int, piece: str, path: str) -> list[str]:
    """The names that the item at `start` brings into its module."""
    if text.startswith(("import ", "from "), start):
        return [name for item in parse(piece, path).items for name in item_names(item)]
    definition = _DEFINITION.match(text, start)
    return [definition.group(1)] if definition else []


def item_names(item: ast.Item) -> list[str]:
    """The names an item brings into its module."""
    match item:
        case ast.Import():
            return [item.alias or item.module[-1]]
        case ast.FromImport():
            return [alias or name for name, alias, _ in item.names]
        case ast.RuleDef() | ast.TestDef():
            return []
        case _:
            return [item.name]
