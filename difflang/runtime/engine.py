"""Programs to running functions: lowered and compiled once for each way of calling, then called.

One `Engine` belongs to one program. The Python interface and the command line both stand on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from difflang.backend.protocol import CompileOptions, Executable, Host
from difflang.diagnostics import Diagnostic, DiffLangError, error
from difflang.diagnostics.suggest import listing
from difflang.runtime import files
from difflang.runtime.marshal import marshal, match, unmarshal
from difflang.runtime.types import type_text
from difflang.signature import DataInfo, Lowered, Signature, ValueType
from difflang.stack import deeply

if TYPE_CHECKING:
    from difflang.check import Program
    from difflang.core.ir import Func
    from difflang.runtime.quick import QuickCall

PRECISIONS = ("f64", "f32")
EXPRESSION = "<expression>"
"""The path of spans inside the function expression that was asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile and run: the backend's name, the precision of `real`, and what the backend is told."""

    backend: str = "llvm"
    precision: str = "f64"
    compile: CompileOptions = field(default_factory=CompileOptions)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A compiled function together with the description of its parameters."""

    signature: Signature
    executable: Executable


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a call with the type that the program gives it."""

    value: Any
    type: ValueType | None


Statics = tuple[tuple[str, int], ...]
"""The values of `static` sizes that a function is specialised for."""
_Key = tuple[str, str, frozenset[str] | None, Statics]
CallShape = int | tuple[int | str, ...]
"""A way of giving arguments: the number of those by position, or a tuple of it and the names of the others."""
QuickCalls = dict[CallShape, "QuickCall | None"]


class Engine:
    """Lowers, compiles and calls function expressions (`loss`, `grad(loss, wrt = p)`) of one program.

    It is pickled as its program and external functions; what was compiled is compiled again.
    """

    def __init__(
        self,
        program: Program,
        warn: Callable[[Diagnostic], None],
        externs: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.program = program
        self.externs: dict[str, Callable[..., Any]] = dict(externs or {})
        self._warn = warn
        self._lowered: dict[_Key, Lowered] = {}
        self._prepared: dict[tuple[_Key, Options], Prepared] = {}
        self._quick: dict[tuple[str, Options], QuickCalls] = {}
        self._static: dict[str, tuple[str, ...]] = {}
        self._data: dict[tuple[str, str, ValueType], Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (Engine, (self.program, self._warn, self.externs))

    def lowered(
        self, expression: str, precision: str, given: frozenset[str] | None = None, statics: Statics = ()
    ) -> Lowered:
        """The Core function of an expression, with all its parameters or only the `given` ones."""
        key = (expression, precision, given, statics)
        if key not in self._lowered:
            lowered = self.program.lower(expression, precision=precision, given=given, statics=dict(statics))
            for warning in lowered.warnings:
                self._warn(warning)
            self._lowered[key] = lowered
        return self._lowered[key]

    def elaborated(self, expression: str, precision: str) -> Func:
        """The Core function before any pass has changed it, for readers."""
        return self.program.lower(expression, precision=precision, optimize=False).func

    def prepared(
        self, expression: str, options: Options, given: frozenset[str] | None = None, statics: Statics = ()
    ) -> Prepared:
        """The compiled function. Raises whatever the program, the backend's name or the backend has to say."""
        from difflang.runtime.staged import is_sparse

        key = ((expression, options.precision, given, statics), options)
        if key not in self._prepared:
            lowered = self.lowered(expression, options.precision, given, statics)
            in_stages = is_sparse(lowered.signature.result)
            self._prepared[key] = self._in_stages(key[0], options) if in_stages else prepare(lowered, options)
        return self._prepared[key]

    def _in_stages(self, key: _Key, options: Options) -> Prepared:
        """A function with a compressed matrix among its results, which keeps the structure from call to call."""
        from difflang.runtime.staged import compiled_in_stages

        expression, precision, given, statics = key
        raw = self.program.lower(expression, precision=precision, given=given, statics=dict(statics), optimize=False)
        backend = find_backend(options.backend)

        def made() -> Executable:
            result = raw.signature.result
            return compiled_in_stages(raw.func, result, lambda func: backend.compile(func, options.compile))

        return Prepared(raw.signature, deeply(made))

    def call(
        self, expression: str, positional: Sequence[object], named: Mapping[str, object], options: Options, host: Host
    ) -> Outcome:
        """One call with the arguments of a user. Raises DiffLangError with the sources of the program."""
        try:
            expression = self.fitting(
                expression, options.precision, lambda form: match(form.parameters, expression, positional, named)
            )
            parameters = self.lowered(expression, options.precision).signature.parameters
            given = match(parameters, expression, positional, named)
            chosen = None if len(given) == len(parameters) else frozenset(given)
            statics = self.statics(expression, options.precision, chosen, given)
            prepared = self.prepared(expression, options, chosen, statics)
            return self.run(prepared, given, host)
        except DiffLangError as problem:
            self.place(problem, expression)
            raise

    def quick_calls(self, expression: str, options: Options) -> QuickCalls:
        """The quick ways found so far of calling a function; None stands for a way that is never quick."""
        return self._quick.setdefault((expression, options), {})

    def find_quick_call(self, expression: str, options: Options, shape: CallShape) -> None:
        """Notes the quick way of a call, after one like it has succeeded."""
        calls = self.quick_calls(expression, options)
        calls[shape] = self._quick_call(expression, options, shape, lambda quicker: calls.update({shape: quicker}))

    def _quick_call(
        self, expression: str, options: Options, shape: CallShape, keep: Callable[[QuickCall], None]
    ) -> QuickCall | None:
        from difflang.runtime.quick import quick_call

        if len(self.program.forms(expression)) > 1 or self.static_names(expression):
            return None
        parameters = self.lowered(expression, options.precision).signature.parameters
        positional, *named = shape if isinstance(shape, tuple) else (shape,)
        places = {str(name): int(positional) + k for k, name in enumerate(named)}
        order = match(parameters, expression, range(int(positional)), places)
        prepared = self.prepared(expression, options, None if len(order) == len(parameters) else frozenset(order))
        data = {item.name: _loaded(item, self._data) for item in prepared.signature.data}
        return quick_call(prepared.signature, prepared.executable, order, data, keep)

    def fitting(self, expression: str, precision: str, arguments: Callable[[Signature], Mapping[str, object]]) -> str:
        """The expression itself, or where a function has several forms, that for the first one the arguments fit.

        `arguments` gives them by the names of a form's parameters, or raises DiffLangError. Raises E0308.
        """
        forms = self.program.forms(expression)
        if len(forms) == 1:
            return expression
        texts: list[str] = []
        for form in forms:
            try:
                signature = self.lowered(form, precision).signature
                texts.append(f"({', '.join(f'{p.name}: {type_text(p.type)}' for p in signature.parameters)})")
                given = arguments(signature)
                signature = self.lowered(form, precision, frozenset(given)).signature
                marshal(signature, given, self.data(signature))
            except DiffLangError:
                continue
            return form
        message = f"None of the {len(forms)} forms of `{expression}` takes these arguments."
        raise error("E0308", message, hint=f"They take {listing(texts)}.")

    def statics(
        self, expression: str, precision: str, chosen: frozenset[str] | None, given: Mapping[str, object]
    ) -> Statics:
        """The sizes and ints that a `static` in the program asks to compile for, with their values in this call."""
        names = self.static_names(expression)
        if not names:
            return ()
        signature = self.lowered(expression, precision, chosen).signature
        sizes = marshal(signature, given, self.data(signature)).sizes.values
        return tuple((name, sizes[name]) for name in names if name in sizes)

    def static_names(self, expression: str) -> tuple[str, ...]:
        """What is `static` in the signatures of the functions in an expression."""
        if expression not in self._static:
            words = re.findall(r"[^\W\d]\w*", expression)
            items = [item for word in words for item in self.program.root.items.get(word, [])]
            names = [
                p.name for item in items for p in getattr(item, "type_parameters", ()) if getattr(p, "static", False)
            ]
            self._static[expression] = tuple(dict.fromkeys(names))
        return self._static[expression]

    def data(self, signature: Signature) -> dict[str, Any]:
        """The data items that a function needs, by name; each file is read once."""
        return {item.name: _loaded(item, self._data) for item in signature.data}

    def place(self, problem: DiffLangError, expression: str) -> None:
        """Gives an error the texts that its spans point into: the files of the program and the expression.

        That a plain function was called by the expression explains nothing, so that label is dropped.
        """
        problem.sources = {**self.program.sources, EXPRESSION: expression}
        if expression.isidentifier():
            problem.diagnostics = tuple(_without_call(diagnostic) for diagnostic in problem.diagnostics)

    def run(self, prepared: Prepared, given: Mapping[str, object], host: Host) -> Outcome:
        """Runs a compiled function on arguments by name."""
        return run(prepared, given, host, self._data)


def _without_call(diagnostic: Diagnostic) -> Diagnostic:
    return replace(diagnostic, labels=tuple(label for label in diagnostic.labels if label.span.path != EXPRESSION))


def prepare(lowered: Lowered, options: Options) -> Prepared:
    """Compiles a function. Raises what the backend has to say."""
    backend = find_backend(options.backend)
    return Prepared(lowered.signature, deeply(lambda: backend.compile(lowered.func, options.compile)))


def run(
    prepared: Prepared, given: Mapping[str, object], host: Host, known: dict[tuple[str, str, ValueType], Any]
) -> Outcome:
    """Runs a compiled function on arguments by name. `known` keeps the data items, so that each file is read once."""
    signature = prepared.signature
    data = {item.name: _loaded(item, known) for item in signature.data}
    arguments = marshal(signature, given, data)
    results = prepared.executable(arguments.flat, host)
    return Outcome(unmarshal(signature.result, results, arguments), signature.result)


def _loaded(item: DataInfo, known: dict[tuple[str, str, ValueType], Any]) -> Any:
    path = Path(item.directory) / item.path
    key = (item.name, str(path), item.type)
    if key not in known:
        known[key] = files.load(path, item.type, item.name, item.span)
    return known[key]


def find_backend(name: str) -> Any:
    """The backend of that name. Raises E0906 for an unknown one."""
    from difflang.backend.registry import get

    return get(name)


def check_precision(precision: str) -> str:
    """The precision itself. Raises E0902 if it is none."""
    if precision not in PRECISIONS:
        hint = 'Choose "f64" (double precision, the default) or "f32" (single).'
        raise error("E0902", f'"{precision}" is no precision.', hint=hint)
    return precision
