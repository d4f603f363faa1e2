"""`check_grad` inside a program: forward mode, reverse mode and differences along one direction must agree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from difflang import derive
from difflang.check.context import Context
from difflang.check.differentiated import Linear, Ready, Wrt, keys_of_reals, make_ready
from difflang.check.leaves import atoms, element_of, leaves, map_leaves, rewrap
from difflang.check.operators import binary
from difflang.check.types import BOOL
from difflang.check.values import Arguments, Array, FunctionValue, Scalar, Value
from difflang.core.builder import Builder, literal
from difflang.core.ir import Atom, DType
from difflang.core.ops import integer
from difflang.diagnostics.model import Span

STEP = {"f64": 2.0**-10, "f32": 2.0**-4}
TOLERANCE = {"f64": 1e-6, "f32": 2e-2}


class CheckGrad(FunctionValue):
    """`check_grad(f, x, ..)`: whether the derivatives of `f` in all its real arguments agree with differences.

    `f` is run several times for that: what it prints and reports is left out.
    """

    name = "check_grad"

    def call(self, context: Context, arguments: Arguments) -> Value:
        """u·(J v) by forward mode, (J^T u)·v by reverse mode, and by differences; u and v are fixed directions."""
        ready = _ready(context, arguments)
        span = arguments.span
        linear = Linear(context, ready)
        linear.primal = derive.without_notices(linear.primal)
        directions = [_weights(context, v, 0.7 + k) for k, v in enumerate(linear.values)]
        value, moved = linear.jvp(directions)
        u = _weights(context, value, 0.4)
        _, pull = linear.vjp()
        forward = _dot(context, [u], [moved], span)
        reverse = _dot(context, pull(u), directions, span)
        differences = _richardson(context.builder, _along(context, linear, directions, u, span))
        return _agree(context.builder, forward, [reverse, differences], TOLERANCE[_working(linear)])


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


def _working(linear: Linear) -> DType:
    """The least precise type of the numbers that the function takes and gives."""
    return "f32" if any(a.type.dtype == "f32" for a in (*linear.args, *atoms(linear.result))) else "f64"


def _along(
    context: Context, linear: Linear, directions: Sequence[Value], u: Value, span: Span
) -> list[tuple[float, Atom, Atom]]:
    """(h, u·f(x + h v), u·f(x - h v)) for three steps h. The body of `f` stands once, in a loop over the steps."""
    builder = context.builder
    widths = [STEP[_working(linear)] / 2**k for k in range(3)]
    table = builder.table([literal(sign * h, "f64") for h in widths for sign in (1, -1)], [6])
    moves = [a for d in directions for a in atoms(d)]

    def at(k: Atom) -> list[Atom]:
        step = builder.get(table, k, inbounds=True)
        shifted = [_moved(builder, x, v, step) for x, v in zip(linear.args, moves, strict=True)]
        result = rewrap(context, linear.result, derive.inline(builder, linear.primal, shifted))
        return [_dot(context, [u], [result], span)]

    (found,) = builder.fold(integer(6), [], at)
    values = [builder.get(found, integer(k), inbounds=True) for k in range(6)]
    return list(zip(widths, values[0::2], values[1::2], strict=True))


def _moved(builder: Builder, point: Atom, direction: Atom, step: Atom) -> Atom:
    """x + h v, in the type of x: the steps are powers of two, exact in every type."""
    step = in_type(builder, step, point.type.dtype)
    return builder.map(lambda x, v: builder.prim("add", x, builder.prim("mul", step, v)), point, direction)


def in_type(builder: Builder, atom: Atom, dtype: DType) -> Atom:
    return atom if atom.type.dtype == dtype else builder.prim("convert", atom, dtype=dtype)


def _richardson(builder: Builder, sides: Sequence[tuple[float, Atom, Atom]]) -> Atom:
    """Central differences with h, h/2, h/4, extrapolated twice (Richardson 1911): an error of order h^6."""
    table: list[Atom] = [
        builder.prim("div", builder.prim("sub", above, below), literal(2 * h, "f64")) for h, above, below in sides
    ]
    for power in (4.0, 16.0):
        pairs = zip(table[1:], table, strict=False)
        table = [_extrapolated(builder, power, fine, coarse) for fine, coarse in pairs]
    return table[0]


def _extrapolated(builder: Builder, power: float, fine: Atom, coarse: Atom) -> Atom:
    scaled = builder.prim("mul", literal(power, "f64"), fine)
    return builder.prim("div", builder.prim("sub", scaled, coarse), literal(power - 1, "f64"))


def _agree(builder: Builder, first: Atom, others: Sequence[Atom], tolerance: float) -> Value:
    """|a - b| <= tolerance (1 + |a|) for the first against each of the others."""
    scale = builder.prim("add", literal(1.0, "f64"), builder.prim("abs", first))
    limit = builder.prim("mul", literal(tolerance, "f64"), scale)
    checks = [builder.prim("le", builder.prim("abs", builder.prim("sub", first, a)), limit) for a in others]
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


def _dot(context: Context, left: Sequence[Value], right: Sequence[Value], span: Span) -> Atom:
    """The sum of products over all real leaves, in f64."""
    pairs = [pair for a, b in zip(left, right, strict=True) for pair in zip(leaves(a), leaves(b), strict=True)]
    terms = [_total(context, binary(context, "*", a, b, span)) for a, b in pairs if a.atom.type.is_float]
    if not terms:
        raise context.error(
            "E0502",
            "`check_grad` needs a function with a real result",
            span,
            hint="give it a function that returns a real, such as `fn(x) = sum(f(x))`",
        )
    return reduce(lambda total, term: context.builder.prim("add", total, term), terms)


def _total(context: Context, value: Value) -> Atom:
    """The sum of a scalar or an array, in f64."""
    builder = context.builder
    assert isinstance(value, Scalar | Array)
    total = value.atom
    if isinstance(value, Array):
        (total,) = builder.reduce(
            "sum", context.shape_atoms(value.shape), lambda *i: [builder.get(value.atom, *i, inbounds=True)]
        )
    return in_type(builder, total, "f64")
