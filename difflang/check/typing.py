"""Type expressions: what they mean where all names are bound, and how a call binds the names in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from difflang.check.coerce import assert_same_size, require_natural, require_same_shape
from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.kinds import SCALAR_NAMES, size_names
from difflang.check.names import unknown_name
from difflang.check.sizing import always_whole
from difflang.check.types import (
    BOOL,
    F32,
    F64,
    I32,
    INT,
    KEY,
    FunctionType,
    StructInfo,
    StructType,
    TupleType,
    Type,
)
from difflang.check.values import ModuleValue, Number, Scalar, TypeValue
from difflang.core.ops import integer
from difflang.diagnostics.model import DiffLangError, Span
from difflang.signature import ArrayType, ScalarType
from difflang.sizes import Size
from difflang.syntax import ast

SCALARS: Mapping[str, ScalarType] = {
    "f64": F64,
    "f32": F32,
    "int": INT,
    "i64": INT,
    "i32": I32,
    "bool": BOOL,
    "key": KEY,
}
UNBOUND = "?"
"""Marks a name in a size that is not bound yet."""


def scalar_type(context: Context, name: str) -> ScalarType | None:
    """The scalar type of a name such as `real`."""
    return context.real if name == "real" else SCALARS.get(name)


def resolve(context: Context, node: ast.TypeExpr, scope: Scope) -> Type:
    """The meaning of a type expression. Raises E0201 or E0403 for unknown names, E0311 for what is no type."""
    match node:
        case ast.Name() | ast.Attribute():
            return _named_type(context, node, scope)
        case ast.Index():
            return _indexed_type(context, node, scope)
        case ast.Tuple():
            return TupleType(tuple(resolve(context, e, scope) for e in node.elements))
        case ast.FunctionType():
            return FunctionType((), None)
        case _:
            raise context.error(
                "E0311",
                "a type is expected here",
                node.span,
                hint="write real, real[n], (real, int), or a struct's name",
            )


def _named_type(context: Context, node: ast.Name | ast.Attribute, scope: Scope) -> Type:
    if isinstance(node, ast.Name):
        scalar = scalar_type(context, node.name)
        if scalar is not None:
            return scalar
        bound = scope.find_type(node.name)
        if isinstance(bound, Size):
            raise context.error(
                "E0311", f"{node.name} is a size, not a type", node.span, hint=f"did you mean real[{node.name}]?"
            )
        if bound is not None:
            return bound
    return StructType(info := struct_info(context, node, scope), tuple(None for _ in info.parameters))


def struct_info(context: Context, node: ast.Expr, scope: Scope) -> StructInfo:
    """The struct that a name or `module.Name` in a type stands for."""
    found = None
    if isinstance(node, ast.Name):
        binding = scope.find(node.name)
        if binding is None:
            raise unknown_name(context, node.name, node.span, scope, "type", extra=SCALAR_NAMES)
        found = binding.value
    elif isinstance(node, ast.Attribute):
        module = context.evaluate(node.value, scope)
        if isinstance(module, ModuleValue):
            found = context.evaluate(node, scope)
    if isinstance(found, TypeValue) and found.info is not None:
        return found.info
    raise context.error(
        "E0311", "this is not a type", node.span, hint="write real, real[n], (real, int), or a struct's name"
    )


def _indexed_type(context: Context, node: ast.Index, scope: Scope) -> Type:
    base = node.value
    if isinstance(base, ast.Name):
        element = scalar_type(context, base.name) or scope.find_type(base.name)
        if isinstance(element, ScalarType):
            return ArrayType(element, tuple(size(context, d, scope) for d in node.indices))
    info = struct_info(context, base, scope)
    _check_argument_count(context, info, node)
    arguments = (_argument(context, k, a, scope) for k, a in zip(info.kinds, node.indices, strict=True))
    return StructType(info, tuple(arguments))


def _check_argument_count(context: Context, info: StructInfo, node: ast.Index) -> None:
    if len(info.kinds) != len(node.indices):
        wanted = f"{info.name}[{', '.join(info.parameters)}]" if info.kinds else info.name
        count = {0: "nothing", 1: "one argument"}.get(len(info.kinds), f"{len(info.kinds)} arguments")
        raise context.error(
            "E0312",
            f"{info.name} takes {count} in brackets, not {len(node.indices)}",
            node.span,
            hint=f"write {wanted}",
        )


def _argument(context: Context, kind: str, node: ast.Expr, scope: Scope) -> Size | Type:
    return size(context, node, scope) if kind == "size" else resolve(context, node, scope)


def size(context: Context, node: ast.Expr, scope: Scope) -> Size:
    """The size that an expression in a type stands for."""
    result = polynomial(context, node, scope, frozenset())
    require_whole(context, result, node.span)
    if result.constant is not None and result.constant < 0:
        message = f"the size {result} is below 0"
        raise context.error("E0405", message, node.span, hint="a size is 0 or more, such as max(n, 0)")
    return result


def polynomial(context: Context, node: ast.Expr, scope: Scope, bindable: frozenset[str]) -> Size:
    """Like `size`; names of `bindable` that have no value yet stand marked in the result."""
    match node:
        case ast.Number() if isinstance(node.value, int):
            return Size.literal(node.value)
        case ast.Name():
            return _size_name(context, node, scope, bindable)
        case ast.Unary(operator="-"):
            return -polynomial(context, node.operand, scope, bindable)
        case ast.Binary(operator="+" | "-" | "*" | "/"):
            left = polynomial(context, node.left, scope, bindable)
            return _combine(context, node, left, polynomial(context, node.right, scope, bindable))
        case _:
            return _computed_size(context, node, scope)


def _size_name(context: Context, node: ast.Name, scope: Scope, bindable: frozenset[str]) -> Size:
    holder = scope
    if node.name in bindable:
        bound = holder.types.get(node.name)
        return bound if isinstance(bound, Size) else Size.name(UNBOUND + node.name)
    bound = scope.find_type(node.name)
    if isinstance(bound, Size):
        return bound
    if scope.find(node.name) is None:
        raise unknown_name(
            context, node.name, node.span, scope, "size", code="E0403",
            hint="a size is known when the type of a parameter mentions it, or when it is an int parameter or a const",
        )  # fmt: skip
    return _computed_size(context, node, scope)


def _combine(context: Context, node: ast.Binary, left: Size, right: Size) -> Size:
    match node.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            if not right.constant:
                raise context.error(
                    "E0405",
                    "a size can be divided by a whole number only",
                    node.span,
                    hint="use // outside the type, and a name for the result",
                )
            return left.divided(right.constant)


def _computed_size(context: Context, node: ast.Expr, scope: Scope) -> Size:
    value = context.evaluate(node, scope)
    if isinstance(value, Number) and isinstance(value.value, int):
        return Size.literal(value.value)
    if isinstance(value, Scalar) and value.type.surface == "int":
        return context.size_of(value)
    raise context.error(
        "E0403",
        f"a size must be an int, but this is {context.text(value)}",
        node.span,
        hint="use an int parameter, a size name or a whole number; int(x) converts",
    )


def require_whole(context: Context, value: Size, span: Span) -> None:
    """Sees to it that a size with fractions is a whole number: by proof, or at run time (E0810)."""
    denominator = value.denominator
    if denominator == 1 or always_whole(value):
        return
    if not value.atoms:
        raise context.error(
            "E0405",
            f"{value} is not a whole number, so it is no size",
            span,
            hint="choose sizes for which the division is exact",
        )
    numerator = context.sizes.value(value * Size.literal(denominator))
    with context.at(span):
        rest = context.builder.prim("mod", numerator, integer(denominator))
        whole = context.builder.prim("eq", rest, integer(0))
        message = f"the size {value} is not a whole number: {{0}} is not divisible by {denominator}"
        context.builder.emit("assert", [whole, numerator], {"code": "E0810", "message": message})


def field_types(context: Context, type_: StructType) -> dict[str, Type]:
    """The types of the fields of a struct whose arguments are known."""
    scope = type_.info.scope.child()
    for name, argument in zip(type_.info.parameters, type_.arguments, strict=True):
        if argument is not None:
            scope.types[name] = argument
    return {f.name: _field_type(context, type_.info, f.type, scope) for f in type_.info.definition.fields}


def _field_type(context: Context, info: StructInfo, node: ast.TypeExpr, scope: Scope) -> Type:
    """The type of a field. A size that the struct does not name is told with the way to name it."""
    try:
        return resolve(context, node, scope)
    except DiffLangError as failure:
        unknown = [n for n in size_names(node, scope) if scope.find_type(n) is None and scope.find(n) is None]
        if failure.code != "E0403" or not unknown:
            raise
        head = f"struct {info.name}[{', '.join((*info.parameters, *unknown))}]"
        hint = f"Write `{head}`: the sizes of the fields stand behind the name of the struct."
        raise DiffLangError(replace(failure.diagnostic, hint=hint)) from None


class Binder:
    """Binds the size and type names of one signature to what the arguments of a call have there.

    `scope` is the scope of the function's body; what is bound is put into its `types`.
    """

    def __init__(self, context: Context, scope: Scope, bindable: frozenset[str], generic: frozenset[str]) -> None:
        self.context = context
        self.scope = scope
        self.bindable = bindable
        self.generic = generic
        self._deferred: list[tuple[ast.Expr, Size, Span, str]] = []

    def match(self, node: ast.TypeExpr, found: Type, span: Span, message: str) -> None:
        """Binds the names of a parameter's type. What does not fit at all is left to `coerce` to report."""
        match node, found:
            case ast.Name(), _ if node.name in self.generic:
                self.scope.types.setdefault(node.name, found)
            case ast.Index(), ArrayType() if len(node.indices) == len(found.shape) and self._is_like(node, found):
                if isinstance(node.value, ast.Name) and node.value.name in self.generic:
                    self.scope.types.setdefault(node.value.name, found.element)
                for index, actual in zip(node.indices, found.shape, strict=True):
                    self.match_size(index, actual, span, message)
            case ast.Index(), StructType() if len(node.indices) == len(found.arguments) and self._is_like(node, found):
                for index, argument in zip(node.indices, found.arguments, strict=True):
                    self._match_argument(index, argument, span, message)
            case ast.Tuple(), TupleType() if len(node.elements) == len(found.elements):
                for element, type_ in zip(node.elements, found.elements, strict=True):
                    self.match(element, type_, span, message)
            case _:
                pass

    def _is_like(self, node: ast.Index, found: ArrayType | StructType) -> bool:
        """Whether a type with sizes is an array's, as the one that was found, or that of the same struct."""
        if isinstance(node.value, ast.Name):
            name = node.value.name
            known = scalar_type(self.context, name) or self.scope.find_type(name)
            if name in self.generic or isinstance(known, ScalarType):
                return isinstance(found, ArrayType)
        return isinstance(found, StructType) and struct_info(self.context, node.value, self.scope) is found.info

    def _match_argument(self, node: ast.Expr, argument: Size | Type | None, span: Span, message: str) -> None:
        if isinstance(argument, Size):
            self.match_size(node, argument, span, message)
        elif argument is not None:
            self.match(node, argument, span, message)

    def match_size(self, node: ast.Expr, actual: Size, span: Span, message: str) -> None:
        """Binds the one unknown name of a size expression, or compares; with several unknown names it waits."""
        declared = polynomial(self.context, node, self.scope, self.bindable)
        unknown = [name for name in declared.atoms if name.startswith(UNBOUND)]
        if not unknown:
            self._compare(declared, actual, span, message)
            return
        solved = declared.solve_for(unknown[0]) if len(unknown) == 1 else None
        if solved is None:
            self._deferred.append((node, actual, span, message))
            return
        coefficient, rest = solved
        value = (actual - rest).divided(coefficient)
        require_whole(self.context, value, span)
        require_natural(self.context, value, span, f"{unknown[0].removeprefix(UNBOUND)} should be")
        self.scope.types[unknown[0].removeprefix(UNBOUND)] = value

    def _compare(self, declared: Size, actual: Size, span: Span, message: str) -> None:
        if self.context.sizes.compare(declared, actual) is None:
            assert_same_size(self.context, declared, actual, span, message)
        else:
            require_same_shape(self.context, (declared,), (actual,), span, message, "E0402")

    def missing(self, node: ast.TypeExpr) -> str | None:
        """A size in a type that was not found, for the argument is so unlike its type."""
        if not isinstance(node, ast.Index | ast.Tuple):
            return None
        names = (name for name in size_names(node, self.scope) if name in self.bindable)
        return next((name for name in names if name not in self.scope.types), None)

    def finish(self) -> None:
        """Takes up what had to wait. Raises E0404 when a size cannot be found from the arguments."""
        while self._deferred:
            waiting, self._deferred = self._deferred, []
            for node, actual, span, message in waiting:
                self.match_size(node, actual, span, message)
            if len(self._deferred) == len(waiting):
                node, _, span, _ = waiting[0]
                raise self.context.error(
                    "E0404", "the sizes in this type cannot be found from the argument", node.span,
                    hint="mention each size name alone in the type of some parameter, such as real[n]",
                )  # fmt: skip
