"""The state of an interactive session: what has been declared, and the answer to each entry.

A declaration becomes part of a program, which is checked as a whole; a value is evaluated by that program. Since
every expression is pure, `let x = e` is kept as the constant `x`: asking for it twice gives the same bits.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from difflang.cli.calling import interruptible
from difflang.cli.options import Settings
from difflang.cli.output import value_lines
from difflang.diagnostics import Diagnostic, DiffLangError, Span
from difflang.runtime.engine import EXPRESSION, Engine, Outcome
from difflang.runtime.host import RunHost
from difflang.runtime.progress import Sink, TerminalLine
from difflang.runtime.sources import loads_program
from difflang.runtime.types import type_text
from difflang.signature import Signature
from difflang.syntax import ast, parse

INPUT = "<input>"
ITEM = re.compile(r"\s*(##|(fn|struct|const|data|extern fn|implicit fn|rule (jvp|vjp)|import|from)\s+\w|test\s+\")")
BINDING = re.compile(r"\s*(?:let\s+|var\s+)?([^\W\d]\w*)\s*=(?!=)(.*)", re.DOTALL)
STATEMENT = re.compile(r"\s*(print|report|assert|for|while|if)\b")
LAMBDA = "fn() = "
STRINGS_AND_COMMENTS = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*')


def is_complete(text: str) -> bool:
    """Whether an entry ends here: brackets closed, and a block ended by an empty line.

    An empty line also ends what has an open bracket, which is then told: so there is a way out of every entry.
    """
    bare = STRINGS_AND_COMMENTS.sub("", text)
    if sum(map(bare.count, "([{")) > sum(map(bare.count, ")]}")):
        return text.endswith("\n")
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("##")]
    if not any(line.strip() for line in lines):
        return not text.strip()
    return ":" not in _ends(bare) or text.endswith("\n")


def _ends(text: str) -> set[str]:
    return {line.rstrip()[-1:] for line in text.split("\n")}


class Session:
    """Declarations so far, by the names that they introduce; entries are answered in text."""

    def __init__(self, settings: Settings, text: str = "", directory: Path | None = None) -> None:
        """A session that starts from the declarations in `text`. Raises DiffLangError where they are wrong."""
        self._settings = settings
        self._directory = directory or Path.cwd()
        self._items: dict[str, str] = {}
        if text:
            self._declare(text)

    @property
    def names(self) -> list[str]:
        """The names that have been declared."""
        return [name for key in self._items for name in key.split() if name.isidentifier()]

    @property
    def source(self) -> str:
        """The declarations as the text of a file."""
        return _source(self._items)

    def enter(self, text: str) -> str:
        """The answer to an entry. Raises DiffLangError; nothing has changed then."""
        if not text.strip():
            return ""
        if ITEM.match(text):
            return self._declare(text)
        binding = BINDING.match(text)
        if binding:
            return self._declare(f"const {binding[1]} ={binding[2]}")
        return self._value(text) if not STATEMENT.match(text) else self._statement(text)

    def type_of(self, expression: str) -> str:
        """The type of an expression, a function's with its parameters."""
        engine = self._engine()
        try:
            return type_text(engine.lowered(LAMBDA + expression, self._settings.precision).signature.result)
        except DiffLangError as problem:
            return self._function_types(engine, expression, problem)

    def _function_types(self, engine: Engine, expression: str, problem: DiffLangError) -> str:
        """The types of the forms of a function. Raises `problem` where it is not that the value is a function."""
        if all(diagnostic.code != "E0320" for diagnostic in problem.diagnostics):
            raise _placed(problem, expression, engine)
        try:
            forms = [engine.lowered(form, self._settings.precision) for form in engine.program.forms(expression)]
        except DiffLangError:
            raise _placed(problem, expression, engine) from None
        return "\n".join(_function_type(form.signature) for form in forms)

    def _declare(self, text: str) -> str:
        """Takes declarations over if the whole program stands with them; a name that was there is replaced."""
        new = dict(_items(text))
        names = {name for key in new for name in key.split()}
        kept = {key: item for key, item in self._items.items() if names.isdisjoint(_concerned(key))}
        candidate = {**kept, **new}
        program = loads_program(_source(candidate), INPUT, self._directory)
        found = program.check()
        if any(diagnostic.severity == "error" for diagnostic in found):
            raise _with_sources(found, program.sources)
        for diagnostic in found:
            self._settings.console.warn(diagnostic, program.sources)
        self._items = candidate
        return ""

    def _value(self, expression: str) -> str:
        engine = self._engine()
        try:
            outcome = self._run(engine, LAMBDA + expression)
        except DiffLangError as problem:
            return self._function_types(engine, expression, problem)
        return "" if outcome.type is None else "\n".join(value_lines(outcome.value))

    def _statement(self, text: str) -> str:
        body = "\n".join(f"    {line}" for line in text.rstrip().split("\n"))
        engine = self._engine(f"fn statement_():\n{body}\n")
        self._run(engine, "statement_")
        return ""

    def _run(self, engine: Engine, expression: str) -> Outcome:
        host = self._host(engine)
        return interruptible(lambda: engine.call(expression, (), {}, self._settings.options(), host))

    def _engine(self, more: str = "") -> Engine:
        program = loads_program(_source(self._items) + more, INPUT, self._directory)
        return Engine(program, lambda diagnostic: self._settings.console.warn(diagnostic, program.sources))

    def _host(self, engine: Engine) -> RunHost:
        sinks: list[Sink] = [TerminalLine(sys.stderr)] if sys.stderr.isatty() else []
        warn = self._settings.console.warn
        return RunHost(sinks, {}, None, lambda found: warn(found, engine.program.sources))


def _source(items: dict[str, str]) -> str:
    return "\n".join(items.values()) + ("\n" if items else "")


def _items(text: str) -> Iterator[tuple[str, str]]:
    """The declarations of a text by the names they introduce, each with the comments before it.

    The forms of an overloaded function stay together.
    """
    module = _parsed(text)
    lines = text.split("\n")
    starts = [_first_line(item, lines) for item in module.items]
    grouped: dict[str, list[str]] = {}
    for item, start, end in zip(module.items, starts, [*starts[1:], len(lines)], strict=True):
        grouped.setdefault(_key(item), []).append("\n".join(lines[start:end]).rstrip())
    for key, parts in grouped.items():
        yield key, "\n".join(parts)


def _parsed(text: str) -> ast.Module:
    try:
        return parse(text, INPUT)
    except DiffLangError as problem:
        raise _with_sources(problem.diagnostics, {INPUT: text}) from None


def _first_line(item: ast.Item, lines: list[str]) -> int:
    first = item.span.line - 1
    while first > 0 and lines[first - 1].startswith("#"):
        first -= 1
    return first


def _key(item: ast.Item) -> str:
    from difflang.check.modules import item_names

    match item:
        case ast.RuleDef():
            return f"{item.function}.{item.mode}"
        case ast.TestDef():
            return f'"{item.name.replace(" ", "_")}"'
        case _:
            return " ".join(item_names(item))


def _concerned(key: str) -> set[str]:
    """The names whose new meaning replaces a declaration: its own, and for a rule that of its function."""
    return {part for name in key.split() for part in (name, name.partition(".")[0])}


def _function_type(signature: Signature) -> str:
    parameters = ", ".join(f"{parameter.name}: {type_text(parameter.type)}" for parameter in signature.parameters)
    return f"fn({parameters}) -> {type_text(signature.result)}"


def _placed(problem: DiffLangError, expression: str, engine: Engine) -> DiffLangError:
    """The problem with places in the expression as it was entered, without the `fn() = ` before it."""
    sources = {**engine.program.sources, **problem.sources, EXPRESSION: expression}
    return _with_sources(map(_moved, problem.diagnostics), sources)


def _with_sources(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> DiffLangError:
    problem = DiffLangError(*diagnostics)
    problem.sources = sources
    return problem


def _moved(diagnostic: Diagnostic) -> Diagnostic:
    labels = tuple(
        replace(label, span=_moved_span(label.span))
        for label in diagnostic.labels
        if not (label.span.path == EXPRESSION and label.span.column == 1)
    )
    return replace(diagnostic, span=diagnostic.span and _moved_span(diagnostic.span), labels=labels)


def _moved_span(span: Span) -> Span:
    if span.path != EXPRESSION:
        return span
    ahead = len(LAMBDA)
    column = max(span.column - ahead, 1) if span.line == 1 else span.column
    end_column = max(span.end_column - ahead, 2) if span.end_line == 1 else span.end_column
    return replace(span, column=column, end_column=end_column)


def completions(session: Session, start: str) -> list[str]:
    """The names of the session and of the prelude that begin with `start`."""
    from difflang.check.documentation import builtin_entries, library_page

    page = library_page("prelude")
    prelude = (entry.name for entry in (page.entries if page else ()))
    return sorted({name for name in chain(session.names, builtin_entries(), prelude) if name.startswith(start)})
