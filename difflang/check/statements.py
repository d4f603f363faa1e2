"""Statements: a list of them gives an `Outcome`, the state of the variables being in the scope.

What follows an `if` that may return (or leave a loop) is elaborated inside the branch that goes on, so that nothing
after a return is evaluated. Where several branches go on, they meet first, with a status that says which way was taken:
otherwise a chain of such statements would double what follows at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from difflang.check.analysis import bodies, completes, exits, leavings, returns_value, target_names
from difflang.check.assign import assign, declare
from difflang.check.coerce import as_condition, coerce
from difflang.check.context import Context, Poisoned
from difflang.check.effects import emit_assert
from difflang.check.environment import Scope
from difflang.check.regions import capture
from difflang.check.types import BOOL, INT, Type
from difflang.check.values import ErrorValue, NothingValue, Scalar, Value
from difflang.core.ir import Literal
from difflang.core.ops import integer
from difflang.diagnostics.model import DiffLangError, Span
from difflang.syntax import ast

NEXT, BREAK, RETURN, CONTINUE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Frame:
    """What the statements of one function body share. `expected` is the declared type of the result.

    With `meeting`, the branches of an `if` go on together behind it, so that `continue` has to be told from that.
    """

    expected: Type | None
    in_loop: bool = False
    meeting: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a list of statements ends. `status` is known, or an i64 atom; `value` is what was returned, if anything."""

    status: int | Scalar
    value: Value | None = None


Rest = tuple[tuple[ast.Statement, ...], ...]
"""The statements that follow, of the enclosing blocks, the innermost last."""


def run_body(
    context: Context, statements: tuple[ast.Statement, ...], scope: Scope, expected: Type | None, end: Span
) -> Value:
    """The value that a function's body returns. Raises E0307 when some path does not return one.

    Whether one does is read off the statements: it must not depend on the constants that one call happens to pass.
    """
    outcome, _ = run(context, statements, (), scope, Frame(expected))
    gives_value = expected is not None or any(map(returns_value, statements))
    if not gives_value:
        return NothingValue()
    if outcome.status == RETURN and not completes(statements):
        assert outcome.value is not None
        return outcome.value
    raise context.error(
        "E0307",
        "some way through this function ends without a `return`",
        end,
        hint="end every branch with `return ...`",
    )


def run(
    context: Context, statements: tuple[ast.Statement, ...], rest: Rest, scope: Scope, frame: Frame
) -> tuple[Outcome, Scope]:
    """Elaborates statements and then the rest; also gives the scope of the outermost block at the end."""
    for k, statement in enumerate(statements):
        following = (*rest, statements[k + 1 :])
        ended = guarded(context, statement, scope, lambda s=statement, f=following: step(context, s, f, scope, frame))
        if ended is not None:
            return ended
    if rest:
        assert scope.parent is not None
        return run(context, rest[-1], rest[:-1], scope.parent, frame)
    return Outcome(NEXT), scope


Ended = tuple[Outcome, Scope] | None


def guarded(context: Context, statement: ast.Statement, scope: Scope, action: Callable[[], Ended]) -> Ended:
    """When all mistakes are to be found, a failed statement leaves its variables unusable and the next one is read."""
    if not context.checking or len(context.activations) > 1:
        return action()
    try:
        return action()
    except DiffLangError as failure:
        if failure.code == "E0309":
            raise
        context.found.extend(failure.diagnostics)
    except Poisoned:
        pass
    for name in target_names(statement):
        scope.bind(name, ErrorValue(), statement.span, mutable=True)
    if isinstance(statement, ast.Return):
        return Outcome(RETURN, ErrorValue()), scope
    return (Outcome(RETURN, ErrorValue()), scope) if exits(statement) else None


def outer(scope: Scope, levels: int) -> Scope:
    """The scope some blocks further out."""
    for _ in range(levels):
        assert scope.parent is not None
        scope = scope.parent
    return scope


def step(context: Context, statement: ast.Statement, rest: Rest, scope: Scope, frame: Frame) -> Ended:
    """One statement. Gives the end of the whole list if the statement decides it, else None."""
    levels = len(rest) - 1
    with context.at(statement.span):
        match statement:
            case ast.Return():
                return Outcome(RETURN, _returned(context, statement, scope, frame)), outer(scope, levels)
            case ast.Break():
                return _leave(context, statement, BREAK, scope, levels, frame)
            case ast.Continue():
                return _leave(context, statement, CONTINUE if frame.meeting else NEXT, scope, levels, frame)
            case ast.If() if exits(statement) and _goes_on(statement) > 1:
                return _met(context, statement, rest, scope, frame)
            case ast.If():
                return _if(context, statement, 0, rest, scope, frame)
            case ast.For() | ast.While():
                return _loop(context, statement, rest, scope, frame)
            case _:
                simple(context, statement, scope)
                return None


def simple(context: Context, statement: ast.Statement, scope: Scope) -> None:
    """A statement without inner statements."""
    match statement:
        case ast.Let():
            declare(context, statement, scope)
        case ast.Assign():
            assign(context, statement, scope)
        case ast.Assert():
            emit_assert(context, statement, scope)
        case ast.ExprStatement():
            value = context.evaluate(statement.value, scope)
            if not isinstance(value, NothingValue):
                raise context.error(
                    "E0314",
                    "this value is not used",
                    statement.span,
                    hint="write `let name = ...` in front, or `return`",
                )
        case _:
            raise AssertionError(statement)


def _returned(context: Context, statement: ast.Return, scope: Scope, frame: Frame) -> Value:
    if statement.value is None:
        return NothingValue()
    value = context.evaluate(statement.value, scope, frame.expected)
    if frame.expected is not None:
        return coerce(context, value, frame.expected, statement.value.span, "the result")
    return value


def _leave(context: Context, statement: ast.Statement, status: int, scope: Scope, levels: int, frame: Frame) -> Ended:
    if not frame.in_loop:
        word = "break" if status == BREAK else "continue"
        raise context.error(
            "E0315",
            f"`{word}` stands outside a loop",
            statement.span,
            hint="move it into a `for` or `while` loop; a function is left with `return`",
        )
    return Outcome(status), outer(scope, levels)


def _goes_on(statement: ast.If) -> int:
    """How many branches may come to their end."""
    return sum(completes(body) for body in bodies(statement))


def _met(context: Context, statement: ast.If, rest: Rest, scope: Scope, frame: Frame) -> Ended:
    """An `if` of which several branches go on: what follows it, once, unless the status says otherwise."""
    inner = replace(frame, meeting=True)
    ended = _if(context, statement, 0, None, scope, inner)
    assert ended is not None
    outcome, status = ended[0], ended[0].status
    if not isinstance(status, Scalar):
        return None if status == NEXT else (_passed_on(outcome, frame), outer(scope, len(rest) - 1))
    left = Scalar(context.builder.prim("ne", status.atom, integer(NEXT)), BOOL)
    known = _status_when_left(context, statement, status, frame)
    return _unless(context, left, Outcome(known, outcome.value), rest, scope, frame, statement.span)


def _unless(
    context: Context, left: Scalar, outcome: Outcome, rest: Rest, scope: Scope, frame: Frame, span: Span
) -> Ended:
    """What follows a statement, unless it was left: then that outcome."""
    return fork(
        context,
        left,
        lambda base: (outcome, outer(base, len(rest) - 1)),
        lambda base: run(context, rest[-1], rest[:-1], base, frame),
        rest,
        scope,
        span,
    )


def _status_when_left(context: Context, statement: ast.If, status: Scalar, frame: Frame) -> int | Scalar:
    """How the list of statements around an `if` ends if the `if` was left."""
    continued = CONTINUE if frame.meeting else NEXT
    kinds = leavings(statement)
    statuses: dict[type[ast.Statement], int] = {ast.Return: RETURN, ast.Break: BREAK, ast.Continue: continued}
    if len(kinds) == 1:
        return statuses[kinds.pop()]
    prim = context.builder.prim
    is_continued = prim("eq", status.atom, integer(CONTINUE))
    return Scalar(prim("select", is_continued, integer(continued), status.atom), INT)


def _passed_on(outcome: Outcome, frame: Frame) -> Outcome:
    """How a list of statements ends whose last one, an `if`, was left for certain."""
    return Outcome(NEXT) if outcome.status == CONTINUE and not frame.meeting else outcome


def _if(context: Context, statement: ast.If, branch: int, rest: Rest | None, scope: Scope, frame: Frame) -> Ended:
    """The branches from number `branch` on; without a `rest`, each ends by itself."""
    leaving = exits(statement)
    if branch == len(statement.branches):
        return _block(context, statement.otherwise, rest, scope, frame, leaving)
    test, body = statement.branches[branch]
    condition = as_condition(context, context.evaluate(test, scope), test.span)
    if isinstance(condition.atom, Literal):
        if condition.atom.value:
            return _block(context, body, rest, scope, frame, leaving)
        return _if(context, statement, branch + 1, rest, scope, frame)

    def then(base: Scope) -> Ended:
        return _block(context, body, rest, base, frame, leaving)

    def otherwise(base: Scope) -> Ended:
        return _if(context, statement, branch + 1, rest, base, frame)

    return fork(context, condition, then, otherwise, rest if leaving and rest else (), scope, statement.span)


def _block(
    context: Context, body: tuple[ast.Statement, ...], rest: Rest | None, scope: Scope, frame: Frame, leaving: bool
) -> Ended:
    """A block of its own scope; with the rest after it if the `if` it belongs to may leave."""
    if leaving and rest is not None:
        return run(context, body, rest, scope.child(), frame)
    outcome, _ = run(context, body, (), scope.child(), frame)
    return (outcome, scope) if leaving else None


def fork(
    context: Context,
    condition: Scalar,
    then: Callable[[Scope], Ended],
    otherwise: Callable[[Scope], Ended],
    rest: Rest,
    scope: Scope,
    span: Span,
) -> Ended:
    """Two ways on, of which one is taken: afterwards the variables and the outcome are those of that way."""
    from difflang.check.merge import Way, merge

    levels = max(len(rest) - 1, 0)
    base = outer(scope, levels)
    ways: list[Way] = []
    for action in (then, otherwise):
        copy = scope.fork()
        region = capture(context, lambda action=action, copy=copy: action(copy))
        ended = region.payload
        ways.append(Way(region, ended[0] if ended else None, ended[1] if ended else copy))
    outcome = merge(context, condition.atom, ways, base, span)
    return None if outcome is None else (outcome, base)


def _loop(context: Context, statement: ast.For | ast.While, rest: Rest, scope: Scope, frame: Frame) -> Ended:
    from difflang.check.loops import run_for, run_while

    inner = replace(frame, in_loop=True, meeting=False)
    if isinstance(statement, ast.For):
        outcome = run_for(context, statement, scope, inner)
    else:
        outcome = run_while(context, statement, scope, inner)
    if outcome.value is None:
        return None
    assert isinstance(outcome.status, Scalar)
    returned = Scalar(context.builder.prim("eq", outcome.status.atom, integer(RETURN)), BOOL)
    return _unless(context, returned, Outcome(RETURN, outcome.value), rest, scope, frame, statement.span)
