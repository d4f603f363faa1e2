"""Values made up from declared types: the parameters of an entry point, or stand-ins to check a function with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from difflang.check.context import Context
from difflang.check.describe import describe_value
from difflang.check.environment import Scope
from difflang.check.functions import Closure, make_binder, type_source
from difflang.check.kinds import inside_itself, size_names
from difflang.check.opaque import OpaqueFunction
from difflang.check.types import INT, FunctionType, SingletonType, StructInfo, StructType, TupleType, Type
from difflang.check.typing import field_types, resolve
from difflang.check.values import Array, ErrorValue, FunctionValue, Scalar, StructValue, TupleValue, TypeValue, Value
from difflang.core.ir import Atom, Var
from difflang.core.ir import Type as CoreType
from difflang.core.ops import I64, integer
from difflang.signature import ArrayType, ParameterInfo, ScalarType
from difflang.sizes import Size
from difflang.syntax import ast

MAXIMUM_DEPTH = 20
"""How often structs of one name may be inside each other."""


class SpecimenMaker:
    """Makes parameters. `given` names those to make among the ones with defaults (None: all that can be made).

    With `opaque`, functions are made too, as stand-ins of which only the type is known; what is generic becomes an
    `ErrorValue`, so that the statements that use it are left to the calls, where its type is known. `form` chooses
    among functions of one name. `params` and `size_params` collect the Core parameters, `infos` their descriptions.
    `public` says how a size that had to get a name of its own is written by the user.
    """

    def __init__(
        self,
        context: Context,
        given: Collection[str] | None,
        statics: Mapping[str, int],
        *,
        opaque: bool = False,
        data: bool = False,
        form: int | None = None,
    ) -> None:
        self.context = context
        self.given = given
        self.statics = statics
        self.opaque = opaque
        self.data = data
        self.form = form
        self.params: list[Var] = []
        self.size_params: list[Var] = []
        self.infos: list[ParameterInfo] = []
        self._sizes: dict[str, Size] = {}
        self._vars: dict[Size, Var] = {}
        self.public: dict[str, Size] = {}
        self._around: list[StructType] = []

    def of_parameters(self, closure: Closure) -> list[tuple[str, Value]]:
        """The parameters of a function, as named arguments."""
        named: list[tuple[str, Value]] = []
        binder = make_binder(self.context, closure, closure.scope.child())
        for parameter in closure.parameters:
            if parameter.default is not None and not self._wanted(parameter, binder.generic):
                continue
            node = self._typed(closure, parameter)
            scope = self._scope(binder.bindable, binder.generic, closure.scope)
            with self.context.at(parameter.span):
                value = self.make(node, scope, parameter.name)
            self.add_info(parameter.name, value, parameter.span, parameter.default is None)
            named.append((parameter.name, self._specialised(parameter.name, value)))
        return named

    def defaults(
        self, function: FunctionValue, wrt: Sequence[str] | None, named: Mapping[str, Value]
    ) -> list[tuple[str, Value]]:
        """The defaults of the parameters that are differentiated by, `wrt` or the first, and are not made."""
        if not isinstance(function, Closure):
            return []
        wanted = wrt if wrt is not None else [p.name for p in function.parameters[:1]]
        return [
            (parameter.name, self.context.evaluate(parameter.default, function.scope))
            for parameter in function.parameters
            if parameter.name in wanted and parameter.name not in named and parameter.default is not None
        ]

    def _specialised(self, name: str, value: Value) -> Value:
        """An int parameter that the program is compiled for is known inside; the caller still gives it."""
        if name not in self.statics or not isinstance(value, Scalar) or value.type != INT:
            return value
        return Scalar(integer(self.statics[name]), INT, Size.literal(self.statics[name]))

    def _wanted(self, parameter: ast.Parameter, generic: frozenset[str]) -> bool:
        """Whether a parameter with a default is to be made; functions and what may be one keep their defaults."""
        if self.given is not None:
            return parameter.name in self.given
        node = parameter.type
        return (
            node is not None
            and not isinstance(node, ast.FunctionType)
            and not (isinstance(node, ast.Name) and node.name in generic)
        )

    def like(self, value: Value, name: str) -> Value:
        """A parameter of the type of a value."""
        return self.of_type(self.context.type_of(value), name, self.context.program.root)

    def add_info(self, name: str, value: Value, span: object, required: bool) -> None:
        """Describes a parameter that was made."""
        if not self.opaque:
            from difflang.diagnostics.model import Span

            place = span if isinstance(span, Span) else None
            self.infos.append(ParameterInfo(name, describe_value(self.context, value, self.public), place, required))

    def _typed(self, closure: Closure, parameter: ast.Parameter) -> ast.TypeExpr:
        if parameter.type is None:
            raise self.context.error(
                "E0322", f"the type of the parameter `{parameter.name}` has to be written", parameter.span,
                hint=f"write {parameter.name}: {_usual_type(parameter)}, or another type",
            )  # fmt: skip
        return parameter.type

    def _scope(self, sizes: frozenset[str], generic: frozenset[str], parent: Scope) -> Scope:
        """A scope in which the size and type names of a signature stand for parameters."""
        scope = parent.child()
        for name in sorted(sizes):
            scope.types[name] = self.size(name)
        for name in sorted(generic):
            scope.types[name] = self._generic(name)
        return scope

    def size(self, name: str) -> Size:
        """The size parameter of this name."""
        if name not in self._sizes:
            if name in self.statics:
                self._sizes[name] = Size.literal(self.statics[name])
            else:
                self._sizes[name] = self._named(Var(I64, name), Size.name(name), rigid=True)
        return self._sizes[name]

    def _generic(self, name: str) -> Type:
        if not self.opaque:
            raise self.context.error(
                "E0322", f"`{name}` may be any type, so this function cannot be called from outside",
                self.context.builder.span,
                hint="call it from a function whose parameters have definite types",
            )  # fmt: skip
        return SingletonType(ErrorValue(), name)

    def make(self, node: ast.TypeExpr, scope: Scope, name: str) -> Value:
        """A value of a declared type around new parameters."""
        if isinstance(node, ast.FunctionType):
            return self._function(node, scope, name)
        return self.of_type(resolve(self.context, node, self._with_ints(node, scope)), name, scope, node)

    def _with_ints(self, node: ast.TypeExpr, scope: Scope) -> Scope:
        """Int parameters that occur as sizes are sizes of their own here; the call compares them."""
        inner = scope.child()
        for name in size_names(node, scope):
            if scope.find_type(name) is None and scope.find(name) is None:
                inner.types[name] = self._of_int(name)
        return inner

    def _of_int(self, name: str) -> Size:
        if name not in self._sizes and name in self.statics:
            self._sizes[name] = Size.literal(self.statics[name])
        if name not in self._sizes:
            var = Var(I64, name)
            self._sizes[name] = self._named(var, Size.name(name))
        return self._sizes[name]

    def _named(self, var: Var, written: Size, *, rigid: bool = False) -> Size:
        """A size of its own for what the user writes as `written`; the call compares the two if they may differ."""
        made = self.context.sizes.fresh(var.name, var, rigid=rigid)
        self._vars[made] = var
        if made != written:
            self.public[made.atoms[0]] = written
        return made

    def of_type(self, type_: Type, name: str, scope: Scope, node: ast.TypeExpr | None = None) -> Value:
        """A value of a type around new parameters."""
        match type_:
            case ScalarType():
                return self._scalar(type_, name)
            case ArrayType():
                shape = tuple(self._dimension(size) for size in type_.shape)
                atoms = tuple(self._dimension_atom(size) for size in shape)
                return Array(self._param(CoreType(type_.element.dtype, atoms), name), type_.element, shape)
            case TupleType():
                return TupleValue(tuple(self.of_type(e, f"{name}_{k}", scope) for k, e in enumerate(type_.elements)))
            case StructType():
                return self._struct(type_, name, scope)
            case SingletonType(value=ErrorValue() as unknown):
                return unknown
            case FunctionType() | SingletonType():
                where = f" ({type_source(node)})" if node is not None else ""
                raise self.context.error(
                    "E0322",
                    f"`{name}` is a function{where}, so it cannot be given from outside",
                    self.context.builder.span,
                    hint="write a function that calls this one with a function of the program",
                )

    def _scalar(self, type_: ScalarType, name: str) -> Scalar:
        var = self._param(CoreType(type_.dtype), name)
        size = self.context.sizes.fresh(name, var) if type_ == INT else None
        return Scalar(var, type_, size)

    def _param(self, type_: CoreType, name: str) -> Var:
        var = Var(type_, name)
        self.params.append(var)
        return var

    def _dimension(self, size: Size) -> Size:
        """A size that is no single name becomes a parameter of its own, named by its text."""
        if size.constant is not None or size in self._vars or self._is_global(size):
            return size
        text = whole_text(size)
        if text not in self._sizes:
            self._sizes[text] = self._named(Var(I64, text), size.substitute(self.public))
        return self._sizes[text]

    def _is_global(self, size: Size) -> bool:
        return len(size.atoms) == 1 and size == Size.name(size.atoms[0]) and self.context.sizes.is_global(size.atoms[0])

    def _dimension_atom(self, size: Size) -> Atom:
        if size.constant is not None:
            return integer(size.constant)
        if self._is_global(size):
            return self.context.sizes.dimension(size)
        var = self._vars[size]
        if var not in self.size_params:
            self.size_params.append(var)
        return var

    def _struct(self, type_: StructType, name: str, scope: Scope) -> StructValue:
        missing = [kind for kind, given in zip(type_.info.kinds, type_.arguments, strict=True) if given is None]
        if "type" in missing and not self.opaque:
            kinds = zip(type_.info.parameters, type_.info.kinds, strict=True)
            wanted = f"{type_.info.name}[{', '.join('real' if kind == 'type' else size for size, kind in kinds)}]"
            raise self.context.error(
                "E0322",
                f"`{name}` needs the arguments of its type in brackets",
                self.context.builder.span,
                hint=f"write {name}: {wanted}",
            )
        if missing:
            type_ = self._completed(type_)
        self._require_end(type_)
        self._around.append(type_)
        fields = self._fields(type_, name, scope)
        self._around.pop()
        return StructValue(type_, fields)

    def _require_end(self, type_: StructType) -> None:
        """Raises E0311 for a struct inside itself; one that holds larger and larger ones of its kind has no end too."""
        same = [outer for outer in self._around if outer.info is type_.info]
        if any(outer.arguments == type_.arguments for outer in same) or len(same) > MAXIMUM_DEPTH:
            raise inside_itself(type_.info.definition)

    def _fields(self, type_: StructType, name: str, scope: Scope) -> dict[str, Value]:
        nodes = {f.name: f.type for f in type_.info.definition.fields}
        fields: dict[str, Value] = {}
        for field, field_type in field_types(self.context, type_).items():
            node = nodes[field]
            if isinstance(node, ast.FunctionType):
                fields[field] = self._function(node, type_.info.scope, field)
            else:
                fields[field] = self.of_type(field_type, f"{name}_{field}", scope)
        return fields

    def _completed(self, type_: StructType) -> StructType:
        """A struct whose arguments are left out: they are the same wherever its name stands alone."""
        info = type_.info
        arguments: list[Size | Type | None] = []
        for name, kind, argument in zip(info.parameters, info.kinds, type_.arguments, strict=True):
            made: Size | Type = (
                self.size(f"{info.name}_{name}") if kind == "size" else self._generic(f"{info.name}_{name}")
            )
            arguments.append(made if argument is None else argument)
        return StructType(info, tuple(arguments))

    def _function(self, node: ast.FunctionType, scope: Scope, name: str) -> Value:
        if not self.opaque:
            raise self.context.error(
                "E0322",
                f"`{name}` is a function, so it cannot be given from outside",
                node.span,
                hint="call this function from another one that names the function",
            )
        return OpaqueFunction(name, node, self._with_ints(node, scope), self)

    def of_struct(self, definition: ast.StructDef, scope: Scope) -> Value:
        """A struct of which nothing is known but its definition, to check the types of its fields."""
        binding = scope.own(definition.name)
        assert binding is not None and isinstance(binding.value, TypeValue)
        info = binding.value.info
        assert isinstance(info, StructInfo)
        return self._struct(StructType(info, tuple(None for _ in info.parameters)), definition.name, scope)


def whole_text(size: Size) -> str:
    """A size as an expression over whole numbers: `(n*n + n) // 2`."""
    denominator = size.denominator
    return str(size) if denominator == 1 else f"({size * Size.literal(denominator)}) // {denominator}"


def _usual_type(parameter: ast.Parameter) -> str:
    """The type that a parameter probably has: that of its default, if there is one."""
    match parameter.default:
        case ast.Number(value=int()):
            return "int"
        case ast.Boolean():
            return "bool"
        case _:
            return "real"
