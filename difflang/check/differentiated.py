"""A function made ready to be differentiated: its arguments, those to differentiate by, its body as a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from difflang import derive
from difflang.check.coerce import as_real, as_scalar, coerce
from difflang.check.context import Context, Poisoned, Unsketched
from difflang.check.functions import Closure, OverloadSet
from difflang.check.leaves import atoms, element_of, is_vector, leaves, materialize, rebuild, rewrap, settle, zeros_like
from difflang.check.names import suggestion
from difflang.check.parts import Part, Selection, selected
from difflang.check.types import is_float, is_int
from difflang.check.typing import scalar_type
from difflang.check.values import (
    Arguments,
    Array,
    ErrorValue,
    FunctionValue,
    Number,
    Scalar,
    StructValue,
    TupleValue,
    Value,
)
from difflang.core.ir import Atom, Block, Var
from difflang.derive import sketch
from difflang.derive.parts import Window
from difflang.derive.windows import windowed
from difflang.diagnostics.model import DiffLangError, Span
from difflang.passes import simplify_block
from difflang.signature import ScalarType
from difflang.syntax import ast


@dataclass(frozen=True, slots=True)
class Wrt:
    """The names to differentiate by (None: the first argument), and where they are written.

    `memory` is the most that a call may allocate, in bytes (None: what serves time best). `parts` holds
    the names that stand there with subscripts.
    """

    names: tuple[str, ...] | None
    span: Span
    memory: int | None = None
    parts: Mapping[str, Part] = field(default_factory=dict[str, Part])

    @property
    def count(self) -> int:
        return 1 if self.names is None else len(self.names)


Key = int | str
"""The position or the name of an argument."""

Choice = Callable[[Context, FunctionValue, Wrt, Arguments], tuple[Key, ...]]


@dataclass(frozen=True, slots=True)
class Ready:
    """A call of a function, split for differentiation.

    `keys` say where in `arguments` (position or name) the `wholes` stand that are differentiated by, or of which parts
    are (`selections`); `directions` are the further arguments that an operator takes.
    """

    function: FunctionValue
    arguments: Arguments
    keys: tuple[Key, ...]
    wholes: tuple[Value, ...]
    selections: tuple[Selection | None, ...]
    directions: tuple[Value, ...]

    @property
    def values(self) -> tuple[Value, ...]:
        """What is differentiated by."""
        pairs = zip(self.wholes, self.selections, strict=True)
        return tuple(whole if part is None else part.value for whole, part in pairs)

    def windows(self) -> list[Window | None]:
        """The windows of the leaves of the wholes."""
        found: list[Window | None] = []
        for whole, part in zip(self.wholes, self.selections, strict=True):
            found += [None] * len(atoms(whole)) if part is None else [part.window]
        return found


def make_ready(
    context: Context,
    function: FunctionValue,
    wrt: Wrt,
    arguments: Arguments,
    extra: Sequence[str],
    choice: Choice | None = None,
) -> Ready:
    """Splits the arguments of a derived function: those of `function` first, then one for each name in `extra`.

    `choice` says which arguments to differentiate by; they are those that `wrt` names if it is left out.
    """
    count = len(extra)
    named = {k: v for k, v in arguments.keywords.items() if k in extra}
    from_position = count - len(named)
    own = len(arguments.positional) - from_position
    if own < 0 or (own == 0 and len(arguments.keywords) == len(named)):
        message = f"this needs the arguments of `{function.name}`" + (f", then {', '.join(extra)}" if extra else "")
        names = [*(function.parameter_names() or ["..."]), *extra]
        raise context.error("E0302", message, arguments.span, hint=f"write (...)({', '.join(names)})")
    last = iter(arguments.positional[own:])
    directions = tuple(named[e] if e in named else next(last) for e in extra)
    keywords = {k: v for k, v in arguments.keywords.items() if k not in named}
    plain = replace(arguments, positional=arguments.positional[:own], keywords=keywords, expected=None)
    chosen = function.select(context, plain) if isinstance(function, OverloadSet) else function
    keys = (choice or keys_of_names)(context, chosen, wrt, plain)
    wholes = tuple(_differentiable(context, chosen, key, _argument(plain, key), wrt) for key in keys)
    parts = tuple(_selection(context, chosen, key, whole, wrt, plain) for key, whole in zip(keys, wholes, strict=True))
    return Ready(chosen, plain, keys, wholes, parts, directions)


def _selection(
    context: Context, function: FunctionValue, key: Key, whole: Value, wrt: Wrt, arguments: Arguments
) -> Selection | None:
    """The part of an argument that is differentiated by; None for all of it."""
    name = key if isinstance(key, str) else _name_at(function, key)
    part = wrt.parts.get(name) if name is not None else None
    if part is None:
        return None
    positional = zip(function.parameter_names() or (), arguments.positional, strict=False)
    return selected(context, part, whole, function, [*positional, *arguments.keywords.items()])


def _argument(arguments: Arguments, key: Key) -> Value:
    return arguments.positional[key] if isinstance(key, int) else arguments.keywords[key]


def keys_of_reals(context: Context, function: FunctionValue, wrt: Wrt, arguments: Arguments) -> tuple[Key, ...]:
    """Where the arguments of vector types stand in the call."""
    given: list[tuple[Key, str | None, Value]] = [
        *((k, _name_at(function, k), v) for k, v in enumerate(arguments.positional)),
        *((name, name, v) for name, v in arguments.keywords.items()),
    ]
    return tuple(key for key, name, v in given if is_vector(v) and _takes_real(context, function, name)) or (0,)


def _takes_real(context: Context, function: FunctionValue, name: str | None) -> bool:
    declared = _declared_element(context, function, name)
    return declared is None or is_float(declared)


def keys_of_names(context: Context, function: FunctionValue, wrt: Wrt, arguments: Arguments) -> tuple[Key, ...]:
    """Where the arguments that `wrt` names stand in the call."""
    names = function.parameter_names()
    if wrt.names is None:
        if arguments.positional or not names:
            return (0,)
        return (_key(context, function, names[0], names, arguments, wrt.span),)
    return tuple(_key(context, function, name, names or (), arguments, wrt.span) for name in wrt.names)


def _key(
    context: Context, function: FunctionValue, name: str, names: Sequence[str], arguments: Arguments, span: Span
) -> Key:
    if name in arguments.keywords:
        return name
    if name not in names:
        hint = suggestion(name, names, f"its parameters are {', '.join(names)}" if names else None)
        raise context.error(
            "E0504", f"`{function.name}` has no parameter called `{name}` to differentiate by", span, hint=hint
        )
    position = list(names).index(name)
    if position >= len(arguments.positional):
        message = f"`{name}` is differentiated by, but this call leaves it to its default"
        raise context.error("E0302", message, arguments.span, hint=f"give it: {name} = ...")
    return position


def _differentiable(context: Context, function: FunctionValue, key: Key, value: Value, wrt: Wrt) -> Value:
    """The argument as a value of a vector type. Raises E0503 for ints, bools, keys and what holds them."""
    name = key if isinstance(key, str) else _name_at(function, key)
    declared = _declared_element(context, function, name)
    if declared is not None and is_int(declared):
        raise _no_vector(context, function, name, "an int", wrt)
    real = declared if declared is not None and is_float(declared) else context.real
    value = _realized(context, value, real, widen=declared is not None)
    bad = next((leaf for leaf in leaves(value) if not is_float(element_of(leaf))), None)
    if bad is not None or next(leaves(value), None) is None:
        raise _no_vector(context, function, name, context.text(value), wrt, _fixed_fields(value))
    return value


def _fixed_fields(value: Value) -> str | None:
    """For a struct with fields of reals and others: which are in the way."""
    if not isinstance(value, StructValue):
        return None
    fixed = [f"`{field}`" for field, part in value.fields.items() if not is_vector(part)]
    if len(fixed) == len(value.fields):
        return None
    verb = "is" if len(fixed) == 1 else "are"
    return f"{', '.join(fixed)} {verb} not made of reals: give what is fixed in a struct or a parameter of its own"


def _name_at(function: FunctionValue, position: int) -> str | None:
    names = function.parameter_names()
    return names[position] if names is not None and position < len(names) else None


def _no_vector(
    context: Context, function: FunctionValue, name: str | None, found: str, wrt: Wrt, fixed: str | None = None
) -> DiffLangError:
    subject = f"`{name}`" if name else "this argument"
    message = f"{subject} is {found}: only reals, and arrays, tuples and structs of reals, can be differentiated by"
    names = [n for n in function.parameter_names() or () if _is_declared_real(context, function, n)]
    hint = f"name the parameter to differentiate by: wrt = {names[0]}" if names else None
    if not names and isinstance(function, Closure):
        hint = f"`{function.name}` has no parameter that is real: declare one as `real` or as an array of reals"
    return context.error("E0503", message, wrt.span, hint=fixed or hint)


def _is_declared_real(context: Context, function: FunctionValue, name: str) -> bool:
    declared = _declared_element(context, function, name)
    return declared is not None and is_float(declared)


def _declared_element(context: Context, function: FunctionValue, name: str | None) -> ScalarType | None:
    """The scalar type in the declared type of a parameter, where that is a scalar or an array."""
    if not isinstance(function, Closure) or name is None:
        return None
    node = next((p.type for p in function.parameters if p.name == name), None)
    base = node.value if isinstance(node, ast.Index) else node
    return scalar_type(context, base.name) if isinstance(base, ast.Name) else None


def _realized(context: Context, value: Value, real: ScalarType, *, widen: bool) -> Value:
    """Bare numbers as reals; ints too where the parameter is declared real."""
    match value:
        case Number():
            assert context.builder.span is not None
            return as_scalar(context, value, real, context.builder.span)
        case TupleValue():
            return TupleValue(tuple(_realized(context, e, real, widen=widen) for e in value.elements))
        case StructValue():
            return replace(value, fields={k: _realized(context, v, real, widen=widen) for k, v in value.fields.items()})
        case Scalar() | Array() if widen:
            assert context.builder.span is not None
            return as_real(context, value, context.builder.span)
        case _:
            return value


class Linear:
    """The body of a function as a block over the leaves of the differentiated arguments, all else constant.

    `primal` is the body as it was elaborated, `block` the same, simplified. Where only types are wanted, derivatives
    that cannot be refused are not made (`derive.sketch`).
    """

    def __init__(self, context: Context, ready: Ready, memory: int | None = None) -> None:
        self.context = context
        self.memory = memory
        self.values = ready.values
        self.args: list[Atom] = [a for v in ready.values for a in atoms(v)]
        self.result: Value
        self.primal = self._elaborate(ready)
        self.calculus = sketch if context.sketching and sketch.suffices(self.primal) else derive

    @cached_property
    def block(self) -> Block:
        """Raises Unsketched where the body holds derivatives that have not been made."""
        if self.context.sketching and sketch.is_sketched(self.primal):
            raise Unsketched
        return simplify_block(self.primal)

    @property
    def differentiated(self) -> Block:
        """What the calculus takes."""
        return self.primal if self.calculus is sketch else self.block

    def _elaborate(self, ready: Ready) -> Block:
        context = self.context
        params = tuple(Var(a.type) for whole in ready.wholes for a in atoms(whole))

        def body(*flat: Atom) -> list[Atom]:
            inner = ready.function.call(context, with_values(ready, split(ready.wholes, flat)))
            if isinstance(inner, ErrorValue):
                raise Poisoned
            self.result = settle(context, materialize(context, inner), ready.arguments.span)
            return atoms(self.result)

        block = context.builder.block_with(params, body)
        return windowed(context.builder, block, ready.windows()) if any(ready.selections) else block

    def jvp(self, tangents: Sequence[Value]) -> tuple[Value, Value]:
        """The result and its tangent."""
        flat = [a for t in tangents for a in atoms(t)]
        outs, moved = self.calculus.jvp(self.context.builder, self.differentiated, self.args, flat)
        value = rewrap(self.context, self.result, outs)
        return value, filled(self.context, value, moved)

    def bundle(self, tangents: Sequence[Atom | None], directions: Sequence[Atom]) -> Sequence[Atom | None]:
        """The tangents of the result's leaves in several directions at once, whose axes stand last."""
        return self.calculus.bundle(self.context.builder, self.differentiated, self.args, tangents, directions)[1]

    def linearized(self, which: int) -> Callable[[Value], Value]:
        """The function from a tangent of the argument `which` to that of the result, whose value it shares."""
        moving = [k == which for k, v in enumerate(self.values) for _ in atoms(v)]
        outs, push = self.calculus.linearized(self.context.builder, self.differentiated, self.args, moving)
        value = rewrap(self.context, self.result, outs)

        def pushed(tangent: Value) -> Value:
            flat = iter(atoms(tangent))
            return filled(self.context, value, push([next(flat) if flag else None for flag in moving]))

        return pushed

    def vjp(self, *, repeated: bool = False) -> tuple[Value, Callable[[Value], list[Value]]]:
        """The result, and the function from its cotangent to those of the arguments.

        `repeated`: the function is called in parallel, so that each call has a part of the budget.
        """
        block, share = self.differentiated, derive.WORKERS if repeated else 1
        if self.memory is not None:
            block = derive.within_budget(block, self.memory, share)
            derive.keep_budget(self.context.builder, self.memory)
        outs, pullback = self.calculus.vjp(self.context.builder, block, self.args, [True] * len(self.args))
        value = rewrap(self.context, self.result, outs)

        def pull(cotangent: Value) -> list[Value]:
            bars = [a if a.type.is_float else None for a in atoms(cotangent)]
            found = iter(pullback(bars))
            return [filled(self.context, v, [next(found) for _ in leaves(v)]) for v in self.values]

        return value, pull


def split(templates: Sequence[Value], flat: Sequence[Atom]) -> list[Value]:
    """Values like the templates around consecutive atoms."""
    result: list[Value] = []
    for template in templates:
        count = len(atoms(template))
        result.append(rebuild(template, flat[:count]))
        flat = flat[count:]
    return result


def filled(context: Context, like: Value, flat: Sequence[Atom | None]) -> Value:
    """A tangent of `like`: symbolic zeros become zeros."""
    known = [a for a in flat if a is not None]
    if len(known) == len(flat):
        return rebuild(like, known)
    zeros = atoms(zeros_like(context, like))
    return rebuild(like, [zero if a is None else a for a, zero in zip(flat, zeros, strict=True)])


def with_values(ready: Ready, values: Sequence[Value]) -> Arguments:
    """The arguments of the call, with other values at the differentiated places."""
    positional = list(ready.arguments.positional)
    keywords: dict[str, Value] = dict(ready.arguments.keywords)
    for key, value in zip(ready.keys, values, strict=True):
        if isinstance(key, int):
            positional[key] = value
        else:
            keywords[key] = value
    return replace(ready.arguments, positional=tuple(positional), keywords=keywords)


def several(values: Sequence[Value]) -> Value:
    """One result for one name, a tuple for several."""
    return values[0] if len(values) == 1 else TupleValue(tuple(values))


def fitted(context: Context, value: Value, like: Value, span: Span, what: str) -> Value:
    """A direction, which must have the type of what it is a direction of."""
    return coerce(context, value, context.type_of(like), span, what)
