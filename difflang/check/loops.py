"""`for` and `while`: the variables that the body assigns are carried from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from difflang.check.analysis import assigned_names, breaks
from difflang.check.coerce import as_condition, coerce
from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.leaves import atoms, leaf_names, materialize, rebuild, settle, zeros_like
from difflang.check.ranges import Range, loop_index, range_of
from difflang.check.regions import Captured, capture, common_type, finish, require_visible
from difflang.check.statements import NEXT, Frame, Outcome, run
from difflang.check.types import INT, Type
from difflang.check.values import Array, ErrorValue, Number, Scalar, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom, Block, Var
from difflang.core.ops import integer
from difflang.diagnostics.model import Span
from difflang.syntax import ast

MAXIMUM_ATTEMPTS = 6
"""How often a body is elaborated anew because a carried value turned out to have a wider type than at the start."""


@dataclass
class State:
    """What is carried: the variables `names`, and what a `return` inside the loop gives, once its type is known."""

    names: list[str]
    values: list[Value]
    returned: Value | None = None

    @property
    def everything(self) -> list[Value]:
        return self.values if self.returned is None else [*self.values, self.returned]

    def flat(self) -> list[Atom]:
        return [a for v in self.everything for a in atoms(v)]

    def labels(self) -> list[str]:
        """What the atoms of `flat` are called, for readers of Core."""
        names = [*self.names, "result"]
        return [label for n, v in zip(names, self.everything, strict=False) for label in leaf_names(n, v)]

    def around(self, flat: Sequence[Atom]) -> list[Value]:
        """The carried values around new atoms."""
        result: list[Value] = []
        for value in self.everything:
            count = len(atoms(value))
            result.append(rebuild(value, flat[:count]))
            flat = flat[count:]
        return result


@dataclass
class Body:
    """The elaborated body: how it ended, and the variables after it."""

    outcome: Outcome
    values: list[Value]


def run_for(context: Context, node: ast.For, scope: Scope, frame: Frame) -> Outcome:
    """A `for` loop: a `fold`, or a `while` where the body may leave it."""
    extent = range_of(context, node.start, node.stop, node.step, scope)
    leaves_early = breaks(node.body)

    def bind(inner: Scope, index: Scalar) -> None:
        inner.bind(node.variable.name, loop_index(context, extent, index, node.variable.name), node.variable.span)

    def attempt(state: State) -> tuple[Body, Callable[[State], Outcome]]:
        if leaves_early:
            return _early_for(context, node, scope, frame, state, extent, bind)
        return _plain_for(context, node, scope, frame, state, extent, bind)

    return _until_stable(context, node, scope, attempt)


def _start(context: Context, scope: Scope, body: tuple[ast.Statement, ...]) -> State:
    """The variables that the body assigns, as they are before the loop."""
    variables = scope.variables()
    names = [n for n in variables if n in assigned_names(body) and not isinstance(variables[n].value, ErrorValue)]
    return State(names, [materialize(context, variables[n].value) for n in names])


Attempt = Callable[[State], tuple[Body, Callable[[State], Outcome]]]


def _until_stable(context: Context, node: ast.For | ast.While, scope: Scope, attempt: Attempt) -> Outcome:
    """Elaborates the body with wider and wider carried types until one more step does not change them."""
    state = _start(context, scope, node.body)
    for _ in range(MAXIMUM_ATTEMPTS):
        settled = State(state.names, [settle(context, v, node.span) for v in state.values], state.returned)
        body, complete = attempt(settled)
        wider = _widened(context, settled, body, node.span)
        if wider is None:
            return complete(settled)
        state = wider
    raise context.error(
        "E0310",
        "the types of the variables change from step to step of this loop",
        node.span,
        hint="give each `var` its type before the loop, such as `var x: real = 0`",
    )


def _widened(context: Context, state: State, body: Body, span: Span) -> State | None:
    """The start of the loop in the types that the body ends with, or None if they are the same already."""
    values: list[Value] = []
    changed = False
    for name, before, after in zip(state.names, state.values, body.values, strict=True):
        if isinstance(after, ErrorValue):
            values.append(before)
            continue
        type_ = common_type(context, [before, after], span, f"`{name}`")
        new = _kind(context, type_) != _kind(context, context.type_of(before))
        values.append(coerce(context, before, type_, span, f"`{name}`") if new else before)
        changed = changed or new
    returned = state.returned
    if returned is None and body.outcome.value is not None:
        returned = settle(context, zeros_like(context, materialize(context, body.outcome.value)), span)
        changed = True
    return State(state.names, values, returned) if changed else None


def _kind(context: Context, type_: Type) -> str:
    """What decides whether a value has to be carried in another type: all but the sizes."""
    from difflang.check.types import type_text

    return type_text(type_, lambda size: "")


def _elaborate(
    context: Context,
    node: ast.For | ast.While,
    scope: Scope,
    frame: Frame,
    state: State,
    flat: Sequence[Atom],
    bind: Callable[[Scope], None],
) -> Body:
    """The body of a loop on the carried atoms `flat`."""
    around = scope.fork()
    for name, value in zip(state.names, state.around(flat), strict=False):
        around.replace(name, value)
    inner = around.child()
    bind(inner)
    outcome, _ = run(context, node.body, (), inner.child(), frame)
    return Body(outcome, [_value(around, name) for name in state.names])


def _value(scope: Scope, name: str) -> Value:
    binding = scope.find(name)
    assert binding is not None
    return binding.value


def _after(context: Context, state: State, body: Body, span: Span) -> list[Atom]:
    """The carried values after a step, in the types of those before it."""
    flat: list[Atom] = []
    finals = [*body.values]
    if state.returned is not None:
        finals.append(body.outcome.value if body.outcome.value is not None else state.returned)
    labels = [*(f"`{n}`" for n in state.names), "the result"]
    for template, value, what in zip(state.everything, finals, labels, strict=False):
        if isinstance(value, ErrorValue):
            value = template
        ready = value if isinstance(value, Number) else materialize(context, value)
        _same_sizes(context, template, ready, span, what)
        fitted = coerce(context, ready, context.type_of(template), span, what)
        flat.extend(atoms(settle(context, fitted, span)))
    return flat


def _same_sizes(context: Context, before: Value, after: Value, span: Span, what: str) -> None:
    if isinstance(before, Array) and isinstance(after, Array):
        for left, right in zip(before.shape, after.shape, strict=True):
            if context.sizes.compare(left, right) is False:
                message = f"{what} changes its size in this loop, from {context.text(before)} to {context.text(after)}"
                raise context.error(
                    "E0408", message, span, hint="allocate the full size before the loop, with zeros(n), and fill it"
                )


def _plain_for(
    context: Context,
    node: ast.For,
    scope: Scope,
    frame: Frame,
    state: State,
    extent: Range,
    bind: Callable[[Scope, Scalar], None],
) -> tuple[Body, Callable[[State], Outcome]]:
    index, *flat = params = _params([integer(0), *state.flat()], [node.variable.name, *state.labels()])
    region = capture(
        context,
        lambda: _elaborate(context, node, scope, frame, state, flat, lambda s: bind(s, Scalar(index, INT))),
        params,
    )

    def complete(final: State) -> Outcome:
        block = finish(context, region, lambda: _after(context, final, region.payload, node.span))
        outs = context.builder.emit(
            "fold", [extent.count.atom, *final.flat()], {"carries": len(final.flat()), "reverse": False}, [block]
        )
        _store(context, scope, final, outs, node.span)
        return Outcome(NEXT)

    return region.payload, complete


def _params(initial: Sequence[Atom], names: Sequence[str]) -> tuple[Var, ...]:
    return tuple(Var(a.type, name) for a, name in zip(initial, names, strict=True))


def _store(context: Context, scope: Scope, state: State, outs: Sequence[Var], span: Span) -> Value | None:
    """Gives the variables their values after the loop; returns what a `return` inside gave."""
    require_visible(context, outs, span)
    values = state.around(outs)
    for name, value in zip(state.names, values, strict=False):
        scope.replace(name, value)
    return values[-1] if state.returned is not None else None


def _early_for(
    context: Context,
    node: ast.For,
    scope: Scope,
    frame: Frame,
    state: State,
    extent: Range,
    bind: Callable[[Scope, Scalar], None],
) -> tuple[Body, Callable[[State], Outcome]]:
    """A `while` that counts its steps, and stops when the status says so."""
    status = integer(NEXT)
    initial = [integer(0), status, *state.flat()]
    names = [node.variable.name, "status", *state.labels()]
    params = _params(initial, names)
    region = capture(
        context,
        lambda: _elaborate(context, node, scope, frame, state, params[2:], lambda s: bind(s, Scalar(params[0], INT))),
        params,
    )

    def test() -> list[Atom]:
        inside = context.builder.prim("lt", tested[0], extent.count.atom)
        running = context.builder.prim("eq", tested[1], integer(NEXT))
        return [context.builder.prim("and", inside, running)]

    tested = _params(initial, names)

    def complete(final: State) -> Outcome:
        condition = context.builder.block_with(tested, lambda *_: test())
        block = finish(
            context,
            region,
            lambda: [
                context.builder.prim("add", params[0], integer(1)),
                *_with_status(context, final, region.payload, node.span),
            ],
        )
        outs = context.builder.while_blocks([*initial[:2], *final.flat()], condition, block)
        value = _store(context, scope, final, outs[2 : 2 + len(final.flat())], node.span)
        return Outcome(Scalar(outs[1], INT), value)

    return region.payload, complete


def _with_status(context: Context, state: State, body: Body, span: Span) -> list[Atom]:
    status = body.outcome.status
    atom = status.atom if isinstance(status, Scalar) else integer(status)
    return [atom, *_after(context, state, body, span)]


def run_while(context: Context, node: ast.While, scope: Scope, frame: Frame) -> Outcome:
    """A `while` loop; with a status among the carried values where the body may leave it."""
    leaves_early = breaks(node.body)

    def attempt(state: State) -> tuple[Body, Callable[[State], Outcome]]:
        initial = [integer(NEXT), *state.flat()] if leaves_early else state.flat()
        params = _params(initial, _labels(state, len(initial)))
        carried = params[1:] if leaves_early else params
        region = capture(
            context, lambda: _elaborate(context, node, scope, frame, state, carried, lambda s: None), params
        )
        return region.payload, lambda final: _complete_while(context, node, scope, final, region, initial)

    return _until_stable(context, node, scope, attempt)


def _labels(state: State, count: int) -> list[str]:
    """The names of what a `while` carries, the status first where it has one."""
    labels = state.labels()
    return labels if len(labels) == count else ["status", *labels]


def _complete_while(
    context: Context, node: ast.While, scope: Scope, state: State, region: Captured[Body], initial: Sequence[Atom]
) -> Outcome:
    early = len(initial) - len(state.flat())
    condition = _condition(context, node, scope, state, initial, early)
    if early:
        block = finish(context, region, lambda: _with_status(context, state, region.payload, node.span))
    else:
        block = finish(context, region, lambda: _after(context, state, region.payload, node.span))
    outs = context.builder.while_blocks(initial, condition, block)
    value = _store(context, scope, state, outs[early : early + len(state.flat())], node.span)
    return Outcome(Scalar(outs[0], INT), value) if early else Outcome(NEXT)


def _condition(
    context: Context, node: ast.While, scope: Scope, state: State, initial: Sequence[Atom], early: int
) -> Block:
    """The region that tests whether to go on; the written condition is not evaluated once the loop was left."""
    params = _params(initial, _labels(state, len(initial)))

    def written() -> list[Atom]:
        around = scope.fork()
        for name, value in zip(state.names, state.around(params[early:]), strict=False):
            around.replace(name, value)
        return [as_condition(context, context.evaluate(node.condition, around), node.condition.span).atom]

    def body(*_: Atom) -> list[Atom]:
        if not early:
            return written()
        running = context.builder.prim("eq", params[0], integer(NEXT))
        return list(context.builder.cond(running, written, lambda: [literal(False, "bool")]))

    return context.builder.block_with(params, body)
