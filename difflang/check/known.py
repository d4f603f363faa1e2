"""Functions found right for all sizes: `difflang check` does not look into them again at every call.

A call may show a mistake that the function alone does not: where two sizes must agree, or a literal index must be less
than a size. Such a function tests that when it runs, so what it emits tells whether calls need to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from difflang.check.context import Context, Effort
from difflang.check.environment import Scope
from difflang.check.leaves import leaves
from difflang.check.types import StructType, TupleType, Type, is_int
from difflang.check.typing import field_types, resolve
from difflang.check.values import Array, ErrorValue, FunctionValue, Scalar, StructValue, TupleValue, Value
from difflang.core.ir import Atom, Eqn, Literal, walk
from difflang.core.ir import Type as CoreType
from difflang.derive import sketch
from difflang.diagnostics.model import Span
from difflang.signature import ArrayType, ScalarType
from difflang.syntax import ast

ELEMENTS = {"get": 0, "set": 1, "add_to": 1}
"""The operations that test their indices, and how many of their last arguments are none."""


def remember(context: Context, node: ast.Item, given: Sequence[Value], result: Value, expressions: int) -> None:
    """Notes that a function was found right, if that holds for every call. `given` are its arguments, made up."""
    if not isinstance(node, ast.FunctionDef) or node.result is None or context.found or context.warnings:
        return
    complete = len(given) == len(node.parameters) and all(map(_is_definite, given))
    if complete and _is_real(result) and _cannot_fail(context.builder.equations()):
        context.work.known[node] = Effort(expressions, context.builder.count)


def known_result(context: Context, node: ast.Node, scope: Scope, span: Span) -> Value | None:
    """A value that stands for the result of a call at `span` whose parameters are bound in `scope`; None if not known.

    Raises E0309 where the calls together are too large a program.
    """
    effort = context.work.known.get(node) if context.sketching else None
    if effort is None or not isinstance(node, ast.FunctionDef) or node.result is None:
        return None
    type_ = resolve(context, node.result, scope)
    if not _is_complete(context, type_):
        return None
    context.skip(effort, span)
    return _standing_for(context, type_)


def _is_complete(context: Context, type_: Type) -> bool:
    """Whether no struct leaves out its arguments, which only the function's body tells."""
    match type_:
        case TupleType():
            return all(_is_complete(context, element) for element in type_.elements)
        case StructType():
            stated = None not in type_.arguments
            return stated and all(_is_complete(context, field) for field in field_types(context, type_).values())
        case _:
            return isinstance(type_, ScalarType | ArrayType)


def _is_definite(value: Value) -> bool:
    """Whether all of a value is known but its numbers."""
    match value:
        case ErrorValue() | FunctionValue():
            return False
        case TupleValue():
            return all(map(_is_definite, value.elements))
        case StructValue():
            return all(map(_is_definite, value.fields.values()))
        case _:
            return True


def _is_real(result: Value) -> bool:
    """Whether a result is made of reals: ints may be sizes, of which a call knows more."""
    match result:
        case TupleValue() | StructValue() | Scalar() | Array():
            return all(leaf.atom.type.is_float for leaf in leaves(result))
        case _:
            return False


def _cannot_fail(equations: Iterable[Eqn]) -> bool:
    """Whether no call can be found wrong by its sizes, and every derivative is there."""
    made: dict[Atom, Eqn] = {}
    for eqn in equations:
        for inner in (eqn, *(e for region in eqn.regions for e in walk(region))):
            if inner.op == "assert" or not sketch.is_smooth(inner) or _has_fixed_index(inner, made):
                return False
            made.update(dict.fromkeys(inner.outs, inner))
    return True


def _has_fixed_index(eqn: Eqn, made: Mapping[Atom, Eqn]) -> bool:
    """Whether an element is taken at a literal index, from the end maybe, of which sizes tell whether it is there."""
    if eqn.op not in ELEMENTS or eqn.attrs.get("inbounds"):
        return False
    return any(_is_fixed(index, made) for index in eqn.args[1 : len(eqn.args) - ELEMENTS[eqn.op]])


def _is_fixed(index: Atom, made: Mapping[Atom, Eqn]) -> bool:
    """Whether an index is a literal, or a size and a literal."""
    if isinstance(index, Literal) or index not in made:
        return isinstance(index, Literal)
    eqn = made[index]
    return eqn.op in ("add", "sub") and not any(arg in made for arg in eqn.args)


def _standing_for(context: Context, type_: Type) -> Value:
    match type_:
        case ArrayType():
            core = CoreType(type_.element.dtype, tuple(context.shape_atoms(type_.shape)))
            return Array(sketch.standing_for(context.builder, core), type_.element, type_.shape)
        case TupleType():
            return TupleValue(tuple(_standing_for(context, element) for element in type_.elements))
        case StructType():
            fields = field_types(context, type_).items()
            return StructValue(type_, {name: _standing_for(context, field) for name, field in fields})
        case _:
            assert isinstance(type_, ScalarType) and not is_int(type_)
            return Scalar(sketch.standing_for(context.builder, CoreType(type_.dtype)), type_)
