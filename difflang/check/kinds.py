"""Which names in a type expression stand for sizes, and which for types: the structs they are given to decide."""

from __future__ import annotations

from collections.abc import Iterator

from difflang.check.environment import Scope
from difflang.check.types import StructInfo
from difflang.check.values import ModuleValue, TypeValue, Value
from difflang.diagnostics.model import DiffLangError, error
from difflang.syntax import ast

SCALAR_NAMES = frozenset({"real", "f64", "f32", "int", "i64", "i32", "bool", "key"})


def type_names(node: ast.TypeExpr, scope: Scope) -> Iterator[str]:
    """The names that stand for types, scalars excepted."""
    match node:
        case ast.Name() if node.name not in SCALAR_NAMES:
            yield node.name
        case ast.Index():
            yield from type_names(node.value, scope)
            for kind, argument in zip(_kinds(node, scope), node.indices, strict=False):
                if kind == "type":
                    yield from type_names(argument, scope)
        case ast.Tuple():
            for element in node.elements:
                yield from type_names(element, scope)
        case ast.FunctionType():
            for part in (*node.parameters, node.result):
                yield from type_names(part, scope)
        case _:
            pass


def size_names(node: ast.TypeExpr, scope: Scope) -> Iterator[str]:
    """The names that stand for sizes."""
    match node:
        case ast.Index():
            for kind, argument in zip(_kinds(node, scope), node.indices, strict=False):
                yield from names_in_size(argument) if kind == "size" else size_names(argument, scope)
        case ast.Tuple():
            for element in node.elements:
                yield from size_names(element, scope)
        case ast.FunctionType():
            for part in (*node.parameters, node.result):
                yield from size_names(part, scope)
        case _:
            pass


def names_in_size(node: ast.Expr) -> Iterator[str]:
    """The names in an expression for a size."""
    match node:
        case ast.Name():
            yield node.name
        case ast.Unary():
            yield from names_in_size(node.operand)
        case ast.Binary():
            yield from names_in_size(node.left)
            yield from names_in_size(node.right)
        case ast.Index() | ast.Attribute():
            yield from names_in_size(node.value)
        case ast.Call():
            for argument in node.args:
                yield from names_in_size(argument)
        case _:
            pass


def _kinds(node: ast.Index, scope: Scope) -> tuple[str, ...]:
    """The kinds of the arguments in brackets: those of a struct's parameters; sizes for arrays."""
    info = struct_of(node.value, scope)
    return info.kinds if info is not None else ("size",) * len(node.indices)


def struct_of(node: ast.Expr, scope: Scope) -> StructInfo | None:
    """The struct that a name, or a name in a module, stands for."""
    value: Value | None = None
    if isinstance(node, ast.Name):
        binding = scope.find(node.name)
        value = binding.value if binding else None
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        binding = scope.find(node.value.name)
        if binding is not None and isinstance(binding.value, ModuleValue):
            member = binding.value.scope.own(node.name)
            value = member.value if member else None
    return value.info if isinstance(value, TypeValue) else None


def parameter_kinds(definition: ast.StructDef, scope: Scope) -> tuple[str, ...]:
    """Whether each parameter of a struct is a `type` (a field has it as its type) or a `size`."""
    types = {name for field in definition.fields for name in type_names(field.type, scope)}
    return tuple("type" if p.name in types else "size" for p in definition.type_parameters)


def inside_itself(definition: ast.StructDef) -> DiffLangError:
    """E0311: a struct whose fields lead back to it."""
    message = f"`{definition.name}` is inside itself: its values would have no end"
    hint = "take the field out; many of a kind are one struct with a size, and arrays as its fields"
    return error("E0311", message, definition.name_span, hint=hint)
