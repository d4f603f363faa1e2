"""The LALR(1) driver: tokens in, syntax tree out, with recovery at the next statement or item.

The driver keeps its own stacks, so that no input can exhaust Python's; it bounds the depth of the tree, because every
later pass walks it recursively. Words such as `data` become keywords here, where the parser's state has a use for them.
"""

from __future__ import annotations

from typing import Any

from difflang.diagnostics import Diagnostic, DiffLangError, Span
from difflang.syntax import mistakes
from difflang.syntax.builder import Builder, actions
from difflang.syntax.indenter import LAYOUT
from difflang.syntax.lexer import Token
from difflang.syntax.situation import Situation
from difflang.syntax.tables import PLACEHOLDER, SPLICE, Rule, tables

MAXIMUM_DEPTH = 200
MAXIMUM_STACK = 3000
"""More symbols than a tree of the greatest depth can need, so that hopeless input is given up early."""
RECOVERY = ("statement", "simple_statement", "condition", "_field_line", "item")
ASSIGNMENT = frozenset(("=", "AUGMENTED", ".", ","))


class Parser:
    """One parse of one file. The builder holds what the lexer found already; more is added to it."""

    def __init__(self, tokens: list[Token], builder: Builder) -> None:
        self.tokens = tokens
        self.builder = builder
        self.found = builder.found
        self.tables = tables()
        self.soft = self.tables.words("keywords", "soft")
        self.position = 0
        self.recovered_at = -1
        self.states: list[int] = []
        self.states_before: list[int] = []  # as they were when the current token came up
        self.values: list[Any] = []
        self.starts: list[Token] = []
        self.ends: list[Token] = []
        self.depths: list[int] = []

    def parse(self, start: str) -> Any:
        """The tree of the whole input. Raises a DiffLangError with every mistake found."""
        self.states = [self.tables.start[start]]
        self.states_before = list(self.states)
        end_state = self.tables.end[start]
        states, all_states = self.states, self.tables.states
        while states[-1] != end_state:
            token = self.tokens[self.position]
            row = all_states[states[-1]]
            kind = token.kind
            if kind == "NAME" and token.text in self.soft:
                kind = self._soft_kind(token, row)
            action = row.get(kind)
            if action is None:
                self._handle_error(token)
            elif action >= 0:
                self._shift(action, token)
            elif self.tables.is_unit(~action):
                states[-1] = self.tables.after_units(states[-2], ~action, kind)
            else:
                self._reduce(self.tables.rules[~action], token)
        if self.found.diagnostics:
            raise self.found.failure()
        return self.values[-1]

    def _soft_kind(self, token: Token, row: dict[str, int]) -> str:
        """The kind of a word such as `data`: a keyword where this state can use one, else a name."""
        following = self.tokens[self.position + 1].kind
        name = token.text not in row or (
            following != "NAME" if token.text == "static" else token.text == "where" and following in ASSIGNMENT
        )
        return "NAME" if name else token.text

    def _shift(self, state: int, token: Token) -> None:
        self.states.append(state)
        self.values.append(token)
        self.depths.append(0)
        self.starts.append(token)
        self.ends.append(token if token.text else self._last_written())
        if token.kind != "$END":
            self.position += 1
        if len(self.states) > MAXIMUM_STACK:
            raise self._too_deep(Span(self.builder.path, token.line, token.column, token.line, token.end_column))
        self.states_before = list(self.states)

    def _last_written(self) -> Token:
        """The token before the layout that is being shifted: blocks end where their text ends."""
        return self.ends[-1] if self.ends else self.tokens[0]

    def _reduce(self, rule: Rule, lookahead: Token) -> None:
        length = rule.length
        base = len(self.values) - length
        start, end = (self.starts[base], self.ends[-1]) if length else (lookahead, lookahead)
        children = _children(rule, self.values[base:])
        depth = max(self.depths[base:], default=0)
        value: Any = children
        if rule.action is not None and not rule.collapses:
            span = Span(self.builder.path, start.line, start.column, end.line, end.end_column)
            value = self._build(rule.action, span, children)
            depth += 1
            if depth > MAXIMUM_DEPTH:
                raise self._too_deep(span)
        elif rule.collapses:
            value = children[0]
        if length:
            for stack in (self.states, self.values, self.starts, self.ends, self.depths):
                del stack[-length:]
        self._push(rule.nonterminal, value, start, end, depth)

    def _build(self, action: str, span: Span, children: list[Any]) -> Any:
        return actions()[action](self.builder, span, *children)

    def _push(self, nonterminal: str, value: Any, start: Token, end: Token, depth: int) -> None:
        self.states.append(self.tables.states[self.states[-1]][nonterminal])
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(end)
        self.depths.append(depth)

    def _too_deep(self, span: Span) -> DiffLangError:
        start = Span(span.path, span.line, span.column, span.line, span.column + 1)
        message = f"More than {MAXIMUM_DEPTH} operators, calls or blocks stand in a row or inside of each other."
        hint = "Name parts of it with `let`, or write a long sum as `sum([a, b, ...])`."
        self.found.add(Diagnostic("E0110", message, start, hint=hint))
        return self.found.failure()

    # --- errors and recovery -------------------------------------------------------------------------------------

    def _handle_error(self, token: Token) -> None:
        """Reports the token that fits nowhere and goes on behind it, or raises where that makes no sense."""
        if not self.found.on_line(token.line):
            self.found.add(mistakes.explain(self._situation(token)))
        if self._is_missing_colon(token):
            self.tokens.insert(self.position, Token(":", "", token.line, token.column, token.column))
        else:
            self._recover(token)
        self.states_before = list(self.states)

    def _is_missing_colon(self, token: Token) -> bool:
        return (
            token.kind == "NEWLINE"
            and self.tokens[self.position + 1].kind == "INDENT"
            and self._accepts(":", self.states)
        )

    def _situation(self, token: Token) -> Situation:
        row = self.tables.states[self.states_before[-1]]
        symbols = frozenset(
            kind for kind in row.keys() - self.tables.nonterminals if self._accepts(kind, self.states_before)
        )
        in_body = any("statement" in self.tables.states[state] for state in self.states)
        return Situation(self.tokens, self.position, symbols, in_body, self.builder.path)

    def _accepts(self, kind: str, stack: list[int]) -> bool:
        """Whether `kind` could be shifted on this stack, after the reductions that it would cause."""
        states = list(stack)
        while True:
            action = self.tables.states[states[-1]].get(kind)
            if action is None or action >= 0:
                return action is not None
            rule = self.tables.rules[~action]
            if rule.length:
                del states[-rule.length :]
            states.append(self.tables.states[states[-1]][rule.nonterminal])

    def _recover(self, token: Token) -> None:
        """Drops the unfinished statement (or item) and reads on behind the line or block of the mistake."""
        while not (found := [name for name in RECOVERY if name in self.tables.states[self.states[-1]]]):
            self.states.pop()
            if not self.states:
                raise self.found.failure()
            for stack in (self.values, self.starts, self.ends, self.depths):
                stack.pop()
        if token.kind == "$END":
            raise self.found.failure()
        before = self.position
        if not self._begins_line() or before == self.recovered_at:
            self._skip_line()
        if self.position == self.recovered_at:
            self.position += 1  # a DEDENT without its block; without this step the parser would not get on
        self.recovered_at = self.position
        self._push(found[0], [] if found[0].startswith("_") else None, token, token, 0)

    def _begins_line(self) -> bool:
        return self.position > 0 and self.tokens[self.position - 1].kind in LAYOUT

    def _skip_line(self) -> None:
        """Moves behind the end of the logical line and the block that hangs on it."""
        depth = 0
        while (kind := self.tokens[self.position].kind) != "$END":
            if kind == "DEDENT" and depth == 0:
                return
            depth += (kind == "INDENT") - (kind == "DEDENT")
            self.position += 1
            ended = kind in ("NEWLINE", "DEDENT")
            if ended and depth == 0 and self.tokens[self.position].kind != "INDENT":
                return


def _children(rule: Rule, values: list[Any]) -> list[Any]:
    """The arguments of the rule's action. A spliced list in front is extended in place: no copies."""
    children: list[Any] = []
    for entry in rule.shape:
        if entry == PLACEHOLDER:
            children.append(None)
        elif entry < SPLICE:
            children.append(values[entry])
        elif children:
            children.extend(values[entry - SPLICE])
        else:
            children = values[entry - SPLICE]
    return children
