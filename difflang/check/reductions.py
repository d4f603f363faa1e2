"""Reductions: of a generator, of a whole array, and `min`/`max` of several values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce as left_fold

from difflang.check.clauses import Level, bind_indices, check_names, clause_range, levels
from difflang.check.coerce import as_condition, as_int, as_real, boolean, convert, with_element
from difflang.check.context import Context
from difflang.check.environment import Scope
from difflang.check.leafwise import leafwise
from difflang.check.leaves import atoms, element_of, map_leaves, materialize, rebuild, settle
from difflang.check.regions import require_visible
from difflang.check.types import BOOL, INT, is_float, is_int
from difflang.check.values import Arguments, Array, FunctionValue, Number, Scalar, StructValue, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom, DType
from difflang.core.ops import integer
from difflang.diagnostics.model import Span
from difflang.sizes import Size
from difflang.syntax import ast

LARGEST: dict[DType, float] = {"f64": float("inf"), "f32": float("inf"), "i64": 2**63 - 1, "i32": 2**31 - 1}
SMALLEST: dict[DType, float] = {"f64": -float("inf"), "f32": -float("inf"), "i64": -(2**63), "i32": -(2**31)}
NEEDS_ELEMENTS = ("max", "min", "mean", "argmax", "argmin")


class Generated:
    """A generator in its scope: what is needed to run a reduction over it, more than once if need be."""

    def __init__(self, context: Context, node: ast.Generator, scope: Scope) -> None:
        check_names(context, node.clauses)
        self.context = context
        self.node = node
        self.scope = scope
        self.levels: list[Level] = levels(node.clauses)

    def reduce(self, operation: str, element: Callable[[Scope], Value]) -> Value:
        """`operation` over all index values for which the condition holds."""
        templates: list[Value] = []
        outs = self._nest(operation, element, 0, self.scope, templates)
        require_visible(self.context, outs, self.node.element.span)
        template = templates[0]
        if operation in ("argmax", "argmin"):
            return Scalar(outs[0], INT)
        return rebuild(template, outs)

    def _nest(
        self, operation: str, element: Callable[[Scope], Value], depth: int, scope: Scope, templates: list[Value]
    ):
        context = self.context
        clauses = self.levels[depth].clauses
        names = [c.name for c in self.node.clauses]
        parts = [self.node.element, *([self.node.condition] if self.node.condition else [])]
        ranges = [clause_range(context, c, scope, parts, names) for c in clauses]

        def body(*index: Atom) -> Sequence[Atom]:
            inner = bind_indices(context, clauses, ranges, index, scope)
            if depth + 1 < len(self.levels):
                return self._nest(operation, element, depth + 1, inner, templates)
            return self._leaf(operation, element, inner, templates)

        return context.builder.reduce(
            operation, [context.sizes.dimension(context.size_of(r.count)) for r in ranges], body
        )

    def _leaf(
        self, operation: str, element: Callable[[Scope], Value], scope: Scope, templates: list[Value]
    ) -> Sequence[Atom]:
        context = self.context

        def value() -> list[Atom]:
            made = settle(context, materialize(context, element(scope)), self.node.element.span)
            self._require_reducible(operation, made)
            templates.append(made)
            return atoms(made)

        if self.node.condition is None:
            return value()
        condition = as_condition(context, context.evaluate(self.node.condition, scope), self.node.condition.span)
        return context.builder.cond(condition.atom, value, lambda: self._identity(operation, templates[-1]))

    def _identity(self, operation: str, template: Value) -> list[Atom]:
        return atoms(map_leaves(lambda leaf: identity(self.context, operation, leaf), template))

    def _require_reducible(self, operation: str, value: Value) -> None:
        numeric = isinstance(value, Scalar) or (
            operation == "sum" and isinstance(value, Array | TupleValue | StructValue)
        )
        if not numeric:
            message = f"`{operation}` takes numbers, but this is {self.context.text(value)}"
            raise self.context.error(
                "E0305",
                message,
                self.node.element.span,
                hint="take numbers from it: an element x[i], or a field p.name",
            )

    def require_elements(self, name: str) -> None:
        """Emits the check that there is something to reduce, unless the ranges show it."""
        context = self.context
        if len(self.levels) == 1 and self.node.condition is None:
            names = [c.name for c in self.node.clauses]
            ranges = [clause_range(context, c, self.scope, [self.node.element], names) for c in self.levels[0].clauses]
            require_positive(context, name, [context.size_of(r.count) for r in ranges], self.node.span)
            return
        found = self.reduce("any", lambda scope: boolean(True))
        assert isinstance(found, Scalar)
        _assert_elements(context, name, found.atom)


def identity(context: Context, operation: str, leaf: Scalar | Array) -> Value:
    """What a reduction starts from, in the type of `leaf`."""
    dtype = element_of(leaf).dtype
    if operation in ("all", "any"):
        return boolean(operation == "all")
    values = {
        "sum": 0,
        "prod": 1,
        "max": SMALLEST.get(dtype, 0),
        "argmax": SMALLEST.get(dtype, 0),
        "min": LARGEST.get(dtype, 0),
        "argmin": LARGEST.get(dtype, 0),
    }
    atom = literal(values[operation], dtype)
    if isinstance(leaf, Scalar):
        return Scalar(atom, leaf.type)
    return Array(context.builder.full(atom, context.shape_atoms(leaf.shape)), leaf.element, leaf.shape)


def require_positive(context: Context, name: str, sizes: Sequence[Size], span: Span) -> None:
    """Asserts that all sizes are at least 1 (E0803), unless that is certain."""
    for size in sizes:
        if size.constant is not None and size.constant < 1:
            raise context.error(
                "E0319", f"`{name}` of nothing has no value", span, hint=f"guard it: `{name}(a) if len(a) > 0 else 0.0`"
            )
        if not context.sizes.at_least(size, 1):
            _assert_elements(context, name, context.builder.prim("gt", context.sizes.value(size), integer(0)))


def _assert_elements(context: Context, name: str, condition: Atom) -> None:
    context.builder.emit("assert", [condition], {"code": "E0804", "message": f"`{name}` of nothing has no value"})


class Reduction(FunctionValue):
    """`sum`, `max`, `logsumexp`, ...: of a generator, or of a whole array."""

    def __init__(self, name: str) -> None:
        self.name = name

    def over_generator(self, context: Context, node: ast.Call, scope: Scope) -> Value:
        """`sum(e for i in 0..n if c)`"""
        generator = node.args[0]
        if len(node.args) != 1 or node.keywords or not isinstance(generator, ast.Generator):
            raise context.error(
                "E0302",
                f"`{self.name}` takes one generator and nothing else",
                node.span,
                hint=f"write {self.name}(e for i in 0..n), and use the other values outside of it",
            )
        generated = Generated(context, generator, scope)
        if self.name in NEEDS_ELEMENTS:
            generated.require_elements(self.name)
        match self.name:
            case "mean":
                return _mean_of(context, generated)
            case "logsumexp":
                return _logsumexp_of(context, generated)
            case "argmax" | "argmin" if len(generated.levels) > 1:
                hint = "use a loop that keeps the best so far"
                raise context.error(
                    "E0410", f"the ranges of `{self.name}` may not depend on each other", generator.span, hint=hint
                )
            case _:
                return generated.reduce(self.name, lambda inner: self._element(context, generator, inner))

    def _element(self, context: Context, node: ast.Generator, scope: Scope) -> Value:
        value = context.evaluate(node.element, scope)
        if self.name in ("any", "all"):
            return as_condition(context, value, node.element.span)
        return countable(context, value)

    def call(self, context: Context, arguments: Arguments) -> Value:
        """Of one array, or `min`/`max` of two or more values."""
        given = arguments.positional
        if self.name in ("max", "min") and len(given) >= 2 and not arguments.keywords:
            return left_fold(lambda a, b: extreme(context, self.name, a, b, arguments.span), given)
        if len(given) != 1 or arguments.keywords:
            message = f"`{self.name}` takes one array, or `e for i`" + (
                ", or two values" if self.name in ("max", "min") else ""
            )
            raise context.error(
                "E0302",
                message,
                arguments.span,
                hint=f"write {self.name}(a) for an array; one axis is reduced by `[{self.name}(a[i, j] for i) for j]`",
            )
        if not isinstance(given[0], Array):
            hint = f"write {self.name}(e for i in 0..n), or give it an array"
            raise context.error(
                "E0305",
                f"`{self.name}` takes an array, but this is {context.text(given[0])}",
                arguments.span_of(0),
                hint=hint,
            )
        return self.over_array(context, given[0], arguments.span)

    def over_array(self, context: Context, array: Array, span: Span) -> Value:
        """The reduction of all elements."""
        if self.name in ("any", "all") and array.element != BOOL:
            raise context.error(
                "E0305",
                f"`{self.name}` takes bools, but this is {context.text(array)}",
                span,
                hint=f"write {self.name}(x[i] > 0 for i)",
            )
        if self.name in NEEDS_ELEMENTS:
            require_positive(context, self.name, array.shape, span)
        match self.name:
            case "mean":
                return _divide(context, self._plain(context, array, "sum"), Size.product(array.shape))
            case "logsumexp":
                return logsumexp(context, array, span)
            case _:
                return self._plain(context, array, self.name)

    def _plain(self, context: Context, array: Array, operation: str) -> Scalar:
        counted = with_element(context, array, INT) if array.element == BOOL and operation in ("sum", "prod") else array
        return reduce_array(context, operation, counted)


def reduce_array(context: Context, operation: str, array: Array, of: Callable[[Atom], Atom] = lambda a: a) -> Scalar:
    """A reduction over `of` each element."""
    builder = context.builder
    extents = context.shape_atoms(array.shape)
    atom = builder.reduce(operation, extents, lambda *i: [of(builder.get(array.atom, *i, inbounds=True))])[0]
    return Scalar(atom, INT if operation.startswith("arg") else array.element)


def countable(context: Context, value: Value) -> Value:
    """Bools count as 0 and 1."""
    if isinstance(value, Scalar) and value.type == BOOL:
        return Scalar(convert(context, value.atom, INT), INT)
    return value


def _divide(context: Context, total: Value, count: Size) -> Value:
    from difflang.check.operators import binary

    assert context.builder.span is not None
    return binary(context, "/", total, context.int_of(count), context.builder.span)


def _mean_of(context: Context, generated: Generated) -> Value:
    from difflang.check.operators import binary

    node = generated.node
    total = generated.reduce("sum", lambda scope: countable(context, context.evaluate(node.element, scope)))
    count = generated.reduce("sum", lambda scope: Scalar(integer(1), INT))
    return binary(context, "/", total, count, node.span)


def _real_element(context: Context, node: ast.Generator, scope: Scope) -> Scalar:
    value = as_real(context, context.evaluate(node.element, scope), node.element.span)
    if not isinstance(value, Scalar) or not is_float(value.type):
        raise context.error(
            "E0305",
            f"`logsumexp` takes reals, but this is {context.text(value)}",
            node.element.span,
            hint="each element must be a real: write `logsumexp(x[i] for i)`",
        )
    return value


def _logsumexp_of(context: Context, generated: Generated) -> Value:
    """With independent ranges the elements are computed once, as an array; else twice, for the maximum and the sum."""
    node = generated.node
    if len(generated.levels) == 1 and node.condition is None:
        array = context.evaluate(ast.Comprehension(node.span, node.element, node.clauses), generated.scope)
        assert isinstance(array, Array)
        return logsumexp(context, array, node.span)
    largest = generated.reduce("max", lambda scope: _real_element(context, node, scope))
    assert isinstance(largest, Scalar)
    shift = _shift(context, largest.atom)

    def scaled(scope: Scope) -> Value:
        value = _real_element(context, node, scope)
        return Scalar(_scaled(context, value.atom, shift), value.type)

    total = generated.reduce("sum", scaled)
    assert isinstance(total, Scalar)
    return Scalar(_log_of_sum(context, total.atom, shift), total.type)


def logsumexp(context: Context, array: Array, span: Span) -> Scalar:
    """log Σ exp aᵢ = s + log Σ exp(aᵢ - s), with s the largest element; -inf where all are -inf or there is none."""
    ready = as_real(context, array, span)
    if not isinstance(ready, Array) or not is_float(ready.element):
        raise context.error(
            "E0305",
            f"`logsumexp` takes reals, but this is {context.text(array)}",
            span,
            hint="give it an array of reals, such as logsumexp(x)",
        )
    shift = _shift(context, reduce_array(context, "max", ready).atom)
    total = reduce_array(context, "sum", ready, lambda a: _scaled(context, a, shift))
    return Scalar(_log_of_sum(context, total.atom, shift), ready.element)


def _shift(context: Context, largest: Atom) -> Atom:
    """The largest element as a constant for derivatives (the result does not depend on it), 0 if it is infinite."""
    builder = context.builder
    constant = builder.prim("stop_grad", largest)
    return builder.prim("select", builder.prim("isfinite", constant), constant, literal(0, largest.type.dtype))


def _scaled(context: Context, element: Atom, shift: Atom) -> Atom:
    return context.builder.prim("exp", context.builder.prim("sub", element, shift))


def _log_of_sum(context: Context, total: Atom, shift: Atom) -> Atom:
    """A sum of 0 gives -inf, with the derivative 0 (and not 0/0)."""
    builder, dtype = context.builder, total.type.dtype
    nothing = builder.prim("eq", total, literal(0, dtype))
    safe = builder.prim("select", nothing, literal(1, dtype), total)
    value = builder.prim("add", shift, builder.prim("log", safe))
    return builder.prim("select", nothing, literal(-float("inf"), dtype), value)


def extreme(context: Context, name: str, left: Value, right: Value, span: Span) -> Value:
    """`min(a, b)`, `max(a, b)`: numbers, arrays of one shape, an array and a number, structures leaf by leaf."""
    return leafwise(context, name, [left, right], span, lambda c, v, place: _extreme_leaf(c, name, v[0], v[1], place))


def _extreme_leaf(context: Context, name: str, left: Value, right: Value, span: Span) -> Value:
    from difflang.check.operators import common_element, elementwise, unfit

    if isinstance(left, Number) and isinstance(right, Number):
        return Number({"max": max, "min": min}[name](left.value, right.value))
    element = common_element(context, name, left, right, span)
    if not (is_float(element) or is_int(element)):
        raise unfit(context, name, left, right, span)
    if element == INT and not isinstance(left, Array) and not isinstance(right, Array):
        return _int_extreme(context, name, as_int(context, left, span, name), as_int(context, right, span, name))
    emit = context.builder.prim
    return elementwise(context, lambda a, b: emit(name, a, b), [left, right], element, element, span, name)


def _int_extreme(context: Context, name: str, left: Scalar, right: Scalar) -> Scalar:
    """The larger or smaller of two ints is a size by its text, so that two arrays made with it have one shape."""
    a, b = context.size_of(left), context.size_of(right)
    if name == "max" and b.constant == 0:
        return context.int_of(context.sizes.length(a))
    text = f"{name}({a}, {b})"
    known = context.sizes.known(text)
    atom = context.builder.hoisted(name, left.atom, right.atom) if known is None else known
    return Scalar(atom, INT, context.sizes.named(text, atom))
