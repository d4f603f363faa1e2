"""The generated parser tables, read once from `tables.json` (see `generate.py`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLES_PATH = Path(__file__).with_name("tables.json")
PLACEHOLDER = -1
SPLICE = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """A production. `shape` lists the symbols that become arguments of `action` (see `generate._shape`)."""

    nonterminal: str
    length: int
    action: str | None
    shape: tuple[int, ...]
    collapses: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """`states[s][symbol]` is the next state, or `~rule` for a reduction by that rule."""

    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]
    start: dict[str, int]
    end: dict[str, int]
    tokens: dict[str, dict[str, list[str] | str]]

    def words(self, section: str, *kinds: str) -> frozenset[str]:
        """The words listed under `[section]` of tokens.toml, of the given kinds or of all."""
        return frozenset(word for kind, words in self.tokens[section].items() if not kinds or kind in kinds for word in words)


@cache
def tables() -> Tables:
    raw = json.loads(TABLES_PATH.read_text("utf-8"))
    rules = tuple(Rule(name, length, action, tuple(shape), collapses) for name, length, action, shape, collapses in raw["rules"])
    return Tables(rules, tuple(raw["states"]), raw["start"], raw["end"], raw["tokens"])
