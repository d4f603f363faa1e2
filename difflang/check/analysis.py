"""What can be read off statements before they are elaborated."""

from __future__ import annotations

from collections.abc import Iterator

from difflang.syntax import ast


def bodies(statement: ast.Statement) -> Iterator[tuple[ast.Statement, ...]]:
    """The lists of statements directly inside a statement."""
    match statement:
        case ast.If():
            yield from (body for _, body in statement.branches)
            yield statement.otherwise
        case ast.For() | ast.While():
            yield statement.body
        case _:
            pass


def exits(statement: ast.Statement) -> bool:
    """Whether a statement may return, or leave or continue a loop that it does not contain."""
    return bool(leavings(statement))


def leavings(statement: ast.Statement, *, inside_loop: bool = False) -> set[type[ast.Statement]]:
    """How a statement may be left before its end: by `return`, and by `break` or `continue` of a loop around it."""
    match statement:
        case ast.Return():
            return {ast.Return}
        case ast.Break() | ast.Continue():
            return set() if inside_loop else {type(statement)}
        case _:
            deeper = inside_loop or isinstance(statement, ast.For | ast.While)
            inner = [leavings(s, inside_loop=deeper) for body in bodies(statement) for s in body]
            return set[type[ast.Statement]]().union(*inner)


def completes(body: tuple[ast.Statement, ...]) -> bool:
    """Whether some way through statements comes to their end."""
    return all(_completes(s) for s in body)


def _completes(statement: ast.Statement) -> bool:
    if isinstance(statement, ast.Return | ast.Break | ast.Continue):
        return False
    return not isinstance(statement, ast.If) or any(completes(body) for body in bodies(statement))


def breaks(body: tuple[ast.Statement, ...]) -> bool:
    """Whether the body of a loop may end the loop: by `break` of this loop, or by `return`."""
    return any(_breaks(s) for s in body)


def _breaks(statement: ast.Statement) -> bool:
    if isinstance(statement, ast.For | ast.While):
        return returns(statement)
    if isinstance(statement, ast.Break | ast.Return):
        return True
    return any(_breaks(s) for body in bodies(statement) for s in body)


def returns(statement: ast.Statement) -> bool:
    """Whether a statement contains a `return`."""
    return isinstance(statement, ast.Return) or any(returns(s) for body in bodies(statement) for s in body)


def returns_value(statement: ast.Statement) -> bool:
    """Whether a statement contains a `return` with a value."""
    if isinstance(statement, ast.Return):
        return statement.value is not None
    return any(returns_value(s) for body in bodies(statement) for s in body)


def root(target: ast.Expr) -> str | None:
    """The variable that an assignment to `target` changes: `p` of `p.w[i]`."""
    while isinstance(target, ast.Attribute | ast.Index):
        target = target.value
    return target.name if isinstance(target, ast.Name) else None


def assigned_names(statements: tuple[ast.Statement, ...]) -> set[str]:
    """The variables that statements may assign, at any depth."""
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, ast.Assign):
            names.update(_roots(statement.target))
        for body in bodies(statement):
            names |= assigned_names(body)
    return names


def _roots(target: ast.Expr) -> Iterator[str]:
    if isinstance(target, ast.Tuple):
        for element in target.elements:
            yield from _roots(element)
    elif (name := root(target)) is not None:
        yield name


def target_names(statement: ast.Statement) -> set[str]:
    """The names that a statement gives a value to, also inside."""
    if isinstance(statement, ast.Let):
        return set(_roots(statement.target))
    return assigned_names((statement,))
