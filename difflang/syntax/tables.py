"""The generated parser tables, read once from `tables.json` (see `generate.py`)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
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
    """The LALR(1) automaton. `states[s][symbol]` is the next state, or `~rule` for a reduction by that rule."""

    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]
    start: dict[str, int]
    end: dict[str, int]
    tokens: dict[str, dict[str, list[str] | str]]
    nonterminals: frozenset[str]
    unit_targets: dict[tuple[int, int, str], int] = field(default_factory=dict)

    def is_unit(self, rule: int) -> bool:
        """Whether reducing by this rule only renames the value on top of the stack."""
        return self.rules[rule].collapses and self.rules[rule].length == 1

    def after_units(self, below: int, rule: int, lookahead: str) -> int:
        """The state after a unit rule and all that follow it: a lone name climbs a dozen levels of precedence so."""
        key = (below, rule, lookahead)
        found = self.unit_targets.get(key)
        if found is None:
            found = self.states[below][self.rules[rule].nonterminal]
            action = self.states[found].get(lookahead, 0)
            if action < 0 and self.is_unit(~action):
                found = self.after_units(below, ~action, lookahead)
            self.unit_targets[key] = found
        return found

    def words(self, section: str, *kinds: str) -> frozenset[str]:
        """The words listed under `[section]` of tokens.toml, of the given kinds or of all."""
        return frozenset(
            word for kind, words in self.tokens[section].items() if not kinds or kind in kinds for word in words
        )


@cache
def tables() -> Tables:
    raw = json.loads(TABLES_PATH.read_text("utf-8"))
    rules = tuple(
        Rule(name, length, action, tuple(shape), collapses) for name, length, action, shape, collapses in raw["rules"]
    )
    return Tables(
        rules,
        tuple(raw["states"]),
        raw["start"],
        raw["end"],
        raw["tokens"],
        frozenset(rule.nonterminal for rule in rules),
    )
