"""Inner products, norms, and vector types as flat arrays."""

from __future__ import annotations

from difflang.check.builtins.registry import Call, builtin
from difflang.check.builtins.shaping import reshaped
from difflang.check.coerce import as_real, assert_same_size, require_same_shape, with_element
from difflang.check.context import Context
from difflang.check.leaves import element_of, is_vector, leaves, map_leaves, materialize
from difflang.check.matrix import product
from difflang.check.types import is_float
from difflang.check.values import Array, Number, Scalar, StructValue, TupleValue, Value
from difflang.core.builder import literal
from difflang.core.ir import Atom, Literal
from difflang.core.ops import integer
from difflang.diagnostics.model import DiffLangError, Span
from difflang.signature import ScalarType
from difflang.sizes import Size

Leaf = Scalar | Array


def vector_leaves(context: Context, name: str, value: Value, span: Span) -> list[Leaf]:
    """The leaves of a value of a vector type, ints taken as reals. Raises E0305, also where f32 and f64 mix."""
    ready = as_real(context, value, span) if isinstance(value, Number | Scalar | Array) else materialize(context, value)
    found = list(leaves(ready))
    if not is_vector(ready) or not found:
        message = f"`{name}` takes reals, or arrays, tuples and structs of them, but this is {context.text(value)}"
        raise context.error("E0305", message, span, hint="give it a number, or an array, tuple or struct of reals")
    if len({element_of(leaf).dtype for leaf in found}) > 1:
        message = f"`{name}` takes parts of one precision, but {context.text(value)} mixes f32 and f64"
        raise context.error("E0305", message, span, hint="convert the parts to one precision first")
    return found


@builtin("dot", "x y")
def dot(context: Context, call: Call) -> Value:
    """The sum of all products of corresponding numbers."""
    left, right = (vector_leaves(context, "dot", v, s) for v, s in zip(call.arguments, call.spans, strict=True))
    if not _same_structure(*call.arguments) or len(left) != len(right):
        raise _different(context, call)
    for a, b in zip(left, right, strict=True):
        if not _fits(context, call, a, b):
            raise _different(context, call)
    parts = [_leaf_dot(context, a, b) for a, b in zip(left, right, strict=True)]
    return Scalar(_total(context, parts), element_of(left[0]))


def _same_structure(left: Value, right: Value) -> bool:
    match left, right:
        case TupleValue(), TupleValue():
            return len(left.elements) == len(right.elements) and all(
                map(_same_structure, left.elements, right.elements)
            )
        case StructValue(), StructValue():
            return left.type.info is right.type.info
        case ((Number() | Scalar() | Array()), (Number() | Scalar() | Array())):
            return True
        case _:
            return False


def _different(context: Context, call: Call) -> DiffLangError:
    left, right = call.arguments
    arrays = isinstance(left, Array) and isinstance(right, Array)
    hint = "a product of a matrix and a vector is A @ x" if arrays and left.rank != right.rank else None
    return context.error("E0401", _different_text(context, call), call.span, hint=hint)


def _different_text(context: Context, call: Call) -> str:
    left, right = call.arguments
    return f"`dot` takes two values of one shape, but these are {context.text(left)} and {context.text(right)}"


def _fits(context: Context, call: Call, left: Leaf, right: Leaf) -> bool:
    """Whether two leaves have one element type and one shape; sizes that are not known yet are asserted."""
    if element_of(left).dtype != element_of(right).dtype:
        return False
    shapes = [leaf.shape if isinstance(leaf, Array) else () for leaf in (left, right)]
    if len(shapes[0]) != len(shapes[1]):
        return False
    require_same_shape(context, shapes[0], shapes[1], call.span, _different_text(context, call))
    return True


def _leaf_dot(context: Context, left: Leaf, right: Leaf) -> Atom:
    builder = context.builder
    if isinstance(left, Scalar) or isinstance(right, Scalar):
        return builder.prim("mul", left.atom, right.atom)
    if left.rank == 1:
        return product(context, "i,i->", left, right).atom

    def term(*index: Atom) -> list[Atom]:
        return [builder.prim("mul", *(builder.get(a.atom, *index, inbounds=True) for a in (left, right)))]

    return builder.reduce("sum", context.shape_atoms(left.shape), term)[0]


def _total(context: Context, parts: list[Atom]) -> Atom:
    total = parts[0]
    for part in parts[1:]:
        total = context.builder.prim("add", total, part)
    return total


@builtin("norm", "x")
def norm(context: Context, call: Call) -> Value:
    """The Euclidean norm over all leaves, with every derivative 0 at 0.

    The root is taken of 1 instead of 0, and its result then dropped: so no derivative ever meets 1 / sqrt(0).
    """
    found = vector_leaves(context, "norm", call.arguments[0], call.spans[0])
    element = element_of(found[0])
    if len(found) == 1 and isinstance(found[0], Scalar):
        return Scalar(context.builder.prim("abs", found[0].atom), element)
    builder = context.builder
    squares = _total(context, [_leaf_dot(context, leaf, leaf) for leaf in found])
    zero, one = literal(0, element.dtype), literal(1, element.dtype)
    vanishes = builder.prim("eq", squares, zero)
    root = builder.prim("sqrt", builder.prim("select", vanishes, one, squares))
    return Scalar(builder.prim("select", vanishes, zero, root), element)


# --- vector types as flat arrays -------------------------------------------------------------------------------------


def count(leaf: Leaf) -> Size:
    """How many numbers a leaf holds."""
    return Size.product(leaf.shape) if isinstance(leaf, Array) else Size.literal(1)


@builtin("ravel", "x")
def ravel(context: Context, call: Call) -> Value:
    """All numbers of a value of a vector type, leaf after leaf in row-major order, as one array."""
    value = call.arguments[0]
    if isinstance(value, Array):
        return reshaped(context, value, (count(value),), call.span)
    found = vector_leaves(context, "ravel", value, call.spans[0])
    return flattened(context, found, call.span)


def flattened(context: Context, found: list[Leaf], span: Span) -> Array:
    """The numbers of several leaves one after the other."""
    element = element_of(found[0])
    flat = [
        leaf.atom if isinstance(leaf, Scalar) else reshaped(context, leaf, (count(leaf),), span).atom for leaf in found
    ]
    total = Size.literal(0)
    ends: list[Size] = []
    for leaf in found:
        total = total + count(leaf)
        ends.append(total)
    limits = [context.sizes.value(end) for end in ends]

    def part(position: int, i: Atom) -> Atom:
        """The i-th number, if it lies in the leaf at `position` or behind."""
        start = limits[position - 1] if position else integer(0)
        here = flat[position]

        def own() -> list[Atom]:
            return [context.builder.get(here, minus(context, i, start), inbounds=True) if here.type.shape else here]

        if position == len(found) - 1:
            return own()[0]
        inside = context.builder.prim("lt", i, limits[position])
        return context.builder.cond(inside, own, lambda: [part(position + 1, i)])[0]

    atom = context.builder.build(context.shape_atoms([total]), lambda i: [part(0, i)])[0]
    return Array(atom, element, (total,))


def minus(context: Context, left: Atom, right: Atom) -> Atom:
    """A difference of indices, without the needless `- 0`."""
    return left if isinstance(right, Literal) and right.value == 0 else context.builder.prim("sub", left, right)


@builtin("unravel", "v like")
def unravel(context: Context, call: Call) -> Value:
    """The inverse of `ravel`: a value of the structure and sizes of `like` with the numbers of `v`."""
    v, like = call.arguments
    if not isinstance(v, Array) or v.rank != 1:
        raise context.error(
            "E0305",
            f"`unravel` takes a vector of numbers, but this is {context.text(v)}",
            call.spans[0],
            hint="flatten it first, with ravel(x)",
        )
    like = as_real(context, materialize(context, like), call.spans[1])
    found = list(leaves(like))
    if not is_vector(like) or not found or not is_float(v.element):
        message = f"`unravel` makes reals, or arrays, tuples and structs of them, not {context.text(like)}"
        raise context.error(
            "E0305",
            message,
            call.spans[1],
            hint="give a value of reals as the pattern, such as the parameters themselves",
        )
    total = Size.literal(0)
    for leaf in found:
        total = total + count(leaf)
    message = f"`unravel` takes as many numbers as {context.text(like)} holds"
    if total.constant is not None and v.shape[0].constant is not None:
        require_same_shape(context, (total,), v.shape, call.span, message)
    elif context.sizes.compare(total, v.shape[0]) is not True:
        assert_same_size(context, total, v.shape[0], call.span, message)
    return _cut(context, v, like)


def _cut(context: Context, v: Array, like: Value) -> Value:
    """The leaves of `like`, filled from `v` from the left to the right."""
    start = Size.literal(0)

    def leaf(old: Leaf) -> Value:
        nonlocal start
        first, start = context.sizes.value(start), start + count(old)
        return _fill(context, v, first, old)

    return map_leaves(leaf, like)


def _fill(context: Context, v: Array, first: Atom, like: Leaf) -> Leaf:
    """A leaf of the shape of `like` from the numbers of `v` from `first` on."""
    builder = context.builder
    source: ScalarType = element_of(like)
    flat = with_element(context, v, source)
    if isinstance(like, Scalar):
        return Scalar(builder.get(flat.atom, first, inbounds=True), source)
    extents = context.shape_atoms(like.shape)

    def body(*index: Atom) -> list[Atom]:
        place: Atom = index[0]
        for i, extent in zip(index[1:], extents[1:], strict=True):
            place = builder.prim("add", builder.prim("mul", place, extent), i)
        if not (isinstance(first, Literal) and first.value == 0):
            place = builder.prim("add", first, place)
        return [builder.get(flat.atom, place, inbounds=True)]

    return Array(builder.build(extents, body)[0], source, like.shape)
