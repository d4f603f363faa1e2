"""`check_grad` inside a program: forward mode, reverse mode and differences along one direction must agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from difflang.check.context import Context
from difflang.check.differentiated import Linear, Ready, Wrt, keys_of_reals, make_ready, with_values
from difflang.check.leaves import element_of, leaves, map_leaves, materialize
from difflang.check.operators import binary
from difflang.check.types import BOOL
from difflang.check.values import Arguments, Array, FunctionValue, Number, Scalar, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom, DType
from difflang.core.ops import integer
from difflang.diagnostics.model import Span

STEP = {"f64": 2.0**-10, "f32": 2.0**-4}
TOLERANCE = {"f64": 1e-6, "f32": 2e-2}


class CheckGrad(FunctionValue):
    """`check_grad(f, x, ..)`: whether the derivatives of `f` in all its real arguments agree with differences."""

    name = "check_grad"

    def call(self, context: Context, arguments: Arguments) -> Value:
        """u·(J v) by forward mode, (J^T u)·v by reverse mode, and by differences; u and v are fixed directions."""
        ready = _ready(context, arguments)
        span = arguments.span
        linear = Linear(context, ready)
        directions = [_weights(context, v, 0.7 + k) for k, v in enumerate(linear.values)]
        value, moved = linear.jvp(directions)
        u = _weights(context, value, 0.4)
        _, pull = linear.vjp()
        forward = _dot(context, [u], [moved], span)
        reverse = _dot(context, pull(u), directions, span)

        def along(step: float) -> Value:
            shifted = [_moved(context, v, d, step, span) for v, d in zip(linear.values, directions, strict=True)]
            result = ready.function.call(context, with_values(ready, shifted))
            return _dot(context, [u], [materialize(context, result)], span)

        dtype = element_of(next(leaves(linear.values[0]))).dtype
        differences = _richardson(context, along, STEP[dtype], span)
        return _agree(context, [forward, reverse, differences], TOLERANCE[dtype])


def _ready(context: Context, arguments: Arguments) -> Ready:
    """The call that is checked, prepared for all arguments that are real."""
    if not arguments.positional or not isinstance(arguments.positional[0], FunctionValue):
        raise context.error(
            "E0506", "`check_grad` takes a function, then the point", arguments.span, hint="write check_grad(f, x)"
        )
    function, *rest = arguments.positional
    assert isinstance(function, FunctionValue)
    inner = Arguments(tuple(rest), arguments.keywords, arguments.span, arguments.spans[1:], arguments.keyword_spans)
    return make_ready(context, function, Wrt(None, arguments.span), inner, [], keys_of_reals)


def _moved(context: Context, point: Value, direction: Value, step: float, span: Span) -> Value:
    return binary(context, "+", point, binary(context, "*", Number(step), direction, span), span)


def _richardson(context: Context, along: Callable[[float], Value], step: float, span: Span) -> Value:
    """Central differences with h, h/2, h/4, extrapolated twice (Richardson 1911): an error of order h^6."""
    table: list[Value] = []
    for k in range(3):
        h = step / 2**k
        rise = binary(context, "-", along(h), along(-h), span)
        table.append(binary(context, "/", rise, Number(2 * h), span))
    for power in (4.0, 16.0):
        table = [
            _extrapolated(context, power, fine, coarse, span) for fine, coarse in zip(table[1:], table, strict=False)
        ]
    return table[0]


def _extrapolated(context: Context, power: float, fine: Value, coarse: Value, span: Span) -> Value:
    scaled = binary(context, "*", Number(power), fine, span)
    return binary(context, "/", binary(context, "-", scaled, coarse, span), Number(power - 1), span)


def _agree(context: Context, figures: Sequence[Value], tolerance: float) -> Value:
    """|a - b| <= tolerance (1 + |a|) for the first against each of the others."""
    builder = context.builder
    atoms = [f.atom for f in figures if isinstance(f, Scalar)]
    dtype = atoms[0].type.dtype
    scale = builder.prim("add", literal(1.0, dtype), builder.prim("abs", atoms[0]))
    limit = builder.prim("mul", literal(tolerance, dtype), scale)
    checks = [builder.prim("le", builder.prim("abs", builder.prim("sub", atoms[0], a)), limit) for a in atoms[1:]]
    return Scalar(builder.prim("and", *checks), BOOL)


def _weights(context: Context, like: Value, phase: float) -> Value:
    """A direction like `like`, its entries cosines of a running number."""
    count = 0

    def leaf(old: Scalar | Array) -> Value:
        nonlocal count
        count += 1
        dtype = element_of(old).dtype
        if not old.atom.type.is_float:
            return old
        if isinstance(old, Scalar):
            return Scalar(_wave(context, integer(count), phase, dtype), old.type)
        start = phase + 0.31 * count
        atom = context.builder.build(
            context.shape_atoms(old.shape), lambda *i: [_wave(context, _mixed(context, i), start, dtype)]
        )[0]
        return Array(atom, old.element, old.shape)

    return map_leaves(leaf, like)


def _mixed(context: Context, index: Sequence[Atom]) -> Atom:
    """One number from several indices."""
    total = index[0]
    for k, part in enumerate(index[1:]):
        total = context.builder.prim("add", total, context.builder.prim("mul", part, integer(3 + 4 * k)))
    return total


def _wave(context: Context, position: Atom, phase: float, dtype: DType) -> Atom:
    builder = context.builder
    x = builder.prim("convert", position, dtype=dtype)
    return builder.prim("cos", builder.prim("add", builder.prim("mul", x, literal(1.3, dtype)), literal(phase, dtype)))


def _dot(context: Context, left: Sequence[Value], right: Sequence[Value], span: Span) -> Value:
    """The sum of products over all real leaves."""
    total: Value | None = None
    pairs = [pair for a, b in zip(left, right, strict=True) for pair in zip(leaves(a), leaves(b), strict=True)]
    for a, b in pairs:
        if a.atom.type.is_float:
            term = _total(context, binary(context, "*", a, b, span))
            total = term if total is None else binary(context, "+", total, term, span)
    if total is None:
        raise context.error(
            "E0502",
            "`check_grad` needs a function with a real result",
            span,
            hint="give it a function that returns a real, such as `fn(x) = sum(f(x))`",
        )
    return total


def _total(context: Context, value: Value) -> Value:
    if not isinstance(value, Array):
        return value
    builder = context.builder
    atom = builder.reduce(
        "sum", context.shape_atoms(value.shape), lambda *i: [builder.get(value.atom, *i, inbounds=True)]
    )[0]
    return Scalar(atom, value.element)
