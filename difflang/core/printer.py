"""Core as text. `difflang.core.parser` reads it back to an equal function.

    func f(n: i64, x: f64[n]) {
      s: f64 = reduce[op="sum"] n { i: i64
        v: f64 = get[inbounds] x i
        yield v
      }
      yield s
    }

Every variable gets a name of its own in the whole function: its hint, with a number behind where the hint
is taken, or `%k` where it has none. Literals: `2` is an i64, `2.0` an f64, `true` a bool; the other types
stand behind a colon, `2:i32`, `0.5:f32`. Attributes are sorted; one that is true is printed as its bare name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from difflang.core.ir import Atom, Attribute, Block, Eqn, Func, Literal, Type, Var
from difflang.diagnostics.model import Span

RESERVED = ("true", "false", "inf", "nan", "yield", "func")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_FOREIGN = re.compile(r"[^A-Za-z0-9_.]")
_INDENT = "  "


def format_func(func: Func, *, spans: bool = False) -> str:
    """The text of a function; with `spans`, every equation is followed by its place in the source."""
    return _Printer(spans).func(func)


def format_type(type_: Type) -> str:
    """A type on its own, for messages; its sizes appear by their hints."""
    return _Printer(False).type(type_)


def format_eqn(eqn: Eqn) -> str:
    """The head of an equation without its regions, for messages."""
    printer = _Printer(False)
    printer.eqn(Eqn(eqn.outs, eqn.op, eqn.args, eqn.attrs), "")
    return printer.lines[0]


class _Printer:
    def __init__(self, spans: bool) -> None:
        self.spans = spans
        self.lines: list[str] = []
        self.names: dict[Var, str] = {}
        self.taken: dict[str, int] = dict.fromkeys(RESERVED, 0)
        self.unnamed = 0

    def func(self, func: Func) -> str:
        name = func.name if _PLAIN.fullmatch(func.name) else json.dumps(func.name)
        self.lines.append(f"func {name}({self.declarations(func.block.params)}) {{")
        self.body(func.block, _INDENT)
        return "\n".join([*self.lines, "}"]) + "\n"

    def body(self, block: Block, indent: str) -> None:
        for eqn in block.eqns:
            self.eqn(eqn, indent)
        self.lines.append(f"{indent}yield {', '.join(map(self.atom, block.results))}".rstrip())

    def eqn(self, eqn: Eqn, indent: str) -> None:
        results = f"{self.declarations(eqn.outs)} = " if eqn.outs else ""
        line = f"{indent}{results}{' '.join([eqn.op + _attributes(eqn.attrs), *map(self.atom, eqn.args)])}"
        for region in eqn.regions:
            self.lines.append(f"{line} {{ {self.declarations(region.params)}".rstrip())
            self.body(region, indent + _INDENT)
            line = indent + "}"
        self.lines.append(line + (format_span(eqn.span) if self.spans and eqn.span else ""))

    def declarations(self, variables: Iterable[Var]) -> str:
        return ", ".join(f"{self.name(v)}: {self.type(v.type)}" for v in variables)

    def type(self, type_: Type) -> str:
        shape = f"[{', '.join(map(self.atom, type_.shape))}]" if type_.shape else ""
        return f"{'&' if type_.ref else ''}{type_.dtype}{shape}"

    def atom(self, atom: Atom) -> str:
        return format_literal(atom) if isinstance(atom, Literal) else self.name(atom)

    def name(self, variable: Var) -> str:
        if variable not in self.names:
            self.names[variable] = self._new_name(variable.name)
        return self.names[variable]

    def _new_name(self, hint: str) -> str:
        if not hint:
            self.unnamed += 1
            return f"%{self.unnamed}"
        hint = _FOREIGN.sub("_", hint)
        hint = hint if hint[0].isalpha() or hint[0] == "_" else f"_{hint}"
        name = hint
        while name in self.taken:
            self.taken[hint] += 1
            name = f"{hint}.{self.taken[hint]}"
        self.taken[name] = 0
        return name


def format_literal(literal: Literal) -> str:
    """A literal with as much of its type as its text does not show."""
    if literal.dtype == "bool":
        return "true" if literal.value else "false"
    if literal.dtype in ("f64", "f32"):
        text = repr(float(literal.value))
        return text if literal.dtype == "f64" else f"{text}:f32"
    return str(int(literal.value)) if literal.dtype == "i64" else f"{int(literal.value)}:i32"


def format_span(span: Span) -> str:
    """` @"path" line column end_line end_column`"""
    return f" @{json.dumps(span.path)} {span.line} {span.column} {span.end_line} {span.end_column}"


def _attributes(attrs: Mapping[str, Attribute]) -> str:
    if not attrs:
        return ""
    return f"[{', '.join(key if attrs[key] is True else f'{key}={_attribute(attrs[key])}' for key in sorted(attrs))}]"


def _attribute(value: Attribute) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_attribute, value))})"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if isinstance(value, float) else str(int(value))
