"""Functions that are not elaborated from a body of their own: externs and implicit functions."""

from __future__ import annotations

from collections.abc import Sequence

from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.functions import Closure
from difflang.check.leaves import atoms, rebuild
from difflang.check.typing import resolve
from difflang.check.values import Array, FunctionValue, Scalar, TupleValue, Value
from difflang.core.ir import Type as CoreType
from difflang.diagnostics.model import error
from difflang.signature import ArrayType, ScalarType
from difflang.syntax import ast


def special_function(item: ast.Item, scope: Scope) -> FunctionValue:
    """The value of an `extern fn` or `implicit fn`."""
    match item:
        case ast.ExternDef():
            return Extern(as_definition(item, (), item.result), scope, item.name)
        case ast.ImplicitDef():
            unknowns = [u.type for u in item.unknowns if u.type is not None]
            result = unknowns[0] if len(unknowns) == 1 else ast.Tuple(item.span, tuple(unknowns))
            return Closure(as_definition(item, item.body, result), scope, item.name)
        case _:
            raise error("E0201", "this cannot be used as a value", item.span)


def as_definition(
    item: ast.ExternDef | ast.ImplicitDef, body: tuple[ast.Statement, ...], result: ast.TypeExpr | None
) -> ast.FunctionDef:
    """The signature of an item, in the form of a plain function."""
    parameters = item.type_parameters if isinstance(item, ast.ImplicitDef) else ()
    return ast.FunctionDef(item.span, item.name, item.name_span, parameters, item.parameters, result, body, item.doc)


class Extern(Closure):
    """`extern fn`: a call becomes the Core operation `extern`, answered by the host."""

    def run(self, context: Context, scope: Scope, span) -> Value:
        node = self.result_type
        if node is None:
            raise context.error("E0301", f"the extern function `{self.name}` needs a result type", self.node.span)
        result = self._template(context, resolve(context, node, scope), span)
        arguments: list[Value] = []
        for name in self.parameter_names():
            binding = scope.find(name)
            assert binding is not None
            arguments.append(binding.value)
        types = [a.type for a in atoms(result)]
        args = [a for v in arguments for a in atoms(v)]
        outs = context.builder.emit("extern", args, {"name": self.name}, (), types)
        return rebuild(result, outs)

    def _template(self, context: Context, type_: object, span) -> Value:
        """A value of the declared type around atoms that only carry their Core types."""
        from difflang.core.ir import Var
        from difflang.check.types import TupleType

        match type_:
            case ScalarType():
                return Scalar(Var(CoreType(type_.dtype)), type_)
            case ArrayType():
                shape = tuple(context.shape_atoms(type_.shape))
                return Array(Var(CoreType(type_.element.dtype, shape)), type_.element, type_.shape)
            case TupleType():
                parts: Sequence[Value] = [self._template(context, e, span) for e in type_.elements]
                return TupleValue(tuple(parts))
            case _:
                raise context.error("E0301", "an extern function gives scalars, arrays, or tuples of them", self.node.span)
