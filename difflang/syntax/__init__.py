"""The syntax of DiffLang: text to syntax tree. lark is needed only to regenerate the tables."""

from __future__ import annotations

from difflang.syntax import ast
from difflang.syntax.read import decode, parse, parse_expression

__all__ = ["ast", "decode", "parse", "parse_expression"]
