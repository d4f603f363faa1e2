"""Declarations and assignments."""

from __future__ import annotations

from dataclasses import replace

from difflang.check.coerce import as_scalar, coerce, join_scalars, with_element
from difflang.check.context import Context
from difflang.check.environment import Binding, Scope
from difflang.check.indexing import update_element
from difflang.check.kinds import SCALAR_NAMES
from difflang.check.leaves import element_of
from difflang.check.names import suggestion, unknown_name
from difflang.check.operators import binary
from difflang.check.types import Type
from difflang.check.typing import field_types, resolve
from difflang.check.values import Array, ErrorValue, NothingValue, Number, Scalar, StructValue, TupleValue, Value
from difflang.diagnostics.model import Label, Span
from difflang.syntax import ast


def declare(context: Context, node: ast.Let, scope: Scope) -> None:
    """`let` and `var`. A type in the declaration holds for all later assignments."""
    type_ = resolve(context, node.type, scope) if node.type is not None else None
    value = context.evaluate(node.value, scope, type_)
    if isinstance(value, NothingValue):
        raise context.error(
            "E0301",
            "this gives no value",
            node.value.span,
            hint="let the function `return` a value, or write the call as a statement of its own",
        )
    if type_ is not None:
        what = f"`{node.target.name}`" if isinstance(node.target, ast.Name) else "this"
        value = coerce(context, value, type_, node.value.span, what)
    bind_target(context, node.target, value, scope, node.mutable, type_)


def bind_target(
    context: Context, target: ast.Expr, value: Value, scope: Scope, mutable: bool, type_: Type | None = None
) -> None:
    """Binds a name or a tuple of names in this very block. Raises E0204 when the block has the name already."""
    if isinstance(target, ast.Tuple):
        for element, part in zip(target.elements, tuple_parts(context, target, value), strict=True):
            bind_target(context, element, part, scope, mutable)
        return
    assert isinstance(target, ast.Name)
    old = scope.bindings.get(target.name)
    if old is not None and not isinstance(old.value, ErrorValue):
        labels = [Label(old.span, "it was declared here")] if old.span else []
        hint = f"write `{target.name} = ...` to change it (it must be a `var`), or choose another name"
        raise context.error(
            "E0204", f"`{target.name}` is declared twice in this block", target.span, *labels, hint=hint
        )
    if target.name in SCALAR_NAMES:
        raise context.error(
            "E0204",
            f"`{target.name}` is a type and cannot be redefined",
            target.span,
            hint=f"choose another name, such as `{target.name}_value`",
        )
    scope.bindings[target.name] = Binding(value, mutable, target.span, type_)


def tuple_parts(context: Context, target: ast.Tuple, value: Value) -> tuple[Value, ...]:
    """The parts of a tuple for as many names."""
    if isinstance(value, TupleValue) and len(value.elements) == len(target.elements):
        return value.elements
    message = f"{len(target.elements)} names stand on the left, but the right side is {context.text(value)}"
    raise context.error(
        "E0316", message, target.span, hint="write as many names as the tuple has parts; a part is also read as t[0]"
    )


def assign(context: Context, node: ast.Assign, scope: Scope) -> None:
    """`x = e`, `x += e`, and updates of elements and fields, which replace the whole variable."""
    if isinstance(node.target, ast.Tuple):
        value = context.evaluate(node.value, scope)
        for element, part in zip(node.target.elements, tuple_parts(context, node.target, value), strict=True):
            store(context, element, part, scope, node.span)
        return
    _variable(context, node.target, scope)
    if node.operator is not None:
        old = context.evaluate(node.target, scope)
        value = binary(context, node.operator, old, context.evaluate(node.value, scope), node.span)
    else:
        value = context.evaluate(node.value, scope, expected_at(context, node.target, scope))
    store(context, node.target, value, scope, node.span)


def expected_at(context: Context, target: ast.Expr, scope: Scope) -> Type | None:
    """The type that an assignment to this place wants, where the place is a variable or a field."""
    if not isinstance(target, ast.Name):
        return None
    binding = scope.find(target.name)
    if binding is None or isinstance(binding.value, Number):
        return binding.type if binding else None
    return binding.type or context.type_of(binding.value)


def _variable(context: Context, target: ast.Expr, scope: Scope) -> str:
    """The variable that is to change. Raises E0206 when it is no `var`."""
    place = target
    while isinstance(place, ast.Attribute | ast.Index):
        place = place.value
    if not isinstance(place, ast.Name):
        raise context.error(
            "E0206", "this cannot be assigned", target.span, hint="assign to a variable, an element or a field"
        )
    binding = scope.find(place.name)
    if binding is None:
        hint = f"declare it first: `var {place.name} = ...`, or `let {place.name} = ...` if it never changes"
        raise unknown_name(context, place.name, place.span, scope, "variable", hint=hint)
    if not binding.mutable:
        labels = [Label(binding.span, "it is declared here")] if binding.span else []
        hint = (
            f"declare it with `var {place.name} = ...` to change it later"
            if labels
            else f"write `var {place.name} = {place.name}` first, for a variable of that name"
        )
        raise context.error(
            "E0206", f"`{place.name}` is not a variable, so it cannot be assigned", target.span, *labels, hint=hint
        )
    return place.name


def store(context: Context, target: ast.Expr, value: Value, scope: Scope, span: Span) -> None:
    """Puts a value at a place: a variable, or an element or field inside one."""
    _variable(context, target, scope)
    match target:
        case ast.Name():
            binding = scope.find(target.name)
            assert binding is not None
            scope.replace(target.name, assigned(context, binding, value, span, f"`{target.name}`"))
        case ast.Attribute():
            owner = context.evaluate(target.value, scope)
            store(context, target.value, _with_field(context, owner, target, value, span), scope, span)
        case ast.Index():
            owner = context.evaluate(target.value, scope)
            store(context, target.value, update_element(context, owner, target, value, scope, span), scope, span)
        case _:
            raise AssertionError(target)


def _with_field(context: Context, owner: Value, target: ast.Attribute, value: Value, span: Span) -> Value:
    if not isinstance(owner, StructValue):
        raise context.error(
            "E0205",
            f"{context.text(owner)} has no fields",
            target.span,
            hint="only a struct has fields; an element of an array is set with `a[i] = e`",
        )
    if target.name not in owner.fields:
        message = f"{context.text(owner)} has no field `{target.name}`"
        raise context.error(
            "E0205",
            message,
            target.name_span,
            hint=suggestion(target.name, owner.fields, f"its fields are {', '.join(owner.fields)}"),
        )
    type_ = field_types(context, owner.type)[target.name]
    fitted = coerce(context, value, type_, span, f"the field `{target.name}`")
    return replace(owner, fields={**owner.fields, target.name: fitted})


def assigned(context: Context, binding: Binding, value: Value, span: Span, what: str) -> Value:
    """The new value of a variable: of the declared type, or of the kind it had (an int may become real)."""
    if binding.type is not None:
        return coerce(context, value, binding.type, span, what)
    old = binding.value
    match old, value:
        case (ErrorValue(), _) | (Number(), Number() | Scalar()):
            return value
        case Scalar(), Number() | Scalar():
            return _assigned_scalar(context, old, value, span, what)
        case Array(), Array() if old.rank == value.rank:
            element = join_scalars(old.element, value.element)
            return (
                coerce(context, value, context.type_of(old), span, what)
                if element is None
                else with_element(context, value, element)
            )
        case _:
            return coerce(context, value, context.type_of(old), span, what)


def _assigned_scalar(context: Context, old: Scalar, value: Number | Scalar, span: Span, what: str) -> Value:
    if isinstance(value, Number):
        real = isinstance(value.value, float) and old.type.dtype in ("i64", "i32")
        return value if real else as_scalar(context, value, old.type, span, what)
    joined = join_scalars(element_of(old), value.type)
    return as_scalar(context, value, joined or old.type, span, what)
