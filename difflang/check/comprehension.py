"""Comprehensions: arrays whose elements are computed independently of each other."""

from __future__ import annotations

from difflang.check.clauses import bind_indices, check_names, clause_range, depends
from difflang.check.context import Context
from difflang.check.dispatch import expression
from difflang.check.environment import Scope
from difflang.check.leaves import atoms, map_leaves, materialize, settle
from difflang.check.regions import require_visible
from difflang.check.types import Type
from difflang.check.values import Array, Scalar, TupleValue, Value
from difflang.core.ir import Atom
from difflang.diagnostics.model import Span
from difflang.signature import ArrayType
from difflang.sizes import Size
from difflang.syntax import ast


@expression(ast.Comprehension)
def comprehension(context: Context, node: ast.Comprehension, scope: Scope, expected: Type | None) -> Value:
    """`[e for i in 0..n, j]`; elements that are arrays add their dimensions, tuples give a tuple of arrays."""
    check_names(context, node.clauses)
    _independent(context, node)
    names = [c.name for c in node.clauses]
    ranges = [clause_range(context, c, scope, [node.element], names) for c in node.clauses]
    shape = tuple(context.sizes.length(context.size_of(r.count)) for r in ranges)
    wanted = _element_type(expected, len(shape))
    templates: list[Value] = []

    def body(*index: Atom) -> list[Atom]:
        inner = bind_indices(context, node.clauses, ranges, index, scope)
        value = settle(context, materialize(context, _element(context, node, inner, wanted)), node.element.span)
        _require_storable(context, value, node.element.span)
        templates.append(value)
        return atoms(value)

    outs = context.builder.build(context.shape_atoms(shape), body)
    require_visible(context, outs, node.element.span)
    return stacked(templates[0], list(outs), shape)


def _element(context: Context, node: ast.Comprehension, scope: Scope, wanted: Type | None) -> Value:
    from difflang.check.coerce import as_scalar
    from difflang.check.types import is_float
    from difflang.check.values import Number
    from difflang.signature import ScalarType

    value = context.evaluate(node.element, scope, wanted)
    if isinstance(value, Number) and isinstance(wanted, ScalarType) and is_float(wanted):
        return as_scalar(context, value, wanted, node.element.span)
    return value


def _element_type(expected: Type | None, rank: int) -> Type | None:
    if not isinstance(expected, ArrayType) or len(expected.shape) < rank:
        return None
    inner = expected.shape[rank:]
    return ArrayType(expected.element, inner) if inner else expected.element


def _independent(context: Context, node: ast.Comprehension) -> None:
    earlier: set[str] = set()
    for clause in node.clauses:
        if depends(clause, earlier):
            raise context.error(
                "E0410", f"the range of `{clause.name}` depends on another index, so this array is not rectangular",
                clause.span,
                hint="give it the full range and use `value if condition else 0`; a reduction may have such a range",
            )  # fmt: skip
        earlier.add(clause.name)


def _require_storable(context: Context, value: Value, span: Span) -> None:
    match value:
        case Scalar() | Array():
            return
        case TupleValue():
            for element in value.elements:
                _require_storable(context, element, span)
        case _:
            message = f"an array cannot hold {context.text(value)}"
            raise context.error(
                "E0313", message, span, hint="arrays hold numbers and bools; a tuple of them gives a tuple of arrays"
            )


def stacked(template: Value, outs: list[Atom], shape: tuple[Size, ...]) -> Value:
    """The results of a `build`: the structure of one element around arrays with `shape` in front."""
    remaining = iter(outs)

    def leaf(old: Scalar | Array) -> Value:
        inner = old.shape if isinstance(old, Array) else ()
        element = old.element if isinstance(old, Array) else old.type
        return Array(next(remaining), element, (*shape, *inner))

    return map_leaves(leaf, template)
