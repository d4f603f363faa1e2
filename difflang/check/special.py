"""Functions whose derivatives are not those of their code: externs, functions with rules, implicit functions."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from difflang.check.closed import Region, elaborated, emit_closed
from difflang.check.coerce import coerce, require_natural
from difflang.check.context import Activation, Context
from difflang.check.environment import Scope
from difflang.check.functions import Closure
from difflang.check.leaves import Leaf, atoms, is_vector, leaves, map_leaves, materialize, rebuild, zeros_like
from difflang.check.operators import binary
from difflang.check.statements import run_body
from difflang.check.types import TupleType, Type
from difflang.check.typing import resolve
from difflang.check.values import Arguments, Array, ErrorValue, FunctionValue, Number, Scalar, TupleValue, Value
from difflang.core.ir import Atom, Attribute, Block, Var
from difflang.core.ir import Type as CoreType
from difflang.diagnostics.model import Label, Span, error
from difflang.signature import ArrayType, ScalarType
from difflang.syntax import ast

Rules = Mapping[str, ast.RuleDef]


def special_function(item: ast.Item, scope: Scope, rules: Rules) -> Closure:
    """The value of an `extern fn`, an `implicit fn`, or a `fn` with rules."""
    match item:
        case ast.ExternDef():
            return WithRules(Extern(as_definition(item, (), item.result), scope, item.name), rules)
        case ast.ImplicitDef():
            unknowns = [u.type for u in item.unknowns if u.type is not None]
            result = unknowns[0] if len(unknowns) == 1 else ast.Tuple(item.span, tuple(unknowns))
            return Implicit(as_definition(item, item.body, result), scope, item)
        case ast.FunctionDef():
            return WithRules(Closure(item, scope, item.name), rules)
        case _:
            raise error(
                "E0201",
                "this cannot be used as a value",
                item.span,
                hint="use the name of a function, a constant or a data item",
            )


def as_definition(
    item: ast.ExternDef | ast.ImplicitDef, body: tuple[ast.Statement, ...], result: ast.TypeExpr | None
) -> ast.FunctionDef:
    """The signature of an item, in the form of a plain function."""
    parameters = item.type_parameters if isinstance(item, ast.ImplicitDef) else ()
    return ast.FunctionDef(item.span, item.name, item.name_span, parameters, item.parameters, result, body, item.doc)


class Extern(Closure):
    """`extern fn`: a call becomes the Core operation `extern`, answered by the host."""

    def run(self, context: Context, scope: Scope, span: Span) -> Value:
        node = self.result_type
        if node is None:
            raise context.error(
                "E0301",
                f"the extern function `{self.name}` needs a result type",
                self.node.span,
                hint="write it after the parameters: `extern fn f(x: real) -> real`",
            )
        result = self._template(context, resolve(context, node, scope))
        args = [a for v in bound_values(self, scope) for a in atoms(v)]
        outs = context.builder.emit("extern", args, {"name": self.name}, (), [a.type for a in atoms(result)])
        return rebuild(result, outs)

    def _template(self, context: Context, type_: Type) -> Value:
        """A value of the declared type around atoms that only carry their Core types."""
        match type_:
            case ScalarType():
                return Scalar(Var(CoreType(type_.dtype)), type_)
            case ArrayType():
                for size in type_.shape:
                    require_natural(context, size, self.node.span, f"the result of `{self.name}` should have")
                shape = tuple(context.shape_atoms(type_.shape))
                return Array(Var(CoreType(type_.element.dtype, shape)), type_.element, type_.shape)
            case TupleType():
                return TupleValue(tuple(self._template(context, e) for e in type_.elements))
            case _:
                message = "an extern function gives scalars, arrays, or tuples of them"
                raise context.error(
                    "E0301",
                    message,
                    self.node.span,
                    hint="return a tuple, and make the struct from it in a function around this one",
                )


def bound_values(closure: Closure, scope: Scope) -> list[Value]:
    """The values of the parameters in the scope of a body."""
    values: list[Value] = []
    for name in closure.parameter_names():
        binding = scope.find(name)
        assert binding is not None
        values.append(binding.value)
    return values


class Custom(Closure):
    """A function that becomes one Core operation over the leaves of its arguments."""

    def around(self, scope: Scope, values: Sequence[Value], flat: Sequence[Atom]) -> Scope:
        """The scope of the body with the parameters around the atoms of a region."""
        inner = scope.child()
        for name, value in zip(self.parameter_names(), split(values, flat), strict=True):
            inner.bind(name, value)
        return inner


def split(values: Sequence[Value], flat: Sequence[Atom]) -> list[Value]:
    """Values like the given ones around consecutive atoms."""
    made: list[Value] = []
    for value in values:
        count = len(atoms(value))
        made.append(rebuild(value, flat[:count]))
        flat = flat[count:]
    return made


class WithRules(Custom):
    """A function with `rule jvp` or `rule vjp`: the Core operation `rule`.

    Where its rule calls it with arguments of the same types, the call only mentions the operation around it, which
    derivatives unfold order by order; with other types, a rule calls the plain function.
    """

    def __init__(self, plain: Closure, rules: Rules) -> None:
        super().__init__(plain.node, plain.scope, plain.name)
        self.plain = plain
        self.rules = rules
        self._open: dict[tuple[int, str, tuple[int, ...]], Value] = {}

    def run(self, context: Context, scope: Scope, span: Span) -> Value:
        if not self.rules:
            return self.plain.run(context, scope, span)
        values = [materialize(context, v) for v in bound_values(self, scope)]
        if any(isinstance(value, ErrorValue) for value in values):
            # Of a generic type only the calls tell how many parameters its rules take.
            return self.plain.run(context, scope, span)
        args = [a for v in values for a in atoms(v)]
        types = [a.type for a in args]
        attrs: dict[str, Attribute] = {"name": self._full_name(context, values), "modes": tuple(self.rules)}
        functions = tuple(id(v) for v in values if isinstance(v, FunctionValue))
        key = (id(context), str(attrs["name"]), functions)
        if key in self._open:
            result = self._open[key]
            return rebuild(result, context.builder.emit("rule", args, attrs, (), [a.type for a in atoms(result)]))
        if any(a.node in self.rules.values() for a in context.activations):
            return self.plain.run(context, scope, span)
        primal, result = elaborated(
            context, types, lambda flat: self.plain.run(context, self.around(scope, values, flat), span), span
        )
        self._open[key] = result
        try:
            stated = [(self._jvp if m == "jvp" else self._vjp)(context, scope, values, result) for m in self.rules]
        finally:
            del self._open[key]
        return rebuild(result, emit_closed(context, "rule", args, [Region(primal, 0, 0), *stated], attrs))

    def _full_name(self, context: Context, values: Sequence[Value]) -> str:
        module = getattr(self.scope, "name", "")
        return f"{module}.{self.name}({', '.join(context.text(v) for v in values)})"

    def _jvp(self, context: Context, scope: Scope, values: Sequence[Value], result: Value) -> Region:
        """Over x.., dx..: the tangent of the result."""
        rule = self.rules["jvp"]
        moving = [v for v in values if any(leaf.atom.type.is_float for leaf in leaves(v))]
        types = [a.type for v in values for a in atoms(v)]
        moved = [a.type for v in moving for a in float_atoms(v)]

        def body(flat: Sequence[Atom]) -> Value:
            own, directions = split(values, flat[: len(types)]), _with_floats(context, moving, flat[len(types) :])
            return self._stated(context, rule, scope, [*own, *directions], result)

        block, _ = elaborated(context, [*types, *moved], body, rule.span, float_atoms)
        return Region(block, 0, len(moved))

    def _vjp(self, context: Context, scope: Scope, values: Sequence[Value], result: Value) -> Region:
        """Over x.., y.., ybar..: the cotangents of the arguments."""
        rule = self.rules["vjp"]
        moving = [v for v in values if any(leaf.atom.type.is_float for leaf in leaves(v))]
        types = [a.type for v in values for a in atoms(v)]
        outs, bars = [a.type for a in atoms(result)], [a.type for a in float_atoms(result)]

        def body(flat: Sequence[Atom]) -> Value:
            own = split([*values, result], flat[: len(types) + len(outs)])
            bar = _with_floats(context, [result], flat[len(types) + len(outs) :])
            like = moving[0] if len(moving) == 1 else TupleValue(tuple(moving))
            return self._stated(context, rule, scope, [*own, *bar], like)

        block, _ = elaborated(context, [*types, *outs, *bars], body, rule.span, float_atoms)
        return Region(block, 0, len(outs) + len(bars))

    def _stated(
        self, context: Context, rule: ast.RuleDef, scope: Scope, arguments: Sequence[Value], like: Value
    ) -> Value:
        """The body of a rule, whose result must be of the type of `like`."""
        names = [p.name for p in rule.parameters]
        if len(names) != len(arguments):
            wanted = _rule_shape(self, rule, len(arguments))
            message = f"the rule for `{self.name}` takes {len(arguments)} parameters, not {len(names)}"
            raise context.error("E0511", message, rule.span, Label(self.node.span, "the function is here"), hint=wanted)
        inner = scope.child()
        for name, value in zip(names, arguments, strict=True):
            inner.bind(name, value)
        type_ = context.type_of(like)
        with rule_running(context, rule, self.name):
            value = run_body(context, rule.body, inner.child(), type_, rule.span)
        return coerce(context, value, type_, rule.span, f"the result of the rule for `{self.name}`")


def _rule_shape(function: Closure, rule: ast.RuleDef, count: int) -> str:
    names = list(function.parameter_names())
    extra = [f"d{n}" for n in names][: count - len(names)] if rule.mode == "jvp" else ["y", "ybar"]
    return f"write rule {rule.mode} {function.name}({', '.join([*names, *extra])}) = ..."


@contextmanager
def rule_running(context: Context, rule: ast.RuleDef, name: str) -> Generator[None]:
    """While a rule is elaborated, calls of its function are plain ones, and no recursion."""
    running = context.activations.pop()
    context.activations.append(Activation(rule, name, rule.span, False))
    try:
        yield
    finally:
        context.activations[-1] = running


def float_atoms(value: Value) -> list[Atom]:
    """The real leaves of a value."""
    return [a for a in atoms(value) if a.type.is_float]


def _with_floats(context: Context, likes: Sequence[Value], flat: Sequence[Atom]) -> list[Value]:
    """Values like the given ones, their real leaves being `flat`, the others zero."""
    remaining = iter(flat)

    def leaf(old: Leaf) -> Value:
        if not old.atom.type.is_float:
            return zeros_like(context, old)
        return rebuild(old, [next(remaining)])

    return [map_leaves(leaf, like) for like in likes]


class Implicit(Custom):
    """`implicit fn`: the Core operation `implicit`, with its conditions as residuals."""

    def __init__(self, node: ast.FunctionDef, scope: Scope, item: ast.ImplicitDef) -> None:
        super().__init__(node, scope, item.name)
        self.item = item

    def run(self, context: Context, scope: Scope, span: Span) -> Value:
        values = [materialize(context, v) for v in bound_values(self, scope)]
        args = [a for v in values for a in atoms(v)]
        types = [a.type for a in args]
        solver, result = elaborated(
            context, types, lambda flat: Closure.run(self, context, self.around(scope, values, flat), span), span
        )
        if isinstance(result, ErrorValue):
            return result
        self._require_vector(context, result)
        shapes = [a.type for a in atoms(result)]

        def residual(flat: Sequence[Atom]) -> Value:
            inner = self.around(scope, values, flat[len(shapes) :])
            return self._residual(context, inner, rebuild(result, flat[: len(shapes)]))

        condition, _ = elaborated(context, [*shapes, *types], residual, span)
        via, fallback = self._via(context, scope, values, result)
        regions = [Region(solver, 0, 0), Region(condition, len(shapes), 0), Region(via, len(shapes), 0)]
        attrs: dict[str, Attribute] = {"name": self.name, **({"fallback": True} if fallback else {})}
        with context.at(span):
            return rebuild(result, emit_closed(context, "implicit", args, regions, attrs))

    def _require_vector(self, context: Context, result: Value) -> None:
        if not is_vector(result):
            message = f"the unknowns of `{self.name}` must be reals, but the result is {context.text(result)}"
            raise context.error(
                "E0512", message, self.item.name_span, hint="give the unknown a type of reals, such as `-> w: real[n]`"
            )
        if len(self.item.conditions) != len(self.item.unknowns):
            unknowns, conditions = len(self.item.unknowns), len(self.item.conditions)
            message = (
                f"`{self.name}` has {unknowns} unknown{'s' * (unknowns != 1)} "
                f"and {conditions} condition{'s' * (conditions != 1)}"
            )
            raise context.error("E0512", message, self.item.name_span, hint="write one `where` line for each unknown")

    def _residual(self, context: Context, scope: Scope, result: Value) -> Value:
        """left - right of every condition, each of the shape of its unknown."""
        unknowns = (
            [result]
            if len(self.item.unknowns) == 1
            else list(result.elements)
            if isinstance(result, TupleValue)
            else []
        )
        for unknown, value in zip(self.item.unknowns, unknowns, strict=True):
            scope.bind(unknown.name, value)
        parts = [
            self._condition(context, c, scope, value, u.name)
            for c, value, u in zip(self.item.conditions, unknowns, self.item.unknowns, strict=True)
        ]
        return parts[0] if len(parts) == 1 else TupleValue(tuple(parts))

    def _condition(self, context: Context, node: ast.Condition, scope: Scope, unknown: Value, name: str) -> Value:
        left, right = context.evaluate(node.left, scope), context.evaluate(node.right, scope)
        zero = isinstance(right, Number) and right.value == 0
        value = left if zero else binary(context, "-", left, right, node.span)
        return coerce(context, value, context.type_of(unknown), node.span, f"the condition for `{name}`")

    def _via(self, context: Context, scope: Scope, values: Sequence[Value], result: Value) -> tuple[Block, bool]:
        """The region that solves linear systems: by the solver that is named, else GMRES."""
        named = next((c.solver for c in self.item.conditions if c.solver is not None), None)
        types = [a.type for v in values for a in atoms(v)]
        shapes = [a.type for a in atoms(result)]

        def body(flat: Sequence[Atom]) -> Value:
            inner = self.around(scope, values, flat[len(shapes) :])
            solver = context.evaluate(named, inner) if named is not None else _gmres(context, self.item.span)
            if not isinstance(solver, FunctionValue):
                raise context.error(
                    "E0512",
                    "`via` names a function that solves linear systems",
                    self.item.span,
                    hint="write via linalg.cg",
                )
            right = rebuild(result, flat[: len(shapes)])
            found = solver.call(context, Arguments((LinearOperator(result), right), {}, self.item.span))
            return coerce(context, found, context.type_of(result), self.item.span, "the solution of the linear system")

        return elaborated(context, [*shapes, *types], body, self.item.span)[0], named is None


def _gmres(context: Context, span: Span) -> Value:
    module = context.program.module(("linalg", "iterative"), context.program.directory, span)
    binding = module.own("gmres")
    assert binding is not None
    return binding.value


class LinearOperator(FunctionValue):
    """The matrix of the linear system of an implicit function, as a function of a vector."""

    name = "the linear system"

    def __init__(self, like: Value) -> None:
        self.like = like

    def call(self, context: Context, arguments: Arguments) -> Value:
        vector = coerce(context, arguments.positional[0], context.type_of(self.like), arguments.span, "the vector")
        flat = atoms(vector)
        return rebuild(vector, context.builder.emit("operator", flat, {}, (), [a.type for a in flat]))
