"""The index variables of comprehensions and reductions: their ranges, written or found from the arrays they index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass

from difflang.check.context import Context, Poisoned
from difflang.check.environment import Scope
from difflang.check.ranges import Range, loop_index, range_of
from difflang.check.regions import capture
from difflang.check.types import INT
from difflang.check.values import Array, Scalar
from difflang.core.ir import Atom, Var
from difflang.core.ops import I64, integer
from difflang.diagnostics.model import DiffLangError, Label, Span
from difflang.sizes import Size
from difflang.syntax import ast


@dataclass(frozen=True, slots=True)
class Level:
    """Clauses whose ranges do not depend on each other: one loop nest."""

    clauses: tuple[ast.Clause, ...]


def clause_range(
    context: Context, clause: ast.Clause, scope: Scope, element: Sequence[ast.Expr], names: Sequence[str]
) -> Range:
    """The range of one index variable; `names` are all the index variables around `element`."""
    if clause.start is not None and clause.stop is not None:
        return range_of(context, clause.start, clause.stop, clause.step, scope)
    size = _inferred(context, clause, scope, element, names)
    zero = Scalar(integer(0), INT, Size.literal(0))
    one = Scalar(integer(1), INT, Size.literal(1))
    stop = Scalar(context.sizes.dimension(size), INT, size)
    return Range(zero, stop, one, stop)


def _inferred(
    context: Context, clause: ast.Clause, scope: Scope, element: Sequence[ast.Expr], names: Sequence[str]
) -> Size:
    """The size of the dimensions that the variable alone indexes. Raises E0407 for none, E0409 for two different."""
    found: list[tuple[Size, Span]] = []
    for part in element:
        for node, position in _uses(part, clause.name):
            size = _dimension(context, node, position, scope, names)
            if size is not None:
                found.append((size, node.span))
    if not found:
        raise context.error(
            "E0407", f"the range of `{clause.name}` cannot be found: it indexes no array directly", clause.span,
            hint=f"write the range: for {clause.name} in 0..n",
        )  # fmt: skip
    first, place = found[0]
    for size, span in found[1:]:
        if context.sizes.compare(first, size) is not True:
            labels = [Label(place, f"here it runs over {first}"), Label(span, f"here it runs over {size}")]
            raise context.error(
                "E0409", f"`{clause.name}` indexes dimensions of different sizes, {first} and {size}",
                clause.span, *labels, hint=f"write the range: for {clause.name} in 0..{first}",
            )  # fmt: skip
    return first


def _uses(node: object, name: str) -> Iterator[tuple[ast.Index, int]]:
    """The places in an expression where `a[.., name, ..]` stands, outside what binds the name anew."""
    if isinstance(node, ast.Index):
        for position, index in enumerate(node.indices):
            if isinstance(index, ast.Name) and index.name == name:
                yield node, position
    if isinstance(node, ast.Generator | ast.Comprehension) and any(c.name == name for c in node.clauses):
        return
    if isinstance(node, ast.Lambda) and any(p.name == name for p in node.parameters):
        return
    for child in children(node):
        yield from _uses(child, name)


def children(node: object) -> Iterator[object]:
    """The syntax nodes directly inside a node."""
    if isinstance(node, tuple):
        yield from node
    elif is_dataclass(node) and isinstance(node, ast.Node):
        for field in fields(node):
            value = getattr(node, field.name)
            if isinstance(value, ast.Node | tuple):
                yield value


def _dimension(context: Context, node: ast.Index, position: int, scope: Scope, names: Sequence[str]) -> Size | None:
    """The size of one dimension of the array that is indexed, found without leaving code behind."""
    params = [Var(I64) for _ in names]
    inner = scope.child()
    for name, param in zip(names, params, strict=True):
        inner.bind(name, Scalar(param, INT))
    try:
        value = capture(context, lambda: context.evaluate(node.value, inner), params).payload
    except (DiffLangError, Poisoned):
        return None
    if isinstance(value, Array) and position < value.rank and context.sizes.available(value.shape[position]):
        return value.shape[position]
    return None


def depends(clause: ast.Clause, names: set[str]) -> bool:
    """Whether the written range of a clause mentions one of the names."""
    parts = [p for p in (clause.start, clause.stop, clause.step) if p is not None]
    return any(_mentions(p, names) for p in parts)


def _mentions(node: object, names: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.name in names
    return any(_mentions(child, names) for child in children(node))


def levels(clauses: Sequence[ast.Clause]) -> list[Level]:
    """Clauses grouped so that each level's ranges depend only on the levels before it."""
    groups: list[list[ast.Clause]] = [[]]
    for clause in clauses:
        if depends(clause, {c.name for c in groups[-1]}):
            groups.append([])
        groups[-1].append(clause)
    return [Level(tuple(g)) for g in groups]


def bind_indices(
    context: Context, clauses: Sequence[ast.Clause], ranges: Sequence[Range], atoms: Sequence[Atom], scope: Scope
) -> Scope:
    """A scope in which the index variables have their values for the step numbers `atoms`."""
    inner = scope.child()
    for clause, extent, atom in zip(clauses, ranges, atoms, strict=True):
        inner.bind(clause.name, loop_index(context, extent, Scalar(atom, INT), clause.name), clause.span)
    return inner


def check_names(context: Context, clauses: Sequence[ast.Clause]) -> None:
    """Raises E0204 when two clauses have one name."""
    seen: dict[str, Span] = {}
    for clause in clauses:
        if clause.name in seen:
            label = Label(seen[clause.name], "the first is here")
            raise context.error(
                "E0204",
                f"`{clause.name}` is bound twice here",
                clause.span,
                label,
                hint="give each index a name of its own",
            )
        seen[clause.name] = clause.span
