"""The entry points: bytes to text, text to a module or an expression."""

from __future__ import annotations

from dataclasses import replace

from difflang.diagnostics import Span, error
from difflang.syntax import ast
from difflang.syntax.builder import Builder
from difflang.syntax.indenter import add_layout, match_brackets
from difflang.syntax.lexer import lex
from difflang.syntax.parser import Parser
from difflang.watch import stage


def decode(content: bytes, path: str) -> str:
    """The text of a file. Raises a DiffLangError (E0117) where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        before = content[: failure.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        span = Span(path, line, column, line, column + 1)
        message = f"The byte 0x{content[failure.start]:02X} here is not UTF-8 text."
        raise error("E0117", message, span, hint="Save the file as UTF-8.") from None


@stage("read")
def parse(text: str, path: str = "<string>") -> ast.Module:
    """The syntax tree of a file. Raises a DiffLangError that holds every mistake found (E01xx)."""
    lexed = lex(text, path)
    tokens = add_layout(lexed.tokens, path, lexed.found)
    module = Parser(tokens, Builder(path, lexed.docs, lexed.found)).parse("module")
    return replace(module, doc=lexed.module_doc)


def parse_expression(text: str, path: str = "<expression>") -> ast.Expr:
    """The syntax tree of one expression, which may take several lines. Raises a DiffLangError (E01xx)."""
    lexed = lex(text, path)
    tokens = match_brackets(lexed.tokens, path, lexed.found)
    return Parser(tokens, Builder(path, lexed.docs, lexed.found)).parse("expr")
