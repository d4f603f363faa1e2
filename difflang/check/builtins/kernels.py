"""Operations of Core that the standard library wraps: `__solve`, `__lu`, ... and the bits of random numbers.

Their names begin with two underscores; the functions for users are those of stdlib/linalg.dl and stdlib/rng.dl,
which also declare the types, so that the checks here are for those files only.
"""

from __future__ import annotations

from difflang.check.builtins.registry import Call, builtin
from difflang.check.closures import opened
from difflang.check.coerce import as_int, as_real, require_same_shape
from difflang.check.context import Context
from difflang.check.types import INT, KEY, is_float
from difflang.check.values import Array, FunctionValue, Scalar, TupleValue, Value
from difflang.core.ir import Literal
from difflang.sizes import Size


def _real_array(context: Context, call: Call, position: int, *ranks: int) -> Array:
    """An argument that is a real array of one of the given ranks."""
    value = as_real(context, call.arguments[position], call.spans[position])
    if not isinstance(value, Array) or value.rank not in ranks or not is_float(value.element):
        what = "a matrix" if ranks == (2,) else "a vector or a matrix"
        message = f"this function takes {what} of reals, but this is {context.text(call.arguments[position])}"
        raise context.error("E0305", message, call.spans[position], hint=f"give it {what}, such as real[n, n]")
    return value


def _square(context: Context, call: Call) -> Array:
    matrix = _real_array(context, call, 0, 2)
    message = f"the matrix should be square, but it is {context.text(matrix)}"
    require_same_shape(context, matrix.shape[:1], matrix.shape[1:], call.spans[0], message)
    return matrix


def _system(context: Context, call: Call) -> tuple[Array, Array]:
    """The square matrix and the right side of a linear system."""
    matrix = _square(context, call)
    right = _real_array(context, call, 1, 1, 2)
    message = f"the right side {context.text(right)} does not fit the matrix {context.text(matrix)}"
    require_same_shape(context, matrix.shape[:1], right.shape[:1], call.spans[1], message)
    return matrix, right


@builtin("__solve", "a b")
def solve(context: Context, call: Call) -> Value:
    matrix, right = _system(context, call)
    return Array(context.builder.emit("solve", [matrix.atom, right.atom])[0], right.element, right.shape)


@builtin("__triangular_solve", "a b lower transpose unit")
def triangular_solve(context: Context, call: Call) -> Value:
    matrix, right = _system(context, call)
    flags = dict(zip(("lower", "transpose", "unit"), (_flag(context, call, i) for i in (2, 3, 4)), strict=True))
    return Array(
        context.builder.emit("triangular_solve", [matrix.atom, right.atom], {**flags})[0], right.element, right.shape
    )


def _flag(context: Context, call: Call, position: int) -> bool:
    value = call.arguments[position]
    if not isinstance(value, Scalar) or not isinstance(value.atom, Literal):
        raise context.error(
            "E0305",
            "this flag must be written `true` or `false`",
            call.spans[position],
            hint="write the word itself, such as `lower = true`",
        )
    return bool(value.atom.value)


@builtin("__cholesky", "a")
def cholesky(context: Context, call: Call) -> Value:
    matrix = _square(context, call)
    return Array(context.builder.emit("cholesky", [matrix.atom])[0], matrix.element, matrix.shape)


@builtin("__lu", "a")
def lu(context: Context, call: Call) -> Value:
    """The packed factors and the row permutation."""
    matrix = _square(context, call)
    packed, order = context.builder.emit("lu", [matrix.atom])
    return TupleValue((Array(packed, matrix.element, matrix.shape), Array(order, INT, matrix.shape[:1])))


@builtin("__eigh", "a")
def eigh(context: Context, call: Call) -> Value:
    matrix = _square(context, call)
    values, vectors = context.builder.emit("eigh", [matrix.atom])
    return TupleValue((Array(values, matrix.element, matrix.shape[:1]), Array(vectors, matrix.element, matrix.shape)))


def _smaller(context: Context, matrix: Array) -> Size:
    """min(m, n) of an m by n matrix."""
    rows, columns = matrix.shape
    if context.sizes.compare(rows, columns) is True:
        return rows
    if rows.constant is not None and columns.constant is not None:
        return Size.literal(min(rows.constant, columns.constant))
    atom = context.builder.hoisted("min", context.sizes.value(rows), context.sizes.value(columns))
    return context.sizes.named(f"min({rows}, {columns})", atom)


@builtin("__qr", "a")
def qr(context: Context, call: Call) -> Value:
    matrix = _real_array(context, call, 0, 2)
    k = _smaller(context, matrix)
    q, r = context.builder.emit("qr", [matrix.atom, context.sizes.dimension(k)])
    shapes = ((matrix.shape[0], k), (k, matrix.shape[1]))
    return TupleValue(tuple(Array(a, matrix.element, s) for a, s in zip((q, r), shapes, strict=True)))


@builtin("__svd", "a")
def svd(context: Context, call: Call) -> Value:
    matrix = _real_array(context, call, 0, 2)
    k = _smaller(context, matrix)
    factors = context.builder.emit("svd", [matrix.atom, context.sizes.dimension(k)])
    shapes = ((matrix.shape[0], k), (k,), (k, matrix.shape[1]))
    return TupleValue(tuple(Array(a, matrix.element, s) for a, s in zip(factors, shapes, strict=True)))


# --- random numbers --------------------------------------------------------------------------------------------------


@builtin("__key", "bits")
def key(context: Context, call: Call) -> Value:
    """64 bits taken as a key."""
    return Scalar(as_int(context, call.arguments[0], call.spans[0], "the seed").atom, KEY)


@builtin("__random_bits", "key counter")
def random_bits(context: Context, call: Call) -> Value:
    seed, counter = call.arguments
    if not isinstance(seed, Scalar) or seed.type != KEY:
        raise context.error(
            "E0305",
            f"this function takes a key, but this is {context.text(seed)}",
            call.spans[0],
            hint="make one with rng.key(seed)",
        )
    place = as_int(context, counter, call.spans[1], "the counter")
    return Scalar(context.builder.prim("random_bits", seed.atom, place.atom), INT)


@builtin("__bits_to_unit", "bits")
def bits_to_unit(context: Context, call: Call) -> Value:
    bits = as_int(context, call.arguments[0], call.spans[0], "the bits")
    return Scalar(context.builder.prim("bits_to_unit", bits.atom, dtype=context.real.dtype), context.real)


@builtin("__opened", "function arguments..")
def opened_function(context: Context, call: Call) -> Value:
    """A function of the captured reals too, and these: `(g, p)` with `g(x.., p) == f(x..)`."""
    function, arguments = call.arguments
    if not isinstance(function, FunctionValue):
        message = f"this takes a function, but it is {context.text(function)}"
        raise context.error("E0506", message, call.spans[0], hint="write the name of a function, or fn(x) = ...")
    return opened(context, function, arguments, call.span)
