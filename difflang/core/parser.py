"""Reads the text that `difflang.core.printer` writes. The text of what it reads is the same text again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from difflang.core.ir import Atom, Attribute, Block, DType, Eqn, Func, Literal, Type, Var
from difflang.diagnostics.model import Span

DTYPES = ("f64", "f32", "i64", "i32", "bool")

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+|\#[^\n]*) | (?P<newline>\n) | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|inf)(?![\w.]))
      | (?P<name>%?[A-Za-z0-9_][A-Za-z0-9_.]*) | (?P<mark>[(){}\[\],:=&@])""",
    re.VERBOSE,
)


Item = TypeVar("Item")


class CoreSyntaxError(ValueError):
    """The text is not Core; the message names the line."""


class Token(NamedTuple):
    kind: str
    text: str
    line: int


def parse_func(text: str) -> Func:
    """The function that a text stands for. Raises CoreSyntaxError."""
    return _Parser(_tokens(text)).func()


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise CoreSyntaxError(f"line {line}: unexpected {text[position]!r}")
        kind = cast(str, match.lastgroup)
        if kind != "space":
            tokens.append(Token(kind, match[0], line))
        line += match[0].count("\n")
        position = match.end()
    return [*tokens, Token("newline", "\n", line), Token("end", "", line)]


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.variables: dict[str, Var] = {}

    # --- tokens ---

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def advance(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def accept(self, text: str) -> bool:
        if self.token.text == text and self.token.kind in ("mark", "name", "newline"):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.unexpected(repr(text))

    def take(self, kind: str) -> str:
        if self.token.kind != kind:
            raise self.unexpected(f"a {kind}")
        return self.advance().text

    def unexpected(self, wanted: str) -> CoreSyntaxError:
        return CoreSyntaxError(f"line {self.token.line}: expected {wanted}, found {self.token.text!r}")

    def skip_lines(self) -> None:
        while self.token.kind == "newline":
            self.position += 1

    def separated(self, item: Callable[[], Item], end: str) -> tuple[Item, ...]:
        """Items with commas between them, up to and with `end`."""
        items: list[Item] = []
        while not self.accept(end):
            if items:
                self.expect(",")
            items.append(item())
        return tuple(items)

    # --- functions, blocks, equations ---

    def func(self) -> Func:
        self.skip_lines()
        self.expect("func")
        name = json.loads(self.advance().text) if self.token.kind == "string" else self.take("name")
        self.expect("(")
        params = self.separated(self.declaration, ")")
        self.expect("{")
        func = Func(name, self.block(params))
        self.skip_lines()
        self.take("end")
        return func

    def block(self, params: tuple[Var, ...]) -> Block:
        """The equations and the `yield` line, up to and with the closing brace."""
        eqns: list[Eqn] = []
        self.skip_lines()
        while not self.accept("yield"):
            eqns.append(self.eqn())
            self.skip_lines()
        results = self.until_newline(self.atom)
        self.skip_lines()
        self.expect("}")
        return Block(params, tuple(eqns), results)

    def eqn(self) -> Eqn:
        outs = self.results()
        op = self.take("name")
        attrs = dict(self.separated(self.attribute, "]")) if self.accept("[") else {}
        args: list[Atom] = []
        while self.token.kind in ("name", "number"):
            args.append(self.atom())
        regions: list[Block] = []
        while self.accept("{"):
            regions.append(self.block(self.until_newline(self.declaration)))
        span = self.span() if self.accept("@") else None
        self.take("newline")
        return Eqn(outs, op, tuple(args), attrs, tuple(regions), span)

    def results(self) -> tuple[Var, ...]:
        """The variables before `=`, if there are any: a name followed by a colon."""
        if self.tokens[self.position + 1].text != ":":
            return ()
        return self.separated(self.declaration, "=")

    def until_newline(self, item: Callable[[], Item]) -> tuple[Item, ...]:
        return self.separated(item, "\n")

    def declaration(self) -> Var:
        name = self.take("name")
        if name in self.variables:
            raise CoreSyntaxError(f"line {self.token.line}: {name!r} is declared twice")
        self.expect(":")
        variable = Var(self.type(), "" if name[0] == "%" else name)
        self.variables[name] = variable
        return variable

    def type(self) -> Type:
        ref = self.accept("&")
        dtype = self.dtype()
        shape = self.separated(self.atom, "]") if self.accept("[") else ()
        return Type(dtype, shape, ref)

    def dtype(self) -> DType:
        if self.token.text not in DTYPES:
            raise self.unexpected("a type")
        return cast(DType, self.advance().text)

    def atom(self) -> Atom:
        if self.token.kind == "number" or self.token.text in ("true", "false", "nan"):
            return self.literal()
        name = self.take("name")
        if name not in self.variables:
            raise CoreSyntaxError(f"line {self.token.line}: unknown variable {name!r}")
        return self.variables[name]

    def literal(self) -> Literal:
        value = _number(self.advance().text)
        if self.accept(":"):
            return Literal(value, self.dtype())
        return Literal(value, "bool" if isinstance(value, bool) else "i64" if isinstance(value, int) else "f64")

    def attribute(self) -> tuple[str, Attribute]:
        key = self.take("name")
        return key, self.attribute_value() if self.accept("=") else True

    def attribute_value(self) -> Attribute:
        if self.accept("("):
            return cast(Attribute, self.separated(self.attribute_value, ")"))
        if self.token.kind == "string":
            return json.loads(self.advance().text)
        return _number(self.advance().text)

    def span(self) -> Span:
        path = json.loads(self.take("string"))
        line, column, end_line, end_column = (int(self.take("number")) for _ in range(4))
        return Span(path, line, column, end_line, end_column)


def _number(text: str) -> bool | int | float:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.lstrip("-").isdigit() else float(text)
