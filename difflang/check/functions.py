"""Functions of the program: calls are elaborated in place, specialised to their arguments."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from difflang.check.coerce import coerce
from difflang.check.context import Activation, Context
from difflang.check.environment import Scope
from difflang.check.kinds import SCALAR_NAMES, size_names, type_names
from difflang.check.known import known_result
from difflang.check.names import suggestion
from difflang.check.statements import run_body
from difflang.check.types import Type, is_int, same_scalar
from difflang.check.typing import Binder, resolve, scalar_type
from difflang.check.values import Arguments, Array, FunctionValue, Number, TypeValue, Value, has_function
from difflang.diagnostics.model import DiffLangError, Label, Span
from difflang.signature import ArrayType, ScalarType
from difflang.syntax import ast

if TYPE_CHECKING:
    from difflang.check.specimens import SpecimenMaker

MAXIMUM_NESTING = 24
"""How often one function may be inside itself, through functions it was given, before that counts as recursion."""


class Closure(FunctionValue):
    """A `fn` or a lambda with the scope it was written in."""

    def __init__(self, node: ast.FunctionDef | ast.Lambda, scope: Scope, name: str) -> None:
        self.node = node
        self.scope = scope
        self.name = name

    @property
    def parameters(self) -> tuple[ast.Parameter, ...]:
        return self.node.parameters

    def parameter_names(self) -> Sequence[str]:
        return [p.name for p in self.parameters]

    @property
    def result_type(self) -> ast.TypeExpr | None:
        return self.node.result if isinstance(self.node, ast.FunctionDef) else None

    @property
    def body(self) -> tuple[ast.Statement, ...]:
        if isinstance(self.node, ast.FunctionDef):
            return self.node.body
        return (ast.Return(self.node.body.span, self.node.body),)

    def call(self, context: Context, arguments: Arguments) -> Value:
        given = match_arguments(context, self.name, self.parameters, arguments, self.place)
        with activation(context, self, [v for v, _ in given.values()], arguments.span):
            scope = self.scope.child()
            bind_parameters(context, self, given, scope, arguments)
            known = known_result(context, self.node, scope, arguments.span)
            return self.run(context, scope, arguments.span) if known is None else known

    def run(self, context: Context, scope: Scope, span: Span) -> Value:
        """The body, once the parameters are bound in `scope`."""
        node = self.result_type
        expected = resolve(context, node, scope) if node is not None else None
        try:
            value = run_body(context, self.body, scope.child(), expected, self._end())
            if expected is not None:
                value = coerce(context, value, expected, self._end(), f"the result of `{self.name}`")
        except DiffLangError as failure:
            raise with_call_site(failure, self, span) from None
        return value

    def specimens(self, context: Context, maker: SpecimenMaker) -> list[tuple[str, Value]]:
        return maker.of_parameters(self)

    @property
    def place(self) -> Span:
        """Where it is named, or written."""
        return self.node.name_span if isinstance(self.node, ast.FunctionDef) else self.node.span

    def _end(self) -> Span:
        """Where the result is written, for messages about it."""
        last = self.body[-1] if self.body else None
        if isinstance(last, ast.Return) and last.value is not None:
            return last.value.span
        return self.place


def with_call_site(failure: DiffLangError, closure: Closure, span: Span) -> DiffLangError:
    """Adds the call that led here, to an error in the body of a named function."""
    first = failure.diagnostic
    where = first.span
    inside = isinstance(closure.node, ast.FunctionDef) and where is not None and where.path == closure.node.span.path
    if not inside or len(first.labels) >= 3 or span in (where, closure.place, *(n.span for n in first.labels)):
        return failure
    label = Label(span, f"in this call of `{closure.name}`")
    return DiffLangError(replace(first, labels=(*first.labels, label)), *failure.diagnostics[1:])


@contextmanager
def activation(context: Context, closure: Closure, values: Sequence[Value], span: Span) -> Generator[None]:
    """Marks a call as running. Raises E0304 when the function is called by itself."""
    higher_order = any(has_function(v) for v in values)
    node = closure.node
    same = [a for a in context.activations if a.node is node]
    first_order = isinstance(node, ast.FunctionDef) and not higher_order and any(not a.higher_order for a in same)
    if first_order or len(same) > MAXIMUM_NESTING:
        raise _recursion(context, node, closure.name, span)
    context.activations.append(Activation(node, closure.name, span, higher_order))
    try:
        yield
    finally:
        context.activations.pop()


def _recursion(context: Context, node: ast.Node, name: str, span: Span) -> DiffLangError:
    start = max(k for k, a in enumerate(context.activations) if a.node is node)
    cycle = [*(a.name for a in context.activations[start:]), name]
    labels = [Label(a.span, f"`{a.name}` is called here") for a in context.activations[start + 1 :][:4]]
    path = " calls ".join(f"`{n}`" for n in cycle)
    message = (
        f"{path}: a function that calls itself has no end here"
        if len(cycle) < 8
        else f"`{name}` calls itself, through functions"
    )
    return context.error("E0304", message, span, *labels, hint="write the repetition as a `for` or `while` loop")


Given = dict[str, tuple[Value, Span]]


def match_arguments(
    context: Context, name: str, parameters: Sequence[ast.Parameter], arguments: Arguments, place: Span
) -> Given:
    """Which parameter each argument belongs to. Raises E0302 for too many, unknown, double and missing ones."""
    names = [p.name for p in parameters]
    label = Label(place, f"`{name}` is defined here")
    if len(arguments.positional) > len(names):
        message = f"`{name}` takes {_count(len(names))}, but {len(arguments.positional)} are given"
        raise context.error(
            "E0302",
            message,
            arguments.span_of(len(names)),
            label,
            hint=f"its parameters are ({', '.join(names)})" if names else f"write {name}()",
        )
    given = {names[k]: (v, arguments.span_of(k)) for k, v in enumerate(arguments.positional)}
    for keyword, value in arguments.keywords.items():
        span = arguments.span_of(keyword)
        if keyword not in names:
            hint = suggestion(keyword, names, f"its parameters are {', '.join(names)}" if names else None)
            raise context.error("E0302", f"`{name}` has no parameter called `{keyword}`", span, label, hint=hint)
        if keyword in given:
            raise context.error(
                "E0302",
                f"`{keyword}` is given twice",
                span,
                label,
                hint=f"leave out one of the two values of `{keyword}`",
            )
        given[keyword] = (value, span)
    missing = [p.name for p in parameters if p.name not in given and p.default is None]
    if missing:
        message = f"this call of `{name}` leaves out {', '.join(f'`{m}`' for m in missing)}"
        raise context.error("E0302", message, arguments.span, label, hint=f"`{name}` takes ({', '.join(names)})")
    return given


def _count(number: int) -> str:
    return {0: "no arguments", 1: "1 argument"}.get(number, f"{number} arguments")


def bind_parameters(context: Context, closure: Closure, given: Given, scope: Scope, arguments: Arguments) -> None:
    """Binds parameters, size names and type names of a call in the scope of the body."""
    binder = make_binder(context, closure, scope)
    for parameter in _in_order_of_matching(closure.parameters, given):
        value, span = given[parameter.name]
        _match_one(context, closure, binder, parameter, value, span)
    binder.finish()
    for parameter in int_parameters_first(closure.parameters):
        value, span = given[parameter.name] if parameter.name in given else _default(context, binder, parameter, scope)
        if parameter.type is not None:
            missing = binder.missing(parameter.type)
            if missing is not None:
                message = _misfit(context, closure, parameter, value)
                hint = f"give it a value of type {type_source(parameter.type)}, which tells the size `{missing}`"
                raise context.error("E0301", message, span, hint=hint)
            type_ = resolve(context, parameter.type, scope)
            value = coerce(context, value, type_, span, f"the argument `{parameter.name}` of `{closure.name}`")
        scope.bind(parameter.name, value, None)


def _default(context: Context, binder: Binder, parameter: ast.Parameter, scope: Scope) -> tuple[Value, Span]:
    assert parameter.default is not None
    value = context.evaluate(parameter.default, scope)
    if parameter.type is not None:
        binder.match(parameter.type, context.type_of(value), parameter.span, "the default does not fit")
        binder.finish()
    return value, parameter.default.span


def int_parameters_first(parameters: Sequence[ast.Parameter]) -> list[ast.Parameter]:
    """Int parameters may be sizes in the types of the others."""
    return sorted(parameters, key=lambda p: not is_int_parameter(p))


def _in_order_of_matching(parameters: Sequence[ast.Parameter], given: Given) -> list[ast.Parameter]:
    """Int parameters first; bare numbers last, as they take the type that others give to a generic name."""

    def rank(parameter: ast.Parameter) -> int:
        value = given[parameter.name][0]
        return (
            0
            if not isinstance(value, Number) or is_int_parameter(parameter)
            else 2
            if isinstance(value.value, int)
            else 1
        )

    return sorted((p for p in int_parameters_first(parameters) if p.name in given), key=rank)


def is_int_parameter(parameter: ast.Parameter) -> bool:
    return isinstance(parameter.type, ast.Name) and parameter.type.name in ("int", "i64")


def make_binder(context: Context, closure: Closure, scope: Scope) -> Binder:
    """The names that a call of this function binds: sizes and types that the parameters mention."""
    types = [p.type for p in closure.parameters if p.type is not None]
    ints = {p.name for p in closure.parameters if is_int_parameter(p)}
    declared = (
        {p.name for p in closure.node.type_parameters} if isinstance(closure.node, ast.FunctionDef) else set[str]()
    )
    generic = {n for t in types for n in type_names(t, closure.scope)} & declared
    sizes = {n for t in types for n in size_names(t, closure.scope)} - ints
    return Binder(context, scope, frozenset(sizes), frozenset(generic))


def _match_one(
    context: Context, closure: Closure, binder: Binder, parameter: ast.Parameter, value: Value, span: Span
) -> None:
    if parameter.type is None:
        return
    if is_int_parameter(parameter):
        type_ = resolve(context, parameter.type, binder.scope)
        fitted = coerce(context, value, type_, span, f"the argument `{parameter.name}` of `{closure.name}`")
        binder.scope.bind(parameter.name, fitted)
        return
    binder.match(parameter.type, context.type_of(value), span, _misfit(context, closure, parameter, value))


def _misfit(context: Context, closure: Closure, parameter: ast.Parameter, value: Value) -> str:
    assert parameter.type is not None
    wanted = type_source(parameter.type)
    return f"the argument `{parameter.name}` of `{closure.name}` should be {wanted}, but it is {context.text(value)}"


def type_source(node: ast.TypeExpr) -> str:
    """A type expression as text, for messages."""
    match node:
        case ast.Name():
            return node.name
        case ast.Number():
            return str(node.value)
        case ast.Attribute():
            return f"{type_source(node.value)}.{node.name}"
        case ast.Index():
            return f"{type_source(node.value)}[{', '.join(type_source(i) for i in node.indices)}]"
        case ast.Tuple():
            return f"({', '.join(type_source(e) for e in node.elements)})"
        case ast.Binary():
            return f"{type_source(node.left)} {node.operator} {type_source(node.right)}"
        case ast.FunctionType():
            return f"fn({', '.join(type_source(p) for p in node.parameters)}) -> {type_source(node.result)}"
        case _:
            return "..."


class OverloadSet(FunctionValue):
    """Several functions of one name: the arguments' ranks and types choose."""

    def __init__(self, name: str, members: Sequence[Closure]) -> None:
        self.name = name
        self.members = members

    def call(self, context: Context, arguments: Arguments) -> Value:
        return self.select(context, arguments).call(context, arguments)

    def select(self, context: Context, arguments: Arguments) -> Closure:
        """The member that fits with the fewest conversions. Raises E0308 when none or several do."""
        costs = [(cost, m) for m in self.members if (cost := fitness(context, m, arguments)) is not None]
        best = min((c for c, _ in costs), default=None)
        chosen = [m for c, m in costs if c == best]
        if len(chosen) == 1:
            return chosen[0]
        found = ", ".join(context.text(v) for v in arguments.positional)
        labels = [Label(m.node.name_span, "this one") for m in self.members if isinstance(m.node, ast.FunctionDef)]
        message = (
            f"{'several' if chosen else 'none'} of the functions `{self.name}` fit{'' if chosen else 's'} ({found})"
        )
        raise context.error(
            "E0308",
            message,
            arguments.span,
            *labels[:4],
            hint=(
                "convert an argument, as in `f(real(x))`, so that one of them is nearer"
                if chosen
                else "give it the types of one of these, converting where needed"
            ),
        )

    def specimens(self, context: Context, maker: SpecimenMaker) -> list[tuple[str, Value]]:
        if maker.form is not None and maker.form < len(self.members):
            return self.members[maker.form].specimens(context, maker)
        message = f"`{self.name}` has {len(self.members)} forms"
        raise context.error("E0308", message, None, hint="choose one with a lambda, such as fn(x: real) = f(x)")


def fitness(context: Context, closure: Closure, arguments: Arguments) -> int | None:
    """How many conversions a call needs, or None if the arguments do not fit."""
    names = [p.name for p in closure.parameters]
    if len(arguments.positional) > len(names):
        return None
    given: dict[str, Value] = dict(zip(names, arguments.positional, strict=False))
    if any(k not in names or k in given for k in arguments.keywords):
        return None
    given.update(arguments.keywords)
    total = 0
    for parameter in closure.parameters:
        if parameter.name not in given:
            if parameter.default is None:
                return None
            continue
        cost = 0 if parameter.type is None else type_cost(context, closure, parameter.type, given[parameter.name])
        if cost is None:
            return None
        total += cost
    return total


def type_cost(context: Context, closure: Closure, node: ast.TypeExpr, value: Value) -> int | None:
    """0 for an exact fit, more for conversions and for generic parameters, None for no fit."""
    generic = (
        {p.name for p in closure.node.type_parameters} if isinstance(closure.node, ast.FunctionDef) else set[str]()
    )
    type_ = context.type_of(value)
    match node:
        case ast.Name() if node.name in generic:
            return 2
        case ast.Name() if node.name in SCALAR_NAMES:
            wanted = scalar_type(context, node.name)
            assert wanted is not None
            return _scalar_cost(wanted, type_, isinstance(value, Number))
        case ast.Index() if isinstance(node.value, ast.Name) and node.value.name in SCALAR_NAMES:
            element = scalar_type(context, node.value.name)
            if not isinstance(value, Array) or not isinstance(type_, ArrayType) or value.rank != len(node.indices):
                return None
            assert element is not None
            return _scalar_cost(element, type_.element, False)
        case ast.FunctionType():
            return 0 if isinstance(value, FunctionValue | TypeValue) else None
        case _:
            return _structure_cost(context, closure, node, value)


def _structure_cost(context: Context, closure: Closure, node: ast.TypeExpr, value: Value) -> int | None:
    from difflang.check.typing import struct_info
    from difflang.check.values import StructValue, TupleValue

    if isinstance(node, ast.Tuple):
        if not isinstance(value, TupleValue) or len(value.elements) != len(node.elements):
            return None
        costs = [type_cost(context, closure, n, v) for n, v in zip(node.elements, value.elements, strict=True)]
        known = [c for c in costs if c is not None]
        return sum(known) if len(known) == len(costs) else None
    if not isinstance(value, StructValue):
        return None
    info = struct_info(context, node.value if isinstance(node, ast.Index) else node, closure.scope)
    return 0 if info is value.type.info else None


def _scalar_cost(wanted: ScalarType, found: Type, literal: bool) -> int | None:
    if not isinstance(found, ScalarType):
        return None
    if same_scalar(wanted, found):
        return 0
    if wanted.dtype in ("f64", "f32") and (is_int(found) or literal):
        return 1
    return 1 if literal and is_int(wanted) and is_int(found) else None
