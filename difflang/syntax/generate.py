"""Makes `tables.json` from `grammar/difflang.lark` and `grammar/tokens.toml`, and the TextMate grammar of editors.

Run it as `python -m difflang.syntax.generate` after every change of either file.

This is the only place that needs lark. The tables are LALR(1) as lark computes them; each rule also carries its
"shape": which of its symbols become the arguments of its action, and which of those are spliced in.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from difflang.syntax.tables import PLACEHOLDER, SPLICE, TABLES_PATH

GRAMMAR = Path(__file__).resolve().parents[2] / "grammar"
START = ("module", "expr")
TEXTMATE_PATH = GRAMMAR / "textmate" / "difflang.tmLanguage.json"


def generate(grammar: Path = GRAMMAR) -> dict[str, Any]:
    """The contents of `tables.json` as plain lists and dictionaries."""
    tokens = tomllib.loads((grammar / "tokens.toml").read_text("utf-8"))
    return {"tokens": tokens} | _lalr_tables((grammar / "difflang.lark").read_text("utf-8"))


def _lalr_tables(text: str) -> dict[str, Any]:
    from lark import Lark
    from lark.lexer import Lexer

    class NoLexer(Lexer):
        """Lark insists on a lexer; ours is elsewhere and the parser that lark builds is never run."""

        def __init__(self, _configuration: Any) -> None:
            pass

        def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Any]:
            return iter(())

    lark = Lark(text, parser="lalr", lexer=NoLexer, start=list(START), maybe_placeholders=True)
    parser: Any = lark.parser
    table = parser.parser._parse_table
    kinds = {definition.name: _kind(definition) for definition in lark.terminals}
    rules = {rule: number for number, rule in enumerate(lark.rules)}
    order = _reachable(table)
    return {
        "rules": [_rule(rule) for rule in rules],
        "states": [_state(table.states[old], rules, kinds, order) for old in order],
        "start": {start: order[table.start_states[start]] for start in START},
        "end": {start: order[table.end_states[start]] for start in START},
    }


def _reachable(table: Any) -> dict[int, int]:
    """New numbers for the states, in an order that depends on the grammar alone (lark's varies from run to run)."""
    order: dict[int, int] = {}
    waiting = [table.start_states[start] for start in START]
    while waiting:
        state = waiting.pop(0)
        if state in order:
            continue
        order[state] = len(order)
        waiting += [argument for _, (action, argument) in sorted(table.states[state].items()) if action.name == "Shift"]
    return order


def _kind(definition: Any) -> str:
    """The kind that our lexer gives this terminal: its text for a word or a sign, else its name."""
    if definition.name == "AUGMENTED":
        return definition.name
    return re.sub(r"\\(.)", r"\1", definition.pattern.value)


def _rule(rule: Any) -> list[Any]:
    """`[nonterminal, length, action, shape, collapses]`; a rule that collapses stands for its only child."""
    name = str(rule.origin.name)
    action = rule.alias or (None if name.startswith("_") else name)
    collapses = rule.options.expand1 and not rule.alias
    return [name, len(rule.expansion), action, list(_shape(rule)), collapses]


def _shape(rule: Any) -> Iterator[int]:
    """Indices of the kept symbols; `~index * SPLICE` for spliced lists; PLACEHOLDER for an absent optional part."""
    empty = list(rule.options.empty_indices or ())
    position = 0
    for index, symbol in enumerate(rule.expansion):
        while position < len(empty) and empty[position]:
            yield PLACEHOLDER
            position += 1
        position += 1
        if symbol.is_term:
            if rule.options.keep_all_tokens or not symbol.filter_out:
                yield index
        else:
            yield index + SPLICE if str(symbol.name).startswith("_") else index
    yield from (PLACEHOLDER for empty_here in empty[position:] if empty_here)


def _state(
    state: dict[str, Any], rules: dict[Any, int], kinds: dict[str, str], order: dict[int, int]
) -> dict[str, int]:
    """Symbol to action: a shift or goto to state s is `s`, a reduction by rule r is `~r`."""
    actions: dict[str, int] = {}
    for symbol, (action, argument) in sorted(state.items()):
        kind = symbol.removeprefix("_") if symbol.isupper() else symbol
        actions[kinds.get(symbol, kind)] = order[argument] if action.name == "Shift" else ~rules[argument]
    return actions


def textmate(grammar: Path = GRAMMAR) -> dict[str, Any]:
    """A TextMate grammar for editors, from the same tokens.toml: words, names, numbers, strings and comments."""
    tokens = tomllib.loads((grammar / "tokens.toml").read_text("utf-8"))
    patterns, keywords, names = tokens["patterns"], tokens["keywords"], tokens["names"]
    rules = [
        ("comment.block.documentation.difflang", patterns["documentation"]),
        ("comment.line.number-sign.difflang", patterns["comment"]),
        ("string.quoted.double.difflang", patterns["string"]),
        ("constant.numeric.difflang", r"\b" + patterns["number"]),
        ("keyword.control.difflang", _words(keywords["item"] + keywords["statement"])),
        ("keyword.operator.word.difflang", _words(keywords["operator"])),
        ("constant.language.difflang", _words(keywords["constant"] + names["constant"])),
        ("keyword.other.difflang", r"^\s*" + _words(keywords["soft"])),
        ("storage.type.difflang", _words(names["type"])),
        ("support.function.derivative.difflang", _words(names["derivative"])),
        ("entity.name.function.difflang", r"(?<=\bfn )" + patterns["name"]),
    ]
    return {
        "name": "DiffLang",
        "scopeName": "source.difflang",
        "fileTypes": ["dl"],
        "patterns": [{"name": name, "match": pattern} for name, pattern in rules],
    }


def _words(words: list[str]) -> str:
    return rf"\b(?:{'|'.join(words)})\b"


def main() -> None:
    TABLES_PATH.write_text(json.dumps(generate(), separators=(",", ":"), ensure_ascii=False) + "\n", "utf-8")
    TEXTMATE_PATH.write_text(json.dumps(textmate(), indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
